"""The page of a report that a plan fills, and its sentence."""

from insurectl.records import Plan, RunRecords
from insurectl.records.plan import Limit, PlanFigures
from insurectl.render.figures import count, number, percent
from insurectl.render.plan_tables import amount, tables
from insurectl.render.story import Chart, Section, Tile


def plan_section(records: RunRecords) -> Section | None:
    """Everything about it; its figures are computed from measured ones."""
    plan = records.plan
    if plan is None:
        return None
    charts = [Chart(name="limits", caption="Each bar ends where something breaks; the line is what "
                    "is asked for.")]  # fmt: skip
    if plan.quarters:
        charts.append(Chart(name="growth", caption="People at once by quarter, and the set limits "
                            "that they pass."))  # fmt: skip
    runs = sorted({one.source for one in plan.capacity.values() if one.basis == "measured"})
    return Section(
        anchor="plan",
        title="The plan",
        lead=sentence(plan),
        points=(*points(plan), *plan.notes),
        warnings=warnings(plan),
        charts=tuple(charts),
        tables=tables(plan),
        source=f"run {plan.run_id}: plan, computed; capacities: "
        + ("; ".join(runs) or "none measured"),
    )


def sentence(plan: Plan) -> str:
    """What it takes."""
    found, asked = plan.figures, plan.inputs
    least = "" if found.complete else "at least "
    lost = f" with {asked.survive} of them lost" if asked.survive else ""
    replicas = sum(one.replicas for one in found.services)
    money = ""
    if found.money is not None:
        money = f", {found.money.currency} {amount(found.money.total)} a month"
    return (
        f"{count(asked.people, 'person', 'people')} at once, "
        f"{count(asked.insurers, 'insurer')}, {count(asked.zones, 'zone')}{lost}: {least}"
        f"{count(replicas, 'replica')} on {count(found.nodes, 'node')}{money}."
    )


def points(plan: Plan) -> tuple[str, ...]:
    """Demand, headroom, margin, and what breaks first."""
    found, asked = plan.figures, plan.inputs
    said = [
        f"{number(found.arrivals_rps)} people arrive a second; in each zone that is left "
        f"{number(found.streams_zone)} wait for offers at once and {number(found.in_flight_zone)} "
        "requests are open at the gateway (means)."
    ]
    if found.most_people is not None:
        said.append(_headroom(found, asked.people, asked.zones - asked.survive))
    if found.margin is not None:
        said.append(f"Margin with one zone lost (N-1): {_at_most(found)}{percent(found.margin)}.")
    said.append(first_to_break(found))
    return tuple(said)


def _at_most(found: PlanFigures) -> str:
    """A service without a number may carry less than the others."""
    return "" if found.complete else "at most "


def _headroom(found: PlanFigures, people: int, left: int) -> str:
    most = found.most_people or 0
    zones = f"{count(left, 'zone')} {'carries' if left == 1 else 'carry'} {_at_most(found)}"
    if most < people:
        return f"{zones}{most:,} people at once: {people - most:,} too few."
    return f"Headroom: {zones}{most - people:,} more people at once ({most:,} in all)."


def first_to_break(found: PlanFigures) -> str:
    """The first limit of all, and of those that more money does not lift."""
    if not found.limits or found.limits[0].people is None:
        return "Nothing that is known breaks within ten million people."
    first = found.limits[0]
    said = f"First to break: {_told(first)}"
    hard = next((one for one in found.limits if not one.bought and one.people is not None), None)
    if hard is not None and hard is not first:
        said += f"; first of those that are set: {_told(hard)}"
    return f"{said}."


def _told(one: Limit) -> str:
    return f"{one.name}, at {one.people:,} people"


def warnings(plan: Plan) -> tuple[str, ...]:
    """What must change, and that a number is missing."""
    passed = tuple(
        f"Passed already: {one.name} ({number(one.used)} of {number(one.allowed)} {one.unit})."
        for one in plan.figures.limits
        if not one.bought and one.used > one.allowed * (1 + 1e-9)
    )
    late = () if plan.figures.scale_up.in_time else (
        "The scale-up arrives after the last people: have the replicas there before the peak.",
    )  # fmt: skip
    missing = [one.service for one in plan.figures.services if one.driven and not one.capacity]
    least = (
        f"Not measured, no number: {', '.join(missing)}. Replicas, nodes and money are therefore "
        "at least what is said.",
    )
    return (*passed, *late, *(least if missing else ()))


def plan_tiles(records: RunRecords) -> list[Tile]:
    """What is read first."""
    plan = records.plan
    if plan is None:
        return []
    found = plan.figures
    sign, most = ("", "") if found.complete else ("≥ ", "≤ ")
    replicas = sum(one.replicas for one in found.services)
    tiles = [
        Tile(name="replicas", value=f"{sign}{replicas:,}", note="at the low end of the interval"),
        Tile(name="nodes", value=f"{sign}{found.nodes:,}",
             note=f"no packing needs fewer than {found.nodes_bound:,}"),
    ]  # fmt: skip
    if found.money is not None:
        tiles.append(Tile(name="a month", value=f"{sign}{amount(found.money.total)}",
                          unit=found.money.currency))  # fmt: skip
    if found.most_people is not None:
        tiles.append(Tile(name="carries", value=f"{most}{found.most_people:,}", unit="people",
                          note=f"asked for are {plan.inputs.people:,}"))  # fmt: skip
    if found.margin is not None:
        value = f"{most}{percent(found.margin)}"
        tiles.append(Tile(name="margin with a zone lost", value=value))
    return tiles
