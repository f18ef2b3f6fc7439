"""Latencies in bins of equal ratio: percentiles within 0.5 % of the exact ones, mergeable.

The bins are those of HdrHistogram's idea with a constant ratio in place of sub-buckets: bin
``i`` holds ``ratio**i <= value < ratio**(i + 1)``, and is read at its geometric middle, so the
relative error is at most ``sqrt(ratio) - 1`` = 0.2 %.
"""

import math
from collections import Counter
from collections.abc import Iterable, Mapping

RATIO = 1.004
_SCALE = 1 / math.log(RATIO)
SMALLEST_MS = 0.001


def bin_of(value_ms: float) -> int:
    """The bin of one latency; anything below a microsecond counts as one."""
    return math.floor(math.log(max(value_ms, SMALLEST_MS)) * _SCALE)


def value_of(index: int) -> float:
    """The latency (ms) that a bin is read as."""
    return math.pow(RATIO, index + 0.5)


def record(values_ms: Iterable[float]) -> dict[int, int]:
    """A histogram of some latencies."""
    return dict(Counter(bin_of(value) for value in values_ms))


def merge(histograms: Iterable[Mapping[int, int]]) -> dict[int, int]:
    """The histogram of all of them together."""
    total: Counter[int] = Counter()
    for histogram in histograms:
        total.update(histogram)
    return dict(total)


def percentile(histogram: Mapping[int, int], share: float) -> float | None:
    """The value (ms) at or below which ``share`` (0..1) of the samples lie, by nearest rank;
    None for an empty histogram."""
    if not 0 <= share <= 1:
        raise ValueError(f"share: {share} is not between 0 and 1")
    count = sum(histogram.values())
    if not count:
        return None
    rank, seen = max(math.ceil(share * count), 1), 0
    for index in sorted(histogram):
        seen += histogram[index]
        if seen >= rank:
            return value_of(index)
    raise AssertionError("the ranks of a histogram end at its count")


def share_above(histogram: Mapping[int, int], limit_ms: float) -> float:
    """Share of the samples slower than a limit; 0 for an empty histogram."""
    count = sum(histogram.values())
    limit = bin_of(limit_ms)
    above = sum(number for index, number in histogram.items() if index > limit)
    return above / count if count else 0.0
