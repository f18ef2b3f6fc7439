"""A scenario's ``system:`` section: what is put in force before it plays. What it leaves out
stays as the topology says."""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields, replace
from typing import Any

from insurectl.adapters import topology
from insurectl.adapters.located_yaml import Fields, Located
from insurectl.planning.workload import MAX_RPS
from insurectl.records import (
    KUBERNETES_SCALE_DOWN,
    KUBERNETES_SCALE_UP,
    RPS,
    Autoscaling,
    Cost,
    MetricTarget,
    ScalingPolicy,
    ScalingRules,
    ServiceTuning,
)

COSTS = tuple(one.name for one in fields(Cost))
SERVICE_KEYS = ("cost", "memory", "replicas", "autoscaling")
MEMORY_KEYS = ("request_mib", "limit_mib")
AUTOSCALING_KEYS = ("min", "max", "memory_percent", "rps", "sync_period", "scale_up", "scale_down")
RULES_KEYS = ("window", "policies", "select", "tolerance")
POLICY_KEYS = ("kind", "value", "period")
MAX_WORKERS = 1000
MAX_MIB = 1024 * 1024
MAX_MS = 3_600_000
# the unit stands at the end of a cost's name
MAX_COST = {"ms": MAX_MS, "mib": MAX_MIB, "cv": 10, "s": 3600}
MAX_PERCENT = 10_000
HOUR_S = 3600  # Kubernetes takes no longer window, and no policy over more than half of it
KUBERNETES_SYNC_S = 15.0


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What the section asks for. ``notes``: where its autoscaler is not Kubernetes' own."""

    services: tuple[ServiceTuning, ...] = ()
    costs: Mapping[str, Cost] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def read(place: Located | None) -> Asked:
    """BadFile, with the line, for what can't be put in force."""
    if place is None:
        return Asked()
    known = topology.bundled().services
    found = place.fields(tuple(known)).found
    tunings = [_tuning(known[name], one) for name, one in found.items()]
    return Asked(
        services=tuple(tunings),
        costs={name: _cost(known[name].cost, one) for name, one in found.items()},
        notes=tuple(note for tuning in tunings for note in _notes(tuning)),
    )


def _fields(place: Located) -> Fields:
    return place.fields(SERVICE_KEYS)


def _cost(base: Cost, place: Located) -> Cost:
    service = _fields(place)
    if "cost" not in service:
        return base
    given = service["cost"].fields(COSTS).found
    numbers: dict[str, Any] = {
        key: one.whole(low=1, high=MAX_WORKERS)
        if key == "workers"
        else one.number(high=MAX_COST[key.rpartition("_")[2]])
        for key, one in given.items()
    }
    return replace(base, **numbers)


def _tuning(base: topology.Service, place: Located) -> ServiceTuning:
    service = _fields(place)
    tuning = base.tuning
    if "memory" in service:
        memory = service["memory"].fields(MEMORY_KEYS)
        request = memory.get("request_mib")
        limit = memory.get("limit_mib")
        tuning = replace(
            tuning,
            memory_request_mib=request.positive(high=MAX_MIB)
            if request
            else tuning.memory_request_mib,
            memory_limit_mib=limit.positive(high=MAX_MIB) if limit else tuning.memory_limit_mib,
        )
        if tuning.memory_limit_mib < tuning.memory_request_mib:
            raise service["memory"].error("limit_mib is less than request_mib")
    if "replicas" in service:
        if "autoscaling" in service:
            raise service["replicas"].error("the autoscaler sets them; leave one of the two out")
        replicas = _slots(service["replicas"], base)
        return replace(tuning, replicas=replicas, autoscaling=None)
    if "autoscaling" in service:
        return replace(tuning, autoscaling=_autoscaling(service["autoscaling"], base))
    return tuning


def _slots(place: Located, service: topology.Service) -> int:
    replicas = place.whole(low=1)
    if replicas > service.slots:
        raise place.error(f"{replicas} is more than the {service.slots} that fit in a zone")
    return replicas


def _autoscaling(place: Located, service: topology.Service) -> Autoscaling:
    given = place.fields(AUTOSCALING_KEYS, ("min", "max"))
    low, high = _slots(given["min"], service), _slots(given["max"], service)
    if low > high:
        raise given["max"].error(f"{high} is less than min ({low})")
    metrics = []
    if memory := given.get("memory_percent"):
        percent = memory.whole(low=1, high=MAX_PERCENT)
        metrics.append(MetricTarget(kind="Resource", name="memory", utilization_percent=percent))
    if rps := given.get("rps"):
        metrics.append(
            MetricTarget(kind="Pods", name=RPS, average_value=rps.positive(high=MAX_RPS))
        )
    if not metrics:
        raise place.error("it has nothing to go by; add memory_percent, rps or both")
    sync = given.get("sync_period")
    return Autoscaling(
        min_replicas=low,
        max_replicas=high,
        metrics=tuple(metrics),
        scale_up=_rules(given.get("scale_up"), KUBERNETES_SCALE_UP),
        scale_down=_rules(given.get("scale_down"), KUBERNETES_SCALE_DOWN),
        sync_period_s=sync.whole_seconds(low_s=1, high_s=HOUR_S) if sync else KUBERNETES_SYNC_S,
    )


def _rules(place: Located | None, base: ScalingRules) -> ScalingRules:
    if place is None:
        return base
    given = place.fields(RULES_KEYS)
    window, select = given.get("window"), given.get("select")
    tolerance = given.get("tolerance")
    return ScalingRules(
        stabilization_window_s=(
            window.whole_seconds(high_s=HOUR_S) if window else base.stabilization_window_s
        ),
        policies=(
            tuple(_policy(one) for one in given["policies"].list())
            if "policies" in given
            else base.policies
        ),
        select_policy=(
            select.one_of(("Max", "Min", "Disabled"), "select") if select else base.select_policy
        ),
        tolerance=tolerance.number(high=1) if tolerance else base.tolerance,
    )


def _policy(place: Located) -> ScalingPolicy:
    given = place.fields(POLICY_KEYS, POLICY_KEYS)
    return ScalingPolicy(
        kind=given["kind"].one_of(("Pods", "Percent"), "kind"),
        value=given["value"].whole(low=1, high=MAX_PERCENT),
        period_s=given["period"].whole_seconds(low_s=1, high_s=HOUR_S // 2),
    )


def _notes(tuning: ServiceTuning) -> list[str]:
    """A scenario that wants to see scaling within minutes says openly what it shortened."""
    spec = tuning.autoscaling
    if spec is None:
        return []
    down_s = spec.scale_down.stabilization_window_s
    usual_s = KUBERNETES_SCALE_DOWN.stabilization_window_s
    shorter = []
    if spec.sync_period_s < KUBERNETES_SYNC_S:
        shorter.append(
            f"looks every {spec.sync_period_s:g} s (Kubernetes: {KUBERNETES_SYNC_S:g} s)"
        )
    if down_s < usual_s:
        shorter.append(f"waits {down_s} s before it takes replicas away (Kubernetes: {usual_s} s)")
    if not shorter:
        return []
    return [
        f"The autoscaler of {tuning.service} {' and '.join(shorter)}: shortened by the scenario, "
        "so that a run of minutes shows it."
    ]
