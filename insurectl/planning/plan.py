"""A peak -> replicas, nodes, money, what breaks first, and whether more come in time."""

from collections.abc import Sequence
from dataclasses import replace
from math import ceil

from insurectl.errors import BadInput
from insurectl.planning.demand import calls, demand
from insurectl.planning.packing import Packed, cut, pack, room
from insurectl.planning.plan_capacity import extrapolated
from insurectl.planning.plan_limits import Asked, limits, rate_zone, replicas_zone
from insurectl.records import KUBERNETES_SCALE_UP
from insurectl.records.plan import (
    Basis,
    Money,
    PlanFigures,
    PlanInputs,
    PlanService,
    PodKind,
    ScaleUp,
    ServicePlan,
    ZonePlan,
)


def figures(asked: Asked, currency: str) -> PlanFigures:
    """The whole plan for one set of inputs. BadInput for inputs that have no plan."""
    _check(asked.inputs)
    found = demand(asked.inputs)
    services = tuple(_service(asked, one) for one in asked.system.services if not one.stands_in)
    zones = _zones(asked, {one.service: one.replicas_zone for one in services})
    estimate = _zones(asked, {one.service: one.estimate_zone for one in services})
    nodes = sum(one.nodes for one in zones)
    pods = sum(one.pods for one in zones)
    exact_pods, exact = _before_rounding(asked)
    return PlanFigures(
        arrivals_rps=found.arrivals_rps,
        streams_zone=found.streams / asked.left,
        in_flight_zone=found.in_flight / asked.left,
        services=services,
        zones=zones,
        pods=pods,
        nodes=nodes,
        nodes_estimate=sum(one.nodes for one in estimate),
        nodes_bound=sum(one.bound for one in zones),
        nodes_exact=exact,
        money=_money(asked.inputs, (nodes, pods), (exact, exact_pods), currency),
        limits=limits(asked, services),
        most_people=_carried(asked, services, asked.left),
        margin=_margin(asked, services),
        scale_up=_scale_up(asked, services, zones),
        complete=all(one.capacity is not None for one in services if one.driven),
    )


def _check(inputs: PlanInputs) -> None:
    """What each value alone can't say."""
    if inputs.survive >= inputs.zones:
        raise BadInput(
            f"survive {inputs.survive} of {inputs.zones} zones: none would be left; plan more "
            "zones, or survive fewer"
        )
    if inputs.reserved_connections >= inputs.max_connections:
        raise BadInput(
            f"max-connections {inputs.max_connections} less {inputs.reserved_connections} reserved "
            "leaves none for the services; raise max-connections"
        )


def _service(asked: Asked, service: PlanService) -> ServicePlan:
    people = asked.inputs.people
    rate = demand(asked.inputs).arrivals_rps * calls(service, asked.inputs)
    zone_rps = rate_zone(asked, service, people)
    replicas = replicas_zone(asked, service, people)
    one = asked.capacity.get(service.name)
    estimate = replicas if one is None else max(ceil(zone_rps / one.value - 1e-9), service.least)
    total = replicas * asked.inputs.zones
    return ServicePlan(
        service=service.name,
        rate_rps=rate,
        zone_rps=zone_rps,
        capacity=one,
        replicas_zone=replicas,
        estimate_zone=estimate,
        replicas=total,
        driven=rate > 0,
        extrapolated=extrapolated(one, total) if one is not None and rate > 0 else "",
    )


def _zones(asked: Asked, replicas: dict[str, int]) -> tuple[ZonePlan, ...]:
    """All zones alike; what stands outside them is put into the first."""
    inside = _pods(asked, replicas)
    other = pack(inside, asked.inputs.node)
    first = pack((*inside, *asked.system.outside), asked.inputs.node)
    return tuple(
        _zone(zone_name(number), first if number == 0 else other, inside if number else
              (*inside, *asked.system.outside))
        for number in range(asked.inputs.zones)
    )  # fmt: skip


def zone_name(number: int) -> str:
    """``a`` to ``z``, then ``zone27`` and so on."""
    return chr(ord("a") + number) if number < 26 else f"zone{number + 1}"


def _zone(name: str, packed: Packed, pods: Sequence[PodKind]) -> ZonePlan:
    return ZonePlan(
        zone=name,
        pods=sum(one.count for one in pods),
        cpu_m=sum(one.count * one.cpu_m for one in pods),
        memory_mib=sum(one.count * one.memory_mib for one in pods),
        nodes=packed.nodes,
        bound=packed.bound,
        exact=packed.exact,
    )


def _pods(asked: Asked, replicas: dict[str, int]) -> tuple[PodKind, ...]:
    own = (
        PodKind(name=one.name, count=replicas[one.name], cpu_m=one.cpu_m, memory_mib=one.memory_mib)
        for one in asked.system.services
        if one.name in replicas
    )
    return (*own, *asked.system.platform)


def _before_rounding(asked: Asked) -> tuple[float, float]:
    """Pods and nodes as if both could be cut: what moves them shows here first."""
    inside = [(float(one.count), one) for one in asked.system.platform]
    for service in asked.system.services:
        if not service.stands_in:
            one = asked.capacity.get(service.name)
            rate = rate_zone(asked, service, asked.inputs.people)
            wanted = max(rate / one.low if one is not None else 0.0, service.least)
            kind = PodKind(
                name=service.name, count=1, cpu_m=service.cpu_m, memory_mib=service.memory_mib
            )
            inside.append((wanted, kind))
    beside = [(float(one.count), one) for one in asked.system.outside]
    zones = [[*inside, *beside], *([inside] * (asked.inputs.zones - 1))]
    left = room(asked.inputs.node)
    return sum(many for zone in zones for many, _ in zone), sum(cut(zone, left) for zone in zones)


def _money(
    inputs: PlanInputs, bought: tuple[int, int], exact: tuple[float, float], currency: str
) -> Money | None:
    """Of nodes and pods, a month of ``hours``: 730 are a twelfth of a year of 365 days."""
    if inputs.price is None and inputs.pod_price is None:
        return None
    node, pod = (inputs.hours * (price or 0.0) for price in (inputs.price, inputs.pod_price))
    return Money(
        nodes=bought[0] * node,
        pods=bought[1] * pod,
        total=bought[0] * node + bought[1] * pod,
        exact=exact[0] * node + exact[1] * pod,
        currency=currency,
    )


def _carried(asked: Asked, services: Sequence[ServicePlan], left: int) -> int | None:
    """People that these replicas carry in so many zones, and no set limit forbids; None where
    nothing was measured."""
    if left < 1:
        return 0
    inputs = replace(asked.inputs, survive=asked.inputs.zones - left)
    found = limits(replace(asked, inputs=inputs), services)
    if not any(one.capacity is not None and one.driven for one in services):
        return None
    return min((one.people for one in found if one.people is not None), default=None)


def _margin(asked: Asked, services: Sequence[ServicePlan]) -> float | None:
    most = _carried(asked, services, asked.inputs.zones - 1)
    return None if most is None else most / asked.inputs.people - 1


def _scale_up(asked: Asked, services: Sequence[ServicePlan], zones: Sequence[ZonePlan]) -> ScaleUp:
    """From the least replicas: the autoscaler looks every ``scaling_s``, grows by Kubernetes' own
    policies each time, a new replica starts, and where no node has room one comes first."""
    inputs = asked.inputs
    before = _zones(asked, {one.service: _least(asked, one.service) for one in services})
    rounds = max(
        (_rounds(_least(asked, one.service), one.replicas_zone) for one in services), default=0
    )
    used = any(after.nodes > one.nodes for one, after in zip(before, zones, strict=True))
    pods_s = rounds * asked.system.scaling_s + inputs.pod_start_s if rounds else 0.0
    node_s = pods_s + inputs.node_start_s
    origins = [asked.origins["pod-start"], *([asked.origins["node-start"]] if used else [])]
    return ScaleUp(
        nodes_before=sum(one.nodes for one in before),
        nodes_after=sum(one.nodes for one in zones),
        rounds=rounds,
        pods_s=pods_s,
        node_s=node_s,
        node_used=used,
        ramp_s=inputs.ramp_s,
        in_time=(node_s if used else pods_s) <= inputs.ramp_s,
        basis=_weakest([one.basis for one in origins]),
        source=f"the autoscaler looks every {asked.system.scaling_s:g} s; a replica starts in "
        f"{inputs.pod_start_s:.3g} s ({origins[0].source})"
        + (f"; a node in {inputs.node_start_s:.4g} s ({origins[-1].source})" if used else ""),
    )


def _least(asked: Asked, name: str) -> int:
    service = asked.service(name)
    return service.least if service is not None else 0


def _rounds(now: int, wanted: int) -> int:
    """Looks of the autoscaler until there are enough: each at most doubles, or adds four
    (Kubernetes' own ``scaleUp`` policies, of which the larger counts)."""
    by = {one.kind: one.value for one in KUBERNETES_SCALE_UP.policies}
    rounds = 0
    while now < wanted:
        now = max(now + now * by["Percent"] // 100, now + by["Pods"])
        rounds += 1
    return rounds


def _weakest(found: Sequence[Basis]) -> Basis:
    order: tuple[Basis, ...] = ("assumed", "given", "configured", "measured")
    return next(one for one in order if one in found)
