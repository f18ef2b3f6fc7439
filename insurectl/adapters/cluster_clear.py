"""Takes a release and its namespace away, in clusters that are not ours."""

from pathlib import Path

from insurectl.adapters import cluster_faults
from insurectl.adapters.cluster_ground import OWNER, RELEASE, SYSTEM, Site
from insurectl.adapters.cluster_zone import SECRET, SERVICES, api
from insurectl.adapters.helm import Helm
from insurectl.adapters.kubernetes_api import ClusterApi, NotAllowed
from insurectl.errors import TargetNotReady

GONE_WITHIN_S, LOOK_S = 120.0, 1.0
CHART = {"app.kubernetes.io/name": "insure-system"}  # on all that the chart makes
LEFT_BY_HELM = (("batch/v1", "Job"), ("v1", "PersistentVolumeClaim"), ("v1", "Pod"))


def clear(site: Site, system: str) -> None:
    """Its namespace with all that is in it, or, without that right, what is in it; fine when it
    is gone. TargetNotReady for one that is another's."""
    cluster = api(site)
    if cluster.allowed("delete", "namespaces", "", site.namespace):
        cluster.delete_namespace(site.namespace, site.labels(system))
        return
    if cluster.get("v1", "Namespace", "", site.namespace) is None:
        return
    cluster.ensure_namespace(site.namespace, site.labels(system))  # of another: it says whose
    Helm(site.context, site.kubeconfig).uninstall(RELEASE, site.namespace, GONE_WITHIN_S)
    ours = ((SECRET, "Secret"), (SERVICES, "Secret"), (cluster_faults.KEPT, "ConfigMap"))
    for name, kind in ours:
        cluster.delete("v1", kind, site.namespace, name)
    for version, kind in LEFT_BY_HELM:
        for one in cluster.list_objects(version, kind, site.namespace, CHART):
            cluster.delete(version, kind, site.namespace, one["metadata"]["name"])
    _await_no_pod(cluster, site)


def labelled(context: str, kubeconfig: Path | None, system: str) -> tuple[Site, ...]:
    """The namespaces of the system in a context; none where they may not be listed."""
    outside = f"insure-{system}"
    place = Site(zone="", context=context, namespace=outside, kubeconfig=kubeconfig)
    try:
        names = api(place).namespaces({OWNER: "insurectl", SYSTEM: system})
    except NotAllowed:
        return ()
    return tuple(
        Site(
            zone=name.removeprefix(outside).removeprefix("-"),
            context=context,
            namespace=name,
            kubeconfig=kubeconfig,
        )
        for name in names
    )


def _await_no_pod(cluster: ClusterApi, site: Site) -> None:
    until_s = cluster.clock.now() + GONE_WITHIN_S
    while left := cluster.pods(site.namespace, CHART):
        if cluster.clock.now() > until_s:
            raise TargetNotReady(
                f"context {site.context}: pods of {site.namespace} are still there after "
                f"{GONE_WITHIN_S:.0f} s: {', '.join(pod.name for pod in left)}"
            )
        cluster.clock.sleep(LOOK_S)
