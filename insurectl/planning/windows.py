"""What a run measured, in the same figures as a simulation foresees."""

from collections import defaultdict
from dataclasses import dataclass

from insurectl.planning.histogram import percentile, share_above
from insurectl.records import LoadResult, Timeline


@dataclass(frozen=True, kw_only=True)
class MeasuredEffect:
    """As records.Effect; None where nothing was measured."""

    replicas_mean: float | None
    replicas_max: float | None
    quantile_ms: float | None
    miss_ratio: float | None
    replica_seconds: float | None


def measured_effect(
    load: LoadResult, timeline: Timeline, *, service: str, slo_ms: float, slo_quantile: float
) -> MeasuredEffect:
    """Latency from the client, of all requests after the warm-up; replicas from Prometheus, over
    the time that load was offered."""
    lasted_s = float(len(load.offered_rps))
    counts = _replicas(timeline, service, load.started_s, load.started_s + lasted_s)
    mean = sum(counts) / len(counts) if counts else None
    total = load.total
    late = share_above(total.histogram, slo_ms)
    succeeded = 1 - total.failed / total.count if total.count else 0.0
    return MeasuredEffect(
        replicas_mean=mean,
        replicas_max=max(counts) if counts else None,
        quantile_ms=percentile(total.histogram, slo_quantile),
        # a request that failed is beyond any SLO, however quickly it failed
        miss_ratio=late * succeeded + (1 - succeeded) if total.count else None,
        replica_seconds=None if mean is None else mean * lasted_s,
    )


def _replicas(timeline: Timeline, service: str, from_s: float, to_s: float) -> list[float]:
    """All zones together, at each time that every zone was seen."""
    found: dict[float, list[float]] = defaultdict(list)
    zones = set()
    for series in timeline.series:
        if series.name == "replicas" and series.service == service:
            zones.add(series.zone)
            for at_s, value in zip(series.times_s, series.values, strict=True):
                if from_s <= at_s <= to_s:
                    found[round(at_s, 1)].append(value)
    return [sum(values) for _, values in sorted(found.items()) if len(values) == len(zones)]
