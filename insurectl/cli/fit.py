"""``insurectl fit``: from measurements to a capacity model."""

from insurectl.cli.options import RunArgument, Session


def fit(session: Session, run: RunArgument = None) -> None:
    """Fit the capacity model to a calibration; asks nothing of the system."""
    from insurectl.records import Calibration
    from insurectl.stages import fit as stage

    world = session.world()
    session.console.show(stage.fit(world, run or world.runs.latest(Calibration)))
