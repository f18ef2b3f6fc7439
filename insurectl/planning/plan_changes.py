"""The same plan with other inputs: what-ifs, which input moves the price most, growth."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from math import ceil

from insurectl.errors import BadInput
from insurectl.planning.plan_inputs import INPUTS, MOST_PEOPLE, Input, changed, value_of
from insurectl.records.plan import (
    Limit,
    PlanFigures,
    PlanInputs,
    Quarter,
    Sensitivity,
    Sourced,
    WhatIf,
)

Answer = Callable[[PlanInputs, Mapping[str, Sourced]], PlanFigures]  # inputs, capacities -> plan
RAISED = 0.1
UNWEIGHED = ("growth", "horizon", "hours")  # of later, or of the price's own weight
QUARTERS_A_YEAR = 4


def what_if(
    answer: Answer, inputs: PlanInputs, capacity: Mapping[str, Sourced], change: str
) -> WhatIf:
    """``change``: as it was typed. Inputs that have no plan are told, and others go on."""
    try:
        found = answer(inputs, capacity)
        rows = quarters(answer, inputs, capacity, found)
    except BadInput as error:
        return WhatIf(change=change, figures=None, problem=str(error))
    return WhatIf(change=change, figures=found, last=rows[-1] if rows else None)


def sensitivity(
    answer: Answer, inputs: PlanInputs, capacity: Mapping[str, Sourced], base: PlanFigures
) -> tuple[Sensitivity, ...]:
    """Each input 10 % higher (a whole number by one at least), the one that moves the price before
    rounding most first: nodes go in steps, so a small change often moves none of them. What moves
    nothing is left out."""
    found = [
        _raised(answer, inputs, capacity, base, name, one)
        for name, one in INPUTS.items()
        if value_of(inputs, name, one) and name not in UNWEIGHED
    ]
    found += [
        _faster(answer, inputs, capacity, base, name)
        for name in capacity
        if any(one.service == name and one.driven for one in base.services)
    ]
    moving = (one for one in found if one.exact or one.nodes or one.problem)
    return tuple(sorted(moving, key=lambda one: (bool(one.problem), -abs(one.exact), one.name)))


def _raised(
    answer: Answer,
    inputs: PlanInputs,
    capacity: Mapping[str, Sourced],
    base: PlanFigures,
    name: str,
    one: Input,
) -> Sensitivity:
    before = value_of(inputs, name, one) or 0.0
    after = before * (1 + RAISED)
    if one.kind in ("whole", "cores", "memory"):
        after = ceil(after - 1e-9)
    try:
        found = answer(changed(inputs, name, one, after), capacity)
    except BadInput as error:
        return _none(name, before, after, str(error))
    return _difference(name, before, after, base, found)


def _faster(
    answer: Answer,
    inputs: PlanInputs,
    capacity: Mapping[str, Sourced],
    base: PlanFigures,
    name: str,
) -> Sensitivity:
    """What one replica takes: its interval moves with it."""
    one, factor = capacity[name], 1 + RAISED
    more = replace(one, value=one.value * factor, low=one.low * factor, high=one.high * factor)
    found = answer(inputs, {**capacity, name: more})
    return _difference(f"requests/s a replica of {name}", one.low, more.low, base, found)


def _none(name: str, before: float, after: float, problem: str) -> Sensitivity:
    return Sensitivity(
        name=name, before=before, after=after, nodes=0, money=None, exact=0.0, problem=problem
    )


def _difference(
    name: str, before: float, after: float, base: PlanFigures, found: PlanFigures
) -> Sensitivity:
    money = None
    exact = found.nodes_exact / base.nodes_exact - 1
    if base.money is not None and found.money is not None:
        money = found.money.total - base.money.total
        exact = found.money.exact / base.money.exact - 1 if base.money.exact else 0.0
    return Sensitivity(
        name=name,
        before=before,
        after=after,
        nodes=found.nodes - base.nodes,
        money=money,
        exact=exact,
    )


def quarters(
    answer: Answer, inputs: PlanInputs, capacity: Mapping[str, Sourced], base: PlanFigures
) -> tuple[Quarter, ...]:
    """People grow by ``growth`` a year, compounded; one row a quarter, the first is now. A set
    limit is told in the quarter in which it is passed first."""
    if not inputs.growth:
        return ()
    many = ceil(inputs.horizon_years * QUARTERS_A_YEAR - 1e-9)
    most = people_after(inputs, many)
    if most > MOST_PEOPLE:
        raise BadInput(
            f"growth {inputs.growth:.0%} a year makes {most:,.0f} people of {inputs.people:,} "
            f"within {inputs.horizon_years:g} years, {MOST_PEOPLE:,} are the most: plan a shorter "
            "horizon, or less growth"
        )
    found: list[Quarter] = []
    passed = set[str]()
    for number in range(many + 1):
        people = ceil(people_after(inputs, number) - 1e-9)
        one = answer(replace(inputs, people=people), capacity)
        now = {each.name for each in base.limits if _passed(each, people)}
        found.append(
            Quarter(
                number=number,
                people=people,
                replicas=sum(each.replicas for each in one.services),
                nodes=one.nodes,
                money=one.money.total if one.money is not None else None,
                passed=tuple(sorted(now - passed)),
            )
        )
        passed |= now
    return tuple(found)


def people_after(inputs: PlanInputs, quarter: int) -> float:
    """People at once after so many quarters."""
    return float(inputs.people * (1 + inputs.growth) ** (quarter / QUARTERS_A_YEAR))


def _passed(limit: Limit, people: int) -> bool:
    return not limit.bought and limit.people is not None and people > limit.people
