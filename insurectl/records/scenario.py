"""What is to be played: a scenario file, parsed and checked."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from insurectl.records.tuning import Cost, ServiceTuning

Metric = Literal[
    "latency_p50_ms",
    "latency_p90_ms",
    "latency_p95_ms",
    "latency_p99_ms",
    "latency_max_ms",
    "error_ratio",
    "failed_count",
    "throughput_rps",
    "shortfall_ratio",
    "status_429_count",
    "status_429_ratio",
    "status_503_count",
]


@dataclass(frozen=True, kw_only=True)
class Stage:
    """Rate (arrivals a second, open model) or users (closed) from ``start`` to ``end``,
    linearly, over ``duration_s``."""

    duration_s: float
    start: float
    end: float


@dataclass(frozen=True, kw_only=True)
class TraceWindow:
    """Part of a trace file (one rate a second), in seconds from its start. Its rates are
    scaled so that the whole trace's peak becomes ``peak_rps``; the part for tuning and the
    part for verifying never overlap. ``rates``: the whole file, as it stands in it."""

    file: str
    rates: tuple[float, ...]
    from_s: int
    to_s: int
    verify_from_s: int
    verify_to_s: int
    peak_rps: float


@dataclass(frozen=True, kw_only=True)
class Threshold:
    """A limit on one metric of one request name (``total``: all)."""

    metric: Metric
    request: str
    limit: float
    sense: Literal["max", "min"]


@dataclass(frozen=True, kw_only=True)
class Abort:
    """Stop the run at once when the metric is above the limit for ``for_s`` on end."""

    metric: Metric
    above: float
    for_s: float


@dataclass(frozen=True, kw_only=True)
class PlannedFault:
    """A fault that the run itself injects, ``at_s`` from its start; given back at ``until_s``."""

    at_s: float
    until_s: float | None
    zone: str
    kind: str


@dataclass(frozen=True, kw_only=True)
class CalibrationPlan:
    """How ``calibrate`` looks for what one replica of ``service`` takes."""

    service: str
    slo_quantile: float
    slo_ms: float
    start_rps: float
    max_rps: float
    step_s: float
    search_steps: int
    around_repeats: int


@dataclass(frozen=True, kw_only=True)
class Scenario:
    """One scenario. ``plan``: ``loop`` (calibrate, fit, recommend, apply, verify) or
    ``play`` (load, observe). ``services`` and ``costs`` are put in force before it plays;
    ``data`` goes to the journeys as it is."""

    schema: str = "insurectl/scenario/v1"
    name: str
    title: str
    path: str
    journey_file: str
    plan: Literal["loop", "play"]
    model: Literal["open", "closed"]
    arrivals: Literal["poisson", "even"]
    seed: int
    warmup_s: float
    stages: tuple[Stage, ...]
    trace: TraceWindow | None
    thresholds: tuple[Threshold, ...]
    aborts: tuple[Abort, ...]
    faults: tuple[PlannedFault, ...]
    services: tuple[ServiceTuning, ...]
    costs: Mapping[str, Cost]
    calibration: CalibrationPlan | None
    data: Mapping[str, str | int | float]
    notes: tuple[str, ...] = ()
