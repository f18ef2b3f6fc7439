"""P3: percentiles of histograms that were merged over processes, beside the exact ones."""

import json
import math
import multiprocessing
from collections.abc import Callable, Iterator
from random import Random

from insurectl.adapters.locust.tally import Sample, Tally
from insurectl.planning.histogram import percentile
from tests.bench.figure import Figure

PROCESSES = 4
SAMPLES = 100_000
SHARES = (0.5, 0.9, 0.95, 0.99, 0.999)
SETS = ("lognormal", "exponential", "two peaks", "narrow", "heavy tail")


def figures() -> Iterator[Figure]:
    """The worst of all percentiles of all sets."""
    with multiprocessing.get_context("spawn").Pool(PROCESSES) as pool:
        errors = {name: _error(pool.starmap(tally, _parts(name)), name) for name in SETS}
    worst = max(errors, key=lambda name: errors[name])
    yield Figure(
        goal="P3",
        what=f"largest error of p50 to p99.9, {PROCESSES} processes, {SAMPLES} samples a set",
        value=100 * errors[worst],
        unit="%",
        wanted=0.5,
        sense="max",
        runs=len(SETS),
        note=f"the worst set: {worst}",
    )


def tally(name: str, part: int) -> str:
    """What one process of the generator tells of its share."""
    counts = Tally(0.0)
    for latency_s in latencies_s(name)[part::PROCESSES]:
        counts.end(Sample("one", 0.0, latency_s, "200", None))
    return json.dumps(counts.to_json())


def latencies_s(name: str) -> list[float]:
    """Made up, from 0.1 ms to minutes."""
    rng = Random(name)
    draw: dict[str, Callable[[], float]] = {
        "lognormal": lambda: rng.lognormvariate(-2.5, 0.8),
        "exponential": lambda: rng.expovariate(20),
        "two peaks": lambda: abs(
            rng.gauss(0.02, 0.002) if rng.random() < 0.9 else rng.gauss(2, 0.1)
        ),
        "narrow": lambda: 0.1 + rng.random() / 1000,
        "heavy tail": lambda: 0.0001 * rng.paretovariate(0.8),
    }
    return [draw[name]() for _ in range(SAMPLES)]


def _parts(name: str) -> list[tuple[str, int]]:
    return [(name, part) for part in range(PROCESSES)]


def _error(parts: list[str], name: str) -> float:
    whole = Tally(0.0)
    for part in parts:
        whole.merge(json.loads(part))
    exact = sorted(latencies_s(name))
    histogram = whole.stats()["total"].histogram
    errors = []
    for share in SHARES:
        true_ms = 1000 * exact[math.ceil(share * len(exact)) - 1]
        read_ms = percentile(histogram, share)
        assert read_ms is not None
        errors.append(abs(read_ms / true_ms - 1))
    return max(errors)
