"""Take a zone away under load, prove that nothing was lost, give it back."""

from dataclasses import replace

from insurectl.errors import BadInput, NothingMeasured
from insurectl.planning.failover import judge_failover
from insurectl.planning.workload import scenario_rates
from insurectl.ports import World
from insurectl.records import (
    Deployment,
    FailoverResult,
    Fault,
    LoadResult,
    Outcome,
    PlannedFault,
    Scenario,
)
from insurectl.stages.deploy import settle
from insurectl.stages.load import play
from insurectl.stages.observe import observe
from insurectl.stages.recording import recorded

STEADY_S = 5.0  # the probe's time before the fault, and after its effect, without own load
GONE_S = 15.0


def failover(
    world: World,
    scenario: Scenario,
    zone: str,
    fault: str,
    *,
    play_load: bool = True,
    processes: int = 1,
) -> FailoverResult:
    """With ``play_load`` the scenario is played around the fault; without, a load that somebody
    else plays is left alone and only the probe looks. The zone stays away: ``failback``."""
    _check(world.target.deployment(), zone)
    deployment = settle(world, scenario) if play_load else world.target.deployment()
    with recorded(world, "failover", scenario.name, seed=scenario.seed) as recording:
        run_id = recording.run_id
        world.runs.write(run_id, scenario)
        world.runs.write(run_id, deployment)
        log_file = world.runs.folder(run_id) / "probe.jsonl"
        world.probe.start(deployment.edge_url, log_file, deployment.credentials_file)
        try:
            if play_load:
                load, injected = _under_load(world, scenario, run_id, zone, fault, processes)
            else:
                load = None
                world.clock.sleep(STEADY_S)
                injected = world.target.inject(fault, zone, world.progress)
                world.clock.sleep(GONE_S)
        finally:
            log = world.probe.finish()
        result = judge_failover(run_id, injected, log.writes, log.lost, log.doubled, load)
        world.runs.write(run_id, result)
        recording.outcome = result.outcome
        if load is not None:
            observe(world, run_id)
    return result


def _check(deployment: Deployment, zone: str) -> None:
    known = [one.name for one in deployment.zones]
    if zone not in known:
        raise BadInput(f"{deployment.name} has no zone {zone!r}; it has: {', '.join(known)}")


def _under_load(
    world: World, scenario: Scenario, run_id: str, zone: str, fault: str, processes: int
) -> tuple[LoadResult, Fault]:
    rates = scenario_rates(scenario, part="tune")
    planned = PlannedFault(at_s=len(rates) / 3, until_s=None, zone=zone, kind=fault)
    load = play(
        world,
        replace(scenario, faults=(planned,)),
        run_id,
        base_url=world.target.deployment().edge_url,
        rates=rates,
        seed=scenario.seed,
        processes=processes,
        credentials_file=world.target.deployment().credentials_file,
    )
    if load.outcome is Outcome.INTERRUPTED:
        raise KeyboardInterrupt
    seen = world.target.faults(load.started_s, load.ended_s)
    ours = [one for one in seen if one.zone == zone and one.began_s >= load.started_s]
    if not ours:
        raise NothingMeasured(
            f"the load was over before zone {zone} was taken away: {'; '.join(load.reasons)}"
        )
    return load, ours[-1]
