"""What can be known to go wrong in clusters that exist, before anything is made in them.

Whoever owns only namespaces may not look at nodes: what can't be seen is then not checked, and
``unseen`` says so.
"""

import re
from collections.abc import Sequence

from insurectl.adapters import cluster_addons, cluster_values
from insurectl.adapters.cluster_ground import RELEASE, Site
from insurectl.adapters.cluster_values import Provider
from insurectl.adapters.kubernetes_api import ClusterApi, NotAllowed
from insurectl.errors import BadInput, TargetNotReady

NEEDED_MIB, NEEDED_MILLIS = 1900, 600  # what one zone asks for with one replica of each service
LONGEST_NAME = 63  # of a namespace
ZONE_NAME = re.compile(r"[a-z0-9]([-a-z0-9]*[a-z0-9])?")
RBAC, NETWORK, POLICY = "rbac.authorization.k8s.io", "networking.k8s.io", "policy"
RIGHTS = (  # verb, resource, group: what any release needs in its namespace
    ("create", "deployments", "apps"),
    ("create", "services", ""),
    ("create", "configmaps", ""),
    ("create", "secrets", ""),
    ("list", "secrets", ""),
    ("create", "serviceaccounts", ""),
    ("create", "networkpolicies", NETWORK),
    ("create", "poddisruptionbudgets", POLICY),
    ("list", "pods", ""),
    ("list", "events", ""),
    ("create", "pods/exec", ""),
    ("get", "services/proxy", ""),
)
ZONE_RIGHTS = (
    ("patch", "deployments/scale", "apps"),
    ("create", "statefulsets", "apps"),
    ("patch", "statefulsets/scale", "apps"),
    ("create", "jobs", "batch"),
    ("create", "roles", RBAC),
    ("create", "rolebindings", RBAC),
    ("list", "pods", "metrics.k8s.io"),  # given on to the zone's agent by a Role
    ("list", "horizontalpodautoscalers", "autoscaling"),
)
OUTSIDE_RIGHTS = (("create", "statefulsets", "apps"),)
SCALER_RIGHTS: dict[Provider, tuple[tuple[str, str, str], ...]] = {
    "keda": (
        ("create", "scaledobjects", "keda.sh"),
        ("list", "scaledobjects", "keda.sh"),  # given on to the zone's agent, too
    ),
    "hpa": (("create", "horizontalpodautoscalers", "autoscaling"),),
}


def zone_names(zones: Sequence[str], namespaces: Sequence[str]) -> None:
    """BadInput for zones that no namespace can be named after, or that are there twice."""
    for zone, namespace in zip(zones, namespaces, strict=True):
        if not ZONE_NAME.fullmatch(zone):
            raise BadInput(
                f"zone {zone!r} can't be part of a namespace's name: small letters, digits and "
                "dashes only"
            )
        if len(namespace) > LONGEST_NAME:
            raise BadInput(
                f"the namespace {namespace} would have {len(namespace)} letters, and Kubernetes "
                f"takes {LONGEST_NAME}: take a shorter --name or a shorter zone"
            )
    if twice := [zone for zone in zones if zones.count(zone) > 1]:
        raise BadInput(f"zone {twice[0]!r} is named twice")


def rights(cluster: ClusterApi, site: Site, system: str, provider: Provider, *, new: bool) -> None:
    """TargetNotReady for a namespace that is another's or can't be made, and for rights that are
    missing in it."""
    labels = site.labels(system)
    try:
        seen = cluster.get("v1", "Namespace", "", site.namespace)
    except NotAllowed as error:
        raise TargetNotReady(
            f"context {site.context} may not look at the namespace {site.namespace}, so insurectl "
            f"can't know whose it is; it needs the namespace with the labels {_shown(labels)}, and "
            "the right to get it (the roles view, edit and admin have that)"
        ) from error
    if seen is None:
        if not cluster.allowed("create", "namespaces"):
            raise TargetNotReady(
                f"context {site.context} may not create the namespace {site.namespace}: ask for "
                f"that right, or for the namespace with the labels {_shown(labels)}"
            )
        return  # who may create it need not have rights in it yet
    if "deletionTimestamp" in seen["metadata"]:
        return  # is waited for
    cluster.ensure_namespace(site.namespace, labels)  # of another: it says whose
    _lacking(cluster, site, provider)
    if new and cluster.list_objects("v1", "Secret", site.namespace, _of_release()):
        raise TargetNotReady(
            f"context {site.context}: the release {RELEASE} stands in {site.namespace} already, "
            "and no record here says that this insurectl made it: take another --name; or, if "
            "nobody needs it, `insurectl destroy` with the same --name, --target and --context"
        )


def apis(cluster: ClusterApi, context: str, provider: Provider) -> None:
    """TargetNotReady where nothing measures pods, or KEDA is wanted and missing."""
    needed = ["metrics-server", *(["keda"] if provider == "keda" else [])]
    for name in needed:
        if problem := cluster.api_problem(cluster_addons.APIS[name]):
            other = ", or use plain autoscalers: INSURECTL_AUTOSCALER=hpa"
            raise TargetNotReady(
                f"context {context}: {problem}; install {name} in that cluster"
                f"{other if name == 'keda' else ''}"
            )


def room(cluster: ClusterApi, site: Site) -> None:
    """Every zone's nodes must have room for one replica of each service, or pods would wait."""
    if unseen(cluster, site.context):
        return
    nodes = [node for node in cluster.nodes() if node.usable]
    places = {node.zone for node in nodes if node.zone}
    if site.pinned and site.zone not in places:
        there = ", ".join(sorted(places)) or "none has that label"
        label = f"{cluster_values.ZONE_LABEL}={site.zone}"
        raise TargetNotReady(
            f"context {site.context}: no node has the label {label} (there are: "
            f"{there}); name the zones as the nodes do, with --zones"
        )
    ours = [node for node in nodes if not site.pinned or node.zone == site.zone]
    free_mib = sum(node.free_memory_mib for node in ours)
    free_millis = sum(node.free_cpu_millis for node in ours)
    if free_mib < NEEDED_MIB or free_millis < NEEDED_MILLIS:
        raise TargetNotReady(
            f"context {site.context}, zone {site.zone}: {free_mib:.0f} MiB and {free_millis:.0f}m "
            f"CPU are free, and a zone asks for {NEEDED_MIB} MiB and {NEEDED_MILLIS}m: add nodes, "
            "or take down what is not needed"
        )


def unseen(cluster: ClusterApi, context: str) -> str:
    """What was not checked because these credentials may not look at it; "" for nothing."""
    if all(cluster.allowed("list", kind) for kind in ("nodes", "pods")):
        return ""
    return (
        f"context {context} may not list nodes and their pods: whether the zones have nodes and "
        "room was not checked"
    )


def _lacking(cluster: ClusterApi, site: Site, provider: Provider) -> None:
    wanted = (
        *RIGHTS,
        *((*ZONE_RIGHTS, *SCALER_RIGHTS[provider]) if site.zone else OUTSIDE_RIGHTS),
    )
    missing = [
        f"{verb} {resource}{f' ({group})' if group else ''}"
        for verb, resource, group in wanted
        if not cluster.allowed(verb, resource, group, site.namespace)
    ]
    if missing:
        raise TargetNotReady(
            f"context {site.context} lacks rights in {site.namespace}: {', '.join(missing)}; ask "
            "for the role admin in that namespace, or for these"
        )


def _wants(site: Site) -> str:
    if site.zone:
        return (
            "RabbitMQ needs a volume: mark one as default, or name one in a file for the setting "
            "chart_values, as rabbitmq.storage.class"
        )
    return (
        "PostgreSQL needs a volume: mark one as default, or give a PostgreSQL with "
        "external_postgresql"
    )


def _of_release() -> dict[str, str]:
    """Labels by which Helm knows what it keeps of a release."""
    return {"owner": "helm", "name": RELEASE}


def _shown(labels: dict[str, str]) -> str:
    return ",".join(f"{key}={value}" for key, value in labels.items())


def storage(cluster: ClusterApi, site: Site) -> None:
    """TargetNotReady where the volume of PostgreSQL, or of a zone's RabbitMQ, would wait for
    ever."""
    try:
        found = cluster.default_storage_class()
    except NotAllowed:
        return  # whoever may not look: the volume's own events tell
    if found is None:
        raise TargetNotReady(
            f"context {site.context}: there is no default StorageClass, and {_wants(site)}"
        )
