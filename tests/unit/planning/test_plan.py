"""From people to replicas, nodes and money: by hand, and what must always hold."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insurectl.errors import BadInput
from insurectl.planning.demand import calls, calls_an_insurer, demand
from insurectl.planning.plan import zone_name
from insurectl.planning.plan_capacity import from_cost, known
from insurectl.planning.plan_limits import limits
from insurectl.records import Cost
from insurectl.records.plan import Limit, PlanFigures, PlanInputs
from tests.unit.planning.plan_samples import (
    CAPACITY,
    CORE,
    INPUTS_OF_A_MINUTE,
    STUB,
    SYSTEM,
    asked,
    planned,
    takes,
)

BASE = INPUTS_OF_A_MINUTE


@pytest.mark.parametrize(
    ("own", "arrivals", "streams", "in_flight"),
    [
        pytest.param({}, 10, 600, 10, id="all are still there when the last one comes"),
        pytest.param({"ramp_s": 120.0}, 10, 600, 10, id="who stays shorter has gone again"),
        pytest.param({"ramp_s": 30.0}, 20, 600, 20, id="a steep ramp"),
        pytest.param({"wait_s": 30.0, "think_s": 30.0}, 10, 300, 10, id="half only think"),
        pytest.param({"wait_s": 20.0}, 30, 600, 30, id="short waits need more arrivals"),
        pytest.param({"answer_s": 0.25}, 10, 600, 2.5, id="quick answers"),
    ],
)
def test_littles_law_up_to_the_ramp(
    own: dict[str, Any], arrivals: float, streams: float, in_flight: float
) -> None:
    found = demand(replace(BASE, **own))
    assert (found.arrivals_rps, found.streams, found.in_flight) == (arrivals, streams, in_flight)


def test_one_person_leads_to_calls_of_each_insurer() -> None:
    assert calls(STUB, BASE) == 20
    assert calls_an_insurer(SYSTEM.services, BASE) == 2
    assert calls(CORE, replace(BASE, calls={"core-app": 3.5})) == 3.5


def replicas(found: PlanFigures, service: str) -> tuple[int, int, int]:
    one = next(each for each in found.services if each.service == service)
    return one.replicas_zone, one.estimate_zone, one.replicas


@pytest.mark.parametrize(
    ("own", "core", "card"),
    [
        # 10 arrivals/s: 20/s to core-app, of which one takes 5 (6 at the middle); 10/s to the card
        pytest.param({}, (4, 4, 8), (1, 1, 2), id="one zone carries all"),
        pytest.param({"survive": 0}, (2, 2, 4), (1, 1, 2), id="both share"),
        pytest.param({"zones": 3}, (2, 2, 6), (1, 1, 3), id="three zones, one lost"),
        pytest.param({"zones": 3, "survive": 2}, (4, 4, 12), (1, 1, 3), id="two lost"),
        pytest.param({"people": 601}, (5, 4, 10), (1, 1, 2), id="one too many for the low end"),
        pytest.param({"people": 1}, (1, 1, 2), (1, 1, 2), id="never below the least"),
    ],
)
def test_replicas_as_by_hand(
    own: dict[str, Any], core: tuple[int, int, int], card: tuple[int, int, int]
) -> None:
    found = planned(replace(BASE, **own))
    assert (replicas(found, "core-app"), replicas(found, "client-info")) == (core, card)


def test_nodes_and_money_as_by_hand() -> None:
    # a zone: core-app 4, card 1, register 1 of 250 m, redis 2 of 100 m: 1,700 m; the edge beside
    # them in the first: 1,750 m. The four pods of 250 m fill one node, the rest takes a second.
    found = planned(replace(BASE, price=0.5, pod_price=0.01))
    assert [(one.zone, one.pods, one.cpu_m, one.nodes, one.bound) for one in found.zones] == [
        ("a", 9, 1750, 2, 2),
        ("b", 8, 1700, 2, 2),
    ]
    assert found.money is not None
    assert found.money.nodes == pytest.approx(4 * 0.5 * 730)
    assert found.money.pods == pytest.approx(17 * 0.01 * 730)
    assert found.money.total == pytest.approx(found.money.nodes + found.money.pods)
    assert planned().money is None


def limit(found: PlanFigures, name: str) -> Limit:
    return next(one for one in found.limits if one.name == name)


@pytest.mark.parametrize(
    ("name", "used", "allowed", "people"),
    [
        # core-app 8 replicas of 5 connections, card 2 of 4, register 2 of 2; the next replica of
        # core-app comes at each 150 people, that of the card at each 1,200
        pytest.param("PostgreSQL's connections", 52, 230, 3000, id="connections"),
        pytest.param("gateway: people who wait for offers", 600, 3000, 3000, id="streams"),
        pytest.param("gateway: requests of people in flight", 10, 256, 15_360, id="in flight"),
        pytest.param("an insurer's rate limit", 20, 400, 12_000, id="insurers"),
        pytest.param("a zone's relay and broker", 2, 2000, 600_000, id="broker"),
        pytest.param("core-app: replicas that its autoscaler may make", 4, 6, 900, id="autoscaler"),
        pytest.param("core-app: the replicas of this plan", 20, 20, 600, id="what is bought"),
        pytest.param("core-app: pace of calls to osago-aggregator", 10, 200, 12_000, id="the pace"),
    ],
)
def test_limits_as_by_hand(name: str, used: float, allowed: float, people: int) -> None:
    one = limit(planned(), name)
    assert (one.used, one.allowed) == (pytest.approx(used), pytest.approx(allowed))
    assert one.people == people


def test_connections_are_passed_where_one_replica_more_would_be_too_much() -> None:
    at = limit(planned(), "PostgreSQL's connections").people
    assert at is not None
    for people, within in ((at, True), (at + 1, False)):
        found = limit(planned(replace(BASE, people=people)), "PostgreSQL's connections")
        assert (found.used <= found.allowed) is within


def test_the_first_to_break_stands_first() -> None:
    found = [one.people for one in planned().limits if one.people is not None]
    assert found == sorted(found)


def test_slots_count_on_this_machine_alone() -> None:
    services = planned().services
    here = {one.name: one.people for one in limits(asked(local=True), services)}
    assert here["core-app: slots of a zone on this machine"] == 1800
    there = {one.name for one in limits(asked(), services)}
    assert "core-app: slots of a zone on this machine" not in there


def test_headroom_and_margin_as_by_hand() -> None:
    both = planned(replace(BASE, survive=0))  # two replicas a zone: 20/s in both, 10/s in one
    assert (both.most_people, both.margin) == (600, -0.5)
    one = planned(replace(BASE, people=450))  # three in each, with which one zone carries 450
    assert (one.most_people, one.margin) == (450, 0.0)


def test_with_one_zone_nothing_is_left() -> None:
    assert planned(replace(BASE, zones=1, survive=0)).margin == -1


@pytest.mark.parametrize(
    ("own", "rounds", "used", "in_time"),
    [
        pytest.param({}, 1, True, False, id="a node has to come first, and is too late"),
        pytest.param({"node_start_s": 30.0}, 1, True, True, id="a node that comes in time"),
        pytest.param({"people": 150}, 0, False, True, id="enough is there"),
        pytest.param({"people": 1500}, 2, True, False, id="from 1 to 5 to 10"),
    ],
)
def test_whether_more_arrive_in_time(
    own: dict[str, Any], rounds: int, used: bool, in_time: bool
) -> None:
    found = planned(replace(BASE, **own)).scale_up
    assert (found.rounds, found.node_used, found.in_time) == (rounds, used, in_time)
    assert found.pods_s == (rounds * 15 + 15 if rounds else 0)


def test_what_is_not_measured_has_no_number() -> None:
    found = planned(capacity={"core-app": takes(5.0)})
    card = next(one for one in found.services if one.service == "client-info")
    assert (card.capacity, card.replicas_zone, found.complete) == (None, 1, False)
    assert planned(capacity={}).most_people is None


def test_more_replicas_than_were_measured_is_told() -> None:
    core = next(one for one in planned().services if one.service == "core-app")
    assert core.extrapolated.startswith("measured with 1, planned with 8")
    wide = planned(capacity={**CAPACITY, "core-app": takes(5.0, replicas=8)})
    assert next(one for one in wide.services if one.service == "core-app").extrapolated == ""


@pytest.mark.parametrize(
    ("own", "said"),
    [
        pytest.param({"survive": 2}, "survive 2 of 2 zones", id="no zone left"),
        pytest.param({"max_connections": 20}, "leaves none", id="no connection left"),
    ],
)
def test_what_has_no_plan_is_refused(own: dict[str, Any], said: str) -> None:
    with pytest.raises(BadInput, match=said):
        planned(replace(BASE, **own))


def test_an_interval_down_to_zero_is_no_number() -> None:
    assert known([CORE], {"core-app": takes(0.0, 3.0)}, BASE, None) == {}


def test_cost_settings_are_only_assumed_and_given_goes_first() -> None:
    costly = replace(CORE, cost=Cost(workers=4, worker_ms=120, worker_cv=0.5))
    assert known([costly], {}, BASE, None) == {}
    found = known([costly], {}, BASE, 600.0)["core-app"]
    assert found.basis == "assumed"
    assert 0 < found.value < 4 / 0.12
    given_rps = replace(BASE, capacity_rps={"core-app": 7.0})
    assert known([costly], {"core-app": takes(5.0)}, given_rps, 600.0)["core-app"].low == 7.0
    assert from_cost(Cost(), 600.0) is None


def test_zones_have_names() -> None:
    assert [zone_name(number) for number in (0, 25, 26)] == ["a", "z", "zone27"]


# ---- what always holds ----

INPUTS = st.builds(
    lambda people, zones, lost, insurers, ramp_s: replace(
        BASE, people=people, zones=zones, survive=min(lost, zones - 1), insurers=insurers,
        ramp_s=ramp_s,
    ),
    people=st.integers(1, 100_000),
    zones=st.integers(1, 5),
    lost=st.integers(0, 4),
    insurers=st.integers(1, 50),
    ramp_s=st.floats(1, 3600),
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(inputs=INPUTS, more=st.integers(1, 10_000))
def test_more_people_never_need_fewer(inputs: PlanInputs, more: int) -> None:
    few, many = planned(inputs), planned(replace(inputs, people=inputs.people + more))
    assert many.nodes_exact >= few.nodes_exact - 1e-9
    assert many.pods >= few.pods
    pairs = zip(few.services, many.services, strict=True)
    assert all(one.replicas <= other.replicas for one, other in pairs)


@settings(max_examples=40, deadline=None)
@given(inputs=INPUTS)
def test_the_low_end_never_buys_less_than_the_middle(inputs: PlanInputs) -> None:
    found = planned(inputs)
    assert all(one.replicas_zone >= one.estimate_zone for one in found.services)
    assert found.nodes >= found.nodes_bound >= found.nodes_exact - 1e-9


@settings(max_examples=40, deadline=None)
@given(people=st.integers(1, 1000).map(lambda number: 300 * number))
def test_to_survive_one_of_two_zones_takes_twice(people: int) -> None:
    both = replicas(planned(replace(BASE, people=people, survive=0)), "core-app")
    one = replicas(planned(replace(BASE, people=people)), "core-app")
    assert one[2] == 2 * both[2]


@settings(max_examples=40, deadline=None)
@given(inputs=INPUTS, price=st.floats(0.01, 100), factor=st.integers(2, 9))
def test_money_is_linear_in_the_price(inputs: PlanInputs, price: float, factor: int) -> None:
    once = planned(replace(inputs, price=price)).money
    more = planned(replace(inputs, price=price * factor)).money
    assert once is not None
    assert more is not None
    assert more.total == pytest.approx(once.total * factor)


@settings(max_examples=20, deadline=None)
@given(inputs=INPUTS)
def test_what_it_says_to_carry_is_what_it_carries(inputs: PlanInputs) -> None:
    """At that many people every limit holds, and at one more the first one does not."""
    found = planned(inputs)
    most = found.most_people
    assert most is not None
    first = min(one.people for one in found.limits if one.people is not None)
    assert most == first
