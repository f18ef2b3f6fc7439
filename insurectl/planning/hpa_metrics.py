"""The autoscaler's first half: pods and their samples -> the replicas that one metric asks for.

Order of float operations and rounding are those of replica_calculator.go in Kubernetes 1.34.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from insurectl.records import Autoscaling, MetricTarget

TOLERANCE = 0.1
CPU_INITIALIZATION_S = 300.0
INITIAL_READINESS_DELAY_S = 30.0
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
