"""``insurectl observe``: what the servers saw."""

from insurectl.cli.options import RunArgument, Session


def observe(session: Session, run: RunArgument = None) -> None:
    """Pull what Prometheus recorded over a run's window."""
    from insurectl.records import LoadResult
    from insurectl.stages import observe as stage

    world = session.world()
    session.console.show(stage.observe(world, run or world.runs.latest(LoadResult)))
