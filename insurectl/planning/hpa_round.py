"""A round of the autoscaler whose target is within its range: metrics -> replicas."""

from dataclasses import replace

from insurectl.planning import hpa_behavior, hpa_legacy
from insurectl.planning.hpa_behavior import HpaState
from insurectl.planning.hpa_decision import Decision, combine
from insurectl.planning.hpa_metrics import Proposal, Seen, propose
from insurectl.planning.hpa_pods import NoMetric
from insurectl.planning.hpa_spec import Controller, Metric, Spec, tolerance

DEFAULT_METRIC = Metric(kind="Resource", name="cpu", utilization_percent=80)
UNSELECTABLE = {
    "missing": "InvalidSelector",
    "unparsable": "InvalidSelector",
    "ambiguous": "AmbiguousSelector",
}


def by_metrics(
    spec: Spec, state: HpaState, seen: Seen, controller: Controller, decision: Decision
) -> tuple[Decision, HpaState]:
    if seen.selector != "valid":
        reason = UNSELECTABLE[seen.selector]
        decision = replace(decision, reason=reason)
        return decision.with_condition("ScalingActive", reason, holds=False), state
    measured: dict[str, Proposal] = {}
    errors, reasons = [], []
    allowed = tolerance(spec, controller)
    for metric in spec.metrics or (DEFAULT_METRIC,):
        try:
            measured[metric.label] = propose(metric, seen, allowed, controller)
        except NoMetric as error:
            errors.append(f"{metric.label}: {error}")
            reasons.append(metric.failure)
    winner, replicas = combine(measured, len(errors), seen.replicas)
    proposals = {name: one.replicas for name, one in measured.items()}
    decision = replace(decision, proposals=proposals, errors=tuple(errors), measured=measured)
    if replicas is None:
        decision = replace(decision, reason=reasons[0])
        return decision.with_condition("ScalingActive", reasons[0], holds=False), state
    decision = replace(decision, metric=winner)
    decision = decision.with_condition("ScalingActive", "ValidMetricFound")
    return _allow(spec, state, seen, controller, max(0, replicas), decision)


def _allow(
    spec: Spec,
    state: HpaState,
    seen: Seen,
    controller: Controller,
    wanted: int,
    decision: Decision,
) -> tuple[Decision, HpaState]:
    """Stabilise, then limit; each says so in a condition."""
    current, now_s, behavior = seen.replicas, seen.now_s, spec.behavior
    held = "ScaleDownStabilized"
    if behavior is None:
        stable, state = hpa_legacy.stabilize(controller, state, wanted, now_s)
        desired, limit = hpa_legacy.limit(spec, current, stable)
    else:
        held = "ScaleUpStabilized" if wanted >= current else held
        stable, state = hpa_behavior.stabilize(behavior, state, current, wanted, now_s)
        desired, limit = hpa_behavior.limit_rate(spec, behavior, state, current, stable, now_s)
    able = "ReadyForNewScale" if stable == wanted else held
    limited = desired != stable
    reason = able if stable != wanted and not limited else limit
    decision = replace(decision, desired=desired, reason=reason)
    decision = decision.with_condition("AbleToScale", able)
    return decision.with_condition("ScalingLimited", limit, holds=limited), state
