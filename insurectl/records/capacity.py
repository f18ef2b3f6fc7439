"""From measurements to what one replica takes."""

from dataclasses import dataclass
from typing import Literal

from insurectl.records.outcome import Estimate, Outcome


@dataclass(frozen=True, kw_only=True)
class CalibrationStep:
    """One small load run at one rate against one replica. ``server_mean_ms``: mean time that the
    service itself saw; the client's mean less it was spent on the way."""

    run_id: str
    phase: Literal["search", "around", "memory"]
    rate_rps: float
    replicas: int
    outcome: Outcome
    within_slo: bool
    achieved_rps: float
    quantile_ms: float | None
    memory_mib: float | None
    host_cpu: float
    server_mean_ms: float | None = None
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Calibration:
    """A plan of small load runs, played. The latency that is judged is that of the
    ``slo_quantile`` (0.95) of all requests, ``slo_ms`` its limit."""

    schema: str = "insurectl/calibration/v1"
    run_id: str
    scenario: str
    service: str
    slo_quantile: float
    slo_ms: float
    replicas: int
    steps: tuple[CalibrationStep, ...]
    startup_s: tuple[float, ...]
    idle_memory_mib: float
    notes: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class CurvePoint:
    """Measured latency of one replica at one rate."""

    rps: float
    quantile_ms: float
    low_ms: float
    high_ms: float


@dataclass(frozen=True, kw_only=True)
class Queue:
    """One replica as a queue: ``servers`` requests at a time, in the order they came, each for a
    gamma-distributed time; ``overhead_ms`` is spent on the way, whatever the load."""

    servers: int
    service_ms: float
    service_cv: float
    overhead_ms: float


@dataclass(frozen=True, kw_only=True)
class QueueModel:
    """The queue that explains the measured latencies best. ``misfit``: what it leaves
    unexplained, root mean square in standard errors (1: nothing but chance); ``draws``: other
    queues that the measurements allow, for the intervals of what is foreseen."""

    best: Queue
    misfit: float
    draws: tuple[Queue, ...]


@dataclass(frozen=True, kw_only=True)
class CapacityModel:
    """What one replica takes. ``lower_bound``: the knee was not reached, so
    ``rps_per_replica`` is only what was shown to work. ``host_cpu_idle`` and
    ``host_cpu_s_per_request`` are shares of the whole machine's CPU; an arrival of the scenario
    makes ``requests_per_arrival`` requests."""

    schema: str = "insurectl/capacity/v1"
    run_id: str
    service: str
    slo_quantile: float
    slo_ms: float
    rps_per_replica: Estimate
    lower_bound: bool
    memory_floor_mib: Estimate
    memory_per_rps_mib: Estimate
    startup_s: Estimate
    host_cpu_idle: Estimate
    host_cpu_s_per_request: Estimate
    requests_per_arrival: float
    queue: QueueModel
    curve: tuple[CurvePoint, ...]
    evidence: tuple[str, ...]
    notes: tuple[str, ...] = ()
