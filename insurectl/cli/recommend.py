"""``insurectl recommend``: choose settings."""

from insurectl.cli.options import RunArgument, ScenarioOption, Session, scenario_of


def recommend(session: Session, run: RunArgument = None, scenario: ScenarioOption = None) -> None:
    """Search settings for the scenario's traffic and foresee their effect."""
    from insurectl.records import CapacityModel
    from insurectl.stages import recommend as stage

    world = session.world()
    run_id = run or world.runs.latest(CapacityModel)
    session.console.show(stage.recommend(world, scenario_of(world, run_id, scenario), run_id))
