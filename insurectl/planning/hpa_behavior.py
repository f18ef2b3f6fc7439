"""The autoscaler's second half: a wish for replicas -> what ``behavior`` allows of it.

Stabilisation first, then the rate, as in horizontal.go of Kubernetes 1.34.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeVar

from insurectl.planning.hpa_numbers import MAX_INT32, MIN_INT32, ceil, int32, wrap32
from insurectl.planning.hpa_spec import Behavior, Spec
from insurectl.records import ScalingPolicy, ScalingRules

Limit = Literal[
    "DesiredWithinRange", "ScaleUpLimit", "ScaleDownLimit", "TooManyReplicas", "TooFewReplicas"
]
T = TypeVar("T")


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


def stabilize(
    behavior: Behavior, state: HpaState, current: int, wanted: int, now_s: float
) -> tuple[int, HpaState]:
    """Both windows act in each round; the unstabilised wish is what is remembered."""
    up_s = behavior.scale_up.stabilization_window_s
    down_s = behavior.scale_down.stabilization_window_s
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
    return stable, remember(state, slot, wanted, now_s)


def remember(state: HpaState, slot: int | None, wanted: int, now_s: float) -> HpaState:
    """In the slot of one that no window reaches any more, or at the end."""
    new = Recommendation(replicas=wanted, at_s=now_s)
    return replace(state, recommendations=_put(state.recommendations, slot, new))


def limit_rate(
    spec: Spec, behavior: Behavior, state: HpaState, current: int, stable: int, now_s: float
) -> tuple[int, Limit]:
    """At most what the policies allow, within min and max."""
    if stable > current:
        allowed = max(_allowed(behavior.scale_up, state, current, now_s, up=True), current)
        ceiling = min(spec.max_replicas, allowed)
        if stable > ceiling:
            return ceiling, "ScaleUpLimit" if spec.max_replicas > allowed else "TooManyReplicas"
    elif stable < current:
        allowed = min(_allowed(behavior.scale_down, state, current, now_s, up=False), current)
        floor = max(spec.min_replicas, allowed)
        if stable < floor:
            return floor, "ScaleDownLimit" if spec.min_replicas < allowed else "TooFewReplicas"
    return stable, "DesiredWithinRange"


def _allowed(rules: ScalingRules, state: HpaState, current: int, now_s: float, *, up: bool) -> int:
    if rules.select_policy == "Disabled":
        return current
    limits = [_policy_limit(policy, state, current, now_s, up=up) for policy in rules.policies]
    if up == (rules.select_policy == "Max"):
        return max(limits, default=MIN_INT32)
    return min(limits, default=MAX_INT32)


def _policy_limit(
    policy: ScalingPolicy, state: HpaState, current: int, now_s: float, *, up: bool
) -> int:
    """A percentage is rounded against the change on the way down, for it on the way up; a value
    near the most that an int32 holds overflows, and then nothing is allowed."""

    def within(events: Sequence[ScaleEvent]) -> int:
        return sum(event.change for event in events if now_s - event.at_s < policy.period_s)

    start = wrap32(current - within(state.ups) + within(state.downs))
    if policy.kind == "Pods":
        return wrap32(start + policy.value if up else start - policy.value)
    share = float(policy.value) / 100
    return int32(ceil(float(start) * (1 + share))) if up else int32(float(start) * (1 - share))


def store_event(
    behavior: Behavior | None, state: HpaState, current: int, desired: int, now_s: float
) -> HpaState:
    """Remember a change that was made, in the slot of the last one past its use. Without
    ``behavior`` nothing would ever read it."""
    if behavior is None:
        return state
    up = desired > current
    rules = behavior.scale_up if up else behavior.scale_down
    longest_s = max((policy.period_s for policy in rules.policies), default=0)
    events, slot = [], None
    for number, event in enumerate(state.ups if up else state.downs):
        outdated = event.outdated or now_s - event.at_s > longest_s
        events.append(replace(event, outdated=outdated))
        slot = number if outdated else slot
    new = ScaleEvent(change=abs(desired - current), at_s=now_s)
    stored = _put(tuple(events), slot, new)
    return replace(state, ups=stored) if up else replace(state, downs=stored)


def _put(items: tuple[T, ...], slot: int | None, new: T) -> tuple[T, ...]:
    return (*items, new) if slot is None else (*items[:slot], new, *items[slot + 1 :])
