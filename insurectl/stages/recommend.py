"""CapacityModel + the traffic to expect -> Recommendation: searched in the simulator."""

from insurectl.errors import BadInput
from insurectl.planning.candidates import Task
from insurectl.planning.simulator import Traffic
from insurectl.planning.tuner import recommend as search
from insurectl.planning.workload import Part, scenario_rates
from insurectl.ports import World
from insurectl.records import CapacityModel, Recommendation, Scenario

HOST_SHARE = 0.55  # of the machine's CPU at the traffic's peak; a run above 0.9 is invalid
PARTNERS = "partners"  # in a scenario's data: how many partners there are


def recommend(world: World, scenario: Scenario, run_id: str) -> Recommendation:
    """Choose the settings on the part of the traffic meant for tuning; foresee their effect on
    the part kept for verifying, of which the search sees nothing but the peak."""
    model = world.runs.read(run_id, CapacityModel)
    deployment = world.target.deployment()
    recommendation = search(
        Task(
            model=model,
            before=deployment.tuning,
            tune=traffic(scenario, model, len(deployment.zones), "tune"),
            verify=traffic(scenario, model, len(deployment.zones), "verify"),
            slots=deployment.slots[model.service],
            scrape_s=world.scrape_interval_s,
            partners=_partners(scenario),
            seed=scenario.seed,
            run_id=run_id,
        )
    )
    world.runs.write(run_id, recommendation)
    return recommendation


def _partners(scenario: Scenario) -> int | None:
    found = scenario.data.get(PARTNERS)
    if found is None or isinstance(found, int):
        return found
    raise BadInput(f"{scenario.path}: data: {PARTNERS}: {found!r} is no whole number")


def traffic(scenario: Scenario, model: CapacityModel, zones: int, part: Part) -> Traffic:
    """One part of the scenario's traffic, scaled to this machine."""
    if scenario.model == "closed":
        raise BadInput(
            f"{scenario.path}: settings are chosen for arrivals, so its load needs `model: open`"
        )
    scale = machine_scale(scenario, model)
    return Traffic(
        rates=scenario_rates(scenario, part=part, scale=scale),
        warmup_s=scenario.warmup_s,
        zones=zones,
    )


def machine_scale(scenario: Scenario, model: CapacityModel) -> float:
    """Traffic is scaled down, never up, so that this machine's own CPU stays out of it: at the
    peak of both parts it uses at most ``HOST_SHARE`` of it, by the line that was fitted."""
    rates = (*scenario_rates(scenario, part="tune"), *scenario_rates(scenario, part="verify"))
    peak = max(rates) * model.requests_per_arrival
    room = HOST_SHARE - max(model.host_cpu_idle.value, 0.0)
    cost = model.host_cpu_s_per_request.value
    return 1.0 if cost <= 0 or peak <= 0 else min(1.0, max(room, 0.05) / cost / peak)
