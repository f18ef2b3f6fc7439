"""The autoscaler's second half: a wish for replicas -> what ``behavior`` allows of it.

Stabilisation first, then the rate, as in horizontal.go of Kubernetes 1.34.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TypeVar

from insurectl.records import Autoscaling, ScalingPolicy, ScalingRules

MAX_REPLICAS = 2**31 - 1
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
