"""Autoscalers side by side, as rows of a table."""

from collections.abc import Sequence

from insurectl.records import Playback, Playbacks

HEADER = (
    "what is simulated", "beyond the SLO", "turned away", "overloaded", "pod-hours",
    "replicas mean", "fewest", "most", "worst ms", "ups", "downs", "took ms",
)  # fmt: skip


def headline(record: Playbacks) -> str:
    """What was played, in a sentence."""
    hours = record.lasted_s / 3600
    requests = record.played[0].requests if record.played else 0.0
    return (
        f"simulated: {hours:.4g} h of {record.trace}, {requests:,.0f} requests, at most "
        f"{record.peak_rps:.4g}/s; the SLO is {record.slo_ms:g} ms, the worst second's "
        f"p{100 * record.slo_quantile:g} is shown"
    )


def rows(record: Playbacks) -> list[Sequence[str]]:
    """One an autoscaler."""
    return [_row(one, took_ms) for one, took_ms in zip(record.played, record.took_ms, strict=True)]


def _row(one: Playback, took_ms: float) -> Sequence[str]:
    worst = one.worst_quantile_ms
    return (
        one.name,
        f"{one.miss_ratio:.3%}",
        f"{_share(one.turned_away, one):.3%}",
        f"{_share(one.overloaded, one):.3%}",
        f"{one.pod_hours:.2f}",
        f"{one.replicas_mean:.2f}",
        f"{one.replicas_fewest}",
        f"{one.replicas_most}",
        "-" if worst is None else f"{worst:.0f}",
        f"{one.ups}",
        f"{one.downs}",
        f"{took_ms:.1f}",
    )


def _share(part: float, one: Playback) -> float:
    return part / one.requests if one.requests else 0.0
