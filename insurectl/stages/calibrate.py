"""A plan of small load runs against one replica, each a child run (load, observe)."""

import random
from collections.abc import Iterable
from dataclasses import replace

from insurectl.errors import BadInput
from insurectl.ports import World
from insurectl.records import (
    Calibration,
    CalibrationPlan,
    Deployment,
    Outcome,
    Scenario,
    Series,
    ServiceTuning,
    Tuning,
)
from insurectl.stages.calibration_steps import Bench
from insurectl.stages.deploy import settle
from insurectl.stages.recording import recorded

DEPENDENCY_REPLICAS = 2  # what is not calibrated must not be what limits
STARTS = 2  # replicas whose start is measured, in each zone
SCRAPES = 2.5  # after so many Prometheus has seen what is new
SEEN_WITHIN_S = 90.0  # metrics-server looks each 15 s, and tells of a pod it saw twice
LOOK_S = 2.0
OF_PODS = (
    "A start is from a pod's creation until it is Ready, as the cluster says: in whole seconds, so "
    "each may be up to 1 s more or less."
)
OF_REPLICAS = "A start is from that of a replica's process until it is ready, as it says itself."


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
            startup_s, note = _startup(world, before, plan.service)
        notes = (*calibration.notes, note)
        calibration = replace(calibration, startup_s=startup_s, notes=notes)
        deployment = world.target.tune(calibration_tuning(before, plan.service, 1), world.progress)
        idle_mib = _memory_mib(world, deployment.zones[0].name, plan.service)
        if not idle_mib:
            calibration = replace(calibration, notes=(*notes, _unseen(world, plan.service)))
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
            f"replica of {plan.service} there and {DEPENDENCY_REPLICAS} of every other service "
            "that scales; the autoscaler was off.",
        ),
    )


def calibration_tuning(tuning: Tuning, service: str, replicas: int) -> Tuning:
    """Autoscaling off, ``replicas`` of the service, enough of the others, no zone limit. What no
    autoscaler looks after keeps its number: it may not be able to stand twice."""

    def fixed(one: ServiceTuning) -> ServiceTuning:
        count = one.replicas if one.autoscaling is None else DEPENDENCY_REPLICAS
        if one.service == service:
            count = replicas
        return replace(one, autoscaling=None, replicas=count)

    return replace(tuning, services=tuple(fixed(one) for one in tuning.services), zone_rps=None)


def _startup(world: World, tuning: Tuning, service: str) -> tuple[tuple[float, ...], str]:
    """How long each new replica took to start (s), and what that is: two more in each zone, one
    after the other."""
    deployment = world.target.tune(calibration_tuning(tuning, service, 1), world.progress)
    began_s = world.clock.now()
    for replicas in range(2, 2 + STARTS):
        world.target.tune(calibration_tuning(tuning, service, replicas), world.progress)
    world.clock.sleep(SCRAPES * world.scrape_interval_s)
    found = world.metrics.over(deployment.zones, began_s, world.clock.now())
    new = [
        series
        for series in found
        if (series.name, series.service) == ("startup_s", service)
        and series.values
        and series.times_s[0] > began_s  # the replica that was there is seen from the first moment
    ]
    created, ready = _of_pods(found, "pod_created_s"), _of_pods(found, "pod_ready_s")
    pods = [(one, (one.zone, one.labels.get("replica", ""))) for one in new]
    # of a pod the process is the last part: scheduling, its image and its probes come on top
    whole = tuple(
        max(ready[pod] - created[pod], one.values[-1])
        for one, pod in pods
        if pod in created and pod in ready
    )
    return (whole, OF_PODS) if whole else (tuple(one.values[-1] for one in new), OF_REPLICAS)


def _of_pods(found: Iterable[Series], name: str) -> dict[tuple[str, str], float]:
    """The moment that a series tells first, by zone and pod: a pod that was ready may be so once
    more."""
    return {
        (one.zone, one.labels.get("pod", "")): one.values[0]
        for one in found
        if one.name == name and one.values
    }


def _memory_mib(world: World, zone: str, service: str) -> float:
    """Of the replica that does nothing; 0 when nobody tells it in time: a cluster's metrics know
    of a pod only a while after its start."""
    until_s = world.clock.now() + SEEN_WITHIN_S
    while not (seen := _seen_mib(world, zone, service)) and world.clock.now() < until_s:
        world.progress.live(f"waiting for the memory of {service} in zone {zone}")
        world.clock.sleep(LOOK_S)
    return max(seen, default=0.0)


def _seen_mib(world: World, zone: str, service: str) -> list[float]:
    return [
        process.memory_mib
        for process in world.target.status().processes
        if process.zone == zone
        and process.name.startswith(f"{service}-")
        and process.state == "healthy"
        and process.memory_mib
    ]


def _unseen(world: World, service: str) -> str:
    told = (
        f"No memory of an idle {service} was told within {SEEN_WITHIN_S:.0f} s (on clusters: is "
        "metrics-server well?), so what a replica holds is from the steps alone."
    )
    world.progress.warn(told)
    return told
