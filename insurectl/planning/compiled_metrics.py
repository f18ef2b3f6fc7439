"""``hpa_metrics`` and ``hpa_pods``, compiled: pods and samples -> the replicas a metric asks for.

The same order of operations and the same rounding as there; tests play both. Arrays are described
in ``Rules`` and ``Seen``; int64 wraps by itself, as Go's does.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from insurectl.planning.compiled import compiled

Floats = NDArray[np.float64]
Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

MAX_INT32, MIN_INT32, MAX_INT64 = 2**31 - 1, -(2**31), 2**63 - 1
# a metric's columns, and what its shape can be
SHAPE, IS_CPU, UNIT, TARGET, EXTERNAL, SIGNAL, METRIC_COLUMNS = 0, 1, 2, 3, 4, 5, 6
UTILIZATION, AVERAGE, TOTAL, TOTAL_A_POD, UNKNOWN = 0, 1, 2, 3, 4
# columns of ``Rules.head``
(LEAST, MOST, BEHAVIOR, UP_WINDOW, DOWN_WINDOW, UP_SELECT, DOWN_SELECT, UP_COUNT, DOWN_COUNT,
 METRICS, DISTANCE, HEAD_COLUMNS) = range(12)  # fmt: skip
# columns of ``Rules.floats``
DOWN_TOLERANCE, UP_TOLERANCE, LEGACY_WINDOW, CPU_INIT, READINESS, FLOAT_COLUMNS = range(6)
NO_REQUEST = -1
# a pod's phase; ignored: being deleted, or failed (which is never READY then)
IGNORED, PENDING, RUNNING, SUCCEEDED = 0, 1, 2, 3
NOT_READY, READY, READY_UNKNOWN, NO_CONDITION = 0, 1, 2, 3
COUNTED, UNREADY, MISSING, LEFT_OUT = 0, 1, 2, 3


class Rules(NamedTuple):
    """One autoscaler: ``head`` (HEAD_COLUMNS), ``metrics`` (metric, METRIC_COLUMNS), ``policies``
    (up and down, policy, [percent?, value, period in s]), ``floats`` (FLOAT_COLUMNS)."""

    head: Ints
    metrics: Ints
    policies: Ints
    floats: Floats


class Seen(NamedTuple):
    """What a round begins with. ``pods`` (pod, [phase, ready]), ``times`` (pod, [started, ready
    changed], s; NaN: not started), ``requests`` (metric, pod; thousandths, NO_REQUEST: none),
    ``values`` and ``has`` (metric, series), ``looked`` (metric, series, [at, window], s). The first
    series are those of the pods, in their order; ``alike`` (pod): how many pods in all of which
    that is true; ``groups`` (pod) is room to work in."""

    pods: Ints
    times: Floats
    requests: Ints
    values: Ints
    has: Flags
    looked: Floats
    alike: Ints
    groups: Ints


class Moment(NamedTuple):
    """``replicas`` and ``status`` of the target; how many kinds of pods, and series; the time."""

    replicas: int
    status: int
    pods: int
    series: int
    now_s: float


@compiled
def wrap32(value: int) -> int:
    low = value & 0xFFFFFFFF
    return low - 0x100000000 if low >= 0x80000000 else low


@compiled
def quotient(dividend: int, divisor: int) -> int:
    if divisor == -1:  # the lowest int64 divided by it traps
        return -dividend
    whole = dividend // divisor
    if whole < 0 and whole * divisor != dividend:
        whole += 1
    return whole


@compiled
def int32(value: float) -> int:
    return int(value) if MIN_INT32 - 1.0 < value < MAX_INT32 + 1.0 else MIN_INT32


@compiled
def covers(rules: Rules, ratio: float) -> bool:
    down, up = rules.floats[DOWN_TOLERANCE], rules.floats[UP_TOLERANCE]
    if rules.head[DISTANCE]:
        return bool(abs(1.0 - ratio) <= (up if ratio > 1.0 else down))
    return bool(1.0 - down <= ratio <= 1.0 + up)


@compiled
def still_starting(rules: Rules, metric: int, seen: Seen, pod: int, now_s: float) -> bool:
    ready, started, changed = seen.pods[pod, 1], seen.times[pod, 0], seen.times[pod, 1]
    if ready == NO_CONDITION or np.isnan(started):
        return True
    if started + rules.floats[CPU_INIT] > now_s:
        at_s, window_s = seen.looked[metric, pod, 0], seen.looked[metric, pod, 1]
        return bool(ready == NOT_READY or at_s < changed + window_s)
    return bool(ready == NOT_READY and started + rules.floats[READINESS] > changed)


@compiled
def group(rules: Rules, metric: int, seen: Seen, at: Moment) -> tuple[int, int, int]:
    """How many count, are unready, are missing."""
    counted = unready = missing = 0
    is_cpu = rules.metrics[metric, IS_CPU] != 0
    for pod in range(at.pods):
        if seen.pods[pod, 0] == IGNORED:
            seen.groups[pod] = LEFT_OUT
        elif seen.pods[pod, 0] == PENDING:
            seen.groups[pod] = UNREADY
            unready += seen.alike[pod]
        elif not seen.has[metric, pod]:
            seen.groups[pod] = MISSING
            missing += seen.alike[pod]
        elif is_cpu and still_starting(rules, metric, seen, pod, at.now_s):
            seen.groups[pod] = UNREADY
            unready += seen.alike[pod]
        else:
            seen.groups[pod] = COUNTED
            counted += seen.alike[pod]
    return counted, unready, missing


@compiled
def measured(shape: int, target: int, total: int, asked: int, count: int) -> tuple[bool, float]:
    """Whether it can be, and the ratio to the target."""
    if shape == AVERAGE:
        return True, float(quotient(total, count)) / float(target)
    if asked == 0:
        return False, 0.0
    return True, float(wrap32(quotient(total * 100, asked))) / float(target)


@compiled
def can_be_asked(rules: Rules, metric: int, seen: Seen, at: Moment) -> bool:
    """Whether there are samples, pods, and where it matters requests of all pods."""
    sampled = False
    for series in range(at.series):
        sampled = sampled or seen.has[metric, series]
    if not sampled or at.pods == 0:
        return False
    if rules.metrics[metric, SHAPE] == UTILIZATION:
        for pod in range(at.pods):
            if seen.requests[metric, pod] == NO_REQUEST:
                return False
    return True


@compiled
def known(rules: Rules, metric: int, seen: Seen, at: Moment) -> tuple[int, int, int]:
    """Use (thousandths), requests, and number of the samples that count; one of a pod that nobody
    knows has no request, so it is left out where use is measured against requests."""
    shape, unit = rules.metrics[metric, SHAPE], rules.metrics[metric, UNIT]
    total = asked = count = 0
    for series in range(at.series):
        if not seen.has[metric, series]:
            continue
        is_pod = series < at.pods
        if is_pod and seen.groups[series] != COUNTED:
            continue
        alike = seen.alike[series] if is_pod else 1
        count += alike
        if is_pod:
            asked += seen.requests[metric, series] * alike
        if is_pod or shape == AVERAGE:
            total += seen.values[metric, series] * unit * alike
    return total, asked, count


@compiled
def by_pods(rules: Rules, metric: int, seen: Seen, at: Moment) -> tuple[bool, int]:
    if not can_be_asked(rules, metric, seen, at):
        return False, 0
    counted, unready, missing = group(rules, metric, seen, at)
    total, asked, count = known(rules, metric, seen, at)
    if count == 0:
        return False, 0
    shape, target = rules.metrics[metric, SHAPE], rules.metrics[metric, TARGET]
    found, ratio = measured(shape, target, total, asked, count)
    if not found:
        return False, 0
    up_with_unready = unready > 0 and ratio > 1.0
    if up_with_unready or missing > 0:
        return supposed(rules, metric, seen, at, (total, asked, count), ratio)
    if covers(rules, ratio):
        return True, at.replicas
    return True, int32(np.ceil(ratio * float(counted)))


@compiled
def supposed(
    rules: Rules,
    metric: int,
    seen: Seen,
    at: Moment,
    sums: tuple[int, int, int],
    ratio: float,
) -> tuple[bool, int]:
    """Again, with the pods that tell nothing: they count against the change."""
    total, asked, count = sums
    shape, target = rules.metrics[metric, SHAPE], rules.metrics[metric, TARGET]
    for pod in range(at.pods):
        silent = seen.groups[pod] == MISSING and ratio != 1.0
        if silent or (seen.groups[pod] == UNREADY and ratio > 1.0):
            request, alike = seen.requests[metric, pod], seen.alike[pod]
            asked += request * alike
            count += alike
            if silent and ratio < 1.0:
                use = target if shape == AVERAGE else quotient(request * max(100, target), 100)
                total += use * alike
    found, again = measured(shape, target, total, asked, count)
    if not found:
        return False, 0
    turned = (ratio < 1.0 and again > 1.0) or (again < 1.0 and ratio > 1.0)
    if covers(rules, again) or turned:
        return True, at.replicas
    wanted = int32(np.ceil(again * float(count)))
    against = (again < 1.0 and wanted > at.replicas) or (again > 1.0 and wanted < at.replicas)
    return True, at.replicas if against else wanted


@compiled
def total_milli(rules: Rules, metric: int, seen: Seen, at: Moment) -> tuple[bool, int]:
    found, total = False, 0
    for series in range(at.series):
        if not seen.has[metric, series]:
            continue
        if not rules.metrics[metric, EXTERNAL]:
            return True, seen.values[metric, series]
        found = True
        total += seen.values[metric, series]
        if rules.metrics[metric, SHAPE] == TOTAL_A_POD and total < 0:
            return True, MAX_INT64
    return found, total


@compiled
def by_total(rules: Rules, metric: int, seen: Seen, at: Moment) -> tuple[bool, int]:
    found, total = total_milli(rules, metric, seen, at)
    if not found:
        return False, 0
    ratio = float(total) / float(rules.metrics[metric, TARGET])
    if at.replicas == 0:
        return True, int32(np.ceil(ratio))
    if covers(rules, ratio):
        return True, at.replicas
    ready = 0
    for pod in range(at.pods):
        phase = seen.pods[pod, 0]  # those that go away count here
        if seen.pods[pod, 1] == READY and phase in (RUNNING, IGNORED):
            ready += seen.alike[pod]
    if at.pods == 0:
        return False, 0
    return True, int32(np.ceil(ratio * float(ready)))


@compiled
def by_total_a_pod(rules: Rules, metric: int, seen: Seen, at: Moment) -> tuple[bool, int]:
    found, total = total_milli(rules, metric, seen, at)
    if not found:
        return False, 0
    target = float(rules.metrics[metric, TARGET])
    if covers(rules, float(total) / (target * float(at.status))):
        return True, at.status
    wanted = np.ceil(float(total) / target)
    if rules.metrics[metric, EXTERNAL] and wanted > MAX_INT32:
        return True, MAX_INT32
    return True, int32(wanted)


@compiled
def propose(rules: Rules, metric: int, seen: Seen, at: Moment) -> tuple[bool, int]:
    """Whether the metric can say, and the replicas that it asks for."""
    shape = rules.metrics[metric, SHAPE]
    if shape in (UTILIZATION, AVERAGE):
        return by_pods(rules, metric, seen, at)
    if shape == TOTAL:
        return by_total(rules, metric, seen, at)
    if shape == TOTAL_A_POD:
        return by_total_a_pod(rules, metric, seen, at)
    return False, 0


PARTS = (
    wrap32, quotient, int32, covers, still_starting, group, measured, can_be_asked, known,
    supposed, by_pods, total_milli, by_total, by_total_a_pod, propose,
)  # fmt: skip
