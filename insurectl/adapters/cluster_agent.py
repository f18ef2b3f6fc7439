"""What a zone's agent shows on a cluster: the names of kube-state-metrics and cAdvisor, from what
the API server says of one namespace, so that it needs a Role there and no more.

Everything is asked for when it is scraped. What can't be had is left out of the answer, which is
a gap in Prometheus: the last value would look like a fresh one.
"""

import json
import re
import threading
import time
from collections import Counter as Count
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

from prometheus_client import CollectorRegistry, start_http_server
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from insurectl.adapters.cluster_hpa import (
    by_service,
    current_metrics,
    is_numbered,
    list_path,
    metric_name,
    triggers_path,
)
from insurectl.adapters.kubernetes_errors import Unreachable
from insurectl.adapters.kubernetes_values import quantity, seconds
from insurectl.errors import InsurectlError, TargetNotReady

CACHE_S = 1.0
CALLS = ("deployments", "pods", "metrics", "autoscalers", "triggers")
POD = ["pod", "container"]
HPA = "horizontalpodautoscaler"
DURATIONS = {"h": 3600.0, "m": 60.0, "s": 1.0, "ms": 1e-3, "us": 1e-6, "µs": 1e-6, "ns": 1e-9}
Object = Mapping[str, Any]


class Reader(Protocol):
    """What is asked of the API server."""

    def items(self, path: str) -> Sequence[Object]:
        """All objects of a list, as the server sent them; an InsurectlError when it does not."""


@dataclass(eq=False)
class ZoneMetrics:
    """A collector of prometheus_client. ``host_cpu``: the share of the node's CPU in use."""

    api: Reader
    namespace: str
    zone: str
    host_cpu: Callable[[], float]
    now: Callable[[], float] = time.time
    _lock: threading.Lock = field(default_factory=threading.Lock)
    _errors: Count[str] = field(default_factory=Count)
    _killed: dict[tuple[str, str], set[str]] = field(default_factory=dict)
    _said: dict[str, str] = field(default_factory=dict)
    _away: bool = False
    _kept: tuple[Metric, ...] = ()
    _kept_s: float = float("-inf")

    def describe(self) -> tuple[Metric, ...]:
        """None: to register the collector must not ask the API server."""
        return ()

    def collect(self) -> Iterator[Metric]:
        """As it is now, or was at most a second ago."""
        with self._lock:
            if not 0 <= self.now() - self._kept_s < CACHE_S:
                self._kept = tuple(self._look())
                self._kept_s = self.now()
            yield from self._kept

    def _look(self) -> Iterator[Metric]:
        self._away = False
        busy = _gauge("insurectl_host_cpu_ratio", "CPU of the agent's node in use.")
        busy.add_metric([], self.host_cpu())
        yield busy
        space = f"namespaces/{self.namespace}"
        yield from self._tried("deployments", f"/apis/apps/v1/{space}/deployments", _deployments)
        yield from self._tried("pods", f"/api/v1/{space}/pods", self._pods)
        yield from self._tried("metrics", f"/apis/metrics.k8s.io/v1beta1/{space}/pods", self._usage)
        yield from self._tried("autoscalers", list_path(self.namespace), self._autoscalers)
        errors = CounterMetricFamily(
            "insurectl_agent_api_errors", "Calls that failed; what they tell of is left out.",
            labels=["call"],
        )  # fmt: skip
        for call in CALLS:
            errors.add_metric([call], self._errors[call])
        yield errors

    def _tried(self, call: str, path: str, read: "Read") -> tuple[Metric, ...]:
        if self._away:  # it did not answer the call before: a scrape can't wait for each
            self._errors[call] += 1
            return ()
        try:
            found = tuple(read(self.api.items(path)))
        except (InsurectlError, KeyError, TypeError, ValueError) as error:
            # the last three: an object that is not as its API describes it
            self._away = isinstance(error, Unreachable)
            self._failed(call, path, error)
            return ()
        self._said.pop(call, None)
        return found

    def _failed(self, call: str, path: str, error: Exception) -> None:
        """Each is counted; one that says the same as before is not told again at each scrape."""
        self._errors[call] += 1
        text = f"{type(error).__name__}: {error}"
        if self._said.get(call) != text:
            log("can't look", zone=self.zone, call=call, path=path, error=text)
        self._said[call] = text

    def _pods(self, pods: Sequence[Object]) -> Iterator[Metric]:
        yield from _pod_times(pods)
        restarts = _gauge(
            "kube_pod_container_status_restarts_total", "Restarts.", ["pod", "container"]
        )
        kills = _gauge("container_oom_events_total", "Ends over the memory limit.", POD)
        there: set[tuple[str, str]] = set()
        for pod in pods:
            name, uid = pod["metadata"]["name"], pod["metadata"]["uid"]
            for one in pod.get("status", {}).get("containerStatuses") or ():
                there.add((uid, one["name"]))
                restarts.add_metric([name, one["name"]], one.get("restartCount", 0))
                killed = self._killed.setdefault((uid, one["name"]), set())
                killed |= _killed(one)
                kills.add_metric([name, one["name"]], len(killed))
        self._killed = {key: ids for key, ids in self._killed.items() if key in there}
        yield from (restarts, kills)

    def _usage(self, usage: Sequence[Object]) -> Iterator[Metric]:
        memory = _gauge("container_memory_working_set_bytes", "As metrics.k8s.io says.", POD)
        age = _gauge("insurectl_metrics_api_age_seconds", "Since the sample's time.", ["pod"])
        window = _gauge("insurectl_metrics_api_window_seconds", "Of the sample.", ["pod"])
        for pod in usage:
            name = pod["metadata"]["name"]
            for one in pod["containers"]:
                memory.add_metric([name, one["name"]], quantity(one["usage"]["memory"]))
            at_s = seconds(pod["timestamp"])
            if at_s is not None:
                age.add_metric([name], self.now() - at_s)
            window.add_metric([name], _duration_s(pod["window"]))
        yield from (memory, age, window)

    def _autoscalers(self, autoscalers: Sequence[Object]) -> Iterator[Metric]:
        yield from _autoscaler_counts(autoscalers)
        seen = _gauge(
            "insurectl_autoscaler_metric", "Mean a pod, last seen.", ["service", "metric"]
        )
        found = {name: current_metrics(one) for name, one in by_service(autoscalers).items()}
        numbered = any(is_numbered(name) for metrics in found.values() for name in metrics)
        triggers = self._triggers() if numbered else {}
        for service, metrics in found.items():
            for name, value in metrics.items():
                seen.add_metric([service, metric_name(name, triggers.get(service))], value)
        yield seen

    def _triggers(self) -> dict[str, Object]:
        """ScaledObjects by the service that they scale; without them metrics keep KEDA's names."""
        path = triggers_path(self.namespace)
        try:
            return by_service(self.api.items(path))
        except InsurectlError as error:
            self._failed("triggers", path, error)
            return {}


Read = Callable[[Sequence[Object]], Iterator[Metric]]


def _deployments(found: Sequence[Object]) -> Iterator[Metric]:
    up = _gauge("kube_deployment_status_replicas", "Replicas up.", ["deployment"])
    ready = _gauge("kube_deployment_status_replicas_ready", "Replicas ready.", ["deployment"])
    wanted = _gauge("kube_deployment_spec_replicas", "Replicas wanted.", ["deployment"])
    for one in found:
        name, status = one["metadata"]["name"], one.get("status", {})
        up.add_metric([name], status.get("replicas", 0))
        ready.add_metric([name], status.get("readyReplicas", 0))
        wanted.add_metric([name], one["spec"].get("replicas", 1))
    yield from (up, ready, wanted)


def _autoscaler_counts(found: Sequence[Object]) -> Iterator[Metric]:
    """What each autoscaler asked for, what it found, and how far it may go."""
    parts = (
        ("status_desired_replicas", "status", "desiredReplicas"),
        ("status_current_replicas", "status", "currentReplicas"),
        ("spec_max_replicas", "spec", "maxReplicas"),
        ("spec_min_replicas", "spec", "minReplicas"),
    )
    for name, part, key in parts:
        shown = _gauge(f"kube_horizontalpodautoscaler_{name}", f"{part}.{key}.", [HPA])
        for one in found:
            value = one.get(part, {}).get(key)
            if value is not None:
                shown.add_metric([one["metadata"]["name"]], value)
        yield shown


def _pod_times(pods: Sequence[Object]) -> Iterator[Metric]:
    """When each pod came to each step of its start, in seconds since the epoch."""
    created = _gauge("kube_pod_created", "Creation.", ["pod"])
    scheduled = _gauge("kube_pod_status_scheduled_time", "It was given a node.", ["pod"])
    started = _gauge("kube_pod_container_state_started", "The container runs since then.", POD)
    ready = _gauge("kube_pod_status_ready_time", "It is ready since then.", ["pod"])
    for pod in pods:
        name, status = pod["metadata"]["name"], pod.get("status", {})
        _add(created, [name], pod["metadata"].get("creationTimestamp"))
        for one in status.get("conditions") or ():
            shown = {"PodScheduled": scheduled, "Ready": ready}.get(one["type"])
            if shown is not None and one["status"] == "True":
                _add(shown, [name], one.get("lastTransitionTime"))
        for one in status.get("containerStatuses") or ():
            running = (one.get("state") or {}).get("running") or {}
            _add(started, [name, one["name"]], running.get("startedAt"))
    yield from (created, scheduled, started, ready)


def _add(shown: GaugeMetricFamily, labels: Sequence[str], time: str | None) -> None:
    at_s = seconds(time)
    if at_s is not None:
        shown.add_metric(labels, at_s)


def _killed(container: Object) -> set[str]:
    """Ids of the containers that ended over their memory limit and can still be seen."""
    ends = [(container.get(state) or {}).get("terminated") for state in ("state", "lastState")]
    return {
        end.get("containerID") or end["finishedAt"]
        for end in ends
        if end and end.get("reason") == "OOMKilled"
    }


def _duration_s(text: str) -> float:
    """``14.5s`` or ``1m0.2s``, as Go writes a duration."""
    parts = re.findall(r"([0-9.]+)(h|ms|m|s|µs|us|ns)", text)
    if not parts or "".join(f"{number}{unit}" for number, unit in parts) != text:
        raise ValueError(f"{text!r} is no duration")
    return sum(float(number) * DURATIONS[unit] for number, unit in parts)


def _gauge(name: str, told: str, labels: Sequence[str] = ()) -> GaugeMetricFamily:
    return GaugeMetricFamily(name, told, labels=labels)


def serve(metrics: ZoneMetrics, host: str, port: int) -> None:
    """Until the process is ended (KeyboardInterrupt); TargetNotReady where it can't listen."""
    registry = CollectorRegistry(auto_describe=False)
    registry.register(metrics)
    try:
        server, thread = start_http_server(port, host, registry)
    except OSError as error:
        raise TargetNotReady(f"nothing can listen at {host}:{port}: {error.strerror}") from None
    log("serves", zone=metrics.zone, namespace=metrics.namespace, host=host, port=port)
    try:
        threading.Event().wait()
    finally:
        server.shutdown()
        thread.join()


def run(namespace: str, zone: str, host: str, port: int) -> None:
    """Serve from within the cluster, until the process is ended (KeyboardInterrupt)."""
    import psutil  # noqa: PLC0415 - needs to be there only where the agent runs

    from insurectl.adapters.kubernetes_api import ClusterApi  # noqa: PLC0415

    psutil.cpu_percent()  # the first call only begins to count; a pod sees its node's CPU
    cluster = ClusterApi.in_cluster()
    serve(ZoneMetrics(cluster, namespace, zone, lambda: psutil.cpu_percent() / 100), host, port)


def log(event: str, **values: object) -> None:
    """One JSON line on stdout."""
    print(json.dumps({"at_s": round(time.time(), 3), "event": event, **values}), flush=True)
