"""What ends where: the most people at once that each thing allows, the first one first."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import ceil

from insurectl.planning.demand import Demand, calls, calls_an_insurer, demand
from insurectl.planning.plan_inputs import MOST_PEOPLE
from insurectl.records.plan import (
    Basis,
    Limit,
    PlanInputs,
    PlanService,
    PlanSystem,
    ServicePlan,
    Sourced,
)

Capacity = dict[str, Sourced]


@dataclass(frozen=True, kw_only=True)
class Asked:
    """One question: the system, the inputs, and what one replica of each service takes."""

    system: PlanSystem
    inputs: PlanInputs
    capacity: Capacity
    origins: dict[str, Sourced]
    local: bool

    @property
    def left(self) -> int:
        """Zones that carry everything when those are lost that must be survived."""
        return self.inputs.zones - self.inputs.survive

    def service(self, name: str) -> PlanService | None:
        """One of the system's, where it has it."""
        return next((one for one in self.system.services if one.name == name), None)


@dataclass(frozen=True, kw_only=True)
class _Rule:
    """``used``: of a number of people, never less for more of them."""

    name: str
    unit: str
    used: Callable[[int], float]
    allowed: float
    bought: bool
    basis: Basis
    source: str


def replicas_zone(asked: Asked, service: PlanService, people: int) -> int:
    """Replicas that one of the zones that are left needs at the low end of the interval."""
    one = asked.capacity.get(service.name)
    wanted = 0
    if one is not None:
        rate = rate_zone(asked, service, people)
        wanted = ceil(rate / one.low - 1e-9)
    return max(wanted, service.least)


def rate_zone(asked: Asked, service: PlanService, people: int) -> float:
    """Requests a second to the service in each of the zones that are left."""
    each = calls(service, asked.inputs)
    return _at(asked, people).arrivals_rps * each / asked.left


def limits(asked: Asked, services: Sequence[ServicePlan]) -> tuple[Limit, ...]:
    """In the order in which they are passed as people become more; what is never passed last."""
    rules = (
        *_connections(asked),
        *_gateway(asked),
        *_insurers(asked),
        *_aggregator(asked, services),
        *_broker(asked),
        *(rule for one in asked.system.services for rule in _counts(asked, one)),
        *(rule for one in services for rule in _bought(asked, one)),
    )
    found = [_limit(rule, asked.inputs.people) for rule in rules]
    return tuple(sorted(found, key=lambda one: (one.people is None, one.people or 0, one.name)))


def _limit(rule: _Rule, people: int) -> Limit:
    return Limit(
        name=rule.name,
        unit=rule.unit,
        used=rule.used(people),
        allowed=rule.allowed,
        people=_most(rule),
        bought=rule.bought,
        basis=rule.basis,
        source=rule.source,
    )


def _most(rule: _Rule) -> int | None:
    """Most people with which it holds, by halving; None: it holds with all that there may be."""
    slack = rule.allowed * (1 + 1e-9)
    if rule.used(MOST_PEOPLE) <= slack:
        return None
    low, high = 0, MOST_PEOPLE
    while high - low > 1:
        middle = (low + high) // 2
        if rule.used(middle) <= slack:
            low = middle
        else:
            high = middle
    return low


def _at(asked: Asked, people: int) -> Demand:
    return demand(replace(asked.inputs, people=people))


def _connections(asked: Asked) -> list[_Rule]:
    inputs, zones = asked.inputs, asked.inputs.zones

    def used(people: int) -> float:
        return sum(
            one.connections * zones * replicas_zone(asked, one, people)
            for one in asked.system.services
        )

    return [
        _Rule(
            name="PostgreSQL's connections",
            unit="connections",
            used=used,
            allowed=inputs.max_connections - inputs.reserved_connections,
            bought=False,
            basis=asked.origins["max-connections"].basis,
            source=f"max_connections {inputs.max_connections} less {inputs.reserved_connections} "
            "reserved; pool and what is held apart, times replicas in all zones",
        )
    ]


def _gateway(asked: Asked) -> list[_Rule]:
    inputs, left = asked.inputs, asked.left
    return [
        _Rule(
            name="gateway: people who wait for offers",
            unit="streams a zone",
            used=lambda people: _at(asked, people).streams / left,
            allowed=inputs.people_streams,
            bought=False,
            basis=asked.origins["streams"].basis,
            source="limit_conn of a zone's gateway (people_streams)",
        ),
        _Rule(
            name="gateway: requests of people in flight",
            unit="requests a zone",
            used=lambda people: _at(asked, people).in_flight / left,
            allowed=inputs.people_in_flight,
            bought=False,
            basis=asked.origins["in-flight"].basis,
            source=f"limit_conn of a zone's gateway (people_in_flight), {inputs.answer_s:g} s a "
            f"request ({asked.origins['answer'].basis})",
        ),
    ]


def _insurers(asked: Asked) -> list[_Rule]:
    each = calls_an_insurer(asked.system.services, asked.inputs)
    return [
        _Rule(
            name="an insurer's rate limit",
            unit="calls/s a zone",
            used=lambda people: _at(asked, people).arrivals_rps * each / asked.left,
            allowed=asked.inputs.insurer_rps,
            bought=False,
            basis=asked.origins["insurer-rate"].basis,
            source=f"permits of a zone for each insurer; {each:g} calls for one person",
        )
    ]


def _aggregator(asked: Asked, services: Sequence[ServicePlan]) -> list[_Rule]:
    """Two bounds that stand in each replica, so they grow with those of this plan."""
    inputs, left = asked.inputs, asked.left
    planned = {one.service: one.replicas_zone for one in services}
    return [
        _Rule(
            name=name,
            unit=unit,
            used=used,
            allowed=planned[service] * each,
            bought=True,
            basis=asked.origins[origin].basis,
            source=f"{setting}, {each:g} a replica of {service}, {planned[service]} a zone",
        )
        for name, service, unit, used, each, setting, origin in (
            ("core-app: pace of calls to osago-aggregator", "core-app", "calls/s a zone",
             lambda people: _at(asked, people).arrivals_rps / left, inputs.pace_rps,
             "aggregator_per_second", "pace"),
            ("osago-aggregator: applications that run", "osago-aggregator", "applications a zone",
             lambda people: _at(asked, people).streams / left, inputs.running_max,
             "applications_max", "running"),
        )
        if service in planned
    ]  # fmt: skip


def _broker(asked: Asked) -> list[_Rule]:
    """Each zone's broker gets every event, whatever zone it comes from."""
    return [
        _Rule(
            name="a zone's relay and broker",
            unit="events/s",
            used=lambda people: _at(asked, people).events_eps,
            allowed=asked.inputs.broker_eps,
            bought=False,
            basis=asked.origins["broker"].basis,
            source=f"{asked.origins['broker'].source}; {asked.inputs.buy_share:g} policies for one "
            "person",
        )
    ]


def _counts(asked: Asked, service: PlanService) -> list[_Rule]:
    """What the autoscaler may make, and on `local` what fits into a zone."""
    bounds = [(service.most, "replicas that its autoscaler may make")]
    if asked.local:
        bounds.append((service.slots, "slots of a zone on this machine"))
    return [
        _Rule(
            name=f"{service.name}: {what}",
            unit="replicas a zone",
            used=lambda people: replicas_zone(asked, service, people),
            allowed=bound,
            bought=False,
            basis="configured",
            source="topology.yaml",
        )
        for bound, what in bounds
        if bound is not None and service.name in asked.capacity and not service.stands_in
    ]


def _bought(asked: Asked, one: ServicePlan) -> list[_Rule]:
    service = asked.service(one.service)
    if one.capacity is None or not one.driven or service is None:
        return []
    return [
        _Rule(
            name=f"{one.service}: the replicas of this plan",
            unit="requests/s a zone",
            used=lambda people: rate_zone(asked, service, people),
            allowed=one.replicas_zone * one.capacity.low,
            bought=True,
            basis=one.capacity.basis,
            source=f"{one.replicas_zone} a zone, each {one.capacity.low:.4g} requests/s "
            f"({one.capacity.source})",
        )
    ]
