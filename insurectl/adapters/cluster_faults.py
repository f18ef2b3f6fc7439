"""Taking a zone away inside clusters that are not ours to switch off."""

import json

from insurectl.adapters.cluster_ground import Site
from insurectl.adapters.cluster_zone import api
from insurectl.adapters.kubernetes_api import ClusterApi
from insurectl.errors import TargetNotReady

KILL = "every pod of the zone ended without grace and kept away (its nodes live on)"
DRAIN = "the edge sends no new request to the zone"
SOCKET = "/run/insure/edge.sock"
KEPT = "insurectl-killed"  # ConfigMap: how many replicas there were
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
    """No Deployment of the zone may have a pod; how many there were is kept in the cluster. An
    autoscaler leaves a Deployment of 0 replicas alone."""
    cluster = api(site)
    counts = {one.name: one.wanted for one in cluster.deployments(site.namespace)}
    cluster.apply(_kept(site, counts), force=True)
    for name in counts:
        cluster.scale(site.namespace, name, 0)
    for pod in cluster.pods(site.namespace):
        cluster.delete_pod(site.namespace, pod.name, grace_s=0)


def start_again(site: Site) -> None:
    """As many replicas as there were."""
    cluster: ClusterApi = api(site)
    kept = cluster.get("v1", "ConfigMap", site.namespace, KEPT)
    if kept is None:
        raise TargetNotReady(f"{site.namespace}: it is not kept how many replicas there were")
    for name, count in json.loads(kept["data"]["replicas"]).items():
        cluster.scale(site.namespace, name, count)
    cluster.delete("v1", "ConfigMap", site.namespace, KEPT)


def _kept(site: Site, counts: dict[str, int]) -> dict[str, object]:
    return {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": KEPT, "namespace": site.namespace},
        "data": {"replicas": json.dumps(counts)},
    }
