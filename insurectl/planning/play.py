"""The fast simulator: anybody's application under autoscalers, a day in about ten milliseconds.

``play_many`` is what a search calls, ``play`` tells each second, too. Requests are not played one
by one (``simulator`` does that) but by the second: a replica's waits are those of the steady state
at the second's load (``waiting``), and what is beyond all replicas' capacity waits in a backlog
that is carried over. The autoscaler is ``hpa``'s, compiled (``compiled_behavior``).

What that leaves out: a steady state comes about at once, so waits in a short peak near saturation
are told too high, up to a load of 0.98; requests are spread evenly over the ready replicas; those
that leave do so at once; there is one zone.
"""

import math
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from insurectl.errors import BadInput
from insurectl.planning import compiled_day as day
from insurectl.planning.application import Application, Candidate, Course, Plant, Traffic
from insurectl.planning.compiled_metrics import Ints, Rules
from insurectl.planning.compiled_play import played
from insurectl.planning.hpa_codes import one as single
from insurectl.planning.hpa_codes import rules_of
from insurectl.planning.hpa_round import DEFAULT_METRIC
from insurectl.planning.hpa_spec import Metric
from insurectl.planning.waiting import HIGHEST_LOAD, POINTS, Waits, waits
from insurectl.records import Playback

MIB = 1024 * 1024
MOST_REPLICAS = 5000
MOST_SECONDS = 31 * 86_400
MOST_RPS = 1e9
BUSY = 0.7  # of its capacity, a pod that is there at the beginning


def play_many(
    plant: Plant, candidates: Sequence[Candidate], traffic: Traffic, *, workers: int = 1
) -> tuple[Playback, ...]:
    """Each candidate on the same traffic, in their order; ``workers`` threads at a time.

    BadInput for traffic or a candidate that can't be played. The first call in a process loads
    the kernel, and the first of all compiles it.
    """
    rates = _rates(traffic)
    if not candidates:
        return ()
    rules, asks = _coded(plant, candidates)
    numbers, nothing = _numbers(plant), np.zeros((0, day.COURSE_COLUMNS))
    sums = np.zeros((len(candidates), day.SUMS))
    asks[:, day.BEGIN] = [_begin(plant, one, rates[0]) for one in candidates]

    def play_one(number: int) -> None:
        played(
            numbers, single(rules, number), asks[number], rates, traffic.warmup_s, sums[number],
            nothing,
        )  # fmt: skip

    if workers == 1:
        for number in range(len(candidates)):
            play_one(number)
    else:
        with ThreadPoolExecutor(workers) as pool:
            list(pool.map(play_one, range(len(candidates))))
    lasted_s = len(rates) - traffic.warmup_s
    return tuple(
        _playback(candidate.name, found, lasted_s)
        for candidate, found in zip(candidates, sums, strict=True)
    )


def play(plant: Plant, candidate: Candidate, traffic: Traffic) -> tuple[Playback, Course]:
    """One candidate, and what happened when."""
    rates = _rates(traffic)
    rules, asks = _coded(plant, [candidate])
    asks[0, day.BEGIN] = _begin(plant, candidate, rates[0])
    sums = np.zeros(day.SUMS)
    course = np.zeros((len(rates) - traffic.warmup_s, day.COURSE_COLUMNS))
    played(_numbers(plant), single(rules, 0), asks[0], rates, traffic.warmup_s, sums, course)
    told = Course(
        rates=rates[traffic.warmup_s :],
        replicas=course[:, day.PODS],
        serving=course[:, day.SERVING],
        cpu_cores=course[:, day.CPU_CORES],
        memory_mib=course[:, day.MEMORY_BYTES] / MIB,
        quantile_ms=1000 * course[:, day.QUANTILE_S],
        miss_ratio=course[:, day.MISS_SHARE],
    )
    return _playback(candidate.name, sums, len(course)), told


def _rates(traffic: Traffic) -> NDArray[np.float64]:
    """With the warm-up before them."""
    rates = np.asarray(traffic.rates, dtype=np.float64)
    if rates.ndim != 1 or len(rates) == 0:
        raise BadInput("the traffic is empty; give a rate for each second")
    if len(rates) > MOST_SECONDS:
        raise BadInput(f"the traffic lasts {len(rates)} s; the most is {MOST_SECONDS} s (31 days)")
    bad = np.flatnonzero(~((rates >= 0) & (rates <= MOST_RPS)))
    if len(bad):
        raise BadInput(
            f"second {bad[0]} of the traffic has the rate {rates[bad[0]]}; give 0 or more"
        )
    if not rates.any():
        raise BadInput("every rate of the traffic is 0, so there is nothing to play")
    if not 0 <= traffic.warmup_s <= MOST_SECONDS:
        raise BadInput(f"warmup_s is {traffic.warmup_s}; give 0 to {MOST_SECONDS}")
    return np.concatenate([np.full(traffic.warmup_s, rates[0]), rates])


def _coded(plant: Plant, candidates: Sequence[Candidate]) -> tuple[Rules, Ints]:
    for candidate in candidates:
        _refuse(candidate)
    rules = rules_of([one.spec for one in candidates], plant.watch.controller, _signal)
    asks = np.zeros((len(candidates), day.ASKS), dtype=np.int64)
    for number, one in enumerate(candidates):
        asks[number, day.CPU_MILLI] = one.cpu_request_milli
        asks[number, day.MEMORY_ASKED] = round(one.memory_request_mib * MIB)
    return rules, asks


def _refuse(candidate: Candidate) -> None:
    """BadInput for what the simulator has no data for, or no room."""
    told = f"{candidate.name}: " if candidate.name else ""
    spec = candidate.spec
    if spec.max_replicas > MOST_REPLICAS:
        raise BadInput(
            f"{told}maxReplicas is {spec.max_replicas}; at most {MOST_REPLICAS} can be played"
        )
    asked = {"cpu": candidate.cpu_request_milli, "memory": candidate.memory_request_mib}
    for metric in spec.metrics or (DEFAULT_METRIC,):
        if metric.kind in {"ContainerResource", "Unknown"} or (
            metric.kind == "Resource" and metric.name not in asked
        ):
            raise BadInput(
                f"{told}metric {metric.label!r} ({metric.kind}): there is no data for it; use cpu "
                "or memory of the whole pod, or requests a second"
            )
        if metric.utilization_percent is not None and not asked[metric.name] > 0:
            raise BadInput(
                f"{told}metric {metric.label!r} is a share of the pod's request, and there is no "
                f"request for {metric.name}; give one"
            )


def _signal(metric: Metric) -> int:
    if metric.kind == "Resource":
        return day.CPU if metric.name == "cpu" else day.MEMORY
    return day.RPS


def _begin(plant: Plant, candidate: Candidate, first_rps: float) -> int:
    """As many as are busy with the first rate, but not too busy."""
    wanted = math.ceil(first_rps / (BUSY * plant.application.capacity_rps))
    return min(max(wanted, candidate.spec.min_replicas, 1), candidate.spec.max_replicas)


@lru_cache(maxsize=64)
def _waits(application: Application) -> Waits:
    return waits(application.served, application.slo_ms, application.slo_quantile)


def _numbers(plant: Plant) -> day.Plant:
    """Floats and whole numbers, whatever was given: the kernel is compiled for these alone."""
    application, watch = plant.application, plant.watch
    release_s, found = application.memory_release_s, _waits(application)
    return day.Plant(
        capacity_rps=float(application.capacity_rps),
        service_s=application.served.service_ms / 1000,
        cpu_s=application.cpu_ms / 1000,
        floor=float(application.memory_floor_mib * MIB),
        per_rps=float(application.memory_per_rps_mib * MIB),
        per_request=float(application.memory_per_request_mib * MIB),
        keep=math.exp(-1 / release_s) if release_s > 0 else 0.0,
        patience_s=float(application.patience_s),
        loads=(POINTS - 1) / HIGHEST_LOAD,
        missed=found.missed,
        quantile_s=found.quantile_s,
        wait_s=found.wait_s,
        late=found.late,
        late_step_s=found.late_step_s,
        pending_s=int(application.pending_s),
        startup_s=int(application.startup_s),
        scrape_s=int(watch.scrape_s),
        window_s=int(watch.window_s),
        lag_s=int(watch.lag_s),
        sync_s=int(watch.sync_s),
        offset_s=int(watch.offset_s),
    )


def _playback(name: str, sums: NDArray[np.float64], lasted_s: int) -> Playback:
    requests, worst_s = float(sums[day.REQUESTS]), float(sums[day.WORST_S])
    return Playback(
        name=name,
        requests=requests,
        missed=float(sums[day.MISSED]),
        miss_ratio=float(sums[day.MISSED]) / requests if requests else 0.0,
        overloaded=float(sums[day.OVERLOADED]),
        turned_away=float(sums[day.TURNED_AWAY]),
        pod_hours=float(sums[day.POD_SECONDS]) / 3600,
        replicas_mean=float(sums[day.POD_SECONDS]) / lasted_s,
        replicas_most=int(sums[day.MOST_PODS]),
        replicas_fewest=int(sums[day.FEWEST_PODS]),
        worst_quantile_ms=1000 * worst_s if worst_s > 0 else None,
        ups=int(sums[day.UPS]),
        downs=int(sums[day.DOWNS]),
    )
