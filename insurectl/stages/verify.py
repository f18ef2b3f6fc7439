"""Change + traffic that was not used -> Verdict: predicted against measured."""

from dataclasses import replace

from insurectl.planning.simulator import steady_replicas
from insurectl.planning.verdict import judge
from insurectl.planning.windows import measured_effect
from insurectl.planning.workload import scenario_rates
from insurectl.ports import World
from insurectl.records import CapacityModel, Deployment, Outcome, Recommendation, Scenario, Verdict
from insurectl.stages.load import play
from insurectl.stages.observe import observe
from insurectl.stages.recommend import machine_scale
from insurectl.stages.recording import recorded


def verify(world: World, scenario: Scenario, run_id: str, *, processes: int = 1) -> Verdict:
    """Play the part of the traffic that was kept back, and compare with what was foreseen."""
    model = world.runs.read(run_id, CapacityModel)
    recommendation = world.runs.read(run_id, Recommendation)
    scale = machine_scale(scenario, model)
    rates = scenario_rates(scenario, part="verify", scale=scale)
    deployment = _begin_steady(world, model, rates[0])
    with (
        world.progress.step(f"verify: {len(rates)} s of traffic that was not used for tuning"),
        recorded(
            world, "load", scenario.name, seed=scenario.seed, parent=run_id, label="verify"
        ) as recording,
    ):
        load = play(
            world,
            scenario,
            recording.run_id,
            base_url=deployment.edge_url,
            rates=rates,
            scale=scale,
            seed=scenario.seed + 1000,
            processes=processes,
            credentials_file=deployment.credentials_file,
        )
        recording.outcome = load.outcome
        if load.outcome is Outcome.INTERRUPTED:
            raise KeyboardInterrupt
        timeline = observe(world, recording.run_id)
    at_the_end = world.target.deployment().tuning
    in_force = deployment.tuning == at_the_end == recommendation.after
    verdict = judge(
        run_id,
        recommendation,
        load,
        measured_effect(
            load,
            timeline,
            service=model.service,
            slo_ms=model.slo_ms,
            slo_quantile=model.slo_quantile,
        ),
        in_force=in_force,
        window=window_text(scenario, scale),
    )
    world.runs.write(run_id, verdict)
    return verdict


def _begin_steady(world: World, model: CapacityModel, arrivals_rps: float) -> Deployment:
    """As many replicas as this traffic would have had before the window began; the simulation
    begins with the same. The autoscaler is as it was."""
    deployment = world.target.deployment()
    tuning, zones = deployment.tuning, len(deployment.zones)
    one = tuning.of(model.service)
    count = steady_replicas(one, arrivals_rps * model.requests_per_arrival / zones)
    fixed = replace(one, autoscaling=None, replicas=count)
    try:
        world.target.tune(tuning.replacing(fixed), world.progress)
    finally:
        deployment = world.target.tune(tuning, world.progress)
    return deployment


def window_text(scenario: Scenario, scale: float) -> str:
    """Which traffic was played, and what was done to it."""
    if scenario.trace is None:
        return f"the scenario's own stages, times {scale:.2f}"
    trace = scenario.trace
    return (
        f"{trace.file}, seconds {trace.verify_from_s} to {trace.verify_to_s} in real time, rates "
        f"scaled to a peak of {trace.peak_rps * scale:.1f} requests/s (its own: "
        f"{max(trace.rates):g})"
    )
