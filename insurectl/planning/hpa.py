"""The Kubernetes autoscaler as a function of (spec, state, pods, samples, now).

Rules, order of float operations and rounding are those of pkg/controller/podautoscaler in
Kubernetes 1.34, for Resource (Utilization) and Pods (AverageValue) metrics with a ``behavior``.
Samples are integers as in the controller: bytes for memory, thousandths for everything else.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal, TypeVar

from insurectl.records import Autoscaling, MetricTarget, ScalingPolicy, ScalingRules

TOLERANCE = 0.1
CPU_INITIALIZATION_S = 300.0
INITIAL_READINESS_DELAY_S = 30.0
MAX_REPLICAS = 2**31 - 1
T = TypeVar("T")
Phase = Literal["Pending", "Running", "Succeeded", "Failed"]


class NoMetric(Exception):
    """A metric gives no proposal this round; its text is the controller's reason."""


@dataclass(frozen=True, kw_only=True)
class Pod:
    """What the controller knows of one pod. ``ready`` None: it has no Ready condition."""

    name: str
    phase: Phase = "Running"
    ready: bool | None = True
    deleted: bool = False
    started_s: float | None = 0.0
    ready_changed_s: float = 0.0
    requests: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One pod's reading of one metric, taken over ``window_s`` up to ``at_s``."""

    value: int
    at_s: float = 0.0
    window_s: float = 60.0


@dataclass(frozen=True, kw_only=True)
class Recommendation:
    """What was wanted at a time, before stabilisation."""

    replicas: int
    at_s: float


@dataclass(frozen=True, kw_only=True)
class ScaleEvent:
    """A change that was made; ``outdated`` slots are written over."""

    change: int
    at_s: float
    outdated: bool = False


@dataclass(frozen=True, kw_only=True)
class HpaState:
    """What the controller remembers between two rounds; lost when it restarts."""

    recommendations: tuple[Recommendation, ...] = ()
    ups: tuple[ScaleEvent, ...] = ()
    downs: tuple[ScaleEvent, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One round. ``metric`` won among the proposals; ``reason`` is the controller's condition."""

    desired: int
    reason: str
    metric: str | None = None
    proposals: Mapping[str, int] = field(default_factory=dict)
    errors: tuple[str, ...] = ()


Samples = Mapping[str, Mapping[str, Sample]]  # metric name -> pod name -> sample


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


# ---- proposals: pods and samples -> replicas ----


def propose(
    metric: MetricTarget,
    spec: Autoscaling,
    current: int,
    pods: Sequence[Pod],
    samples: Mapping[str, Sample],
    now_s: float,
) -> int:
    """Replicas that this metric asks for; NoMetric when it can't say."""
    if not pods:
        raise NoMetric("no pods returned by selector")
    if not samples:
        raise NoMetric("no metrics returned")
    ready, unready, missing, ignored = group_pods(pods, samples, metric, now_s)
    left_out = unready | ignored
    known = {name: s.value for name, s in samples.items() if name not in left_out}
    requests = {pod.name: pod.requests[metric.name] for pod in pods if metric.name in pod.requests}
    if metric.kind == "Resource" and len(requests) < len(pods):
        raise NoMetric(f"missing request for {metric.name}")
    if not known:
        raise NoMetric("did not receive metrics for targeted pods")
    ratio = _ratio(metric, known, requests)
    up_with_unready = bool(unready) and ratio > 1.0
    if not up_with_unready and not missing:
        return current if _within(ratio, spec) else math.ceil(ratio * ready)
    if ratio != 1.0:
        known |= {name: _fill(metric, ratio, requests.get(name, 0)) for name in missing}
    if up_with_unready:
        known |= dict.fromkeys(unready, 0)
    refilled = _ratio(metric, known, requests)
    turned = (ratio < 1.0 < refilled) or (refilled < 1.0 < ratio)
    if _within(refilled, spec) or turned:
        return current
    wanted = math.ceil(refilled * len(known))
    against = (refilled < 1.0 and wanted > current) or (refilled > 1.0 and wanted < current)
    return current if against else wanted


def group_pods(
    pods: Sequence[Pod], samples: Mapping[str, Sample], metric: MetricTarget, now_s: float
) -> tuple[int, set[str], set[str], set[str]]:
    """How many are ready, and the names of the unready, the missing and the ignored."""
    ready, unready, missing, ignored = 0, set(), set(), set()
    for pod in pods:
        sample = samples.get(pod.name)
        if pod.deleted or pod.phase == "Failed":
            ignored.add(pod.name)
        elif pod.phase == "Pending":
            unready.add(pod.name)
        elif sample is None:
            missing.add(pod.name)
        elif (
            metric.kind == "Resource" and metric.name == "cpu" and _cpu_unready(pod, sample, now_s)
        ):
            unready.add(pod.name)
        else:
            ready += 1
    return ready, unready, missing, ignored


def _cpu_unready(pod: Pod, sample: Sample, now_s: float) -> bool:
    if pod.ready is None or pod.started_s is None:
        return True
    if pod.started_s + CPU_INITIALIZATION_S > now_s:
        return not pod.ready or sample.at_s < pod.ready_changed_s + sample.window_s
    never_ready = pod.started_s + INITIAL_READINESS_DELAY_S > pod.ready_changed_s
    return not pod.ready and never_ready


def _ratio(metric: MetricTarget, known: Mapping[str, int], requests: Mapping[str, int]) -> float:
    if metric.kind == "Pods":
        assert metric.average_value is not None
        return (sum(known.values()) // len(known)) / round(metric.average_value * 1000)
    assert metric.utilization_percent is not None
    both = [name for name in known if name in requests]
    asked = sum(requests[name] for name in both)
    if asked == 0:
        raise NoMetric("no metrics returned matched known pods")
    return (sum(known[name] for name in both) * 100 // asked) / metric.utilization_percent


def _fill(metric: MetricTarget, ratio: float, request: int) -> int:
    """A missing pod counts against the change: as if on target going down, as idle going up."""
    if ratio > 1.0:
        return 0
    if metric.kind == "Pods":
        return round((metric.average_value or 0) * 1000)
    return request * max(100, metric.utilization_percent or 0) // 100


def _within(ratio: float, spec: Autoscaling) -> bool:
    down = TOLERANCE if spec.scale_down.tolerance is None else spec.scale_down.tolerance
    up = TOLERANCE if spec.scale_up.tolerance is None else spec.scale_up.tolerance
    return (1.0 - down) <= ratio <= (1.0 + up)


# ---- behaviour: stabilisation first, then the rate ----


def stabilize(
    spec: Autoscaling, state: HpaState, current: int, wanted: int, now_s: float
) -> tuple[int, HpaState]:
    """Both windows act in each round; the unstabilised wish is what is remembered."""
    up_s, down_s = spec.scale_up.stabilization_window_s, spec.scale_down.stabilization_window_s
    lowest = highest = wanted
    slot = None
    for number, past in enumerate(state.recommendations):
        age_s = now_s - past.at_s
        if age_s < up_s:
            lowest = min(lowest, past.replicas)
        if age_s < down_s:
            highest = max(highest, past.replicas)
        if age_s > max(up_s, down_s):
            slot = number
    stable = current
    stable = max(stable, lowest)
    stable = min(stable, highest)
    new = Recommendation(replicas=wanted, at_s=now_s)
    return stable, replace(state, recommendations=_put(state.recommendations, slot, new))


def limit_rate(
    spec: Autoscaling, state: HpaState, current: int, stable: int, now_s: float
) -> tuple[int, str]:
    """At most what the policies allow, within min and max."""
    if stable > current:
        allowed = max(_allowed(spec.scale_up, state, current, now_s, up=True), current)
        reason = "ScaleUpLimit" if spec.max_replicas > allowed else "TooManyReplicas"
        ceiling = min(spec.max_replicas, allowed)
        return (ceiling, reason) if stable > ceiling else (stable, "DesiredWithinRange")
    if stable < current:
        allowed = min(_allowed(spec.scale_down, state, current, now_s, up=False), current)
        reason = "ScaleDownLimit" if spec.min_replicas < allowed else "TooFewReplicas"
        floor = max(spec.min_replicas, allowed)
        return (floor, reason) if stable < floor else (stable, "DesiredWithinRange")
    return stable, "DesiredWithinRange"


def _allowed(rules: ScalingRules, state: HpaState, current: int, now_s: float, *, up: bool) -> int:
    if rules.select_policy == "Disabled":
        return current
    limits = [_policy_limit(policy, state, current, now_s, up=up) for policy in rules.policies]
    biggest, smallest = (max, min) if up else (min, max)
    return biggest(limits) if rules.select_policy == "Max" else smallest(limits)


def _policy_limit(
    policy: ScalingPolicy, state: HpaState, current: int, now_s: float, *, up: bool
) -> int:
    def within(events: Sequence[ScaleEvent]) -> int:
        return sum(event.change for event in events if now_s - event.at_s < policy.period_s)

    start = current - within(state.ups) + within(state.downs)
    if policy.kind == "Pods":
        return start + policy.value if up else start - policy.value
    if up:
        return min(math.ceil(start * (1 + policy.value / 100)), MAX_REPLICAS)
    return math.trunc(start * (1 - policy.value / 100))


def store_event(
    spec: Autoscaling, state: HpaState, current: int, desired: int, now_s: float
) -> HpaState:
    """Remember a change that was made, in the slot of the last one past its use."""
    up = desired > current
    rules = spec.scale_up if up else spec.scale_down
    longest_s = max((policy.period_s for policy in rules.policies), default=0)
    events, slot = [], None
    for number, event in enumerate(state.ups if up else state.downs):
        outdated = now_s - event.at_s > longest_s
        events.append(replace(event, outdated=outdated))
        slot = number if outdated else slot
    new = ScaleEvent(change=abs(desired - current), at_s=now_s)
    stored = _put(tuple(events), slot, new)
    return replace(state, ups=stored) if up else replace(state, downs=stored)


def _put(items: tuple[T, ...], slot: int | None, new: T) -> tuple[T, ...]:
    return (*items, new) if slot is None else (*items[:slot], new, *items[slot + 1 :])
