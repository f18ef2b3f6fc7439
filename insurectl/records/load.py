"""What was played against the system and what came back."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from insurectl.records.outcome import Outcome


@dataclass(frozen=True, kw_only=True)
class LoadSecond:
    """One second of load. ``scheduled``: arrivals due; ``sent``: begun; the rest: ended."""

    at_s: float
    scheduled: int
    sent: int
    ok: int
    failed: int
    p50_ms: float | None
    p95_ms: float | None
    p99_ms: float | None


@dataclass(frozen=True, kw_only=True)
class RequestStats:
    """All requests of one name (``total`` for all names). Latency counts from the intended
    start in the open model. ``histogram``: bin index -> count (planning/histogram.py)."""

    name: str
    count: int
    failed: int
    p50_ms: float | None
    p90_ms: float | None
    p95_ms: float | None
    p99_ms: float | None
    max_ms: float | None
    status_counts: Mapping[str, int]
    histogram: Mapping[int, int]


@dataclass(frozen=True, kw_only=True)
class ThresholdResult:
    """One threshold of the scenario and what was measured (None: nothing to measure)."""

    metric: str
    request: str
    limit: float
    sense: Literal["max", "min"]
    measured: float | None
    met: bool


@dataclass(frozen=True, kw_only=True)
class LoadResult:
    """What was played and what came back. ``shortfall``: share of the due arrivals that
    were not begun, or begun more than 100 ms late. CPU figures are shares (1.0 = all)."""

    schema: str = "insurectl/load/v1"
    run_id: str
    scenario: str
    seed: int
    model: Literal["open", "closed"]
    base_url: str
    started_s: float
    ended_s: float
    warmup_s: float
    outcome: Outcome
    reasons: tuple[str, ...]
    scale: float
    scheduled: int
    sent: int
    shortfall: float
    late_p99_ms: float
    generator_cpu: float
    host_cpu: float
    total: RequestStats
    requests: tuple[RequestStats, ...]
    seconds: tuple[LoadSecond, ...]
    thresholds: tuple[ThresholdResult, ...] = ()
    aborted: str | None = None
    offered_rps: tuple[float, ...] = ()
