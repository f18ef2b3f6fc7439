"""A Kubernetes cluster, as the targets and the tuner use it: plain values in and out.

One ``ClusterApi`` a context; it may be used by several threads. Each part stands in a file of its
own: ``kubernetes_cluster`` (what it can), ``_namespaces``, ``_workloads``, ``_pods``, ``_events``,
``_reasons``, ``_objects``, on top of ``_connection``.
"""

from insurectl.adapters.kubernetes_cluster import Cluster, ClusterSeen, NodeSeen
from insurectl.adapters.kubernetes_connection import MANAGER, Params, contexts, path_of
from insurectl.adapters.kubernetes_errors import (
    ApiRefusal,
    Conflict,
    NotAllowed,
    NotThere,
    Unreachable,
)
from insurectl.adapters.kubernetes_events import EventSeen
from insurectl.adapters.kubernetes_exec import Finished
from insurectl.adapters.kubernetes_namespaces import Namespaces
from insurectl.adapters.kubernetes_objects import Objects
from insurectl.adapters.kubernetes_pods import PodSeen, Usage
from insurectl.adapters.kubernetes_reasons import Reasons
from insurectl.adapters.kubernetes_values import Object, quantity
from insurectl.adapters.kubernetes_workloads import HpaSeen, Workloads, WorkloadSeen

__all__ = [
    "MANAGER",
    "ApiRefusal",
    "ClusterApi",
    "ClusterSeen",
    "Conflict",
    "EventSeen",
    "Finished",
    "HpaSeen",
    "NodeSeen",
    "NotAllowed",
    "NotThere",
    "Object",
    "PodSeen",
    "Unreachable",
    "Usage",
    "WorkloadSeen",
    "contexts",
    "quantity",
]


class ClusterApi(Cluster, Namespaces, Objects, Workloads, Reasons):
    """Everything of one cluster. See each part for what its calls raise; all of them raise
    TargetNotReady for a cluster that does not answer or refuses, with the server's own words."""

    @classmethod
    def in_cluster(cls) -> "ClusterApi":
        """The cluster of the pod that this runs in, with the pod's own service account."""
        return cls("")

    def proxy_get(
        self,
        namespace: str,
        service: str,
        port: int | str,
        path: str,
        params: Params | None = None,
    ) -> bytes:
        """GET from a Service through the API server: works wherever the kubeconfig does, without
        a port forward. ApiRefusal carries the status and the body of another answer than 2xx."""
        place = path_of("api", "v1", "namespaces", namespace, "services", f"{service}:{port}")
        return self.read_bytes(f"{place}/proxy/{path.lstrip('/')}", params)

    def raw(self, path: str, params: Params | None = None) -> bytes:
        """GET of any path of the API server, such as ``/metrics``."""
        return self.read_bytes(path, params)
