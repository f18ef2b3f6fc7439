"""``insurectl calibrate``: measure one replica."""

from insurectl.cli.options import ProcessesOption, ScenarioArgument, Session, read_scenario


def calibrate(
    session: Session, scenario: ScenarioArgument, processes: ProcessesOption = None
) -> None:
    """Find what one replica takes, by many small load runs."""
    from insurectl.stages import calibrate as stage

    settings = session.set(load_processes=processes)
    result = stage.calibrate(
        session.world(), read_scenario(scenario), processes=settings.load_processes
    )
    session.console.show(result)
