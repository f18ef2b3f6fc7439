"""``insurectl observe``: what the servers saw."""

from typing import Annotated

import typer

from insurectl.cli.options import RunArgument, Session


def observe(
    session: Session,
    run: RunArgument = None,
    prometheus_url: Annotated[
        str | None,
        typer.Option(help="A Prometheus that is there already; {zone} stands for the zone."),
    ] = None,
) -> None:
    """Pull what Prometheus recorded over a run's window."""
    from insurectl.records import LoadResult
    from insurectl.stages import observe as stage

    session.set(prometheus_url=prometheus_url)
    world = session.world()
    session.console.show(stage.observe(world, run or world.runs.latest(LoadResult)))
