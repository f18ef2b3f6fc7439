"""The autoscaler's view of pods: which of them count for a metric, and what they ask for.

As in replica_calculator.go of Kubernetes 1.34.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal

from insurectl.planning.hpa_numbers import wrap64
from insurectl.planning.hpa_spec import Controller, Metric

Phase = Literal["Pending", "Running", "Succeeded", "Failed"]


class NoMetric(Exception):
    """A metric gives no proposal this round; its text says why."""


@dataclass(frozen=True, kw_only=True)
class Container:
    """``sidecar``: an init container that is restarted, so it runs as long as the pod does."""

    name: str
    requests: Mapping[str, int] = field(default_factory=dict)
    kind: Literal["main", "init", "sidecar"] = "main"


@dataclass(frozen=True, kw_only=True)
class Pod:
    """What the controller knows of one pod. ``ready`` None: it has no Ready condition.

    Requests are thousandths of a CPU and bytes. ``requests`` stands for one container without a
    name where ``containers`` are not told; ``level_requests`` are those of the pod as a whole.
    """

    name: str
    phase: Phase = "Running"
    ready: bool | Literal["Unknown"] | None = True
    deleted: bool = False
    started_s: float | None = 0.0
    ready_changed_s: float = 0.0
    requests: Mapping[str, int] = field(default_factory=dict)
    containers: tuple[Container, ...] = ()
    level_requests: Mapping[str, int] = field(default_factory=dict)
    overhead: Mapping[str, int] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class Sample:
    """One reading of one metric (a pod's, an object's, a series'), taken over ``window_s`` up to
    ``at_s``: thousandths, but bytes for memory."""

    value: int
    at_s: float = 0.0
    window_s: float = 60.0


@dataclass(frozen=True, kw_only=True)
class Groups:
    """How many pods count, and the names of those that do not."""

    counted: int
    unready: frozenset[str]
    missing: frozenset[str]
    ignored: frozenset[str]


def group_pods(
    pods: Sequence[Pod],
    samples: Mapping[str, Sample],
    metric: Metric,
    now_s: float,
    controller: Controller,
) -> Groups:
    """Only for the CPU does it matter whether a running pod is ready."""
    counted = 0
    unready, missing, ignored = set(), set(), set()
    for pod in pods:
        sample = samples.get(pod.name)
        if pod.deleted or pod.phase == "Failed":
            ignored.add(pod.name)
        elif pod.phase == "Pending":
            unready.add(pod.name)
        elif sample is None:
            missing.add(pod.name)
        elif metric.is_cpu and _still_starting(pod, sample, now_s, controller):
            unready.add(pod.name)
        else:
            counted += 1
    return Groups(
        counted=counted,
        unready=frozenset(unready),
        missing=frozenset(missing),
        ignored=frozenset(ignored),
    )


def ready_pods(pods: Sequence[Pod]) -> int:
    """For metrics that are not of pods: those that are going away count here."""
    return sum(pod.phase == "Running" and pod.ready is True for pod in pods)


def request_milli(pod: Pod, metric: Metric, controller: Controller) -> int:
    """What utilisation is measured against. A container that the pod does not have asks for 0."""
    name, unit = metric.name, metric.unit_milli
    whole_pods = controller.pod_level_resources and not metric.container
    if whole_pods and pod.level_requests and any(map(_is_of_pods, pod.level_requests)):
        whole = _whole_request(pod, name)
        if whole is None:
            raise NoMetric(f"pod {pod.name} as a whole has no request for {name}")
        return wrap64(whole * unit)
    if not pod.containers and not metric.container and name in pod.requests:
        return wrap64(pod.requests[name] * unit)
    total = 0
    for container in pod.containers or (Container(name="", requests=pod.requests),):
        if container.kind == "init" or metric.container not in {"", container.name}:
            continue
        if name not in container.requests:
            raise NoMetric(f"no request for {name} in {_told(container)}pod {pod.name}")
        total += container.requests[name] * unit
    return wrap64(total)


def _still_starting(pod: Pod, sample: Sample, now_s: float, controller: Controller) -> bool:
    if pod.ready is None or pod.started_s is None:
        return True
    if pod.started_s + controller.cpu_initialization_s > now_s:
        return pod.ready is False or sample.at_s < pod.ready_changed_s + sample.window_s
    never_ready = pod.started_s + controller.initial_readiness_s > pod.ready_changed_s
    return pod.ready is False and never_ready


def _is_of_pods(resource: str) -> bool:
    return resource in {"cpu", "memory"} or resource.startswith("hugepages-")


def _whole_request(pod: Pod, name: str) -> int | None:
    """As the scheduler counts: init containers run one by one before the others, each beside the
    sidecars that were started before it."""
    found = [name in one.requests for one in pod.containers]
    total: int | None = _peak(pod.containers, name) if any(found) else None
    if _is_of_pods(name) and name in pod.level_requests:
        total = pod.level_requests[name]
    if name in pod.overhead:
        total = (total or 0) + pod.overhead[name]
    return total


def _peak(containers: Iterable[Container], name: str) -> int:
    running = sidecars = highest = 0
    for one in containers:
        request = one.requests.get(name, 0)
        if one.kind == "init":
            highest = max(highest, sidecars + request)
        else:
            running += request
        if one.kind == "sidecar":
            sidecars += request
            highest = max(highest, sidecars)
    return max(running, highest)


def _told(container: Container) -> str:
    return f"container {container.name} of " if container.name else ""
