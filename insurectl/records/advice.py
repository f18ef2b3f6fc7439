"""What was recommended, applied and verified."""

from dataclasses import dataclass

from insurectl.records.load import ThresholdResult
from insurectl.records.outcome import Estimate, Outcome
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
class Candidate:
    """One point of the search: its settings and what the simulator says of them."""

    memory_target_percent: int
    rps_target: float
    min_replicas: int
    max_replicas: int
    scale_down_window_s: int
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
