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
) -> None:
    """Play a scenario's traffic against a run's capacity model; simulated, not measured."""
    from insurectl.planning.workload import scenario_rates
    from insurectl.records import CapacityModel, Recommendation
    from insurectl.stages import recommend
    from insurectl.stages import simulate as stage

    world = session.world()
    run_id = run or world.runs.latest(Recommendation)
    model = world.runs.read(run_id, CapacityModel)
    advice = world.runs.read(run_id, Recommendation)
    played = scenario_of(world, run_id, scenario)
    scale = recommend.machine_scale(played, model)
    rates = scenario_rates(played, part=part, scale=scale)
    tuning = advice.after if settings == "after" else advice.before
    session.console.say(f"simulated: {len(rates)} s of {played.name}, nothing was measured")
    session.console.show(stage.simulate(rates, model, tuning, zones))
