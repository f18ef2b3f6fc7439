"""What a cluster is and can: version, rights, APIs, storage, room."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from insurectl.adapters.kubernetes_connection import Connection, path_of
from insurectl.adapters.kubernetes_errors import NotAllowed
from insurectl.adapters.kubernetes_values import Object, cpu_millis, memory_mib
from insurectl.errors import TargetNotReady

OLDEST = (1, 29)
ZONE_LABELS = ("topology.kubernetes.io/zone", "failure-domain.beta.kubernetes.io/zone")
DEFAULT_CLASS = "storageclass.kubernetes.io/is-default-class"
GOOD_TAINTS = ("PreferNoSchedule",)  # effects that keep no pod away


@dataclass(frozen=True, kw_only=True)
class ClusterSeen:
    """``version``: as the server says it, such as ``v1.34.4``; ``user``: who we are to it."""

    version: str
    user: str


@dataclass(frozen=True, kw_only=True)
class NodeSeen:
    """``zone``: of its labels, "" where it has none; ``usable``: ready, and pods without
    tolerations may come; ``free``: allocatable minus what its pods request."""

    name: str
    zone: str
    labels: Mapping[str, str]
    usable: bool
    cpu_millis: float
    memory_mib: float
    free_cpu_millis: float
    free_memory_mib: float


class Cluster(Connection):
    """What does not belong to any namespace."""

    def check(self) -> ClusterSeen:
        """BadInput for a context that is not there; TargetNotReady for a cluster that does not
        answer, refuses the credentials or is older than 1.29."""
        seen = self.read("/version")
        version = str(seen.get("gitVersion", "?"))
        if _version(seen) < OLDEST:
            raise TargetNotReady(
                f"context {self.context}: the cluster is Kubernetes {version}, and insurectl "
                f"needs {OLDEST[0]}.{OLDEST[1]} or newer: upgrade it, or choose another context"
            )
        review = self.send(
            "POST",
            "/apis/authentication.k8s.io/v1/selfsubjectreviews",
            {"apiVersion": "authentication.k8s.io/v1", "kind": "SelfSubjectReview"},
        )
        user = str(review["status"]["userInfo"].get("username", ""))
        return ClusterSeen(version=version, user=user)

    def allowed(self, verb: str, resource: str, group: str = "", namespace: str = "") -> bool:
        """Whether these credentials may; ``resource`` such as ``pods`` or ``deployments/scale``,
        ``namespace`` "" for all of them or for what is in none."""
        name, _, sub = resource.partition("/")
        asked = {"verb": verb, "resource": name, "subresource": sub, "group": group}
        review = self.send(
            "POST",
            "/apis/authorization.k8s.io/v1/selfsubjectaccessreviews",
            {
                "apiVersion": "authorization.k8s.io/v1",
                "kind": "SelfSubjectAccessReview",
                "spec": {"resourceAttributes": {**asked, "namespace": namespace}},
            },
        )
        return bool(review["status"].get("allowed"))

    def has_api(self, version: str) -> bool:
        """Whether ``group/version`` is served and whoever serves it answers."""
        return not self.api_problem(version)

    def api_problem(self, version: str) -> str:
        """ "" when ``group/version`` works, else why it does not."""
        group, _, short = version.partition("/")
        place = path_of("apis", "apiregistration.k8s.io", "v1", "apiservices", f"{short}.{group}")
        try:
            service = self.find(place)
        except NotAllowed:  # without that right the API itself must do
            return "" if self.find(path_of("apis", group, short)) else f"{version} is not served"
        if service is None:
            return f"{version} is not served"
        for one in service.get("status", {}).get("conditions") or ():
            if one["type"] == "Available" and one["status"] != "True":
                return f"{version} is not available: {one.get('message') or one.get('reason')}"
        return ""

    def default_storage_class(self) -> str | None:
        """Its name; of several the newest, as the cluster itself chooses."""
        classes = [
            one["metadata"]
            for one in self.items("/apis/storage.k8s.io/v1/storageclasses")
            if (one["metadata"].get("annotations") or {}).get(DEFAULT_CLASS) == "true"
        ]
        newest = sorted(classes, key=lambda meta: meta.get("creationTimestamp", ""))
        return newest[-1]["name"] if newest else None

    def nodes(self) -> tuple[NodeSeen, ...]:
        """Every node, with the room that is left on it."""
        pods = self.items("/api/v1/pods", {"fieldSelector": "status.phase!=Succeeded"})
        taken: dict[str, list[tuple[float, float]]] = {}
        for pod in pods:
            if pod.get("status", {}).get("phase") != "Failed":
                taken.setdefault(pod["spec"].get("nodeName", ""), []).append(requested(pod["spec"]))
        return tuple(
            _node(one, taken.get(one["metadata"]["name"], []))
            for one in self.items("/api/v1/nodes")
        )


def requested(spec: Object) -> tuple[float, float]:
    """What the scheduler keeps for a pod: (thousandths of a core, MiB). An init container runs
    before the others, so only the largest counts; one that restarts always runs beside them."""
    return _kept(spec, cpu_millis), _kept(spec, memory_mib)


def _kept(spec: Object, read: Callable[[Mapping[str, str]], float]) -> float:
    def of(container: Object) -> float:
        return read((container.get("resources") or {}).get("requests") or {})

    beside, largest = 0.0, 0.0
    for container in spec.get("initContainers") or ():
        if container.get("restartPolicy") == "Always":
            beside += of(container)
            largest = max(largest, beside)
        else:
            largest = max(largest, beside + of(container))
    running = beside + sum(of(container) for container in spec["containers"])
    return max(running, largest) + read(spec.get("overhead") or {})


def _version(seen: Object) -> tuple[int, int]:
    digits = (str(seen.get(key, "0")).rstrip("+") for key in ("major", "minor"))
    major, minor = (int(text) if text.isdigit() else 0 for text in digits)
    return major, minor


def _node(seen: Object, pods: list[tuple[float, float]]) -> NodeSeen:
    labels: Mapping[str, str] = seen["metadata"].get("labels") or {}
    spec, status = seen.get("spec") or {}, seen.get("status") or {}
    ready = any(
        one["type"] == "Ready" and one["status"] == "True" for one in status.get("conditions") or ()
    )
    kept_away = spec.get("unschedulable") or any(
        taint["effect"] not in GOOD_TAINTS for taint in spec.get("taints") or ()
    )
    cpu, memory = (read(status.get("allocatable") or {}) for read in (cpu_millis, memory_mib))
    return NodeSeen(
        name=seen["metadata"]["name"],
        zone=next((labels[key] for key in ZONE_LABELS if key in labels), ""),
        labels=labels,
        usable=ready and not kept_away,
        cpu_millis=cpu,
        memory_mib=memory,
        free_cpu_millis=cpu - sum(pod[0] for pod in pods),
        free_memory_mib=memory - sum(pod[1] for pod in pods),
    )
