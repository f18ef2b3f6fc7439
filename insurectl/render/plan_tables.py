"""A plan as tables: the terminal and the report show the same ones."""

from collections.abc import Callable, Sequence

from insurectl.planning.plan_inputs import INPUTS
from insurectl.records import Plan
from insurectl.records.plan import (
    Limit,
    PlanFigures,
    Sensitivity,
    ServicePlan,
    Sourced,
    WhatIf,
    ZonePlan,
)
from insurectl.render.figures import NOTHING, interval, number, percent
from insurectl.render.story import Cell, Mark, Table

NO_NUMBER = "not measured: no number"


def tables(plan: Plan) -> tuple[Table, ...]:
    """All of them, in the order in which they are read; those with nothing in them are left out."""
    found = (
        services(plan),
        nodes(plan),
        limits(plan),
        scale_up(plan),
        growth(plan),
        what_ifs(plan),
        sensitivity(plan),
        inputs(plan),
    )
    return tuple(one for one in found if one.rows)


def services(plan: Plan) -> Table:
    """What each service needs, and why to believe it."""
    return Table(
        header=("service", "requests/s a zone", "one replica takes", "replicas a zone",
                "at the middle", "in all zones", "from", "beyond what was measured"),
        rows=tuple(_service(one) for one in plan.figures.services),
        align="lrrrrrll",
        title="Replicas: bought are those at the low end of the interval",
    )  # fmt: skip


def _service(one: ServicePlan) -> tuple[Cell, ...]:
    beyond = Mark(text=one.extrapolated, tone="warn") if one.extrapolated else ""
    if not one.driven:
        counts = (str(one.replicas_zone), "", str(one.replicas))
        return (one.service, "", "", *counts, "configured: people do not drive it", "")
    rate = number(one.zone_rps)
    if one.capacity is None:
        least = (f"at least {one.replicas_zone}", "", f"at least {one.replicas}")
        return (one.service, rate, Mark(text=NO_NUMBER, tone="warn"), *least, "", "")
    counts = (str(one.replicas_zone), str(one.estimate_zone), str(one.replicas))
    return one.service, rate, _takes(one.capacity), *counts, from_where(one.capacity), beyond


def _takes(one: Sourced) -> str:
    sign = "at least " if one.at_least else ""
    spread = f" ({interval(one.low, one.high, one.unit)})" if one.low != one.high else ""
    return f"{sign}{number(one.value)}{spread}"


def from_where(one: Sourced) -> str:
    """``measured: run ...``; a word alone where the source says no more."""
    return one.basis if one.source == one.basis else f"{one.basis}: {one.source}"


def nodes(plan: Plan) -> Table:
    """Nodes of each zone as packed, and the least that any packing needs."""
    money = plan.figures.money
    return Table(
        header=("zone", "pods", "cores asked for", "GiB asked for", "nodes", "at least",
                f"{money.currency} a month" if money else "money"),
        rows=(*(_zone(one, plan) for one in plan.figures.zones), _all_zones(plan)),
        align="lrrrrrr",
        title="Nodes: first-fit decreasing, and the fewest that any packing needs",
    )  # fmt: skip


def _zone(one: ZonePlan, plan: Plan) -> tuple[Cell, ...]:
    money = plan.figures.money
    price = plan.inputs.price or 0.0
    pods = (plan.inputs.pod_price or 0.0) * one.pods
    cost = amount((price * one.nodes + pods) * plan.inputs.hours) if money else "no price given"
    return (one.zone, f"{one.pods:,}", number(one.cpu_m / 1000), number(one.memory_mib / 1024),
            f"{one.nodes:,}", f"{one.bound:,}", cost)  # fmt: skip


def _all_zones(plan: Plan) -> tuple[Cell, ...]:
    found, money = plan.figures, plan.figures.money
    cores = sum(one.cpu_m for one in found.zones) / 1000
    memory = sum(one.memory_mib for one in found.zones) / 1024
    return ("all", f"{found.pods:,}", number(cores), number(memory), f"{found.nodes:,}",
            f"{found.nodes_bound:,}", amount(money.total) if money else "")  # fmt: skip


def amount(money: float) -> str:
    """Money with two digits."""
    return f"{money:,.2f}"


def limits(plan: Plan) -> Table:
    """The first thing that breaks, first."""
    return Table(
        header=("what breaks", "at people", "used", "of", "unit", "share", "kind", "from"),
        rows=tuple(_limit(one, plan.inputs.people) for one in plan.figures.limits),
        align="lrrrlrll",
        title="What breaks first, as people become more",
    )


def _limit(one: Limit, people: int) -> tuple[Cell, ...]:
    share = percent(one.used / one.allowed) if one.allowed else NOTHING
    at = "never" if one.people is None else f"{one.people:,}"
    passed = one.people is not None and one.people < people
    source = f"{one.basis}: {one.source}"
    return (one.name, Mark(text=f"{at}, passed", tone="bad") if passed else at, number(one.used),
            number(one.allowed), one.unit, share, "bought" if one.bought else "set",
            Mark(text=source, tone="warn") if one.basis == "assumed" else source)  # fmt: skip


def scale_up(plan: Plan) -> Table:
    """Whether what is missing is there before the last people are."""
    one = plan.figures.scale_up
    late = "in time" if one.in_time else "too late: have them there before the peak"
    rows: tuple[tuple[Cell, ...], ...] = (
        ("nodes before, at the peak", f"{one.nodes_before:,}, {one.nodes_after:,}"),
        ("looks of the autoscaler that it takes", str(one.rounds)),
        ("until new replicas serve, where there is room", f"{number(one.pods_s)} s"),
        ("until they serve, where a node comes first", f"{number(one.node_s)} s"),
        ("a node has to come first", "yes" if one.node_used else "no"),
        ("the people come within", f"{number(one.ramp_s)} s"),
        ("the scale-up arrives", Mark(text=late, tone="good" if one.in_time else "bad")),
        ("from", f"{one.basis}: {one.source}"),
    )
    return Table(header=("scaling up", ""), rows=rows, align="ll", title="Time to more of it")


def growth(plan: Plan) -> Table:
    """By quarter, with the set limits in the quarter in which each is passed."""
    currency = plan.figures.money.currency if plan.figures.money else ""
    rows = tuple(
        (f"{one.number}" if one.number else "now", f"{one.people:,}", f"{one.replicas:,}",
         f"{one.nodes:,}", amount(one.money) if one.money is not None else "",
         Mark(text="; ".join(one.passed), tone="bad") if one.passed else "")
        for one in plan.quarters
    )  # fmt: skip
    return Table(
        header=("quarter", "people", "replicas", "nodes", f"{currency} a month".strip(),
                "limits that are passed"),
        rows=rows,
        align="lrrrrl",
        title=f"Growth of {percent(plan.inputs.growth)} a year",
    )  # fmt: skip


def _lag_s(one: PlanFigures) -> float:
    return one.scale_up.node_s if one.scale_up.node_used else one.scale_up.pods_s


Pick = Callable[[PlanFigures], float | None]
ROWS: tuple[tuple[str, Pick], ...] = (
    ("arrivals/s", lambda one: one.arrivals_rps),
    ("replicas", lambda one: sum(each.replicas for each in one.services)),
    ("pods", lambda one: one.pods),
    ("nodes", lambda one: one.nodes),
    ("money a month", lambda one: one.money.total if one.money else None),
    ("people it carries", lambda one: one.most_people),
    ("margin with a zone lost, %", lambda one: None if one.margin is None else 100 * one.margin),
    ("until new replicas serve, s", _lag_s),
)


def what_ifs(plan: Plan) -> Table:
    """Each a column beside the base, with the difference."""
    columns = plan.what_ifs
    first: tuple[tuple[Cell, ...], ...] = tuple(
        (name, _plain(pick(plan.figures)), *(_beside(one, pick, plan.figures) for one in columns))
        for name, pick in ROWS
    )
    breaks: tuple[Cell, ...] = (
        "breaks first",
        _first(plan.figures),
        *(_first(one.figures) for one in columns),
    )
    end = plan.quarters[-1] if plan.quarters else None
    grown: tuple[Cell, ...] = ("nodes at the horizon", str(end.nodes) if end else "",
             *(str(one.last.nodes) if one.last else "" for one in columns))  # fmt: skip
    problems: tuple[Cell, ...] = ("", "", *(Mark(text=one.problem, tone="bad") for one in columns))
    rows: Sequence[tuple[Cell, ...]] = (
        *first,
        breaks,
        *([grown] if end or any(one.last for one in columns) else []),
        *([problems] if any(one.problem for one in columns) else []),
    )
    return Table(
        header=("", "as asked", *(one.change for one in columns)),
        rows=tuple(rows) if columns else (),
        align="l" * (len(columns) + 2),
        title="What if",
    )


def _plain(value: float | None) -> str:
    return "" if value is None else number(value)


def _beside(one: WhatIf, pick: Pick, base: PlanFigures) -> str:
    if one.figures is None:
        return "no plan"
    now, was = pick(one.figures), pick(base)
    if now is None or was is None or now == was:
        return _plain(now)
    return f"{number(now)} ({'+' if now > was else '-'}{number(abs(now - was))})"


def _first(found: PlanFigures | None) -> str:
    if found is None or not found.limits:
        return ""
    one = found.limits[0]
    return one.name if one.people is None else f"{one.name}, {one.people:,}"


def sensitivity(plan: Plan) -> Table:
    """The input that moves the price most, first."""
    what = "price" if plan.figures.money else "nodes"
    return Table(
        header=("input", "from", "to", f"{what} before rounding", "nodes", "money a month"),
        rows=tuple(_moved(one) for one in plan.sensitivity),
        align="lrrrrr",
        title=f"Which input moves the {what} most: each 10 % higher, whole numbers by one at least",
    )


def _moved(one: Sensitivity) -> tuple[Cell, ...]:
    if one.problem:
        told = Mark(text=one.problem, tone="warn")
        return one.name, number(one.before), number(one.after), told, "", ""
    money = "" if one.money is None else f"{one.money:+,.2f}"
    exact = f"{100 * one.exact:+.1f} %"
    return one.name, number(one.before), number(one.after), exact, f"{one.nodes:+}", money


def inputs(plan: Plan) -> Table:
    """Every input, with where its value comes from."""
    units = {"seconds": " s", "s": " s", "cores": " m", "memory": " MiB"}
    rows = tuple(
        (name, INPUTS[name].what, f"{one.value:,.5g}{units.get(one.unit, '')}",
         Mark(text=from_where(one), tone="warn") if one.basis == "assumed" else from_where(one))
        for name, one in plan.origins.items()
        if name in INPUTS
    )  # fmt: skip
    return Table(
        header=("input", "is", "value", "from"), rows=rows, align="llrl",
        title="Every input, and where it comes from", folded=True,
    )  # fmt: skip
