"""What was recommended, applied and verified."""

from dataclasses import dataclass

from insurectl.records.load import ThresholdResult
from insurectl.records.outcome import Estimate, Outcome
from insurectl.records.timeline import Decision
from insurectl.records.tuning import Tuning


@dataclass(frozen=True, kw_only=True)
class Effect:
    """What a tuning does over a stretch of traffic, both zones together. ``miss_ratio``:
    share of requests slower than the SLO; replicas are those of the calibrated service."""

    replicas_mean: Estimate
    replicas_max: Estimate
    quantile_ms: Estimate
    miss_ratio: Estimate
    replica_seconds: Estimate


@dataclass(frozen=True, kw_only=True)
class Simulation:
    """The autoscaler on traffic, played against a capacity model: simulated, not measured.
    ``replicas``: at the end of each second, all zones together; ``miss_ratio``: as in Effect."""

    schema: str = "insurectl/simulation/v1"
    service: str
    zones: int
    lasted_s: int
    requests: int
    failed: int
    slo_ms: float
    quantile_ms: float | None
    miss_ratio: float
    replicas_mean: float
    replicas_max: int
    replica_seconds: float
    replicas: tuple[int, ...]
    decisions: tuple[Decision, ...]
    notes: tuple[str, ...] = ("simulated from a capacity model; nothing was measured",)


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """One point of the search: its settings and what the simulator says of them."""

    memory_target_percent: int
    rps_target: float
    min_replicas: int
    max_replicas: int
    scale_down_window_s: int
    memory_request_mib: float
    replica_seconds: float
    miss_ratio: float
    on_front: bool = False


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """The chosen tuning, why, what else was on the front, and the effect foreseen."""

    schema: str = "insurectl/recommendation/v1"
    run_id: str
    service: str
    before: Tuning
    after: Tuning
    rule: str
    reasons: tuple[str, ...]
    warnings: tuple[str, ...]
    candidates: tuple[Candidate, ...]
    searched: int
    seed: int
    effect: Effect


@dataclass(frozen=True, kw_only=True)
class Change:
    """A tuning put in force, and the way back."""

    schema: str = "insurectl/change/v1"
    run_id: str
    deployment: str
    applied_at_s: float | None
    before: Tuning
    after: Tuning
    diff: str
    rolled_back_at_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """One figure, predicted against measured; ``allowed_low..allowed_high`` is the
    predicted interval with its stated tolerance."""

    what: str
    unit: str
    predicted: Estimate
    allowed_low: float
    allowed_high: float
    measured: float | None
    met: bool


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Predicted against measured, on traffic that was not used for tuning."""

    schema: str = "insurectl/verdict/v1"
    run_id: str
    outcome: Outcome
    reasons: tuple[str, ...]
    comparisons: tuple[Comparison, ...]
    thresholds: tuple[ThresholdResult, ...]
    load_run_id: str
    window: str
