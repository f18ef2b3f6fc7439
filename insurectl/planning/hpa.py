"""The Kubernetes autoscaler as a function of (spec, state, target, pods, samples, now).

Rules, order of float operations and rounding are those of pkg/controller/podautoscaler in
Kubernetes 1.34. What each metric asks for stands in ``hpa_metrics``, what ``behavior`` allows of
it in ``hpa_behavior`` (without one: ``hpa_legacy``), what both make of a round in ``hpa_round``,
and what can be asked in ``hpa_spec``.
"""

from collections.abc import Sequence
from dataclasses import replace

from insurectl.errors import BadInput
from insurectl.planning import hpa_behavior
from insurectl.planning.hpa_behavior import HpaState, Recommendation
from insurectl.planning.hpa_decision import Decision, able, active
from insurectl.planning.hpa_metrics import Samples, Seen, Selector
from insurectl.planning.hpa_pods import Pod, Sample
from insurectl.planning.hpa_round import by_metrics
from insurectl.planning.hpa_spec import KUBERNETES, Controller, Spec, spec_of
from insurectl.records import Autoscaling

__all__ = ["Decision", "HpaState", "Pod", "Sample", "Samples", "decide", "store_event", "unread"]


def decide(
    spec: Autoscaling | Spec,
    state: HpaState,
    *,
    current: int,
    pods: Sequence[Pod],
    samples: Samples,
    now_s: float,
    status_replicas: int | None = None,
    selector: Selector = "valid",
    controller: Controller = KUBERNETES,
    writable: bool = True,
) -> tuple[Decision, HpaState]:
    """One reconcile. ``current`` is ``spec.replicas`` of the target, ``status_replicas`` its
    status (None: the same); not ``writable``: the API server refuses the new count."""
    status = current if status_replicas is None else status_replicas
    if min(current, status) < 0:
        raise BadInput(f"the target has {min(current, status)} replicas; give 0 or more")
    spec = _full(spec)
    seen = Seen(
        replicas=current, status_replicas=status, pods=pods, samples=samples, now_s=now_s,
        selector=selector,
    )  # fmt: skip
    if not state.recommendations:
        state = replace(state, recommendations=(Recommendation(replicas=current, at_s=now_s),))
    decision, state = _wish(spec, state, seen, controller)
    if decision.desired == current:
        return decision, state
    if not writable:
        held = replace(decision, desired=current, reason="FailedUpdateScale")
        return held.instead(able("FailedUpdateScale", holds=False)), state
    state = store_event(spec, state, current, decision.desired, now_s)
    return decision.instead(able("SucceededRescale")), state


def unread(desired: int) -> Decision:
    """A round in which the target's scale could not be read; ``desired`` stays what it was."""
    unable = able("FailedGetScale", holds=False)
    return Decision(desired=desired, reason=unable.reason, conditions=(unable,))


def store_event(
    spec: Autoscaling | Spec, state: HpaState, current: int, desired: int, now_s: float
) -> HpaState:
    """Remember a change that was made."""
    return hpa_behavior.store_event(_full(spec).behavior, state, current, desired, now_s)


def _full(spec: Autoscaling | Spec) -> Spec:
    return spec if isinstance(spec, Spec) else spec_of(spec)


def _wish(
    spec: Spec, state: HpaState, seen: Seen, controller: Controller
) -> tuple[Decision, HpaState]:
    """Out of range, nothing is measured, stabilised, limited or remembered."""
    current, read = seen.replicas, able("SucceededGetScale")
    if current == 0 and spec.min_replicas != 0:
        off = active("ScalingDisabled", holds=False)
        return Decision(desired=0, reason=off.reason, conditions=(read, off)), state
    if current > spec.max_replicas:
        desired, reason = spec.max_replicas, "TooManyReplicas"
    elif current < spec.min_replicas:
        desired, reason = spec.min_replicas, "TooFewReplicas"
    else:
        return by_metrics(spec, state, seen, controller)
    return Decision(desired=desired, reason=reason, conditions=(read,)), state
