"""A plan as people read it."""

from dataclasses import replace
from pathlib import Path

import pytest

from insurectl.cli.console import Console
from insurectl.records import Outcome
from insurectl.records.plan import PlanFigures
from insurectl.render import plan_charts
from insurectl.render.headline import headline
from insurectl.render.plan_section import first_to_break, points, sentence, warnings
from insurectl.render.plan_tables import services, tables, what_ifs
from tests.unit.render import samples

GOLDEN = Path(__file__).parent / "plan.txt"
PLAN = samples.plan()


def test_the_text_is_as_it_was_agreed(capsys: pytest.CaptureFixture[str]) -> None:
    Console().show(PLAN)
    said = "\n".join(line.rstrip() for line in capsys.readouterr().out.splitlines())
    assert said + "\n" == GOLDEN.read_text(encoding="utf-8")


def test_the_headline_is_the_plan_and_fails_with_it() -> None:
    good, bad = samples.SUBSETS["a plan"], samples.SUBSETS["a plan that fails"]
    assert (headline(good).word, headline(bad).word) == ("Pass", "Fail")
    assert sentence(PLAN).rstrip(".") in headline(good).sentence
    assert bad.info.outcome is Outcome.FAIL


def figures(**own: object) -> PlanFigures:
    return replace(PLAN.figures, **own)  # type: ignore[arg-type] - each case its own field


def test_what_is_missing_makes_it_at_least() -> None:
    bare = tuple(
        replace(one, capacity=None) if one.service == "client-info" else one
        for one in PLAN.figures.services
    )
    plan = replace(PLAN, figures=figures(complete=False, services=bare))
    assert "at least 12 replicas" in sentence(plan)
    assert any("1 zone carries at most 0 more" in one for one in points(plan))
    assert any("no number: client-info" in one for one in warnings(plan))
    card = next(row for row in services(plan).rows if row[0] == "client-info")
    assert getattr(card[2], "text", "") == "not measured: no number"


def test_what_is_passed_is_a_warning() -> None:
    first = replace(PLAN.figures.limits[0], bought=False, used=9.0, allowed=6.0)
    plan = replace(PLAN, figures=figures(limits=(first,)))
    assert any(f"Passed already: {first.name} (9 of 6" in one for one in warnings(plan))


def test_headroom_is_said_either_way() -> None:
    asked = PLAN.inputs.people
    for most, said in ((asked + 100, "100 more people"), (asked - 100, "100 too few")):
        assert any(said in one for one in points(replace(PLAN, figures=figures(most_people=most))))


def test_the_first_to_break_is_told_with_the_first_that_money_does_not_lift() -> None:
    said = first_to_break(PLAN.figures)
    assert "First to break: core-app: the replicas of this plan, at 600 people" in said
    assert "first of those that are set: core-app: replicas that its autoscaler may make" in said
    assert "Nothing that is known" in first_to_break(figures(limits=()))


def test_tables_with_nothing_in_them_are_left_out() -> None:
    plan = replace(PLAN, quarters=(), what_ifs=(), sensitivity=())
    titles = [one.title for one in tables(plan)]
    assert not [one for one in titles if one.startswith(("Growth", "What if", "Which"))]


def test_each_what_if_is_a_column_and_one_without_a_plan_says_why() -> None:
    table = what_ifs(PLAN)
    assert table.header == ("", "as asked", "people=1200", "survive=2")
    nodes = next(row for row in table.rows if row[0] == "nodes")
    assert nodes[2:] == ("6 (+2)", "no plan")
    assert "survive 2 of 2 zones" in str(table.rows[-1][3])


def test_pictures_are_drawn_where_there_is_something_in_them() -> None:
    assert "<svg" in plan_charts.limits(PLAN)
    assert "<svg" in plan_charts.growth(PLAN)
    assert plan_charts.limits(replace(PLAN, figures=figures(limits=()))) == ""
    assert plan_charts.growth(replace(PLAN, quarters=())) == ""
