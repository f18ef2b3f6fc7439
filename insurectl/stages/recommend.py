"""CapacityModel + the traffic to expect -> Recommendation: searched in the simulator."""

from insurectl.planning.tuner import recommend as search
from insurectl.planning.workload import scenario_rates
from insurectl.ports import World
from insurectl.records import CapacityModel, Recommendation, Scenario


def recommend(world: World, scenario: Scenario, run_id: str) -> Recommendation:
    """Choose the settings on the part of the traffic meant for tuning; foresee their effect on
    the part kept for verifying."""
    model = world.runs.read(run_id, CapacityModel)
    deployment = world.target.deployment()
    scale = machine_scale(scenario, model)
    recommendation = search(
        model,
        deployment.tuning,
        tune_rps=scenario_rates(scenario, part="tune", scale=scale),
        verify_rps=scenario_rates(scenario, part="verify", scale=scale),
        zones=len(deployment.zones),
        seed=scenario.seed,
        run_id=run_id,
    )
    world.runs.write(run_id, recommendation)
    return recommendation


HOST_SHARE = 0.6  # of the machine's CPU at the traffic's peak; above 0.9 a run is invalid


def machine_scale(scenario: Scenario, model: CapacityModel) -> float:
    """Traffic is scaled down, never up, so that this machine's own CPU stays out of it.

    ``host_cpu_s_per_request`` is in shares of the whole machine, so the peak that uses
    ``HOST_SHARE`` of it is their quotient.
    """
    peak = max([*scenario_rates(scenario, part="tune"), *scenario_rates(scenario, part="verify")])
    cost = model.host_cpu_s_per_request.value
    return 1.0 if cost <= 0 or peak <= 0 else min(1.0, HOST_SHARE / cost / peak)
