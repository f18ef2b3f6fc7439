"""Take a zone away under load, prove that nothing was lost, give it back."""

from dataclasses import replace

from insurectl.planning.failover import judge_failover
from insurectl.planning.workload import scenario_rates
from insurectl.ports import World
from insurectl.records import FailoverResult, Fault, LoadResult, Outcome, PlannedFault, Scenario
from insurectl.stages.deploy import settle
from insurectl.stages.load import play
from insurectl.stages.observe import observe
from insurectl.stages.recording import recorded
from insurectl.stages.report import report

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
    deployment = settle(world, scenario) if play_load else world.target.deployment()
    with recorded(world, "failover", scenario.name, seed=scenario.seed) as recording:
        run_id = recording.run_id
        world.runs.write(run_id, deployment)
        world.probe.start(deployment.edge_url, world.runs.folder(run_id) / "probe.jsonl")
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
    report(world, run_id)
    return result


def _under_load(
    world: World, scenario: Scenario, run_id: str, zone: str, fault: str, processes: int
) -> tuple[LoadResult, Fault]:
    rates = scenario_rates(scenario, part="tune")
    at_s = len(rates) / 3

    planned = PlannedFault(at_s=at_s, until_s=None, zone=zone, kind=fault)
    load = play(
        world,
        replace(scenario, faults=(planned,)),
        run_id,
        base_url=world.target.deployment().edge_url,
        rates=rates,
        seed=scenario.seed,
        processes=processes,
        partner_keys_file=world.target.deployment().partner_keys_file,
    )
    if load.outcome is Outcome.INTERRUPTED:
        raise KeyboardInterrupt
    return load, world.target.faults(load.started_s, load.ended_s)[-1]


def failback(world: World, zone: str) -> Fault:
    """Give the zone back; returns when it serves."""
    with world.progress.step(f"bring zone {zone} back"):
        return world.target.restore(zone, world.progress)
