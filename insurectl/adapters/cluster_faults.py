"""Taking a zone away inside clusters that are not ours to switch off."""

import json
from collections.abc import Mapping, Sequence

from insurectl.adapters.cluster_ground import Site
from insurectl.adapters.cluster_zone import api
from insurectl.adapters.kubernetes_api import ClusterApi, Object
from insurectl.errors import TargetNotReady

KILL = "every pod of the zone ended without grace and kept away (its nodes live on)"
DRAIN = "the edge sends no new request to the zone"
SOCKET = "/run/insure/edge.sock"
KEPT = "insurectl-killed"  # ConfigMap: how many replicas there were, what was paused
SCALED_OBJECT = ("keda.sh/v1alpha1", "ScaledObject")
PAUSED = "autoscaling.keda.sh/paused"
TELL = """import socket, sys
admin = socket.socket(socket.AF_UNIX)
admin.settimeout(3)
admin.connect(sys.argv[1])
admin.sendall(sys.argv[2].encode() + b"\\n")
sys.stdout.write(admin.recv(4096).decode().strip())"""


def edge_command(zone: str, state: str) -> list[str]:
    """A program that tells the edge's admin socket; it says nothing when it was taken."""
    return ["python3", "-c", TELL, SOCKET, f"set server people/zone-{zone} state {state}"]


def drain(outside: Site, zone: str, state: str) -> None:
    """``state``: ``drain`` or ``ready``; every replica of the edge is told."""
    cluster = api(outside)
    edges = [p for p in cluster.pods(outside.namespace) if p.component == "edge" and p.ready]
    if not edges:
        raise TargetNotReady(f"no edge is ready in {outside.namespace}")
    for pod in edges:
        done = cluster.execute(outside.namespace, pod.name, "edge", edge_command(zone, state))
        if done.code or done.stdout.strip():
            raise TargetNotReady(f"the edge did not take it: {(done.stdout + done.stderr).strip()}")


def kill_pods(site: Site) -> None:
    """No Deployment and no StatefulSet of the zone may have a pod; how many there were is kept in
    the cluster. A
    HorizontalPodAutoscaler leaves a Deployment of 0 replicas alone, but KEDA would raise it to its
    minimum, so it is paused."""
    cluster = api(site)
    counts = {one.name: one.wanted for one in cluster.deployments(site.namespace)}
    sets = {one.name: one.wanted for one in cluster.stateful_sets(site.namespace)}
    scalers = [one for one in _scalers(cluster, site) if PAUSED not in _annotations(one)]
    paused = [one["metadata"]["name"] for one in scalers]  # not those that others paused
    cluster.apply(_kept(site, counts, sets, paused), force=True)
    for one in scalers:
        cluster.merge(one, {"metadata": {"annotations": {PAUSED: "true"}}})
    for name in counts:
        cluster.scale(site.namespace, name, 0)
    for name in sets:
        cluster.scale(site.namespace, name, 0, "statefulsets")
    for pod in cluster.pods(site.namespace):
        cluster.delete_pod(site.namespace, pod.name, grace_s=0)


def start_again(site: Site) -> None:
    """As many replicas as there were, under the autoscalers that there were; twice does nothing,
    so that a failback that died can be repeated."""
    cluster: ClusterApi = api(site)
    kept = cluster.get("v1", "ConfigMap", site.namespace, KEPT)
    if kept is None:
        _must_have_pods(cluster, site)
        return
    for name, count in json.loads(kept["data"].get("sets", "{}")).items():
        cluster.scale(site.namespace, name, count, "statefulsets")
    for name, count in json.loads(kept["data"]["replicas"]).items():
        cluster.scale(site.namespace, name, count)
    paused = json.loads(kept["data"].get("paused", "[]"))
    for one in _scalers(cluster, site):  # after the count, or KEDA would begin at its minimum
        if one["metadata"]["name"] in paused:
            cluster.merge(one, {"metadata": {"annotations": {PAUSED: None}}})
    cluster.delete("v1", "ConfigMap", site.namespace, KEPT)


def _must_have_pods(cluster: ClusterApi, site: Site) -> None:
    """It is given back, or was never taken, unless somebody deleted what was kept."""
    off = [one.name for one in cluster.deployments(site.namespace) if one.wanted == 0]
    if off:
        raise TargetNotReady(
            f"{site.namespace}: it is not kept how many replicas there were (somebody deleted the "
            f"ConfigMap {KEPT}) and {', '.join(off)} has none: set a number with `kubectl "
            f"--context {site.context} -n {site.namespace} scale deployment NAME --replicas N`, "
            "then repeat the failback"
        )


def _scalers(cluster: ClusterApi, site: Site) -> list[Object]:
    if not cluster.serves(*SCALED_OBJECT):
        return []
    return cluster.list_objects(*SCALED_OBJECT, site.namespace)


def _annotations(found: Object) -> Mapping[str, str]:
    return found["metadata"].get("annotations") or {}


def _kept(
    site: Site, counts: Mapping[str, int], sets: Mapping[str, int], paused: Sequence[str]
) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": KEPT, "namespace": site.namespace},
        "data": {
            "replicas": json.dumps(counts),
            "sets": json.dumps(sets),
            "paused": json.dumps(paused),
        },
    }
