"""Thresholds -> met or missed -> how the run is judged."""

from collections.abc import Mapping, Sequence
from typing import assert_never

from insurectl.planning.histogram import percentile
from insurectl.records import Metric, Outcome, RequestStats, Threshold, ThresholdResult


def measure(
    metric: Metric, stats: RequestStats, *, lasted_s: float, shortfall: float
) -> float | None:
    """One metric of one request's statistics; None where there is nothing to measure."""
    match metric:
        case "latency_p50_ms" | "latency_p90_ms" | "latency_p95_ms" | "latency_p99_ms":
            return percentile(stats.histogram, int(metric[9:11]) / 100)
        case "latency_max_ms":
            return stats.max_ms
        case "error_ratio":
            return stats.failed / stats.count if stats.count else None
        case "failed_count":
            return float(stats.failed)
        case "throughput_rps":
            return (stats.count - stats.failed) / lasted_s if lasted_s > 0 else None
        case "shortfall_ratio":
            return shortfall
        case "status_429_count":
            return float(stats.status_counts.get("429", 0))
        case "status_429_ratio":
            return stats.status_counts.get("429", 0) / stats.count if stats.count else None
        case "status_503_count":
            return float(stats.status_counts.get("503", 0))
        case _:
            assert_never(metric)


def judge(
    thresholds: Sequence[Threshold],
    stats: Mapping[str, RequestStats],
    *,
    lasted_s: float,
    shortfall: float,
) -> tuple[ThresholdResult, ...]:
    """Every threshold against what was measured; one with nothing to measure is missed."""
    results = []
    for threshold in thresholds:
        found = stats.get(threshold.request)
        measured = (
            None
            if found is None
            else measure(threshold.metric, found, lasted_s=lasted_s, shortfall=shortfall)
        )
        results.append(
            ThresholdResult(
                metric=threshold.metric,
                request=threshold.request,
                limit=threshold.limit,
                sense=threshold.sense,
                measured=measured,
                met=measured is not None and _within(measured, threshold),
            )
        )
    return tuple(results)


def outcome(results: Sequence[ThresholdResult], invalid: Sequence[str], aborted: bool) -> Outcome:
    """An invalid measurement says nothing, so it comes before a miss."""
    if invalid:
        return Outcome.INVALID
    if aborted or not all(result.met for result in results):
        return Outcome.FAIL
    return Outcome.PASS


def _within(measured: float, threshold: Threshold) -> bool:
    if threshold.sense == "max":
        return measured <= threshold.limit
    return measured >= threshold.limit
