"""A HorizontalPodAutoscaler as people write it, or as ``kubectl get -o yaml`` shows it -> what the
simulator plays. Strict: a field that is not known would change what the cluster does."""

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from insurectl.adapters.kubernetes_values import milli
from insurectl.adapters.located_yaml import Fields, Located, read_all, shown
from insurectl.errors import BadFile, BadInput
from insurectl.planning.hpa_spec import Behavior, Kind, Metric, Spec, filled
from insurectl.records import (
    KUBERNETES_SCALE_DOWN,
    KUBERNETES_SCALE_UP,
    ScalingPolicy,
    ScalingRules,
)

KIND = "HorizontalPodAutoscaler"
V1, V2, V2_BETA = "autoscaling/v1", "autoscaling/v2", "autoscaling/v2beta2"
V1_KEYS = ("scaleTargetRef", "minReplicas", "maxReplicas", "targetCPUUtilizationPercentage")
V2_KEYS = ("scaleTargetRef", "minReplicas", "maxReplicas", "metrics", "behavior")
RULE_KEYS = ("stabilizationWindowSeconds", "selectPolicy", "policies", "tolerance")
V1_METRICS = "autoscaling.alpha.kubernetes.io/metrics"  # an annotation: what v1 has no field for
PLACES: dict[Kind, str] = {"Resource": "resource", "Pods": "pods", "Object": "object",
                          "External": "external"}  # fmt: skip
TARGETS = {"Utilization": "averageUtilization", "AverageValue": "averageValue", "Value": "value"}
# how a metric is called that counts requests a second
REQUEST_RATE = re.compile(r"(^|[-_:])rps$|requests?[-_](per[-_]second|rate)|^qps$")


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """One file's autoscaler, by its name and that of what it scales."""

    name: str
    target: str
    spec: Spec


def read(path: Path, rps_metrics: tuple[str, ...] = ()) -> Manifest:
    """``rps_metrics``: names that count requests a second, beyond those that say so. BadFile with
    the field and the line for what can't be played."""
    documents = read_all(path)
    found = [one for one in documents if _word(one, "kind") == KIND]
    if len(found) != 1:
        kinds = ", ".join(_word(one, "kind") or "no kind" for one in documents)
        raise BadFile(
            path, f"wanted is one {KIND} a file, there are {len(found)} (there is: {kinds})"
        )
    fields = found[0].fields(
        ("apiVersion", "kind", "metadata", "spec", "status"), ("apiVersion", "metadata", "spec")
    )
    version = fields["apiVersion"].one_of((V2, V1, V2_BETA), "version of an autoscaler")
    spec, metadata = fields["spec"], fields["metadata"].items()
    keys = V1_KEYS if version == V1 else V2_KEYS
    given = spec.fields(keys, ("scaleTargetRef", "maxReplicas"))
    notes = metadata.get("annotations")
    if version == V1 and notes is not None and V1_METRICS in notes.items():
        raise notes.error(
            f"{V1_METRICS} has more metrics than {V1} has fields for; write it as {V2} "
            "(kubectl get hpa.v2.autoscaling -o yaml)"
        )
    metrics = _of_v1(given) if version == V1 else _metrics(given, rps_metrics)
    return Manifest(
        name=metadata["name"].text() if "name" in metadata else path.stem,
        target=_word(given["scaleTargetRef"], "name"),
        spec=_spec(spec, given, metrics),
    )


def _word(place: Located, key: str) -> str:
    found = place.items().get(key)
    return found.text() if found else ""


def _spec(place: Located, given: Fields, metrics: tuple[Metric, ...]) -> Spec:
    least = given.get("minReplicas")
    try:
        return Spec(
            min_replicas=1 if least is None else least.whole(low=0),
            max_replicas=given["maxReplicas"].whole(low=1),
            metrics=metrics,
            behavior=_behavior(given.get("behavior")),
        )
    except BadFile:
        raise
    except BadInput as error:
        raise place.error(str(error)) from None


def _of_v1(given: Fields) -> tuple[Metric, ...]:
    percent = given.get("targetCPUUtilizationPercentage")
    if percent is None:
        raise given.place.error(
            "targetCPUUtilizationPercentage is missing; give one (a cluster would take its "
            "controller's own, mostly 80)"
        )
    return (
        Metric(kind="Resource", name="cpu", utilization_percent=percent.whole(low=1, high=10_000)),
    )


def _metrics(given: Fields, rps_metrics: tuple[str, ...]) -> tuple[Metric, ...]:
    metrics = given.get("metrics")
    if metrics is None:
        raise given.place.error(
            "metrics is missing; give one or more (a cluster would take 80 % of the CPU request: "
            "write that, if it is meant)"
        )
    found = [_metric(one, rps_metrics) for one in metrics.list()]
    labels = [one.label for one in found]
    return tuple(
        # two sources of one name (a pod's mean and the total) are told apart by their place
        Metric(**{**vars(one), "key": f"{one.label}#{number}"})
        if labels.count(one.label) > 1
        else one
        for number, one in enumerate(found)
    )


def _metric(place: Located, rps_metrics: tuple[str, ...]) -> Metric:
    kinds: tuple[Kind, ...] = (*PLACES, "ContainerResource")
    kind = _required(place, "type").one_of(kinds, "type of metric")
    if kind == "ContainerResource":
        raise place.error(
            "there is no data for single containers; write it as Resource to play it for the "
            "whole pod"
        )
    given = place.fields(("type", PLACES[kind]), (PLACES[kind],))[PLACES[kind]]
    if kind == "Resource":
        fields = given.fields(("name", "target"), ("name", "target"))
        name = fields["name"].text()
        if name not in {"cpu", "memory"}:
            raise fields["name"].error(f"there is no data for {shown(name)}; use cpu or memory")
    else:
        known = ("metric", "target", "describedObject")
        fields = given.fields(known if kind == "Object" else known[:2], ("metric", "target"))
        name = _rate_name(fields["metric"], rps_metrics)
    return _targeted(kind, name, fields["target"])


def _rate_name(place: Located, rps_metrics: tuple[str, ...]) -> str:
    name = place.fields(("name", "selector"), ("name",))["name"]
    text = name.text()
    if text not in rps_metrics and not REQUEST_RATE.search(text):
        raise name.error(
            f"there is no data for {shown(text)}; if it counts requests a second, say so with "
            f"--rps-metric {text}, else take the metric out"
        )
    return text


def _targeted(kind: Kind, name: str, place: Located) -> Metric:
    given = place.fields(("type", *TARGETS.values()))
    key = given.just_one(*TARGETS.values())
    told = given.get("type")
    if told is not None and TARGETS[told.one_of(tuple(TARGETS), "type of target")] != key:
        raise told.error(f"it is {told.text()}, but what is given is {key}")
    try:
        return Metric(
            kind=kind,
            name=name,
            utilization_percent=given[key].whole(low=1) if key == "averageUtilization" else None,
            average_milli=_milli(given[key]) if key == "averageValue" else None,
            value_milli=_milli(given[key]) if key == "value" else None,
        )
    except BadFile:
        raise
    except BadInput as error:
        raise given[key].error(str(error)) from None


def _milli(place: Located) -> int:
    try:
        return milli(place.text())
    except BadFile:
        raise
    except BadInput as error:
        raise place.error(str(error)) from None


def _required(place: Located, key: str) -> Located:
    found = place.items().get(key)
    if found is None:
        raise place.error(f"{key} is missing")
    return found


def _behavior(place: Located | None) -> Behavior | None:
    """A direction that is not told of is the default's."""
    if place is None:
        return None
    given = place.fields(("scaleUp", "scaleDown"))
    try:
        return Behavior(
            scale_up=_rules(given.get("scaleUp"), KUBERNETES_SCALE_UP),
            scale_down=_rules(given.get("scaleDown"), KUBERNETES_SCALE_DOWN),
        )
    except BadFile:
        raise
    except BadInput as error:
        raise place.error(str(error)) from None


def _rules(place: Located | None, default: ScalingRules) -> ScalingRules:
    if place is None:
        return default
    given = place.fields(RULE_KEYS)
    window, select = given.get("stabilizationWindowSeconds"), given.get("selectPolicy")
    policies, tolerance = given.get("policies"), given.get("tolerance")
    return filled(
        default,
        window_s=None if window is None else window.whole(),
        policies=None if policies is None else tuple(map(_policy, policies.list())),
        select_policy=None if select is None else select.one_of(SELECTS, "policy"),
        tolerance=None if tolerance is None else _milli(tolerance) / 1000,
    )


SELECTS: tuple[Literal["Max", "Min", "Disabled"], ...] = ("Max", "Min", "Disabled")


def _policy(place: Located) -> ScalingPolicy:
    keys = ("type", "value", "periodSeconds")
    given = place.fields(keys, keys)
    kind = given["type"].one_of(("Pods", "Percent"), "type of policy")
    return ScalingPolicy(
        kind="Pods" if kind == "Pods" else "Percent",
        value=given["value"].whole(),
        period_s=given["periodSeconds"].whole(),
    )
