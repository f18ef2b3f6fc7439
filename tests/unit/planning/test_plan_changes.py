"""What if, which input weighs most, and growth."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from insurectl.errors import BadInput
from insurectl.planning.plan_changes import people_after, quarters, sensitivity, what_if
from insurectl.planning.plan_inputs import INPUTS, changed, check, find, value_of
from insurectl.records.plan import PlanFigures, PlanInputs, Sourced
from tests.unit.planning.plan_samples import CAPACITY, INPUTS_OF_A_MINUTE, planned

BASE = replace(INPUTS_OF_A_MINUTE, price=1.0)
SERVICES = ("core-app", "client-info")


def answer(inputs: PlanInputs, capacity: Mapping[str, Sourced]) -> PlanFigures:
    return planned(inputs, capacity)


def test_a_what_if_is_the_plan_of_its_inputs() -> None:
    other = replace(BASE, people=1200)
    assert what_if(answer, other, CAPACITY, "people=1200").figures == planned(other)


def test_a_what_if_that_has_no_plan_says_why() -> None:
    found = what_if(answer, replace(BASE, survive=2), CAPACITY, "survive=2")
    assert found.figures is None
    assert "survive 2 of 2 zones" in found.problem


def test_inputs_are_weighed_by_the_price_before_rounding() -> None:
    found = sensitivity(answer, BASE, CAPACITY, planned(BASE))
    names = [one.name for one in found]
    assert {"people", "price", "zones", "node.cpu"} <= set(names)
    exact = [abs(one.exact) for one in found if not one.problem]
    assert exact == sorted(exact, reverse=True)
    price = next(one for one in found if one.name == "price")
    assert price.exact == pytest.approx(0.1)
    assert price.money == pytest.approx(0.1 * 4 * 730)
    faster = next(one for one in found if one.name == "requests/s a replica of core-app")
    assert faster.exact < 0
    assert "broker" not in names, "what moves nothing is left out"


def test_a_raised_input_without_a_plan_is_told_last() -> None:
    found = sensitivity(answer, BASE, CAPACITY, planned(BASE))
    assert "survive 2 of 2" in found[-1].problem


def test_growth_is_compounded_and_limits_are_told_once() -> None:
    grown = replace(BASE, growth=1.0, horizon_years=2.0)
    found = quarters(answer, grown, CAPACITY, planned(grown))
    assert [one.number for one in found] == list(range(9))
    assert [found[number].people for number in (0, 4, 8)] == [600, 1200, 2400]
    passed = {name: one.number for one in found for name in one.passed}
    # 900 of 600 are 2 ^ 0.58: in the third quarter
    assert passed["core-app: replicas that its autoscaler may make"] == 3
    assert sum(len(one.passed) for one in found) == len(passed)
    assert [one.nodes for one in found] == sorted(one.nodes for one in found)


def test_without_growth_there_is_no_table() -> None:
    assert quarters(answer, BASE, CAPACITY, planned(BASE)) == ()


def test_people_after_a_quarter_of_a_year() -> None:
    assert people_after(replace(BASE, growth=0.2), 4) == pytest.approx(720)


def test_growth_beyond_what_can_be_planned_is_refused() -> None:
    grown = replace(BASE, growth=10.0, horizon_years=10.0)
    with pytest.raises(BadInput, match=r"growth 1000% a year.*shorter"):
        quarters(answer, grown, CAPACITY, planned(grown))


@pytest.mark.parametrize("name", INPUTS)
def test_every_input_can_be_changed(name: str) -> None:
    one = find(name, SERVICES)
    inputs = changed(BASE, name, one, one.low)
    assert value_of(inputs, name, one) == one.low


def test_a_service_has_inputs_of_its_own() -> None:
    for name in ("assume.core-app", "calls.client-info"):
        one = find(name, SERVICES)
        assert value_of(BASE, name, one) is None
        assert value_of(changed(BASE, name, one, 3.0), name, one) == 3.0


@pytest.mark.parametrize(
    ("name", "value", "said"),
    [
        pytest.param("people", 0, "from 1 to 10000000", id="nobody"),
        pytest.param("people", -5, "can't be used", id="negative"),
        pytest.param("people", 1.5, "no whole number", id="half a person"),
        pytest.param("people", 1e9, "can't be used", id="huge"),
        pytest.param("price", float("nan"), "no number", id="not a number"),
        pytest.param("wait", float("inf"), "no number", id="without end"),
        pytest.param("wait", 0.0, "time that each waits", id="no wait"),
        pytest.param("buy-share", 1.1, "from 0 to 1", id="more than all"),
        pytest.param("node.cpu", 0, "from 100", id="no core"),
    ],
)
def test_a_value_out_of_its_bounds_is_refused(name: str, value: float, said: str) -> None:
    with pytest.raises(BadInput, match=rf"{name}.*{said}"):
        check(name, INPUTS[name], value)


@pytest.mark.parametrize(
    ("name", "said"),
    [
        pytest.param("poeple", "did you mean people", id="a typo"),
        pytest.param("assume.cor-app", "no service 'cor-app'; there are: core-app", id="a service"),
        pytest.param("node", "no input 'node'", id="half a name"),
    ],
)
def test_an_unknown_name_is_refused(name: str, said: str) -> None:
    with pytest.raises(BadInput, match=said):
        find(name, SERVICES)
