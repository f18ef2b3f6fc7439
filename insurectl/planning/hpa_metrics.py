"""The autoscaler's first half: pods and samples -> the replicas that one metric asks for.

Order of float operations and rounding are those of replica_calculator.go in Kubernetes 1.34.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Literal, assert_never

from insurectl.planning.hpa_numbers import (
    MAX_INT32,
    MAX_INT64,
    ceil,
    divide,
    int32,
    int64,
    quotient,
    wrap32,
    wrap64,
)
from insurectl.planning.hpa_pods import (
    Groups,
    NoMetric,
    Pod,
    Sample,
    group_pods,
    ready_pods,
    request_milli,
)
from insurectl.planning.hpa_spec import KUBERNETES, Controller, Metric, Tolerance

TOLERANCE = KUBERNETES.tolerance
Samples = Mapping[str, Mapping[str, Sample]]  # metric -> pod (or object, or series) -> sample
Selector = Literal["valid", "missing", "unparsable", "ambiguous"]


@dataclass(frozen=True, kw_only=True)
class Seen:
    """What a round begins with. ``replicas`` is the target's ``spec``, ``status_replicas`` what
    its status says; ``ambiguous``: another autoscaler selects the same pods."""

    replicas: int
    status_replicas: int
    pods: Sequence[Pod]
    samples: Samples
    now_s: float
    selector: Selector = "valid"


@dataclass(frozen=True, kw_only=True)
class Proposal:
    """What one metric asks for, and where it was found: thousandths, for utilisation of a pod's
    mean use."""

    replicas: int
    value_milli: int
    utilization_percent: int | None = None


@dataclass(frozen=True, kw_only=True)
class _Measured:
    ratio: float
    value_milli: int
    utilization_percent: int | None = None


_Measure = Callable[[Mapping[str, int]], _Measured]


def propose(metric: Metric, seen: Seen, tolerance: Tolerance, controller: Controller) -> Proposal:
    """NoMetric when it can't say."""
    match metric.kind:
        case "Resource" | "ContainerResource" | "Pods":
            return _by_pods(metric, seen, tolerance, controller)
        case "Object" | "External":
            total = _total_milli(metric, seen.samples.get(metric.label, {}))
            if metric.average_milli is not None:
                return _by_total_a_pod(metric, metric.average_milli, total, seen, tolerance)
            assert metric.value_milli is not None
            return _by_total(metric.value_milli, total, seen, tolerance)
        case "Unknown":
            raise NoMetric(f"{metric.label}: a kind of metric that this controller does not know")
    assert_never(metric.kind)


def _by_pods(metric: Metric, seen: Seen, tolerance: Tolerance, controller: Controller) -> Proposal:
    samples = seen.samples.get(metric.label, {})
    if not samples:
        raise NoMetric("no metrics returned")
    if not seen.pods:
        raise NoMetric("no pods returned by selector")
    groups = group_pods(seen.pods, samples, metric, seen.now_s, controller)
    left_out = groups.unready | groups.ignored
    unit = metric.unit_milli
    known = {name: one.value * unit for name, one in samples.items() if name not in left_out}
    if not known:
        raise NoMetric("did not receive metrics for targeted pods")
    measure, on_target = _scale_of(metric, seen.pods, controller)
    first = measure(known)
    return Proposal(
        replicas=_replicas(first.ratio, known, groups, measure, on_target, seen, tolerance),
        value_milli=first.value_milli,
        utilization_percent=first.utilization_percent,
    )


def _scale_of(
    metric: Metric, pods: Sequence[Pod], controller: Controller
) -> tuple[_Measure, Callable[[str], int]]:
    """How samples are measured, and what a pod without one is taken to use on a scale-down."""
    target = metric.average_milli
    if target is not None:
        return partial(_average, target_milli=target), lambda _: target
    percent = metric.utilization_percent
    assert percent is not None
    requests = {pod.name: request_milli(pod, metric, controller) for pod in pods}
    return (
        partial(_utilization, requests=requests, target_percent=percent),
        lambda pod: quotient(wrap64(requests[pod] * max(100, percent)), 100),
    )


def _replicas(
    ratio: float,
    known: Mapping[str, int],
    groups: Groups,
    measure: _Measure,
    on_target: Callable[[str], int],
    seen: Seen,
    tolerance: Tolerance,
) -> int:
    """A pod that tells nothing counts against the change; it must not turn it round."""
    up_with_unready = bool(groups.unready) and ratio > 1.0
    if not up_with_unready and not groups.missing:
        within = tolerance.covers(ratio)
        return seen.replicas if within else int32(ceil(ratio * float(groups.counted)))
    supposed = dict(known)
    if ratio < 1.0:
        supposed |= {name: on_target(name) for name in groups.missing}
    elif ratio > 1.0:
        supposed |= dict.fromkeys(groups.missing, 0)
    if up_with_unready:
        supposed |= dict.fromkeys(groups.unready, 0)
    again = measure(supposed).ratio
    turned = (ratio < 1.0 < again) or (again < 1.0 < ratio)
    if tolerance.covers(again) or turned:
        return seen.replicas
    wanted = int32(ceil(again * float(len(supposed))))
    against = (again < 1.0 and wanted > seen.replicas) or (again > 1.0 and wanted < seen.replicas)
    return seen.replicas if against else wanted


def _utilization(
    used: Mapping[str, int], *, requests: Mapping[str, int], target_percent: int
) -> _Measured:
    both = [name for name in used if name in requests]
    asked = wrap64(sum(requests[name] for name in both))
    if asked == 0:
        raise NoMetric("no metrics returned matched known pods")
    total = wrap64(sum(used[name] for name in both))
    percent = wrap32(quotient(wrap64(total * 100), asked))
    return _Measured(
        ratio=float(percent) / float(target_percent),
        value_milli=quotient(total, len(both)),
        utilization_percent=percent,
    )


def _average(used: Mapping[str, int], *, target_milli: int) -> _Measured:
    average = quotient(wrap64(sum(used.values())), len(used))
    return _Measured(ratio=float(average) / float(target_milli), value_milli=average)


def _total_milli(metric: Metric, samples: Mapping[str, Sample]) -> int:
    """An object has one value; an external metric's series are summed up, and what overflows (or
    is negative) is the most there is where the target is for each pod, but wraps where not."""
    if not samples:
        raise NoMetric("no metrics returned")
    if metric.kind == "Object":
        return next(iter(samples.values())).value
    total = 0
    for sample in samples.values():
        total = wrap64(total + sample.value)
        if metric.average_milli is not None and total < 0:
            return MAX_INT64
    return total


def _by_total(target_milli: int, total: int, seen: Seen, tolerance: Tolerance) -> Proposal:
    """From none there is no tolerance, and no pod to multiply with."""
    ratio = float(total) / float(target_milli)
    if seen.replicas == 0:
        return Proposal(replicas=int32(ceil(ratio)), value_milli=total)
    if tolerance.covers(ratio):
        return Proposal(replicas=seen.replicas, value_milli=total)
    if not seen.pods:
        raise NoMetric("no pods returned by selector")
    wanted = int32(ceil(ratio * float(ready_pods(seen.pods))))
    return Proposal(replicas=wanted, value_milli=total)


def _by_total_a_pod(
    metric: Metric, target_milli: int, total: int, seen: Seen, tolerance: Tolerance
) -> Proposal:
    """The replicas of the status count here, and only an external metric is kept in bounds."""
    replicas = seen.status_replicas
    external = metric.kind == "External"
    if not tolerance.covers(divide(float(total), float(target_milli) * float(replicas))):
        wanted = ceil(float(total) / float(target_milli))
        replicas = MAX_INT32 if external and wanted > MAX_INT32 else int32(wanted)
    if external and float(total) >= float(MAX_INT64):
        return Proposal(replicas=replicas, value_milli=MAX_INT64)
    mean = ceil(divide(float(total), float(seen.status_replicas)))
    return Proposal(replicas=replicas, value_milli=int64(mean))
