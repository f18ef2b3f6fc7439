"""What is allowed of a wish for replicas, with ``behavior`` and without."""

from collections.abc import Mapping

import pytest

from insurectl.planning import hpa_behavior, hpa_legacy
from insurectl.planning.hpa_behavior import HpaState, Recommendation, ScaleEvent
from insurectl.planning.hpa_numbers import MAX_INT32
from insurectl.planning.hpa_spec import Behavior, Spec, filled
from insurectl.records import KUBERNETES_SCALE_DOWN, KUBERNETES_SCALE_UP
from tests.unit.planning import hpa_tables_behavior as tables
from tests.unit.planning.hpa_rows import (
    CONTROLLER,
    NOW,
    cases,
    log,
    numbers,
    policies,
    rules,
    state,
)

Row = Mapping[str, str]


def allowed(row: Row, *, up: str, down: str, state: HpaState) -> tuple[int, str]:
    behavior = Behavior(
        scale_up=rules(KUBERNETES_SCALE_UP, up), scale_down=rules(KUBERNETES_SCALE_DOWN, down)
    )
    spec = Spec(min_replicas=int(row.get("min", 0)), max_replicas=int(row.get("max", 1000)))
    current, wanted = int(row["current"]), int(row["wanted"])
    return hpa_behavior.limit_rate(spec, behavior, state, current, wanted, NOW)


@pytest.mark.parametrize("row", cases(tables.RATE))
def test_the_rate_is_limited_as_in_kubernetes(row: Row) -> None:
    found = allowed(row, up=row["up"], down=row["down"], state=state(row))
    assert found == (int(row["->"]), row["reason"])


@pytest.mark.parametrize("row", cases(tables.LEAST_CHANGE))
def test_the_least_change_is_selected_as_in_kubernetes(row: Row) -> None:
    given = policies(row["policies"])
    behavior = Behavior(
        scale_up=filled(KUBERNETES_SCALE_UP, policies=given, select_policy="Min"),
        scale_down=filled(KUBERNETES_SCALE_DOWN, policies=given, select_policy="Min"),
    )
    spec = Spec(min_replicas=0, max_replicas=1000)
    current, wanted = int(row["current"]), int(row["wanted"])
    found, _ = hpa_behavior.limit_rate(spec, behavior, HpaState(), current, wanted, NOW)
    assert found == int(row["->"])


@pytest.mark.parametrize(
    ("current", "wanted", "up", "down", "expected"),
    [
        pytest.param(25, 100, "%12/60", "", 29, id="25 and 12 %: exactly it were 28"),
        pytest.param(5, 0, "", "%80/60", 0, id="5 less 80 %: exactly it were 1"),
        pytest.param(3, 0, "", "%50/60", 1, id="downwards it is cut off"),
        pytest.param(10, 50, f"P{MAX_INT32}/60", "", 10, id="the most pods there are: none"),
        pytest.param(100, 500, f"%{MAX_INT32}/60", "", 100, id="the most per cent there is: none"),
        pytest.param(10, 0, "", f"P{MAX_INT32}/60", 0, id="downwards the most is all"),
    ],
)
def test_limits_are_rounded_and_overflow_as_in_kubernetes(
    current: int, wanted: int, up: str, down: str, expected: int
) -> None:
    row = {"current": f"{current}", "wanted": f"{wanted}"}
    assert allowed(row, up=up, down=down, state=HpaState())[0] == expected


def test_nothing_is_allowed_where_scaling_is_disabled() -> None:
    behavior = Behavior(
        scale_up=filled(KUBERNETES_SCALE_UP, select_policy="Disabled"),
        scale_down=filled(KUBERNETES_SCALE_DOWN, select_policy="Disabled"),
    )
    spec = Spec(max_replicas=100)
    found = [
        hpa_behavior.limit_rate(spec, behavior, HpaState(), 5, wanted, NOW) for wanted in (9, 2)
    ]
    assert found == [(5, "ScaleUpLimit"), (5, "ScaleDownLimit")]


@pytest.mark.parametrize("row", cases(tables.WINDOWS))
def test_both_windows_stabilise_as_in_kubernetes(row: Row) -> None:
    behavior = Behavior(
        scale_up=filled(KUBERNETES_SCALE_UP, window_s=int(row["up"])),
        scale_down=filled(KUBERNETES_SCALE_DOWN, window_s=int(row["down"])),
    )
    before = HpaState(recommendations=log(row["log"]))
    current, wanted = int(row["current"]), int(row["wanted"])
    found, after = hpa_behavior.stabilize(behavior, before, current, wanted, NOW)
    assert found == int(row["->"])
    assert [one.replicas for one in after.recommendations] == numbers(row["after"])
    assert Recommendation(replicas=wanted, at_s=NOW) in after.recommendations


@pytest.mark.parametrize("row", cases(tables.LEGACY_LIMIT))
def test_without_behavior_it_is_limited_as_in_kubernetes(row: Row) -> None:
    spec = Spec(min_replicas=int(row["min"]), max_replicas=int(row["max"]))
    found = hpa_legacy.limit(spec, int(row["current"]), int(row["wanted"]))
    assert found == (int(row["->"]), row["reason"])


@pytest.mark.parametrize("row", cases(tables.LEGACY_WINDOW))
def test_without_behavior_it_is_stabilised_as_in_kubernetes(row: Row) -> None:
    before = HpaState(recommendations=log(row["log"]))
    found, after = hpa_legacy.stabilize(CONTROLLER, before, int(row["wanted"]), NOW)
    assert found == int(row["->"])
    assert len(after.recommendations) == int(row["length"])


@pytest.mark.parametrize(
    ("age_s", "expected"),
    [pytest.param(300, 9, id="legacy: as old as the window"), pytest.param(301, 3, id="older")],
)
def test_without_behavior_one_as_old_as_the_window_counts(age_s: int, expected: int) -> None:
    before = HpaState(recommendations=log(f"9@{age_s}"))
    assert hpa_legacy.stabilize(CONTROLLER, before, 3, NOW)[0] == expected


def test_with_behavior_one_as_old_as_the_window_neither_counts_nor_is_written_over() -> None:
    behavior = Behavior(scale_up=KUBERNETES_SCALE_UP, scale_down=KUBERNETES_SCALE_DOWN)
    before = HpaState(recommendations=log("9@300"))
    found, after = hpa_behavior.stabilize(behavior, before, 9, 3, NOW)
    assert (found, len(after.recommendations)) == (3, 2)


def remembered(text: str) -> tuple[ScaleEvent, ...]:
    pairs = (word.split("@") for word in text.split())
    return tuple(ScaleEvent(change=int(size), at_s=NOW - float(age)) for size, age in pairs)


@pytest.mark.parametrize("up", [pytest.param(True, id="up"), pytest.param(False, id="down")])
@pytest.mark.parametrize("row", cases(tables.EVENTS))
def test_changes_are_remembered_as_in_kubernetes(row: Row, *, up: bool) -> None:
    given, before = policies(row["policies"]), remembered(row["before"])
    behavior = given and Behavior(
        scale_up=filled(KUBERNETES_SCALE_UP, policies=given),
        scale_down=filled(KUBERNETES_SCALE_DOWN, policies=given),
    )
    known = HpaState(ups=before) if up else HpaState(downs=before)
    after = hpa_behavior.store_event(behavior, known, 10, 15 if up else 5, NOW)
    told = [f"{one.change}{'!' * one.outdated}" for one in (after.ups if up else after.downs)]
    assert told == row["after"].split()


@pytest.mark.parametrize("row", cases(tables.EVENTS))
def test_a_limit_starts_from_what_changed_within_its_period(row: Row) -> None:
    known = HpaState(ups=remembered(row["before"]))
    asked = {"current": "100", "wanted": "500"}
    found = allowed(asked, up="P150/60", down="", state=known)
    assert found == (100 - int(row["sum"]) + 150, "ScaleUpLimit")


@pytest.mark.parametrize(
    ("age_s", "expected"),
    [pytest.param(60, 14, id="a period ago: no more"), pytest.param(59, 11, id="within it")],
)
def test_a_change_counts_for_less_than_its_period(age_s: int, expected: int) -> None:
    known = HpaState(ups=remembered(f"3@{age_s}"))
    asked = {"current": "10", "wanted": "50"}
    assert allowed(asked, up="P4/60", down="", state=known)[0] == expected


def test_what_was_outdated_once_stays_so() -> None:
    behavior = Behavior(
        scale_up=rules(KUBERNETES_SCALE_UP, "P1/600"), scale_down=KUBERNETES_SCALE_DOWN
    )
    before = HpaState(ups=(ScaleEvent(change=7, at_s=NOW - 70, outdated=True),))
    after = hpa_behavior.store_event(behavior, before, 1, 2, NOW)
    assert after.ups == (ScaleEvent(change=1, at_s=NOW),)
