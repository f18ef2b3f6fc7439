"""A Kubernetes cluster, as the targets and the tuner use it: plain values in and out.

One ``ClusterApi`` a context; it may be used by several threads. Each part stands in a file of its
own: ``kubernetes_cluster`` (what it can), ``_namespaces``, ``_workloads``, ``_pods``, ``_events``,
``_reasons``, ``_objects``, on top of ``_connection``.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass

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
from insurectl.errors import TargetNotReady

__all__ = [
    "MANAGER",
    "ApiRefusal",
    "ClusterApi",
    "ClusterSeen",
    "Conflict",
    "EventSeen",
    "Finished",
    "HpaSeen",
    "JobSeen",
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

LOOK_S = 1.0


@dataclass(frozen=True, kw_only=True)
class JobSeen:
    """How a Job stands; ``done``: no pod of it will run any more."""

    name: str
    active: int
    succeeded: int
    failed: int
    done: bool
    good: bool
    reason: str


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

    def job(self, namespace: str, name: str) -> JobSeen:
        """NotThere when there is none; Jobs are made with ``create``."""
        return _job(
            self.read(path_of("apis", "batch", "v1", "namespaces", namespace, "jobs", name))
        )

    def wait_job(self, namespace: str, name: str, timeout_s: float) -> JobSeen:
        """When it is done, well or not; TargetNotReady with the reasons when time runs out."""
        deadline = self.clock.now() + timeout_s
        while not (seen := self.job(namespace, name)).done:
            if self.clock.now() > deadline:
                raise self._late(f"job {name} in {namespace} is not done", [namespace], timeout_s)
            self.clock.sleep(LOOK_S)
        return seen

    def delete_job(self, namespace: str, name: str) -> bool:
        """With its pods; False where it was not there."""
        return self.delete("batch/v1", "Job", namespace, name)

    def wait_rolled_out(
        self,
        namespaces: Sequence[str],
        timeout_s: float,
        look: Callable[[Sequence[WorkloadSeen]], None] = lambda _: None,
    ) -> None:
        """Until every Deployment and StatefulSet there is; ``look`` gets those that are not, each
        second. TargetNotReady with the reason of every pod that is not ready when time runs out."""
        deadline = self.clock.now() + timeout_s
        while left := [
            one
            for namespace in namespaces
            for one in (*self.deployments(namespace), *self.stateful_sets(namespace))
            if not one.rolled_out
        ]:
            look(left)
            if self.clock.now() > deadline:
                said = ", ".join(f"{one.name} {one.ready} of {one.wanted} ready" for one in left)
                raise self._late(said, namespaces, timeout_s)
            self.clock.sleep(LOOK_S)

    def _late(self, what: str, namespaces: Sequence[str], timeout_s: float) -> TargetNotReady:
        why = [line for namespace in namespaces for line in self.why_not_ready(namespace)]
        return TargetNotReady(
            "\n".join((f"context {self.context}: {what} after {timeout_s:.0f} s", *why))
        )


def _job(seen: Object) -> JobSeen:
    status = seen.get("status") or {}
    ends = [
        one
        for one in status.get("conditions") or ()
        if one["type"] in ("Complete", "Failed") and one["status"] == "True"
    ]
    last = ends[-1] if ends else {}
    return JobSeen(
        name=seen["metadata"]["name"],
        active=status.get("active", 0),
        succeeded=status.get("succeeded", 0),
        failed=status.get("failed", 0),
        done=bool(ends),
        good=last.get("type") == "Complete",
        reason=": ".join(part for part in (last.get("reason"), last.get("message")) if part),
    )
