"""What is in force in a cluster, read from its objects, and whether others changed it."""

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any

from insurectl.adapters import cluster_values, cluster_zone
from insurectl.adapters.cluster_ground import RELEASE, Site
from insurectl.adapters.cluster_values import KUBERNETES_SYNC_S, Provider, Values
from insurectl.adapters.helm import Helm
from insurectl.adapters.kubernetes_api import ClusterApi, Object, quantity
from insurectl.errors import BadInput, TargetNotReady
from insurectl.records import RPS, Tuning

SCALED_OBJECT = ("keda.sh/v1alpha1", "ScaledObject")
HPA = ("autoscaling/v2", "HorizontalPodAutoscaler")
MIB = 2**20
ABSENT, TOLERANCE = "absent", "tolerance"


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


def must_fit(sites: Sequence[Site], provider: Provider, tuning: Tuning) -> None:
    """BadInput for a tuning that these clusters or the chart can't put in force: asked before
    anything is noted as intended, or the next deploy would try it again."""
    values = cluster_values.merged(
        {"autoscaling": {"provider": provider}}, cluster_values.overlay(tuning)
    )
    for site in sites:
        fitted = cluster_zone.fitted(cluster_zone.api(site), values)
        try:
            Helm(site.context, site.kubeconfig).template(
                RELEASE, site.namespace, cluster_values.chart_folder(), fitted
            )
        except TargetNotReady as error:  # it asks no cluster: the values are to blame
            raise BadInput(f"the chart does not take these settings: {error}") from error


def refuse_others(sites: Sequence[Site], known: Sequence[Tuning]) -> None:
    """BadInput with every value that is in force in a zone and in none of ``known``."""
    if told := others(sites, known):
        raise BadInput(
            "the settings were changed by others since insurectl put its own in force:\n"
            + "\n".join(told)
            + "\nnothing was overwritten: set them back, or `insurectl deploy` to put insurectl's "
            "own in force again"
        )


def others(sites: Sequence[Site], known: Sequence[Tuning]) -> list[str]:
    """A line for every value that is in force in a zone and in none of ``known``."""
    ours = [_told(tuning) for tuning in known]
    told = []
    for site in sites:
        live = in_force(cluster_zone.api(site), site.namespace, known[0])
        told += [f"{site.namespace}: {line}" for line in _changes(live, ours)]
    return told


def foreign(
    live: Mapping[str, Any], known: Sequence[Mapping[str, Any]], wanted: Mapping[str, Any]
) -> list[str]:
    """What a release is told and insurectl neither sent (``known``, what is surely in force
    first) nor is about to (``wanted``). With nothing known: what ``wanted`` does not name."""
    there, ours, about = _flat(live), [_flat(one) for one in known], _flat(wanted)
    keys = dict.fromkeys(key for one in (there, *ours) for key in one)
    if not known:
        return [f"{key} is {there[key]}, insurectl does not set it" for key in keys - about.keys()]
    return [
        f"{key} is {there.get(key, ABSENT)}, insurectl sent {ours[0].get(key, ABSENT)}"
        for key in keys
        if not any(_same_value(there.get(key), one.get(key), key) for one in (*ours, about))
    ]


def in_force(cluster: ClusterApi, namespace: str, like: Tuning) -> Values:
    """The tuning's values, in the form of ``cluster_values.overlay``, of the objects that are
    there; what is not there is left out, since nothing of it could be overwritten. ``replicas``
    besides, where no autoscaler sets them."""
    services: Values = {}
    for one in like.services:
        found: Values = {}
        deployment = cluster.get("apps/v1", "Deployment", namespace, one.service)
        scaler = _scaler(cluster, namespace, one.service)
        if deployment is not None:
            found["memory"] = _memory(deployment, one.service)
            if scaler is None:
                found["replicas"] = deployment["spec"].get("replicas", 1)
        if scaler is not None:
            found["autoscaling"] = _autoscaling(scaler["spec"])
        services[one.service] = found
    return {"services": services, **_limits(cluster, namespace)}


def _told(tuning: Tuning) -> Values:
    """As ``in_force`` would read it; the replicas are an autoscaler's own where there is one."""
    values = cluster_values.overlay(tuning)
    for one in tuning.services:
        if one.autoscaling is None:
            values["services"][one.service]["replicas"] = one.replicas
    return values


def _changes(live: Values, ours: Sequence[Values]) -> list[str]:
    """What differs from all of ours, part by part: a part that is not there can't be overwritten,
    but within one that is, what is missing was taken away by somebody."""
    told = []
    for path, part in _parts(live):
        there = _flat(part)
        wanted = [_flat(_at(one, path, part)) for one in ours]
        keys = dict.fromkeys(key for one in (there, *wanted) for key in one)
        told += [
            f"{_dotted(path, key)} is {there.get(key, ABSENT)}, insurectl set "
            f"{wanted[0].get(key, ABSENT)}"
            for key in keys
            if not any(_same(there.get(key), one.get(key), key) for one in wanted)
        ]
    return told


def _parts(live: Values) -> Iterator[tuple[tuple[str, ...], object]]:
    for service, found in live["services"].items():
        for key, part in found.items():
            yield ("services", service, key), part
    if "limits" in live:
        yield ("limits",), live["limits"]


def _at(values: Values, path: Sequence[str], part: object) -> object:
    """What ours has there; ``part`` itself for what we leave to an autoscaler."""
    found: Any = values
    for key in path:
        if key not in found:
            return part
        found = found[key]
    return found


def _same(live: str | None, ours: str | None, key: str) -> bool:
    """Numbers alike in whichever form a cluster keeps them. A cluster that knows no tolerance
    drops it."""
    if key.endswith(TOLERANCE):
        if live is None or ours is None:
            return live is None
        live, ours = f"{quantity(live)}", f"{quantity(ours)}"
    if live == ours:
        return True
    try:
        return math.isclose(float(live or "nan"), float(ours or "nan"), rel_tol=1e-5, abs_tol=1e-3)
    except ValueError:
        return False


def _same_value(live: str | None, ours: str | None, key: str) -> bool:
    """As ``_same``; Helm may drop a key whose value is none."""
    return (live is None and ours in (None, f"{None}")) or _same(live, ours, key)


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
    try:
        told = json.loads((config.get("data") or {})["values.json"])
        return {
            "limits": {
                "partnerPerMinute": told["partner_per_minute"],
                "zoneRps": told.get("zone_rps"),
            }
        }
    except (ValueError, KeyError, TypeError):
        return {"limits": f"unreadable (ConfigMap gateway in {namespace})"}


def _memory(deployment: Mapping[str, Any], service: str) -> Values:
    containers = deployment["spec"]["template"]["spec"]["containers"]
    resources: Mapping[str, Any] = next(
        (one.get("resources") or {} for one in containers if one["name"] == service), {}
    )
    return {
        name: _mib((resources.get(kind) or {}).get("memory"))
        for name, kind in (("requestMib", "requests"), ("limitMib", "limits"))
    }


def _autoscaling(spec: Mapping[str, Any]) -> Values:
    """Of a ScaledObject or an HPA: the fields that a tuning has."""
    if "triggers" in spec:
        advanced = spec.get("advanced") or {}
        return {
            "min": spec.get("minReplicaCount"),
            "max": spec.get("maxReplicaCount"),
            "metrics": [_trigger(one) for one in spec["triggers"]],
            "behavior": (advanced.get("horizontalPodAutoscalerConfig") or {}).get("behavior"),
        }
    return {
        "min": spec.get("minReplicas"),
        "max": spec.get("maxReplicas"),
        "metrics": [_hpa_metric(one) for one in spec.get("metrics") or ()],
        "behavior": spec.get("behavior"),
    }


def _trigger(trigger: Mapping[str, Any]) -> Values:
    told = trigger["metadata"]
    match trigger:
        case {"type": "memory" | "cpu" as name} if "value" in told:
            return {"type": name, "utilizationPercent": told["value"]}
        case {"type": "prometheus", "name": "rps"} if "threshold" in told:
            return {"type": "rps", "perReplica": told["threshold"]}
    return {"type": f"{trigger['type']} {trigger.get('name', '')}".strip(), **told}


def _hpa_metric(metric: Mapping[str, Any]) -> Values:
    match metric:
        case {"type": "Resource", "resource": {"name": name, "target": target}} if (
            "averageUtilization" in target
        ):
            return {"type": name, "utilizationPercent": target["averageUtilization"]}
        case {"type": "Pods", "pods": {"metric": {"name": name}, "target": target}} if name == RPS:
            return {"type": "rps", "perReplica": quantity(target["averageValue"])}
    return {"type": json.dumps(metric, sort_keys=True)}


def _mib(text: str | None) -> float | None:
    return None if text is None else quantity(text) / MIB


def _dotted(path: Sequence[str], key: str) -> str:
    return ".".join((*path, key)) if key else ".".join(path)


def _flat(values: object, prefix: str = "") -> dict[str, str]:
    """Path -> value; of a whole number without its point."""
    if isinstance(values, Mapping):
        parts: Sequence[tuple[object, object]] = list(values.items())
    elif isinstance(values, list | tuple):
        parts = list(enumerate(values))
    else:
        return {prefix: f"{values:g}" if isinstance(values, float) else f"{values}"}
    found: dict[str, str] = {}
    for key, inner in parts:
        found |= _flat(inner, f"{prefix}.{key}" if prefix else f"{key}")
    return found
