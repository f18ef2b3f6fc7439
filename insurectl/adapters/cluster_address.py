"""Where a Service of a cluster is reached from outside it."""

from insurectl.adapters.cluster_ground import Site
from insurectl.adapters.kubernetes_api import ClusterApi, NotAllowed, Object


def of_service(cluster: ClusterApi, site: Site, service: str) -> str:
    """``host:port``, or empty as long as it has none. A node port is asked at the first node's
    own address, which every network plug-in of the cluster serves; who may not look at nodes
    asks at the node of one of the Service's pods."""
    seen = cluster.get("v1", "Service", site.namespace, service)
    if seen is None:
        return ""
    port: Object = seen["spec"]["ports"][0]
    if seen["spec"]["type"] == "LoadBalancer":
        entrances = seen.get("status", {}).get("loadBalancer", {}).get("ingress") or [{}]
        host = entrances[0].get("ip") or entrances[0].get("hostname")
        return f"{host}:{port['port']}" if host else ""
    if "nodePort" not in port:
        return ""
    try:
        host = _node_address(cluster)
    except NotAllowed:
        host = _pod_host(cluster, site, seen["spec"].get("selector") or {})
    return f"{host}:{port['nodePort']}" if host else ""


def _node_address(cluster: ClusterApi) -> str:
    for node in cluster.list_objects("v1", "Node", ""):
        addresses = {one["type"]: one["address"] for one in node["status"].get("addresses") or ()}
        if found := addresses.get("ExternalIP") or addresses.get("InternalIP"):
            return str(found)
    return ""


def _pod_host(cluster: ClusterApi, site: Site, selector: dict[str, str]) -> str:
    pods = cluster.list_objects("v1", "Pod", site.namespace, selector)
    hosts = (one.get("status", {}).get("hostIP") for one in pods)
    return str(next((host for host in hosts if host), ""))
