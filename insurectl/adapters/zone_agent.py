"""ZoneNode of the local target: memory limits, the autoscaler's eyes and hand, and metrics
under the names that Kubernetes gives them, so that queries are alike on every target."""

import json
import os
import signal
import time
from collections import Counter as Count
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

import psutil
import yaml
from prometheus_client import CollectorRegistry, Counter, Gauge, start_http_server
from pydantic import TypeAdapter

from insurectl.adapters import address_plan, prometheus, replicas
from insurectl.adapters.access_log import AccessLog
from insurectl.errors import TargetNotReady
from insurectl.planning import hpa
from insurectl.records import RPS, ServiceTuning, Tuning

MIB = 1024 * 1024
RPS_WINDOW_SCRAPES = 4  # one may be missed and a rate still has two points


class Metrics:
    """What the agent shows."""

    def __init__(self) -> None:
        self.registry = CollectorRegistry()
        pod = ["pod", "container"]
        self.memory = self._gauge("container_memory_working_set_bytes", "Resident memory.", pod)
        self.oom = self._gauge("container_oom_events_total", "Ends over the memory limit.", pod)
        self.restarts = self._gauge(
            "kube_pod_container_status_restarts_total", "Restarts since deploy.", pod
        )
        name = ["deployment"]
        self.status = self._gauge("kube_deployment_status_replicas", "Replicas up.", name)
        self.ready = self._gauge("kube_deployment_status_replicas_ready", "Replicas ready.", name)
        self.spec = self._gauge("kube_deployment_spec_replicas", "Replicas wanted.", name)
        self.desired = self._gauge(
            "kube_horizontalpodautoscaler_status_desired_replicas",
            "Replicas that the autoscaler last asked for.",
            ["horizontalpodautoscaler"],
        )
        self.seen = self._gauge(
            "insurectl_autoscaler_metric", "Mean a replica, last seen.", ["service", "metric"]
        )
        self.host_cpu = self._gauge("insurectl_host_cpu_ratio", "CPU of this machine in use.", [])
        self.decisions = Counter(
            "insurectl_autoscaler_decisions",
            "Changes of the replicas.",
            ["service", "direction", "metric"],
            registry=self.registry,
        )
        self.requests = Counter(
            "gateway_requests",
            "Answers of the zone's gateway.",
            ["status", "route"],
            registry=self.registry,
        )

    def _gauge(self, name: str, told: str, labels: list[str]) -> Gauge:
        return Gauge(name, told, labels, registry=self.registry)


@dataclass
class LocalZone:
    """One zone, from inside it. ``state``: the folder of the system."""

    state: Path
    zone: str
    metrics: Metrics = field(default_factory=Metrics)

    def __post_init__(self) -> None:
        self.plan = address_plan.load(self.state)
        self.folder = replicas.supervisor(self.state, self.zone).folder
        self.prometheus_url = self.plan.server(self.zone, "prometheus").url
        self._oom: Count[str] = Count(_read(self.folder / "oom.json"))
        logs = self.folder / "log"
        self._access = AccessLog(logs / "gateway-access.json", (logs / "gateway-error.log",))
        psutil.cpu_percent()  # the first call only begins to count

    def serve_metrics(self) -> None:
        """On the agent's own address."""
        address = self.plan.server(self.zone, "agent")
        start_http_server(address.port, address.host, registry=self.metrics.registry)

    def tuning(self) -> Tuning:
        return TypeAdapter(Tuning).validate_json((self.state / "tuning.json").read_bytes())

    def look(self, tuning: Tuning) -> None:
        self.metrics.host_cpu.set(psutil.cpu_percent() / 100)
        self._count_requests()
        restarts = replicas.supervisor(self.state, self.zone).restarts()
        for gauge in (self.metrics.memory, self.metrics.restarts, self.metrics.oom):
            gauge.clear()  # a replica that is gone is no longer shown
        names = [service.service for service in tuning.services]
        found = replicas.of_services(self.state, self.zone, names)
        for service in tuning.services:
            self._look_at(service, found[service.service], restarts)

    def _look_at(
        self,
        service: ServiceTuning,
        found: Sequence[replicas.Replica],
        restarts: Mapping[str, int],
    ) -> None:
        name = service.service
        ready = 0
        for replica in found:
            pod = f"{name}-{replica.number}"
            used = _resident(replica.pid)
            self.metrics.memory.labels(pod, name).set(used)
            if replica.pid and used > service.memory_limit_mib * MIB:
                self._end(pod, replica.pid, used, service.memory_limit_mib)
            self.metrics.oom.labels(pod, name).set(self._oom[pod])
            self.metrics.restarts.labels(pod, name).set(restarts.get(pod, 0))
            ready += replicas.ready(replica.address)
        self.metrics.status.labels(name).set(len(found))
        self.metrics.ready.labels(name).set(ready)
        self.metrics.spec.labels(name).set(self.wanted(name))

    def _end(self, pod: str, pid: int, used: int, limit_mib: float) -> None:
        """As the kernel would in a pod; the supervisor starts it again."""
        self._oom[pod] += 1
        _write(self.folder / "oom.json", dict(self._oom))
        log("over its memory limit", pod=pod, memory_mib=used / MIB, limit_mib=limit_mib)
        os.kill(pid, signal.SIGKILL)

    def _count_requests(self) -> None:
        for line in self._access.lines():
            try:
                seen = json.loads(line)
            except ValueError:  # cut off: the disk was full
                log("unreadable line of the gateway", line=line)
                continue
            self.metrics.requests.labels(str(seen["status"]), seen["route"]).inc()
        node = replicas.supervisor(self.state, self.zone)
        self._access.turn_over(lambda: node.signal("gateway:gateway", "HUP"))

    def pods(self, service: ServiceTuning) -> Sequence[hpa.Pod]:
        request = {"memory": round(service.memory_request_mib * MIB)}
        return [
            hpa.Pod(name=f"{replica.number}", requests=request)
            for replica in replicas.replicas(self.state, self.zone, service.service)
        ]

    def samples(self, service: ServiceTuning) -> Mapping[str, Mapping[str, hpa.Sample]]:
        window_s = round(RPS_WINDOW_SCRAPES * self._scrape_interval_s())
        queries = {
            "memory": (prometheus.pod_memory(service.service), 1),
            RPS: (prometheus.replica_rps(service.service, window_s), 1000),
        }
        found: dict[str, dict[str, hpa.Sample]] = {}
        for name, (query, scale) in queries.items():
            answers = prometheus.instant(self.prometheus_url, query)
            found[name] = {
                labels["replica"]: hpa.Sample(value=round(value * scale), at_s=time.time())
                for labels, value in answers
            }
            if answers:
                mean = sum(value for _, value in answers) / len(answers)
                self.metrics.seen.labels(service.service, name).set(mean)
        return found

    def decided(self, service: ServiceTuning, current: int, decision: hpa.Decision) -> None:
        name = service.service
        self.metrics.desired.labels(name).set(decision.desired)
        if decision.errors:
            log("no answer for a metric", service=name, errors=decision.errors)
        if decision.desired == current:
            return
        replicas.set_replicas(self.state, self.zone, name, decision.desired)
        direction = "up" if decision.desired > current else "down"
        metric = decision.metric or decision.reason
        self.metrics.decisions.labels(name, direction, metric).inc()
        log("scale", service=name, before=current, **asdict(decision))

    def wanted(self, service: str) -> int:
        kept = replicas.wanted(self.state, self.zone, service)
        return len(replicas.replicas(self.state, self.zone, service)) if kept is None else kept

    def away(self, error: TargetNotReady) -> None:
        log("can't look", error=str(error))

    def _scrape_interval_s(self) -> float:
        """As this zone's Prometheus was told."""
        told = yaml.safe_load((self.folder / "prometheus.yml").read_text())
        return float(told["global"]["scrape_interval"].removesuffix("s"))


def log(event: str, **values: object) -> None:
    """One JSON line on stdout, which the supervisor keeps."""
    print(json.dumps({"at_s": round(time.time(), 3), "event": event, **values}), flush=True)


def _resident(pid: int | None) -> int:
    """0 for a process that has just ended."""
    try:
        return int(psutil.Process(pid).memory_info().rss) if pid else 0
    except psutil.NoSuchProcess:
        return 0


def _read(path: Path) -> dict[str, int]:
    return json.loads(path.read_text()) if path.exists() else {}


def _write(path: Path, values: Mapping[str, int]) -> None:
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(json.dumps(values))
    beside.replace(path)
