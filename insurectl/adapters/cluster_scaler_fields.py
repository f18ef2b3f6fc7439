"""The autoscaling of a ScaledObject or a HorizontalPodAutoscaler, read from what others wrote and
written back into it: what insurectl does not know stays as it is."""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from insurectl.adapters.kubernetes_api import Object, quantity
from insurectl.adapters.object_paths import Path, at, drop, put
from insurectl.records import (
    KUBERNETES_SCALE_DOWN,
    KUBERNETES_SCALE_UP,
    RPS,
    Autoscaling,
    MetricTarget,
    ScalingPolicy,
    ScalingRules,
)

SCALED_OBJECT = "ScaledObject"
RPS_TRIGGER = "rps"  # the chart's name for the trigger on requests
KEDA_MOST, KEDA_LEAST = 100, 0  # what KEDA takes where nothing is said
DIRECTIONS = {"scaleUp": KUBERNETES_SCALE_UP, "scaleDown": KUBERNETES_SCALE_DOWN}
RULE_KEYS = ("stabilizationWindowSeconds", "selectPolicy", "policies", "tolerance")
RESOURCES = ("memory", "cpu")


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Where a kind of autoscaler has what."""

    low: Path
    high: Path
    metrics: Path
    behavior: Path
    least: int = 1
    most: int = 1

    @property
    def counts(self) -> tuple[Path, Path, Path]:
        """All but the behaviour."""
        return self.low, self.high, self.metrics

    @property
    def rules(self) -> tuple[Path, ...]:
        """Each field of the behaviour."""
        return tuple((*self.behavior, way, key) for way in DIRECTIONS for key in RULE_KEYS)


SHAPES = {
    SCALED_OBJECT: Shape(
        low=("spec", "minReplicaCount"),
        high=("spec", "maxReplicaCount"),
        metrics=("spec", "triggers"),
        behavior=("spec", "advanced", "horizontalPodAutoscalerConfig", "behavior"),
        least=KEDA_LEAST,
        most=KEDA_MOST,
    ),
    "HorizontalPodAutoscaler": Shape(
        low=("spec", "minReplicas"),
        high=("spec", "maxReplicas"),
        metrics=("spec", "metrics"),
        behavior=("spec", "behavior"),
    ),
}


def autoscaling(kind: str, found: Object) -> Autoscaling:
    """Only the metrics that a tuning has; what the object leaves out is as Kubernetes takes it."""
    shape = SHAPES[kind]
    metrics = (metric(one) for one in at(found, shape.metrics) or ())
    low, high = at(found, shape.low), at(found, shape.high)
    behavior = at(found, shape.behavior) or {}
    return Autoscaling(
        min_replicas=shape.least if low is None else low,
        max_replicas=shape.most if high is None else high,
        metrics=tuple(one for one in metrics if one is not None),
        scale_up=_rules(behavior.get("scaleUp"), KUBERNETES_SCALE_UP),
        scale_down=_rules(behavior.get("scaleDown"), KUBERNETES_SCALE_DOWN),
    )


def metric(raw: Mapping[str, Any]) -> MetricTarget | None:
    """A trigger of KEDA or a metric of an autoscaler; None for one that insurectl does not know."""
    place = _target_place(raw)
    if place is None:
        return None
    value = at(dict(raw), place)
    name = raw["resource"]["name"] if "resource" in raw else raw["type"]
    if name in RESOURCES:
        return MetricTarget(kind="Resource", name=name, utilization_percent=round(float(value)))
    return MetricTarget(kind="Pods", name=RPS, average_value=quantity(value))


def unknown(kind: str, found: Object) -> tuple[str, ...]:
    """The names of the metrics that insurectl does not know."""
    return tuple(
        str(one.get("name") or at(dict(one), ("external", "metric", "name")) or one["type"])
        for one in at(found, SHAPES[kind].metrics) or ()
        if metric(one) is None
    )


def as_values(kind: str, theirs: Object, want: Autoscaling) -> list[dict[str, Any]] | None:
    """All metrics as the chart's values have them; None where one has no form there."""
    values = []
    for raw in at(theirs, SHAPES[kind].metrics):
        known = metric(raw)
        if known is not None:
            wanted = next((one for one in want.metrics if one.name == known.name), known)
            values.append(_as_value(wanted))
            continue
        told = raw.get("metadata") or {}
        if raw["type"] != "prometheus" or not {"query", "threshold"} <= set(told):
            return None
        values.append(
            {
                **{"type": "query", "name": raw.get("name"), "query": told["query"]},
                "value": quantity(told["threshold"]),
                "metricType": raw.get("metricType", "AverageValue"),
            }
        )
    return values if all(one.get("name", "-") for one in values) else None


def _as_value(want: MetricTarget) -> dict[str, Any]:
    if want.kind == "Resource":
        return {"type": want.name, "utilizationPercent": want.utilization_percent}
    return {"type": "rps", "perReplica": round(want.average_value or 0.0, 3)}


def write(kind: str, new: Object, theirs: Object, want: Autoscaling) -> None:
    """Bring ``new``, a copy of what is there, to ``want``. What ``want`` has as ``theirs`` gets
    their very words again."""
    shape, now, their = SHAPES[kind], autoscaling(kind, new), autoscaling(kind, theirs)
    for path, value, before, there in (
        (shape.low, want.min_replicas, their.min_replicas, now.min_replicas),
        (shape.high, want.max_replicas, their.max_replicas, now.max_replicas),
    ):
        if value == before:
            _as_theirs(new, path, theirs)
        elif value != there:
            put(new, path, value)
    _write_metrics(new, shape, theirs, want.metrics)
    _write_behavior(new, shape, theirs, their, want)


def _write_metrics(
    new: Object, shape: Shape, theirs: Object, wanted: Sequence[MetricTarget]
) -> None:
    before = {known.name: one for one in at(theirs, shape.metrics) if (known := metric(one))}
    for raw in at(new, shape.metrics) or ():
        found, place = metric(raw), _target_place(raw)
        want = next((one for one in wanted if found and one.name == found.name), None)
        if found is None or place is None or want is None:
            continue  # not insurectl's, or not named: as it is
        former = before.get(found.name)
        if former is not None and metric(former) == want:
            put(raw, place, at(former, _target_place(former) or place))
        elif found != want:
            put(raw, place, _rendered(raw, want))


def _write_behavior(
    new: Object, shape: Shape, theirs: Object, their: Autoscaling, want: Autoscaling
) -> None:
    if (want.scale_up, want.scale_down) == (their.scale_up, their.scale_down):
        _as_theirs(new, shape.behavior, theirs)
        return
    behavior = at(new, shape.behavior) or {}
    for way, default in DIRECTIONS.items():
        asked = _raw_rules(want.scale_up if way == "scaleUp" else want.scale_down)
        there = _raw_rules(_rules(behavior.get(way), default))
        before = _raw_rules(their.scale_up if way == "scaleUp" else their.scale_down)
        for key in RULE_KEYS:
            path = (*shape.behavior, way, key)
            if _alike(asked.get(key), there.get(key)):
                continue
            said = at(theirs, path) if _alike(asked.get(key), before.get(key)) else None
            value = asked.get(key) if said is None else said
            if value is None:
                drop(new, path, theirs)
            else:
                put(new, path, value)


def _alike(one: Any, other: Any) -> bool:
    """Policies have no order."""
    if isinstance(one, list) and isinstance(other, list):
        return sorted(one, key=str) == sorted(other, key=str)
    return bool(one == other)


def _as_theirs(new: Object, path: Path, theirs: Object) -> None:
    value = at(theirs, path)
    if value is None:
        drop(new, path, theirs)
    else:
        put(new, path, deepcopy(value))


def _target_place(raw: Mapping[str, Any]) -> Path | None:
    """Where the metric's target stands; None for a metric that is not known."""
    told = dict(raw)
    if "metadata" in told:  # a trigger of KEDA
        how = told.get("metricType") or told["metadata"].get("type")
        if told["type"] in RESOURCES:
            of_all = "containerName" not in told["metadata"]
            return ("metadata", "value") if how == "Utilization" and of_all else None
        of_ours = told["type"] == "prometheus" and told.get("name") in (RPS_TRIGGER, RPS)
        return ("metadata", "threshold") if of_ours and how in (None, "AverageValue") else None
    if told["type"] == "Resource" and told["resource"]["name"] in RESOURCES:
        place: Path = ("resource", "target", "averageUtilization")
        return None if at(told, place) is None else place
    if told["type"] == "Pods" and told["pods"]["metric"] == {"name": RPS}:
        return ("pods", "target", "averageValue")
    return None


def _rendered(raw: Mapping[str, Any], want: MetricTarget) -> str | int:
    if want.utilization_percent is not None:
        return f"{want.utilization_percent}" if "metadata" in raw else want.utilization_percent
    value = round(want.average_value or 0.0, 3)
    if "metadata" in raw or value == int(value):
        return f"{value:.10g}"
    return f"{round(1000 * value)}m"


def _rules(raw: Mapping[str, Any] | None, default: ScalingRules) -> ScalingRules:
    told = raw or {}
    policies = tuple(
        ScalingPolicy(kind=one["type"], value=one["value"], period_s=one["periodSeconds"])
        for one in told.get("policies") or ()
    )
    window_s, tolerance = told.get("stabilizationWindowSeconds"), told.get("tolerance")
    return replace(
        default,
        stabilization_window_s=default.stabilization_window_s if window_s is None else window_s,
        policies=policies or default.policies,
        select_policy=told.get("selectPolicy") or default.select_policy,
        tolerance=None if tolerance is None else quantity(tolerance),
    )


def _raw_rules(rules: ScalingRules) -> dict[str, Any]:
    told: dict[str, Any] = {
        "stabilizationWindowSeconds": rules.stabilization_window_s,
        "selectPolicy": rules.select_policy,
        "policies": [
            {"type": one.kind, "value": one.value, "periodSeconds": one.period_s}
            for one in rules.policies
        ],
    }
    return told if rules.tolerance is None else {**told, "tolerance": f"{rules.tolerance:.3g}"}
