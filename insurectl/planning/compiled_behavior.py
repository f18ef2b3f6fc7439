"""``hpa``, ``hpa_behavior`` and ``hpa_legacy``, compiled: a round of the autoscaler as a whole.

What it remembers lies in arrays that ``Log`` describes, in the order in which the controller has
it; they are written in place.
"""

from typing import NamedTuple

import numpy as np

from insurectl.planning.compiled import compiled
from insurectl.planning.compiled_metrics import (
    BEHAVIOR,
    DOWN_COUNT,
    DOWN_SELECT,
    DOWN_WINDOW,
    LEAST,
    LEGACY_WINDOW,
    MAX_INT32,
    METRICS,
    MIN_INT32,
    MOST,
    UP_COUNT,
    UP_SELECT,
    UP_WINDOW,
    Flags,
    Floats,
    Ints,
    Moment,
    Rules,
    Seen,
    int32,
    propose,
    wrap32,
)

SELECT_MAX, SELECT_MIN, SELECT_NONE = 0, 1, 2
NO_PROPOSAL = -(2**63)
UP, DOWN = 0, 1
FACTOR, AT_LEAST = 2.0, 4.0  # the limit without ``behavior``


class Log(NamedTuple):
    """What is remembered: ``lengths`` [recommendations, ups, downs]; wishes with their times (s);
    changes (up and down, event) with their times and whether they are outdated."""

    lengths: Ints
    wished: Ints
    wished_at: Floats
    changes: Ints
    changed_at: Floats
    outdated: Flags


@compiled
def remember(log: Log, slot: int, wanted: int, now_s: float) -> None:
    if slot < 0:
        slot = log.lengths[0]
        log.lengths[0] += 1
    log.wished[slot] = wanted
    log.wished_at[slot] = now_s


@compiled
def stabilized(rules: Rules, log: Log, current: int, wanted: int, now_s: float) -> int:
    """By both windows of ``behavior``."""
    up_s, down_s = rules.head[UP_WINDOW], rules.head[DOWN_WINDOW]
    lowest = highest = wanted
    slot = -1
    for number in range(log.lengths[0]):
        age_s = now_s - log.wished_at[number]
        if age_s < up_s:
            lowest = min(lowest, log.wished[number])
        if age_s < down_s:
            highest = max(highest, log.wished[number])
        if age_s > max(up_s, down_s):
            slot = number
    remember(log, slot, wanted, now_s)
    return min(max(current, lowest), highest)


@compiled
def stabilized_without(rules: Rules, log: Log, wanted: int, now_s: float) -> int:
    """By the controller's own window, only down."""
    highest, slot = wanted, -1
    for number in range(log.lengths[0]):
        if now_s - log.wished_at[number] > rules.floats[LEGACY_WINDOW]:
            slot = number
        else:
            highest = max(highest, log.wished[number])
    remember(log, slot, wanted, now_s)
    return highest


@compiled
def within(log: Log, way: int, period_s: int, now_s: float) -> int:
    changed = 0
    for number in range(log.lengths[1 + way]):
        if now_s - log.changed_at[way, number] < period_s:
            changed += log.changes[way, number]
    return changed


@compiled
def policy_limit(rules: Rules, log: Log, way: int, number: int, current: int, now_s: float) -> int:
    value, period_s = rules.policies[way, number, 1], rules.policies[way, number, 2]
    changed = within(log, DOWN, period_s, now_s) - within(log, UP, period_s, now_s)
    start = wrap32(current + changed)
    if not rules.policies[way, number, 0]:
        return wrap32(start + value if way == UP else start - value)
    share = float(value) / 100
    if way == UP:
        return int32(np.ceil(float(start) * (1 + share)))
    return int32(float(start) * (1 - share))


@compiled
def allowed(rules: Rules, log: Log, way: int, current: int, now_s: float) -> int:
    select = rules.head[UP_SELECT if way == UP else DOWN_SELECT]
    if select == SELECT_NONE:
        return current
    highest = (way == UP) == (select == SELECT_MAX)
    limit = MIN_INT32 if highest else MAX_INT32
    for number in range(rules.head[UP_COUNT if way == UP else DOWN_COUNT]):
        one = policy_limit(rules, log, way, number, current, now_s)
        limit = max(limit, one) if highest else min(limit, one)
    return limit


@compiled
def limited(rules: Rules, log: Log, current: int, stable: int, now_s: float) -> int:
    if stable > current:
        highest = max(allowed(rules, log, UP, current, now_s), current)
        return int(min(stable, rules.head[MOST], highest))
    if stable < current:
        lowest = min(allowed(rules, log, DOWN, current, now_s), current)
        return int(max(stable, rules.head[LEAST], lowest))
    return stable


@compiled
def limited_without(rules: Rules, current: int, stable: int) -> int:
    highest = int32(max(FACTOR * float(current), AT_LEAST))
    if stable < rules.head[LEAST]:
        return int(rules.head[LEAST])
    return int(min(stable, rules.head[MOST], highest))


@compiled
def store_event(rules: Rules, log: Log, current: int, desired: int, now_s: float) -> None:
    """Nothing without ``behavior``."""
    if not rules.head[BEHAVIOR]:
        return
    way = UP if desired > current else DOWN
    longest_s = 0
    for number in range(rules.head[UP_COUNT if way == UP else DOWN_COUNT]):
        longest_s = max(longest_s, rules.policies[way, number, 2])
    slot = -1
    for number in range(log.lengths[1 + way]):
        if now_s - log.changed_at[way, number] > longest_s:
            log.outdated[way, number] = True
        if log.outdated[way, number]:
            slot = number
    if slot < 0:
        slot = log.lengths[1 + way]
        log.lengths[1 + way] += 1
    log.changes[way, slot] = abs(desired - current)
    log.changed_at[way, slot] = now_s
    log.outdated[way, slot] = False


@compiled
def wished(rules: Rules, seen: Seen, at: Moment, proposals: Ints) -> tuple[bool, int]:
    """Whether anything may be decided, and the most that any metric asks for; a 0 counts as
    unset. Writes what each asks for (NO_PROPOSAL: nothing)."""
    most, some, failed = 0, False, False
    for metric in range(rules.head[METRICS]):
        found, replicas = propose(rules, metric, seen, at)
        proposals[metric] = replicas if found else NO_PROPOSAL
        if not found:
            failed = True
            continue
        some = True
        if most == 0 or replicas > most:
            most = replicas
    return some and not (failed and most < at.replicas), most


@compiled
def wanted_of(rules: Rules, log: Log, seen: Seen, at: Moment, proposals: Ints) -> int:
    current = at.replicas
    if current == 0 and rules.head[LEAST] != 0:
        return 0
    if current > rules.head[MOST]:
        return int(rules.head[MOST])
    if current < rules.head[LEAST]:
        return int(rules.head[LEAST])
    found, wanted = wished(rules, seen, at, proposals)
    if not found:
        return current
    wanted = max(0, wanted)
    if rules.head[BEHAVIOR]:
        stable = stabilized(rules, log, current, wanted, at.now_s)
        return limited(rules, log, current, stable, at.now_s)
    stable = stabilized_without(rules, log, wanted, at.now_s)
    return limited_without(rules, current, stable)


@compiled
def decide(rules: Rules, log: Log, seen: Seen, at: Moment, proposals: Ints) -> int:
    """One reconcile: the replicas from now on."""
    if log.lengths[0] == 0:
        remember(log, -1, at.replicas, at.now_s)
    proposals[:] = NO_PROPOSAL
    desired = wanted_of(rules, log, seen, at, proposals)
    if desired != at.replicas:
        store_event(rules, log, at.replicas, desired, at.now_s)
    return desired


PARTS = (
    remember, stabilized, stabilized_without, within, policy_limit, allowed, limited,
    limited_without, store_event, wished, wanted_of, decide,
)  # fmt: skip
