"""The objects of the closed loop: what it scales, what scales it, and the node that pods run on."""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime

from insurectl.adapters import cluster_values
from insurectl.adapters.kubernetes_api import ClusterApi, Object, quantity
from insurectl.planning.hpa import Pod
from insurectl.records import Autoscaling, Tuning

from .driven_system import Load

APP = "core-app"
HPA = ("autoscaling/v2", "HorizontalPodAutoscaler")
NODE = "node-driven"


def scaling(load: Load) -> Autoscaling:
    spec = load.tuning.autoscaling
    assert spec is not None
    return spec


def namespace(load: Load) -> str:
    return f"driven-{load.name}"


def deployment(load: Load, replicas: int) -> Object:
    """One container that asks for what the tuning says, and for some CPU."""
    labels = {"app": APP}
    request = {"memory": f"{round(load.tuning.memory_request_mib)}Mi", "cpu": "100m"}
    container = {"name": APP, "image": "test/none:1", "resources": {"requests": request}}
    pod = {"containers": [container], "nodeSelector": {"driven": "yes"}}
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": APP, "namespace": namespace(load)},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": pod},
        },
    }


def autoscaler(load: Load) -> Object:
    """As the chart writes it (provider ``hpa``), from the values that insurectl gives it."""
    spec = scaling(load)
    given = cluster_values.overlay(Tuning(services=(load.tuning,)))
    values = given["services"][load.tuning.service]["autoscaling"]
    metrics = []
    for one in spec.metrics:
        if one.kind == "Resource":
            target = {"type": "Utilization", "averageUtilization": one.utilization_percent}
            metrics.append({"type": "Resource", "resource": {"name": one.name, "target": target}})
        else:
            target = {"type": "AverageValue", "averageValue": f"{one.average_value:g}"}
            pods = {"metric": {"name": one.name}, "target": target}
            metrics.append({"type": "Pods", "pods": pods})
    return {
        "apiVersion": HPA[0],
        "kind": HPA[1],
        "metadata": {"name": APP, "namespace": namespace(load)},
        "spec": {
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": APP},
            "minReplicas": values["min"],
            "maxReplicas": values["max"],
            "metrics": metrics,
            "behavior": values["behavior"],
        },
    }


@contextmanager
def node(cluster: ClusterApi) -> Iterator[None]:
    """There while it lasts."""
    room = {"cpu": "64", "memory": "256Gi", "pods": "500"}
    metadata = {
        "name": NODE,
        "annotations": {"kwok.x-k8s.io/node": "fake"},
        "labels": {"driven": "yes", "topology.kubernetes.io/zone": "a"},
    }
    status = {"allocatable": room, "capacity": room}
    cluster.create({"apiVersion": "v1", "kind": "Node", "metadata": metadata, "status": status})
    try:
        yield
    finally:
        cluster.delete("v1", "Node", "", NODE)
        cluster.delete("coordination.k8s.io/v1", "Lease", "kube-node-lease", NODE)


def lease(now_s: float) -> Object:
    """kwok renews none for a node that it was told of by an annotation."""
    renewed = datetime.fromtimestamp(now_s, UTC).strftime("%Y-%m-%dT%H:%M:%S.%fZ")
    return {
        "apiVersion": "coordination.k8s.io/v1",
        "kind": "Lease",
        "metadata": {"name": NODE, "namespace": "kube-node-lease"},
        "spec": {"holderIdentity": NODE, "leaseDurationSeconds": 40, "renewTime": renewed},
    }


def ready_of(seen: Object) -> int:
    """Ready replicas of a Deployment."""
    return int(seen.get("status", {}).get("readyReplicas") or 0)


def pod_of(seen: Object) -> Pod:
    """As the controller takes it."""
    status = seen.get("status", {})
    ready = next((one for one in status.get("conditions") or () if one["type"] == "Ready"), None)
    containers = seen["spec"]["containers"]
    asked = [one["resources"]["requests"] for one in containers]
    return Pod(
        name=seen["metadata"]["name"],
        phase=status.get("phase", "Pending"),
        ready=None if ready is None else ready["status"] == "True",
        deleted="deletionTimestamp" in seen["metadata"],
        started_s=_time(status.get("startTime")),
        ready_changed_s=(ready and _time(ready.get("lastTransitionTime"))) or 0.0,
        requests={
            "memory": round(sum(quantity(one["memory"]) for one in asked)),
            "cpu": round(1000 * sum(quantity(one["cpu"]) for one in asked)),
        },
    )


def _time(text: str | None) -> float | None:
    return None if text is None else datetime.fromisoformat(text).timestamp()
