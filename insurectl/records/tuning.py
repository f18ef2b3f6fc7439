"""What insurectl may set: the autoscaler, requests, limits, and what a request is known to cost."""

from dataclasses import dataclass, replace
from typing import Literal

RPS = "http_requests_per_second"  # the one Pods metric, as the autoscaler names it


@dataclass(frozen=True, kw_only=True)
class ScalingPolicy:
    """At most ``value`` pods (or percent of the replicas) of change in ``period_s``."""

    kind: Literal["Pods", "Percent"]
    value: int
    period_s: int


@dataclass(frozen=True, kw_only=True)
class ScalingRules:
    """One direction of ``behavior``; ``tolerance`` None means the controller's own."""

    stabilization_window_s: int
    policies: tuple[ScalingPolicy, ...]
    select_policy: Literal["Max", "Min", "Disabled"] = "Max"
    tolerance: float | None = None


# what Kubernetes takes where a ``behavior`` says nothing else
KUBERNETES_SCALE_UP = ScalingRules(
    stabilization_window_s=0,
    policies=(
        ScalingPolicy(kind="Percent", value=100, period_s=15),
        ScalingPolicy(kind="Pods", value=4, period_s=15),
    ),
)
KUBERNETES_SCALE_DOWN = ScalingRules(
    stabilization_window_s=300,
    policies=(ScalingPolicy(kind="Percent", value=100, period_s=15),),
)


@dataclass(frozen=True, kw_only=True)
class MetricTarget:
    """One metric and where it should be.

    ``Resource``: ``name`` is ``memory`` or ``cpu``, ``utilization_percent`` of the request.
    ``Pods``: ``name`` is ``http_requests_per_second``, ``average_value`` a replica.
    """

    kind: Literal["Resource", "Pods"]
    name: str
    utilization_percent: int | None = None
    average_value: float | None = None


@dataclass(frozen=True, kw_only=True)
class Autoscaling:
    """One HorizontalPodAutoscaler; the counts are for one zone. ``sync_period_s`` is the
    controller's own setting (15 s in Kubernetes), kept here since `local` can set it."""

    min_replicas: int
    max_replicas: int
    metrics: tuple[MetricTarget, ...]
    scale_up: ScalingRules
    scale_down: ScalingRules
    sync_period_s: float = 15.0


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What one request costs a replica; known beforehand, so that a planner can be judged.

    A request holds one of ``workers`` slots for a time with mean ``worker_ms`` and
    coefficient of variation ``worker_cv`` (gamma), then a lock that all replicas share
    for ``lock_ms``, burns ``cpu_ms``, and leaves ``memory_mib`` held for
    ``memory_hold_ms`` after it began. ``start_s``: time from start to ready.
    """

    workers: int = 4
    worker_ms: float = 0.0
    worker_cv: float = 0.0
    lock_ms: float = 0.0
    cpu_ms: float = 0.0
    memory_mib: float = 0.0
    memory_hold_ms: float = 0.0
    start_s: float = 0.0


@dataclass(frozen=True, kw_only=True)
class ServiceTuning:
    """What insurectl may turn on one service. ``replicas`` (a zone) counts only without
    ``autoscaling``; ``memory_request_mib`` is what utilisation is measured against."""

    service: str
    replicas: int
    memory_request_mib: float
    memory_limit_mib: float
    autoscaling: Autoscaling | None = None


@dataclass(frozen=True, kw_only=True)
class Tuning:
    """All that ``apply`` may change. ``zone_rps``: requests a second that one zone's
    gateway lets in from people before it sheds with 503; None: no such limit."""

    services: tuple[ServiceTuning, ...]
    partner_per_minute: int = 10
    zone_rps: float | None = None

    def of(self, service: str) -> ServiceTuning:
        """The tuning of one service; KeyError if it has none."""
        for tuning in self.services:
            if tuning.service == service:
                return tuning
        raise KeyError(service)

    def replacing(self, service: ServiceTuning) -> "Tuning":
        """The same, with this service's tuning in place of the one it had."""
        services = (service if one.service == service.service else one for one in self.services)
        return replace(self, services=tuple(services))
