"""``insurectl simulate``: the autoscaler on traffic, without a system."""

from typing import Annotated, Literal

import typer

from insurectl.cli.options import RunArgument, ScenarioOption, Session, scenario_of


def simulate(
    session: Session,
    run: RunArgument = None,
    scenario: ScenarioOption = None,
    part: Annotated[
        Literal["tune", "verify"], typer.Option(help="Which part of the traffic.")
    ] = "verify",
    settings: Annotated[
        Literal["after", "before"], typer.Option(help="The recommended settings, or the earlier.")
    ] = "after",
    zones: Annotated[int, typer.Option(min=1, help="Zones that share the traffic.")] = 2,
    seed: Annotated[int, typer.Option(min=0, help="Seed of arrivals and service times.")] = 7,
) -> None:
    """Play a scenario's traffic against a run's capacity model; simulated, not measured."""
    from insurectl.records import CapacityModel, Recommendation
    from insurectl.stages import recommend
    from insurectl.stages import simulate as stage

    world = session.world()
    run_id = run or world.runs.latest(Recommendation)
    model = world.runs.read(run_id, CapacityModel)
    advice = world.runs.read(run_id, Recommendation)
    played = scenario_of(world, run_id, scenario)
    traffic = recommend.traffic(played, model, zones, part)
    tuning = advice.after if settings == "after" else advice.before
    scrape_s = session.settings.scrape_interval_s
    session.console.show(stage.simulate(model, tuning, traffic, scrape_s=scrape_s, seed=seed))
