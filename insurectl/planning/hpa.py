"""The Kubernetes autoscaler as a function of (spec, state, pods, samples, now).

Rules, order of float operations and rounding are those of pkg/controller/podautoscaler in
Kubernetes 1.34, for Resource (Utilization) and Pods (AverageValue) metrics with a ``behavior``.
Samples are integers as in the controller: bytes for memory, thousandths for everything else.
What each metric asks for stands in ``hpa_metrics``, what ``behavior`` allows in ``hpa_behavior``.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

from insurectl.planning.hpa_behavior import (
    HpaState,
    Recommendation,
    ScaleEvent,
    limit_rate,
    stabilize,
    store_event,
)
from insurectl.planning.hpa_metrics import NoMetric, Pod, Sample, group_pods, propose
from insurectl.records import Autoscaling

__all__ = [
    "Decision",
    "HpaState",
    "NoMetric",
    "Pod",
    "Recommendation",
    "Sample",
    "Samples",
    "ScaleEvent",
    "decide",
    "group_pods",
    "limit_rate",
    "propose",
    "stabilize",
    "store_event",
]
Samples = Mapping[str, Mapping[str, Sample]]  # metric name -> pod name -> sample


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One round. ``metric`` won among the proposals; ``reason`` is the controller's condition."""

    desired: int
    reason: str
    metric: str | None = None
    proposals: Mapping[str, int] = field(default_factory=dict)
    errors: tuple[str, ...] = ()


def decide(
    spec: Autoscaling,
    state: HpaState,
    *,
    current: int,
    pods: Sequence[Pod],
    samples: Samples,
    now_s: float,
) -> tuple[Decision, HpaState]:
    """One reconcile; ``current`` is ``spec.replicas`` of the target."""
    if not state.recommendations:
        state = replace(state, recommendations=(Recommendation(replicas=current, at_s=now_s),))
    if current == 0 and spec.min_replicas != 0:
        return Decision(desired=0, reason="ScalingDisabled"), state
    if current > spec.max_replicas:
        decision = Decision(desired=spec.max_replicas, reason="TooManyReplicas")
    elif current < spec.min_replicas:
        decision = Decision(desired=spec.min_replicas, reason="TooFewReplicas")
    else:
        decision, state = _by_metrics(spec, state, current, pods, samples, now_s)
    if decision.desired != current:
        state = store_event(spec, state, current, decision.desired, now_s)
    return decision, state


def _by_metrics(
    spec: Autoscaling,
    state: HpaState,
    current: int,
    pods: Sequence[Pod],
    samples: Samples,
    now_s: float,
) -> tuple[Decision, HpaState]:
    proposals: dict[str, int] = {}
    errors: list[str] = []
    for metric in spec.metrics:
        try:
            readings = samples.get(metric.name, {})
            proposals[metric.name] = propose(metric, spec, current, pods, readings, now_s)
        except NoMetric as error:
            errors.append(f"{metric.name}: {error}")
    winner = max(proposals, key=lambda name: proposals[name], default=None)
    if winner is None or (errors and proposals[winner] < current):
        return (
            Decision(
                desired=current,
                reason="FailedGetMetrics",
                proposals=proposals,
                errors=tuple(errors),
            ),
            state,
        )
    wanted = max(0, proposals[winner])
    stable, state = stabilize(spec, state, current, wanted, now_s)
    desired, reason = limit_rate(spec, state, current, stable, now_s)
    if stable != wanted and desired == stable:
        reason = "ScaleUpStabilized" if wanted >= current else "ScaleDownStabilized"
    decided = Decision(
        desired=desired, reason=reason, metric=winner, proposals=proposals, errors=tuple(errors)
    )
    return decided, state
