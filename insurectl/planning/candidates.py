"""The settings that are worth a try, each with the tuning that it stands for."""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from itertools import product
from math import ceil, floor

from insurectl.planning.hpa_metrics import TOLERANCE
from insurectl.planning.simulator import Traffic
from insurectl.records import (
    KUBERNETES_SCALE_DOWN,
    KUBERNETES_SCALE_UP,
    RPS,
    Autoscaling,
    Candidate,
    CapacityModel,
    MetricTarget,
    ServiceTuning,
    Tuning,
)

SHARES = (0.5, 0.6, 0.7, 0.8, 0.9, 1.0)  # of what one replica takes: the RPS target
LEAST = (1, 2)
MEMORY_PERCENTS = (70, 80, 90)
WINDOW_FACTORS = (1, 2)
LIMIT_OVER_REQUEST = 1.5


@dataclass(frozen=True, kw_only=True)
class Task:
    """What is tuned, and for which traffic (arrivals a second over all zones)."""

    model: CapacityModel
    before: Tuning
    tune: Traffic
    verify: Traffic
    slots: int
    scrape_s: float
    partners: int | None
    seed: int
    run_id: str


@dataclass(frozen=True)
class Point:
    """One candidate with the tuning that it stands for."""

    candidate: Candidate
    tuning: Tuning


def points(task: Task) -> Iterable[Point]:
    """Every combination once; what has no room in a zone is left out."""
    before = task.before.of(task.model.service).autoscaling
    down = before.scale_down if before else KUBERNETES_SCALE_DOWN
    window_s = down.stabilization_window_s
    seen: set[tuple[object, ...]] = set()
    for share, least, factor, percent, roomy in product(
        SHARES, LEAST, WINDOW_FACTORS, MEMORY_PERCENTS, (False, True)
    ):
        if least > task.slots:
            continue
        rps = float(f"{share * task.model.rps_per_replica.value:.3g}")
        candidate = Candidate(
            memory_target_percent=percent,
            rps_target=rps,
            min_replicas=least,
            max_replicas=_most(task, rps, least),
            scale_down_window_s=window_s * factor,
            memory_request_mib=_request_mib(task.model, rps, least, percent, roomy=roomy),
            replica_seconds=0.0,
            miss_ratio=0.0,
        )
        key = tuple(vars(candidate).values())
        if key not in seen:
            seen.add(key)
            yield Point(candidate, _tuning(task, candidate))


def peak_rps(task: Task) -> float:
    """Most requests a second over all zones, in both parts of the traffic."""
    return max(*task.tune.rates, *task.verify.rates) * task.model.requests_per_arrival


def needed(task: Task, rps_target: float) -> int:
    """Replicas a zone that carry the peak at that target in the zones that are left when one is
    lost."""
    left = max(task.tune.zones - 1, 1)
    return ceil(peak_rps(task) / left / rps_target)


def _most(task: Task, rps_target: float, least: int) -> int:
    return min(max(needed(task, rps_target), least + 1), task.slots)


def _request_mib(
    model: CapacityModel, rps: float, least: int, percent: int, *, roomy: bool
) -> float:
    """What a replica holds at its capacity; or as much as lets an idle one leave again.

    Going down from n replicas the autoscaler keeps ceil(n * idle / target); the step from
    ``least + 1`` to ``least`` needs idle / target <= least / (least + 1).
    """
    floor_mib = model.memory_floor_mib.value
    slope = max(model.memory_per_rps_mib.value, 0.0)
    busy = floor_mib + slope * model.rps_per_replica.value
    if not roomy:
        return _round_up(busy * 1.1)
    target = max(1.15 * (floor_mib + slope * rps), 1.03 * floor_mib * (least + 1) / least)
    return _round_up(max(target / (percent / 100), busy * 1.1))


def stuck(model: CapacityModel, one: Candidate) -> int:
    """How many replicas memory alone keeps for ever once all are there, where that is more than
    the least; 0: none. As ``hpa_metrics`` rounds, with the controller's own tolerance."""
    percent = floor(100 * model.memory_floor_mib.value / one.memory_request_mib)
    ratio, kept = percent / one.memory_target_percent, one.max_replicas
    if ratio < 1 - TOLERANCE:
        while kept > one.min_replicas and ceil(ratio * kept) < kept:
            kept = ceil(ratio * kept)
    return kept if kept > one.min_replicas else 0


def _round_up(mib: float) -> float:
    return float(8 * ceil(mib / 8))


def _tuning(task: Task, candidate: Candidate) -> Tuning:
    old = task.before.of(task.model.service)
    spec = old.autoscaling or Autoscaling(
        min_replicas=1, max_replicas=1, metrics=(), scale_up=KUBERNETES_SCALE_UP,
        scale_down=KUBERNETES_SCALE_DOWN,
    )  # fmt: skip
    request = candidate.memory_request_mib
    new = ServiceTuning(
        service=old.service,
        replicas=candidate.min_replicas,
        memory_request_mib=request,
        memory_limit_mib=max(old.memory_limit_mib, _round_up(LIMIT_OVER_REQUEST * request)),
        autoscaling=replace(
            spec,
            min_replicas=candidate.min_replicas,
            max_replicas=candidate.max_replicas,
            metrics=(
                MetricTarget(
                    kind="Resource",
                    name="memory",
                    utilization_percent=candidate.memory_target_percent,
                ),
                MetricTarget(kind="Pods", name=RPS, average_value=candidate.rps_target),
            ),
            scale_down=replace(
                spec.scale_down, stabilization_window_s=candidate.scale_down_window_s
            ),
        ),
    )
    zone_rps = float(max(1, floor(candidate.max_replicas * task.model.rps_per_replica.value)))
    return replace(task.before.replacing(new), zone_rps=zone_rps)
