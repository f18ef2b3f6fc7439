"""What is in force in a cluster, read from its objects, and whether others changed it."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from insurectl.adapters import cluster_values, cluster_zone
from insurectl.adapters.cluster_ground import Site
from insurectl.adapters.cluster_values import KUBERNETES_SYNC_S, Values
from insurectl.adapters.kubernetes_api import ClusterApi, Object, quantity
from insurectl.errors import BadInput
from insurectl.records import Tuning

SCALED_OBJECT = ("keda.sh/v1alpha1", "ScaledObject")
HPA = ("autoscaling/v2", "HorizontalPodAutoscaler")
MIB = 2**20


def as_clusters_do(tuning: Tuning) -> Tuning:
    """The controller manager's own period, which no object can set."""
    return replace(
        tuning,
        services=tuple(
            replace(one, autoscaling=replace(one.autoscaling, sync_period_s=KUBERNETES_SYNC_S))
            if one.autoscaling
            else one
            for one in tuning.services
        ),
    )


def refuse_others(sites: Sequence[Site], known: Sequence[Tuning]) -> None:
    """BadInput with every value that is in force in a zone and in none of ``known``."""
    ours = [_flat(cluster_values.overlay(tuning)) for tuning in known]
    told = []
    for site in sites:
        live = _flat(in_force(cluster_zone.api(site), site.namespace, known[0]))
        told += [
            f"{site.namespace}: {key} is {value}, insurectl set {ours[0].get(key)}"
            for key, value in live.items()
            if all(one.get(key) != value for one in ours)
        ]
    if told:
        raise BadInput(
            "the settings were changed by others since insurectl put its own in force:\n"
            + "\n".join(told)
            + "\nnothing was overwritten: set them back, or `insurectl deploy` to put insurectl's "
            "own in force again"
        )


def in_force(cluster: ClusterApi, namespace: str, like: Tuning) -> Values:
    """The tuning's values, in the form of ``cluster_values.overlay``, of the objects that are
    there; what is not there is left out, since nothing of it could be overwritten."""
    services: Values = {}
    for one in like.services:
        found: Values = {}
        deployment = cluster.get("apps/v1", "Deployment", namespace, one.service)
        if deployment is not None:
            found["memory"] = _memory(deployment, one.service)
        scaler = _scaler(cluster, namespace, one.service)
        if scaler is not None:
            found["autoscaling"] = _autoscaling(scaler["spec"])
        services[one.service] = found
    return {"services": services, **_limits(cluster, namespace)}


def _scaler(cluster: ClusterApi, namespace: str, service: str) -> Object | None:
    """A ScaledObject, from which KEDA makes the HPA; else an HPA of its own."""
    if cluster.serves(*SCALED_OBJECT):
        found = cluster.get(*SCALED_OBJECT, namespace, service)
        if found is not None:
            return found
    return cluster.get(*HPA, namespace, service)


def _limits(cluster: ClusterApi, namespace: str) -> Values:
    config = cluster.get("v1", "ConfigMap", namespace, "gateway")
    if config is None:
        return {}
    told = json.loads(config["data"]["values.json"])
    return {
        "limits": {
            "partnerPerMinute": told["partner_per_minute"],
            "zoneRps": told.get("zone_rps"),
        }
    }


def _memory(deployment: Mapping[str, Any], service: str) -> Values:
    containers = deployment["spec"]["template"]["spec"]["containers"]
    resources = next(one["resources"] for one in containers if one["name"] == service)
    return {
        "requestMib": _mib(resources["requests"]["memory"]),
        "limitMib": _mib(resources["limits"]["memory"]),
    }


def _autoscaling(spec: Mapping[str, Any]) -> Values:
    """Of a ScaledObject or an HPA: the fields that a tuning has."""
    if "triggers" in spec:
        config = spec.get("advanced", {}).get("horizontalPodAutoscalerConfig", {})
        metrics = [_trigger(one) for one in spec["triggers"]]
        low, high, behavior = spec["minReplicaCount"], spec["maxReplicaCount"], config["behavior"]
    else:
        metrics = [_hpa_metric(one) for one in spec["metrics"]]
        low, high, behavior = spec["minReplicas"], spec["maxReplicas"], spec["behavior"]
    return {"min": low, "max": high, "metrics": metrics, "behavior": behavior}


def _trigger(trigger: Mapping[str, Any]) -> Values:
    told = trigger["metadata"]
    if trigger["type"] in ("memory", "cpu"):
        return {"type": trigger["type"], "utilizationPercent": _number(told["value"])}
    return {"type": "rps", "perReplica": _number(told["threshold"])}


def _hpa_metric(metric: Mapping[str, Any]) -> Values:
    if metric["type"] == "Resource":
        target = metric["resource"]["target"]["averageUtilization"]
        return {"type": metric["resource"]["name"], "utilizationPercent": target}
    return {"type": "rps", "perReplica": quantity(metric["pods"]["target"]["averageValue"])}


def _mib(text: str) -> float:
    return quantity(text) / MIB


def _number(text: object) -> float:
    return float(str(text))


def _flat(values: object, prefix: str = "") -> dict[str, str]:
    """Path -> value; numbers alike whether they are whole or not."""
    if isinstance(values, Mapping):
        parts: Sequence[tuple[object, object]] = list(values.items())
    elif isinstance(values, list | tuple):
        parts = list(enumerate(values))
    else:
        same = isinstance(values, int | float) and not isinstance(values, bool)
        return {prefix: f"{float(values):g}" if same else f"{values}"}  # type: ignore[arg-type] # a number
    found: dict[str, str] = {}
    for key, inner in parts:
        found |= _flat(inner, f"{prefix}.{key}" if prefix else f"{key}")
    return found
