"""Thresholds -> met or missed -> how the run is judged."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import assert_never

from insurectl.planning.histogram import percentile
from insurectl.records import Metric, Outcome, RequestStats, Threshold, ThresholdResult


@dataclass(frozen=True, kw_only=True)
class Limits:
    """Above these the generator or its machine was measured, not the system. All are shares;
    ``generator_cpu`` of one core, the others of the whole."""

    generator_cpu: float = 0.9
    shortfall: float = 0.01
    host_cpu: float = 0.9


def saturation(
    *, generator_cpu: float, shortfall: float, host_cpu: float, limits: Limits
) -> tuple[str, ...]:
    """Why a measurement is invalid, in plain words; empty: it is not."""
    reasons = []
    if generator_cpu > limits.generator_cpu:
        reasons.append(
            f"the load generator was saturated: it used {generator_cpu:.0%} of a core "
            f"(limit {limits.generator_cpu:.0%}); give it more --processes, or less load"
        )
    if shortfall > limits.shortfall:
        reasons.append(
            f"{shortfall:.1%} of the arrivals that were due did not begin in time "
            f"(limit {limits.shortfall:.1%}): less load was played than asked for"
        )
    if host_cpu > limits.host_cpu:
        reasons.append(
            f"this machine was saturated: {host_cpu:.0%} of its CPU was in use "
            f"(limit {limits.host_cpu:.0%}), so latencies are those of the machine"
        )
    return tuple(reasons)


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
