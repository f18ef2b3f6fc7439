"""A round of the autoscaler whose target is within its range: metrics -> replicas."""

from dataclasses import replace

from insurectl.planning import hpa_behavior, hpa_legacy
from insurectl.planning.hpa_behavior import HpaState
from insurectl.planning.hpa_decision import Decision, able, active, combine, limited
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
    spec: Spec, state: HpaState, seen: Seen, controller: Controller
) -> tuple[Decision, HpaState]:
    """Where a metric fails and the others would go down, nothing is changed or remembered."""
    if seen.selector != "valid":
        return _inactive(UNSELECTABLE[seen.selector], seen), state
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
    if replicas is None:
        decision = _inactive(reasons[0], seen)
    else:
        decision, state = _allow(spec, state, seen, controller, max(0, replicas))
    found = replace(
        decision,
        metric=None if replicas is None else winner,
        proposals={name: one.replicas for name, one in measured.items()},
        errors=tuple(errors),
        measured=measured,
    )
    return found, state


def _inactive(reason: str, seen: Seen) -> Decision:
    conditions = (able("SucceededGetScale"), active(reason, holds=False))
    return Decision(desired=seen.replicas, reason=reason, conditions=conditions)


def _allow(
    spec: Spec, state: HpaState, seen: Seen, controller: Controller, wanted: int
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
    ready = "ReadyForNewScale" if stable == wanted else held
    conditions = (able(ready), active("ValidMetricFound"), limited(limit, holds=desired != stable))
    reason = ready if stable != wanted and desired == stable else limit
    return Decision(desired=desired, reason=reason, conditions=conditions), state
