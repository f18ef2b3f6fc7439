"""What a cluster's HorizontalPodAutoscalers say, in the words that every target uses."""

import re
from collections.abc import Iterable, Mapping
from typing import Any

from insurectl.adapters.kubernetes_values import quantity
from insurectl.records import RPS

# KEDA gives a trigger without a name of its own to the autoscaler as s<index>-<type>
_TRIGGER = re.compile(r"s(\d+)-[a-z0-9-]+")
_RESCALED = re.compile(r"New size: (\d+); reason: (.*)", re.DOTALL)
_ABOVE = re.compile(
    r"(?:(?P<resource>\S+)(?: container)? resource(?: utilization \(percentage of request\))?"
    r"|(?:pods|external|\S+) metric (?P<metric>[^\s(]+)(?:\(.*\))?) above target",
    re.DOTALL,
)
BELOW = "All metrics below target"
# the controller's own words for a count that its limits forbid; `local` says the condition's name
LABELS = re.compile(r"\(&LabelSelector\{.*?\}\)(?= )")
LIMITS = {
    "Current number of replicas above Spec.MaxReplicas": "TooManyReplicas",
    "Current number of replicas below Spec.MinReplicas": "TooFewReplicas",
    "Current number of replicas must be greater than 0": "TooFewReplicas",
}
OURS = {"rps": RPS}  # the chart's trigger for requests -> the metric's name on every target
Object = Mapping[str, Any]


def list_path(namespace: str) -> str:
    """Of all autoscalers."""
    return f"/apis/autoscaling/v2/namespaces/{namespace}/horizontalpodautoscalers"


def triggers_path(namespace: str) -> str:
    """Of KEDA's objects, which name what the autoscaler only numbers."""
    return f"/apis/keda.sh/v1alpha1/namespaces/{namespace}/scaledobjects"


def by_service(scalers: Iterable[Object]) -> dict[str, Object]:
    """Autoscalers or ScaledObjects, by the name of what they scale."""
    return {one["spec"]["scaleTargetRef"]["name"]: one for one in scalers}


def targets(autoscalers: Iterable[Object]) -> dict[str, str]:
    """Autoscaler's name -> that of what it scales: KEDA calls its own ``keda-hpa-NAME`` unless
    told otherwise, and others call theirs as they like."""
    return {one["metadata"]["name"]: one["spec"]["scaleTargetRef"]["name"] for one in autoscalers}


def is_numbered(metric: str) -> bool:
    """Whether only KEDA's object knows what the metric is."""
    return _TRIGGER.fullmatch(metric) is not None


def metric_name(metric: str, scaled_object: Object | None) -> str:
    """The name that the metric's trigger has in the ScaledObject; the metric's own without one."""
    match = _TRIGGER.fullmatch(metric)
    if match is None or scaled_object is None:
        return metric
    triggers = scaled_object["spec"]["triggers"]
    index = int(match.group(1))
    name = triggers[index].get("name") if index < len(triggers) else None
    return OURS.get(str(name), str(name or metric))


def current_metrics(autoscaler: Object) -> dict[str, float]:
    """Metric -> mean of the pods as the controller last saw it: bytes of memory, cores of CPU.
    One that it could not see is left out."""
    found: dict[str, float] = {}
    for one in autoscaler.get("status", {}).get("currentMetrics") or ():
        kind = one["type"][:1].lower() + one["type"][1:]
        told = one.get(kind) or {}
        name = told["name"] if "name" in told else told.get("metric", {}).get("name", "")
        current = told.get("current") or {}
        value = current.get("averageValue", current.get("value"))
        if name and value is not None:
            found[name] = quantity(value)
    return found


def rescaled(message: str) -> tuple[int, str] | None:
    """New size and reason of a SuccessfulRescale; None for words that are not known."""
    match = _RESCALED.fullmatch(message)
    return None if match is None else (int(match.group(1)), match.group(2))


def above_target(reason: str) -> str | None:
    """The metric that asked for more; None where the reason is another."""
    match = _ABOVE.fullmatch(reason)
    return None if match is None else match["resource"] or match["metric"]


def goes_up(reason: str) -> bool | None:
    """The direction that the controller's words tell; None when they tell none."""
    if above_target(reason) is not None:
        return True
    if reason == BELOW:
        return False
    limit = LIMITS.get(reason)
    return None if limit is None else limit == "TooFewReplicas"


def told(reason: str, *, up: bool, scaled_object: Object | None = None) -> str:
    """A decision's reason as on every target, and what the cluster itself said."""
    metric = above_target(reason)
    what = metric_name(metric, scaled_object) if metric else LIMITS.get(reason, "")
    direction = "up" if up else "down"
    if not what:
        return f"scale {direction}: {reason[:1].lower()}{reason[1:]}"
    plain = LABELS.sub("", reason)  # KEDA's, which are the same for every metric of a service
    return f"scale {direction}: {what} (the cluster: {plain})"
