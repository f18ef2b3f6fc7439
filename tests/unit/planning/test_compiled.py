"""The compiled autoscaler decides as the one that can be read: in Kubernetes' rows, and beyond."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insurectl.planning.hpa import decide
from insurectl.planning.hpa_behavior import HpaState, Recommendation
from insurectl.planning.hpa_pods import Pod, Sample
from insurectl.planning.hpa_spec import Behavior, Controller, Metric, Spec, filled
from insurectl.records import (
    KUBERNETES_SCALE_DOWN,
    KUBERNETES_SCALE_UP,
    ScalingPolicy,
    ScalingRules,
)
from tests.unit.planning import hpa_tables_behavior as of_behavior
from tests.unit.planning import hpa_tables_metrics as of_metrics
from tests.unit.planning import hpa_tables_reconcile as of_rounds
from tests.unit.planning.compiled_rows import decide_compiled
from tests.unit.planning.hpa_rows import (
    CONTROLLER,
    LETTERS,
    NOW,
    cases,
    log,
    metric,
    numbers,
    pods,
    policies,
    rows,
    rules,
    samples,
    spread,
)
from tests.unit.planning.test_hpa_behavior import remembered
from tests.unit.planning.test_hpa_metrics import allowed, resource_samples
from tests.unit.planning.test_hpa_reconcile import FORGOTTEN, pods_of, samples_of, spec_of

Row = Mapping[str, str]
DEFAULT = Behavior(scale_up=KUBERNETES_SCALE_UP, scale_down=KUBERNETES_SCALE_DOWN)
WISHES = Metric(kind="External", name="total", average_milli=1000)  # the total is what is wished
LOOSE = Behavior(
    scale_up=filled(KUBERNETES_SCALE_UP, policies=policies("P100000/15")),
    scale_down=filled(KUBERNETES_SCALE_DOWN, window_s=0, policies=policies("P100000/15")),
)


# ---- Kubernetes' rows ----


def asked(one: Metric, found: Mapping[str, Sample], listed: Sequence[Pod], row: Row) -> int | None:
    """What one metric asks for; None: it can't say."""
    down, up = (one for one in (allowed(row).down, allowed(row).up))
    behavior = Behavior(
        scale_up=replace(LOOSE.scale_up, tolerance=up),
        scale_down=replace(LOOSE.scale_down, tolerance=down),
    )
    spec = Spec(min_replicas=0, max_replicas=2**31 - 1, metrics=(one,), behavior=behavior)
    _, proposals, _ = decide_compiled(
        spec, HpaState(), current=int(row["replicas"]), pods=listed, samples={one.label: found},
        now_s=NOW, controller=CONTROLLER,
    )  # fmt: skip
    return proposals.get(one.label)


@pytest.mark.parametrize("row", cases(of_metrics.RESOURCE))
def test_utilization_asks_for_what_kubernetes_does(row: Row) -> None:
    container = f"/container{row['container']}" if row["container"] else ""
    one = metric(f"cpu{container} {row['target']}%")
    found = asked(one, resource_samples(row), pods(row["pods"], numbers(row["request"])), row)
    assert found == (None if row["->"] == "error" else int(row["->"]))


@pytest.mark.parametrize("row", cases(of_metrics.PODS))
def test_pods_metrics_ask_for_what_kubernetes_does(row: Row) -> None:
    one = metric(f"pods {row['target']}")
    found = asked(one, samples(numbers(row["levels"])), pods(row["pods"]), row)
    assert found == int(row["->"])


@pytest.mark.parametrize("row", cases(of_metrics.TOTALS))
def test_object_and_external_metrics_ask_for_what_kubernetes_does(row: Row) -> None:
    found = asked(metric(row["metric"]), samples(numbers(row["total"])), pods(row["pods"]), row)
    assert found == int(row["->"])


def wish(spec: Spec, state: HpaState, current: int, wanted: int) -> tuple[int, HpaState]:
    """A round in which so many are wished for."""
    desired, _, after = decide_compiled(
        replace(spec, metrics=(WISHES,)), state, current=current, pods=(),
        samples={"total": samples((wanted * 1000,))}, now_s=NOW, controller=CONTROLLER,
    )  # fmt: skip
    return desired, after


@pytest.mark.parametrize("row", cases(of_behavior.RATE))
def test_the_rate_is_limited_as_in_kubernetes(row: Row) -> None:
    behavior = Behavior(
        scale_up=rules(KUBERNETES_SCALE_UP, row["up"]),
        scale_down=replace(rules(KUBERNETES_SCALE_DOWN, row["down"]), stabilization_window_s=0),
    )
    spec = Spec(min_replicas=int(row["min"]), max_replicas=int(row["max"]), behavior=behavior)
    known = HpaState(
        recommendations=log(FORGOTTEN), ups=spread(row["ups"]), downs=spread(row["downs"])
    )
    assert wish(spec, known, int(row["current"]), int(row["wanted"]))[0] == int(row["->"])


@pytest.mark.parametrize("row", cases(of_behavior.LEAST_CHANGE))
def test_the_least_change_is_selected_as_in_kubernetes(row: Row) -> None:
    least = policies(row["policies"])
    behavior = Behavior(
        scale_up=filled(KUBERNETES_SCALE_UP, policies=least, select_policy="Min"),
        scale_down=filled(KUBERNETES_SCALE_DOWN, window_s=0, policies=least, select_policy="Min"),
    )
    spec = Spec(min_replicas=0, max_replicas=1000, behavior=behavior)
    known = HpaState(recommendations=log(FORGOTTEN))
    assert wish(spec, known, int(row["current"]), int(row["wanted"]))[0] == int(row["->"])


@pytest.mark.parametrize("row", cases(of_behavior.WINDOWS))
def test_both_windows_stabilise_as_in_kubernetes(row: Row) -> None:
    behavior = Behavior(
        scale_up=replace(LOOSE.scale_up, stabilization_window_s=int(row["up"])),
        scale_down=replace(LOOSE.scale_down, stabilization_window_s=int(row["down"])),
    )
    known = HpaState(recommendations=log(row["log"] or FORGOTTEN))
    spec = Spec(min_replicas=0, max_replicas=1000, behavior=behavior)
    desired, after = wish(spec, known, int(row["current"]), int(row["wanted"]))
    assert desired == int(row["->"])
    assert [one.replicas for one in after.recommendations] == numbers(row["after"])


@pytest.mark.parametrize("row", cases(of_behavior.LEGACY_LIMIT))
def test_without_behavior_it_is_limited_as_in_kubernetes(row: Row) -> None:
    spec = Spec(min_replicas=int(row["min"]), max_replicas=int(row["max"]))
    known = HpaState(recommendations=log(FORGOTTEN))
    assert wish(spec, known, int(row["current"]), int(row["wanted"]))[0] == int(row["->"])


@pytest.mark.parametrize("row", cases(of_behavior.LEGACY_WINDOW))
def test_without_behavior_it_is_stabilised_as_in_kubernetes(row: Row) -> None:
    spec = Spec(min_replicas=0, max_replicas=1000)
    known = HpaState(recommendations=log(row["log"] or FORGOTTEN))
    desired, after = wish(spec, known, 5, int(row["wanted"]))
    assert desired == int(row["->"])
    assert len(after.recommendations) == int(row["length"])


@pytest.mark.parametrize("up", [pytest.param(True, id="up"), pytest.param(False, id="down")])
@pytest.mark.parametrize("row", cases(of_behavior.EVENTS))
def test_changes_are_remembered_as_in_kubernetes(row: Row, *, up: bool) -> None:
    """Rows 1 and 3, without ``behavior``, forget the change; ``before`` stays as it is."""
    told, before = policies(row["policies"]), remembered(row["before"])
    behavior = told and Behavior(
        scale_up=filled(KUBERNETES_SCALE_UP, policies=told),
        scale_down=filled(KUBERNETES_SCALE_DOWN, policies=told, window_s=0),
    )
    # out of range, so that it is brought into it at once, whatever the policies allow
    spec = Spec(min_replicas=15 if up else 1, max_replicas=20 if up else 5, behavior=behavior)
    known = HpaState(
        recommendations=log(FORGOTTEN), ups=before if up else (), downs=() if up else before
    )
    desired, after = wish(spec, known, 10, 10)
    events = after.ups if up else after.downs
    assert desired == (15 if up else 5)
    assert [f"{one.change}{'!' * one.outdated}" for one in events] == row["after"].split()


UNTOLD = {"selector": "the selector's errors", "write fails": "a refused write"}


def rounds() -> list[object]:
    """Those that the arrays can tell of; a simulated target has a selector and takes writes."""
    told = [row for row in rows(of_rounds.ROUNDS) if not row["with"].startswith(tuple(UNTOLD))]
    return [pytest.param(row, id=row["test"]) for row in told]


@pytest.mark.parametrize("row", rounds())
def test_a_round_ends_as_in_kubernetes(row: Row) -> None:
    spec, (replicas, _, status) = spec_of(row), row["spec"].partition("/")
    desired, _, _ = decide_compiled(
        spec,
        HpaState(recommendations=log("" if row["log"] == "new" else row["log"] or FORGOTTEN)),
        current=int(replicas),
        status_replicas=int(status or replicas),
        pods=pods_of(row),
        samples=samples_of(row, spec),
        now_s=NOW,
        controller=replace(CONTROLLER, configurable_tolerance="gate off" not in row["with"]),
    )
    assert desired == int(row["->"])


def test_all_other_rows_are_played() -> None:
    """5 of 88 rounds ask for what the arrays have no word for: 4 a selector that can't be used, 1 a
    write that the API server refuses. Every row of the other tables is played."""
    left_out = [row for row in rows(of_rounds.ROUNDS) if row["with"].startswith(tuple(UNTOLD))]
    assert [row["with"].startswith("selector") for row in left_out].count(True) == 4
    assert (len(left_out), len(rows(of_rounds.ROUNDS))) == (5, 88)


# ---- whatever it is told ----

direction = st.builds(
    ScalingRules,
    stabilization_window_s=st.integers(0, 300),
    policies=st.lists(
        st.builds(
            ScalingPolicy,
            kind=st.sampled_from(("Pods", "Percent")),
            value=st.integers(1, 150) | st.just(2**31 - 1),
            period_s=st.integers(1, 180),
        ),
        min_size=1,
        max_size=3,
    ).map(tuple),
    select_policy=st.sampled_from(("Max", "Min", "Disabled")),
    tolerance=st.none() | st.sampled_from((0.0, 0.01, 0.1, 0.5)),
)
behaviors = st.none() | st.just(DEFAULT) | st.builds(Behavior, scale_up=direction,
                                                     scale_down=direction)  # fmt: skip
amounts = st.integers(1, 3000) | st.just(2**62)
MEMORY = Metric(kind="Resource", name="memory", utilization_percent=50)
metrics = st.one_of(
    st.integers(1, 300).map(lambda one: metric(f"cpu {one}%")),
    amounts.map(lambda one: Metric(kind="Resource", name="cpu", average_milli=one)),
    st.integers(1, 300).map(lambda one: replace(MEMORY, utilization_percent=one)),
    st.integers(1, 3000).map(
        lambda one: replace(MEMORY, utilization_percent=None, average_milli=1000 * one)
    ),
    amounts.map(lambda one: metric(f"pods {one}")),
    amounts.map(lambda one: metric(f"external {one}")),
    amounts.map(lambda one: metric(f"external avg {one}")),
    amounts.map(lambda one: metric(f"object {one}")),
    amounts.map(lambda one: metric(f"object avg {one}")),
    st.just(metric("?")),
)
controllers = st.builds(
    Controller,
    tolerance=st.sampled_from((0.0, 0.1, 0.25)),
    downscale_window_s=st.sampled_from((0.0, 30.0, 300.0)),
    cpu_initialization_s=st.sampled_from((0.0, 120.0, 300.0)),
    initial_readiness_s=st.sampled_from((0.0, 10.0, 30.0)),
    configurable_tolerance=st.booleans(),
    tolerance_test=st.sampled_from(("range", "distance")),
)
values = st.integers(0, 3000) | st.sampled_from((0, 2**31, 2**62, 2**63 - 1))


@dataclass(frozen=True, kw_only=True)
class Turn:
    """What one round finds: it comes ``later_s`` after the one before. ``sampled``: for each
    metric, the pods (and beyond them unknown ones) that have a sample, with their values."""

    later_s: int
    letters: str
    sampled: tuple[tuple[int | None, ...], ...]
    fresh_s: int
    asks: int


turns = st.builds(
    Turn,
    later_s=st.sampled_from((0, 1, 15, 15, 15, 60, 400)),
    letters=st.text("rrrrnhHpfd", min_size=0, max_size=7),
    sampled=st.lists(
        st.lists(st.none() | values, max_size=8).map(tuple), min_size=3, max_size=3
    ).map(tuple),
    fresh_s=st.sampled_from((0, 30, 90)),
    asks=st.sampled_from((0, 1, 100, 500, 2**40)),
)


def listed(turn: Turn) -> list[Pod]:
    return [
        replace(
            LETTERS[letter], name=f"p{number}", level_requests={},
            requests={"cpu": turn.asks, "memory": turn.asks * 7} if turn.asks != 1 else {},
            started_s=None if letter == "n" and number == 3 else LETTERS[letter].started_s,
        )
        for number, letter in enumerate(turn.letters)
    ]  # fmt: skip


def sampled(spec: Spec, turn: Turn, now_s: float) -> dict[str, dict[str, Sample]]:
    return {
        one.label: {
            f"p{number}": Sample(value=value, at_s=now_s - turn.fresh_s)
            for number, value in enumerate(found)
            if value is not None
        }
        for one, found in zip(spec.metrics, turn.sampled, strict=False)
    }


@settings(deadline=None, max_examples=150)
@given(
    chosen=st.lists(metrics, min_size=1, max_size=3, unique_by=lambda one: one.label),
    behavior=behaviors,
    controller=controllers,
    least=st.integers(0, 6),
    more=st.integers(0, 30),
    begin=st.integers(0, 40),
    played=st.lists(turns, min_size=1, max_size=8),
)
def test_both_decide_alike(
    chosen: list[Metric],
    behavior: Behavior | None,
    controller: Controller,
    least: int,
    more: int,
    begin: int,
    played: list[Turn],
) -> None:
    spec = Spec(
        min_replicas=least, max_replicas=max(least + more, 1), metrics=tuple(chosen),
        behavior=behavior,
    )  # fmt: skip
    state, count, now_s = HpaState(), begin, NOW
    if begin % 3 == 0:  # a controller that has been there for long
        state = HpaState(recommendations=(Recommendation(replicas=9, at_s=NOW - 5000),))
    for turn in played:
        now_s += turn.later_s
        told, found = listed(turn), sampled(spec, turn, now_s)
        decision, after = decide(
            spec, state, current=count, pods=told, samples=found, now_s=now_s,
            controller=controller,
        )  # fmt: skip
        desired, proposals, compiled = decide_compiled(
            spec, state, current=count, pods=told, samples=found, now_s=now_s,
            controller=controller,
        )  # fmt: skip
        assert (desired, proposals, compiled) == (decision.desired, decision.proposals, after)
        state, count = after, decision.desired
