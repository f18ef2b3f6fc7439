"""Autoscalers played on the same traffic: simulated, not measured."""

from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Playback:
    """What one autoscaler did with the traffic. ``missed``: requests beyond the SLO, with those
    that were turned away; ``overloaded``: requests that came while there was a backlog or nobody
    to serve; ``worst_quantile_ms``: the latency's quantile in the worst second (None: nothing was
    served); ``pod_hours`` and ``replicas``: all pods that there are, ready or not."""

    name: str
    requests: float
    missed: float
    miss_ratio: float
    overloaded: float
    turned_away: float
    pod_hours: float
    replicas_mean: float
    replicas_most: int
    replicas_fewest: int
    worst_quantile_ms: float | None
    ups: int
    downs: int


@dataclass(frozen=True, kw_only=True)
class Playbacks:
    """Several of them side by side. ``took_ms``: a play each, compiled."""

    schema: str = "insurectl/playbacks/v1"
    trace: str
    lasted_s: int
    peak_rps: float
    slo_ms: float
    slo_quantile: float
    played: tuple[Playback, ...]
    took_ms: tuple[float, ...]
    notes: tuple[str, ...] = ("simulated; nothing was measured",)
