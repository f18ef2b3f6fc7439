"""P4: a day of traffic at 1 s through the compiled simulator, alone and for 1,000 candidates.

Eight kinds of autoscaler by turns (CPU, memory, requests, several at once; with and without
``behavior``), all of them different. The kernel is compiled before anything is measured. Where
others work on the machine, its time is less than wall time, so the CPU's time is told, too.
"""

import os
import statistics
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace

import numpy as np

from insurectl.planning.application import Application, Candidate, Plant, Traffic
from insurectl.planning.hpa_spec import Behavior, Metric, Spec
from insurectl.planning.play import play_many
from insurectl.records import KUBERNETES_SCALE_DOWN, KUBERNETES_SCALE_UP, Queue
from tests.bench.figure import Figure

DAY_S, DAYS, CANDIDATES, SEARCHES, CORES = 86_400, 15, 1000, 3, 2
PLANT = Plant(
    application=Application(
        queue=Queue(servers=4, service_ms=80.0, service_cv=1.0, overhead_ms=5.0),
        cpu_ms=20.0, slo_ms=400.0, cpu_limit_milli=1000, memory_floor_mib=100.0,
        memory_per_rps_mib=1.0, memory_release_s=300.0, startup_s=20,
    )
)  # fmt: skip
BEHAVIOR = Behavior(scale_up=KUBERNETES_SCALE_UP, scale_down=KUBERNETES_SCALE_DOWN)


def figures() -> Iterator[Figure]:
    """One day warm, then the search."""
    traffic, many = Traffic(rates=day()), candidates(CANDIDATES)
    play_many(PLANT, many[:1], traffic)
    days, cpu = zip(*(_seconds(many[:1], traffic, 1) for _ in range(DAYS)), strict=True)
    yield Figure(
        goal="P4",
        what="one day of traffic at 1 s, three metrics, warm (median)",
        value=1000 * statistics.median(days),
        unit="ms",
        wanted=10,
        sense="max",
        runs=DAYS,
        note=f"least {1000 * min(days):.1f} ms; of the CPU {1000 * statistics.median(cpu):.1f} ms",
    )
    searches, cpu = zip(*(_seconds(many, traffic, CORES) for _ in range(SEARCHES)), strict=True)
    yield Figure(
        goal="P4",
        what=f"{CANDIDATES} candidates, a day each, {CORES} threads (median)",
        value=statistics.median(searches),
        unit="s",
        wanted=5,
        sense="max",
        runs=SEARCHES,
        note=f"least {min(searches):.2f} s; of both CPUs {statistics.median(cpu):.2f} s, load "
        f"average {os.getloadavg()[0]:.1f} on {len(os.sched_getaffinity(0))} cores",
    )


def day() -> "np.ndarray[tuple[int], np.dtype[np.float64]]":
    """Two peaks, and noise that wanders."""
    at = np.arange(DAY_S) / DAY_S * 2 * np.pi
    wandering = np.cumsum(np.random.default_rng(7).standard_normal(DAY_S)) / 20
    rates = 200 + 120 * np.sin(at - 2) + 60 * np.sin(2 * at) + wandering
    return np.clip(rates, 0, None)


def candidates(count: int) -> list[Candidate]:
    """The first has all metrics, as the dearest."""
    cpu = Metric(kind="Resource", name="cpu", utilization_percent=80)
    memory = Metric(kind="Resource", name="memory", utilization_percent=80)
    rps = Metric(kind="Pods", name="rps", average_milli=20_000)
    kinds = ((cpu, memory, rps), (cpu,), (memory,), (rps,), (cpu, memory), (cpu, rps),
             (memory, rps), (rps, cpu, memory))  # fmt: skip
    return [
        Candidate(
            name=f"{number}",
            spec=Spec(
                min_replicas=1 + number % 5,
                max_replicas=30,
                metrics=tuple(_moved(one, number) for one in kinds[number % len(kinds)]),
                behavior=BEHAVIOR if number % 3 else None,
            ),
            cpu_request_milli=400 + number % 300,
            memory_request_mib=200.0 + number % 100,
        )
        for number in range(count)
    ]


def _moved(one: Metric, number: int) -> Metric:
    if one.utilization_percent is not None:
        return replace(one, utilization_percent=50 + number % 45)
    return replace(one, average_milli=10_000 + 20 * number)


def _seconds(chosen: Sequence[Candidate], traffic: Traffic, workers: int) -> tuple[float, float]:
    """On the wall, and of the process."""
    began_s, began_cpu_s = time.perf_counter(), time.process_time()
    play_many(PLANT, chosen, traffic, workers=workers)
    return time.perf_counter() - began_s, time.process_time() - began_cpu_s
