"""A plan of small load runs against one replica, each a child run (load, observe)."""

import random
from dataclasses import replace

from insurectl.errors import BadInput
from insurectl.ports import World
from insurectl.records import (
    Calibration,
    CalibrationPlan,
    Deployment,
    Outcome,
    Scenario,
    ServiceTuning,
    Tuning,
)
from insurectl.stages.calibration_steps import Bench
from insurectl.stages.deploy import settle
from insurectl.stages.recording import recorded

DEPENDENCY_REPLICAS = 2  # what is not calibrated must not be what limits
STARTS = 2  # replicas whose start is measured, in each zone
SCRAPES = 2.5  # after so many Prometheus has seen what is new


def calibrate(
    world: World, scenario: Scenario, run_id: str | None = None, *, processes: int = 1
) -> Calibration:
    """Find the neighbourhood of one replica's knee, then measure around it in random order.
    Without a ``run_id`` in a run of its own."""
    plan = scenario.calibration
    if plan is None:
        raise BadInput(f"{scenario.path}: it has no `calibrate:` section; add one, or use `load`")
    if run_id is not None:
        return _calibrate(world, scenario, plan, run_id, processes)
    with recorded(world, "calibrate", scenario.name, seed=scenario.seed) as recording:
        world.runs.write(recording.run_id, scenario)
        calibration = _calibrate(world, scenario, plan, recording.run_id, processes)
        recording.outcome = Outcome.PASS
        return calibration


def _calibrate(
    world: World, scenario: Scenario, plan: CalibrationPlan, run_id: str, processes: int
) -> Calibration:
    deployment = settle(world, scenario)
    world.runs.write(run_id, deployment)
    before = deployment.tuning
    calibration = _nothing_yet(scenario, plan, run_id, deployment)
    bench: Bench | None = None
    try:
        with world.progress.step(f"measure the start-up of {plan.service}"):
            calibration = replace(calibration, startup_s=_startup(world, before, plan.service))
        deployment = world.target.tune(calibration_tuning(before, plan.service, 1), world.progress)
        idle_mib = _memory_mib(world, deployment.zones[0].name, plan.service)
        calibration = replace(calibration, idle_memory_mib=idle_mib)
        bench = Bench(world, scenario, plan, run_id, deployment, processes)
        bench.search()
        bench.around(random.Random(scenario.seed))
    finally:
        try:  # what was measured is kept, also of a plan that was cut short
            calibration = replace(calibration, steps=tuple(bench.steps) if bench else ())
            world.runs.write(run_id, calibration)
        finally:
            world.target.tune(before, world.progress)
    return calibration


def _nothing_yet(
    scenario: Scenario, plan: CalibrationPlan, run_id: str, deployment: Deployment
) -> Calibration:
    return Calibration(
        run_id=run_id,
        scenario=scenario.name,
        service=plan.service,
        slo_quantile=plan.slo_quantile,
        slo_ms=plan.slo_ms,
        replicas=1,
        steps=(),
        startup_s=(),
        idle_memory_mib=0.0,
        notes=(
            f"Each step went straight to the gateway of zone {deployment.zones[0].name}, with one "
            f"replica of {plan.service} there and {DEPENDENCY_REPLICAS} of every other service; "
            "the autoscaler was off.",
        ),
    )


def calibration_tuning(tuning: Tuning, service: str, replicas: int) -> Tuning:
    """Autoscaling off, ``replicas`` of the service, enough of the others, no zone limit."""

    def fixed(one: ServiceTuning) -> ServiceTuning:
        count = replicas if one.service == service else DEPENDENCY_REPLICAS
        return replace(one, autoscaling=None, replicas=count)

    return replace(tuning, services=tuple(fixed(one) for one in tuning.services), zone_rps=None)


def _startup(world: World, tuning: Tuning, service: str) -> tuple[float, ...]:
    """From a replica's start until it is ready (s), as it says itself; two more in each zone,
    one after the other."""
    deployment = world.target.tune(calibration_tuning(tuning, service, 1), world.progress)
    began_s = world.clock.now()
    for replicas in range(2, 2 + STARTS):
        world.target.tune(calibration_tuning(tuning, service, replicas), world.progress)
    world.clock.sleep(SCRAPES * world.scrape_interval_s)
    found = world.metrics.over(deployment.zones, began_s, world.clock.now())
    return tuple(
        series.values[-1]
        for series in found
        if (series.name, series.service) == ("startup_s", service)
        and series.values
        and series.times_s[0] > began_s  # the replica that was there is seen from the first moment
    )


def _memory_mib(world: World, zone: str, service: str) -> float:
    found = [
        process.memory_mib
        for process in world.target.status().processes
        if process.zone == zone
        and process.name.startswith(f"{service}-")
        and process.memory_mib is not None
    ]
    return max(found, default=0.0)
