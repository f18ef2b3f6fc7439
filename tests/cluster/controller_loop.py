"""The real autoscaler in a closed loop with a driven system: what it was told, and what it did.

A Deployment on a node that kwok plays, a HorizontalPodAutoscaler with a tuning's own metrics and
behavior, and ``metrics_api`` between them. Pods are ready when the driven system says so, which is
written into their status as a kubelet would.
"""

import json
import threading
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from math import ceil
from pathlib import Path
from random import Random

from insurectl.adapters.kubernetes_api import ClusterApi, NotThere, Object
from insurectl.adapters.kubernetes_connection import Params
from insurectl.errors import InsurectlError
from insurectl.planning.hpa import Pod, Sample
from insurectl.planning.simulator import steady_replicas
from insurectl.records import RPS

from .conftest import LABELS
from .controller_objects import (
    APP,
    HPA,
    autoscaler,
    deployment,
    lease,
    namespace,
    node,
    pod_of,
    ready_of,
    scaling,
)
from .driven_system import DrivenSystem, Load
from .metrics_api import MetricsApi, Usage, serving

LEASE_S = 10.0  # a node that gives no sign for 50 s is taken for lost, and its pods for not ready
STEP_S = 0.1
SETTLED_S = 0.35  # from the last question of a sync until its status is written
WATCH_S = 3600.0
TAIL_S = 1.0


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One question of the controller: what it was told, and the pods that there were."""

    at_s: float
    samples: Mapping[str, Mapping[str, Sample]]
    pods: tuple[Pod, ...]


@dataclass(frozen=True, kw_only=True)
class Recording:
    """``replicas``: ``spec.replicas``, and ``ready`` those that serve, at the end of each second of
    the load. ``conditions``: the HPA's after a sync, type -> (status, reason), by its time."""

    load: Load
    key: str
    begins_s: float
    replicas: tuple[int, ...]
    ready: tuple[int, ...]
    asked: tuple[Asked, ...]
    conditions: Mapping[float, Mapping[str, tuple[str, str]]]
    failed: int


class Scene:
    """One load in a namespace of its own."""

    def __init__(self, cluster: ClusterApi, load: Load, begins_s: float) -> None:
        self.cluster, self.load, self.begins_s = cluster, load, begins_s
        self.namespace = namespace(load)
        self.spec = scaling(load)
        self.system = DrivenSystem(load, begins_s)
        self.asked: list[Asked] = []
        self.replicas: list[int] = []
        self.ready: list[int] = []
        self.conditions: dict[float, dict[str, tuple[str, str]]] = {}
        phase_s = Random(f"{load.name}/{load.seed}").uniform(0, self.spec.sync_period_s)
        self._scaler_s: float | None = begins_s + phase_s - self.spec.sync_period_s
        self._pods: dict[str, Object] = {}
        self._due_ready: dict[str, float] = {}
        self._over = threading.Event()
        self._lock = threading.Lock()

    # ---- what the controller asks (metrics_api.Source) ----

    def resources(self) -> Mapping[str, Usage]:
        """Kept with the pods of that moment."""
        self.system.advance(time.time())
        found = self.system.usage()
        memory = {
            pod: Sample(value=one.memory, at_s=one.at_s, window_s=one.window_s)
            for pod, one in found.items()
        }
        cpu = {
            pod: Sample(value=one.cpu_milli, at_s=one.at_s, window_s=one.window_s)
            for pod, one in found.items()
        }
        self._keep({"memory": memory, "cpu": cpu})
        return found

    def rates(self) -> Mapping[str, Sample]:
        now_s = time.time()
        self.system.advance(now_s)
        found = self.system.rates(now_s)
        self._keep({RPS: found})
        return found

    def _keep(self, samples: Mapping[str, Mapping[str, Sample]]) -> None:
        with self._lock:
            pods = tuple(pod_of(one) for one in self._pods.values())
        one = Asked(at_s=time.time(), samples=samples, pods=pods)
        self.asked.append(one)

    # ---- what happens to the cluster ----

    def open(self) -> None:
        """Namespace and Deployment, with as many replicas as a long past of the first rate left."""
        self.cluster.ensure_namespace(self.namespace, LABELS, pod_security="privileged")
        first_rps = self.load.rates[0]
        self.cluster.apply(deployment(self.load, steady_replicas(self.load.tuning, first_rps)))
        threading.Thread(target=self._watch, daemon=True).start()

    def close(self) -> None:
        """The autoscaler first: it would ask on."""
        self._over.set()
        self.cluster.delete(*HPA, self.namespace, APP)
        self.cluster.delete("v1", "Namespace", "", self.namespace)

    def step(self, now_s: float) -> None:
        """A tenth of a second of it."""
        if self._scaler_s is not None and now_s >= self._scaler_s:
            self._scaler_s = None
            self.cluster.apply(autoscaler(self.load))
        self.system.advance(now_s)
        self._become_ready(now_s)
        if len(self.replicas) < len(self.load.rates) and now_s >= self._next_second():
            self._count()
        if self.asked and now_s > self.asked[-1].at_s + SETTLED_S:
            at_s = self.asked[-1].at_s
            if at_s not in self.conditions:
                self.conditions[at_s] = self._conditions()

    def recording(self) -> Recording:
        return Recording(
            load=self.load, key=f"{self.namespace}/{APP}", begins_s=self.begins_s,
            replicas=tuple(self.replicas), ready=tuple(self.ready), asked=tuple(self.asked),
            conditions=self.conditions, failed=self.system.failed,
        )  # fmt: skip

    def _next_second(self) -> float:
        return self.begins_s + len(self.replicas) + 1

    def _count(self) -> None:
        seen = self.cluster.get("apps/v1", "Deployment", self.namespace, APP)
        assert seen is not None
        while len(self.replicas) < len(self.load.rates) and time.time() >= self._next_second():
            self.replicas.append(seen["spec"]["replicas"])
            self.ready.append(ready_of(seen))

    def _conditions(self) -> dict[str, tuple[str, str]]:
        seen = self.cluster.get(*HPA, self.namespace, APP)
        listed = (seen or {}).get("status", {}).get("conditions") or ()
        return {one["type"]: (one["status"], one["reason"]) for one in listed}

    def _watch(self) -> None:
        """The same news of pods that the controller has. It ends with the load: a server that is
        told to stop waits for whoever still watches."""
        lasts_s = ceil(self.begins_s + len(self.load.rates) + TAIL_S - time.time())
        path = f"/api/v1/namespaces/{self.namespace}/pods"
        try:
            params: Params = {"watch": "true", "timeoutSeconds": lasts_s}
            for line in self.cluster.lines(path, params, WATCH_S):
                event = json.loads(line)
                self._changed(event["type"], event["object"])
        except InsurectlError:
            if not self._over.is_set():
                raise

    def _changed(self, kind: str, pod: Object) -> None:
        name = pod["metadata"]["name"]
        with self._lock:
            if kind == "DELETED":
                self._pods.pop(name, None)
            else:
                self._pods[name] = pod
        if kind == "DELETED" or "deletionTimestamp" in pod["metadata"]:
            self._due_ready.pop(name, None)
            self.system.gone(name)
        elif pod["status"].get("phase") == "Running" and name not in self._due_ready:
            self._due_ready[name] = self.system.started(name, time.time())
            if self._due_ready[name] > time.time():
                self._set_ready(name, ready=False)

    def _become_ready(self, now_s: float) -> None:
        for name, due_s in list(self._due_ready.items()):
            if due_s <= now_s:
                with self._lock:
                    pod = self._pods.get(name)
                if pod is not None and pod_of(pod).ready is False:
                    self._set_ready(name, ready=True)

    def _set_ready(self, name: str, *, ready: bool) -> None:
        status = "True" if ready else "False"
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        condition = {"type": "Ready", "status": status, "lastTransitionTime": now}
        with suppress(NotThere):  # scaled in meanwhile
            self.cluster.send(
                "PATCH",
                f"/api/v1/namespaces/{self.namespace}/pods/{name}/status",
                {"status": {"conditions": [condition]}},
                content_type="application/strategic-merge-patch+json",
            )


def play(cluster: ClusterApi, loads: Sequence[Load], folder: Path) -> list[Recording]:
    """All loads at once, each with an autoscaler of its own; takes as long as the longest."""
    longest_sync_s = max(scaling(load).sync_period_s for load in loads)
    with node(cluster), serving(cluster, folder) as api:
        begins_s = time.time() + longest_sync_s + 5
        scenes = [Scene(cluster, load, begins_s) for load in loads]
        try:
            _play(cluster, scenes, api)
        finally:
            for scene in scenes:
                scene.close()
    return [scene.recording() for scene in scenes]


def _play(cluster: ClusterApi, scenes: Sequence[Scene], api: MetricsApi) -> None:
    for scene in scenes:
        api.sources[scene.namespace] = scene
        scene.open()
    ends_s = max(scene.begins_s + len(scene.load.rates) for scene in scenes) + TAIL_S
    renew_s = 0.0
    while (now_s := time.time()) < ends_s:
        if now_s >= renew_s:
            renew_s = now_s + LEASE_S
            cluster.apply(lease(now_s))
        for scene in scenes:
            scene.step(now_s)
        time.sleep(STEP_S)
