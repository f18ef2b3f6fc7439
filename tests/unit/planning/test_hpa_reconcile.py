"""Whole rounds of the autoscaler: replicas and conditions."""

from collections.abc import Mapping
from dataclasses import replace

import pytest

from insurectl.errors import BadInput
from insurectl.planning.hpa import decide, unread
from insurectl.planning.hpa_behavior import HpaState, Recommendation, ScaleEvent
from insurectl.planning.hpa_decision import Decision, combine
from insurectl.planning.hpa_metrics import Proposal, Samples, Selector
from insurectl.planning.hpa_pods import Pod
from insurectl.planning.hpa_spec import Behavior, Controller, Metric, Spec
from insurectl.records import (
    KUBERNETES_SCALE_DOWN,
    KUBERNETES_SCALE_UP,
    Autoscaling,
    MetricTarget,
)
from tests.unit.planning import hpa_tables_reconcile as tables
from tests.unit.planning.hpa_rows import (
    CONTROLLER,
    NOW,
    cases,
    log,
    metric,
    numbers,
    pods,
    rules,
    samples,
)

Row = Mapping[str, str]
DEFAULT = Behavior(scale_up=KUBERNETES_SCALE_UP, scale_down=KUBERNETES_SCALE_DOWN)
FORGOTTEN = "99@100000"  # as if nothing were remembered, but not new


def spec_of(row: Row) -> Spec:
    least, most = (int(one) for one in row["range"].split("-"))
    named = row["metrics"].replace("!", "").split(";") if row["metrics"] else ()
    behavior = None
    if row["with"].startswith("up"):
        behavior = replace(DEFAULT, scale_up=rules(KUBERNETES_SCALE_UP, row["with"]))
    if row["with"].startswith("down"):
        behavior = replace(DEFAULT, scale_down=rules(KUBERNETES_SCALE_DOWN, row["with"]))
    return Spec(
        min_replicas=least, max_replicas=most, behavior=behavior,
        metrics=tuple(metric(one.strip()) for one in named),
    )  # fmt: skip


def samples_of(row: Row, spec: Spec) -> Samples:
    """A source that answers with an error has none."""
    found, levels = {}, numbers(row["levels"])
    for one, text in zip(spec.metrics, row["metrics"].split(";"), strict=False):
        if "!" not in text and one.kind != "Unknown":
            shares = {"Resource": 2, "ContainerResource": 1}.get(one.kind)
            values = [level // 2 * shares for level in levels] if shares else levels
            found[one.label] = samples(values)
    return found


def pods_of(row: Row) -> list[Pod]:
    requests = [request // 2 for request in numbers(row["request"])]
    return pods(row["pods"], requests or [500] * len(row["pods"]))


def selector_of(row: Row) -> Selector:
    told: Selector
    for told in ("missing", "unparsable", "ambiguous"):
        if row["with"] == f"selector {told}":
            return told
    return "valid"


@pytest.mark.parametrize("row", cases(tables.ROUNDS))
def test_a_round_ends_as_in_kubernetes(row: Row) -> None:
    spec, (replicas, _, status) = spec_of(row), row["spec"].partition("/")
    remembered = log("" if row["log"] == "new" else row["log"] or FORGOTTEN)
    decision, _ = decide(
        spec,
        HpaState(recommendations=remembered),
        current=int(replicas),
        status_replicas=int(status or replicas),
        pods=pods_of(row),
        samples=samples_of(row, spec),
        now_s=NOW,
        selector=selector_of(row),
        controller=replace(CONTROLLER, configurable_tolerance="gate off" not in row["with"]),
        writable=row["with"] != "write fails",
    )
    assert decision.desired == int(row["->"])
    inactive = (("AbleToScale", True, "SucceededGetScale"), ("ScalingActive", False, row["as"]))
    assert told(decision) == tables.CONDITIONS.get(row["as"], inactive)
    if row["%"]:
        assert decision.measured["cpu"].utilization_percent == int(row["%"])


def told(decision: Decision) -> tuple[tuple[str, bool, str], ...]:
    return tuple((one.about, one.holds, one.reason) for one in decision.conditions)


def test_a_target_that_can_not_be_read_is_left_alone() -> None:
    """TestConditionFailedGetScale."""
    decision = unread(3)
    assert decision.desired == 3
    assert told(decision) == (("AbleToScale", False, "FailedGetScale"),)


SPEC = Spec(
    min_replicas=2, max_replicas=50, behavior=DEFAULT,
    metrics=(metric("cpu 50%"), metric("pods 10000")),
)  # fmt: skip


def round_of(
    cpu: tuple[int, ...],
    qps: tuple[int, ...],
    current: int = 4,
    state: HpaState | None = None,
    spec: Spec = SPEC,
    *,
    writable: bool = True,
) -> tuple[Decision, HpaState]:
    found = {"cpu": samples(cpu), "qps": samples(qps)}
    return decide(
        spec, state or HpaState(), current=current, pods=pods("r" * current, [500] * current),
        samples=found, now_s=NOW, writable=writable,
    )  # fmt: skip


@pytest.mark.parametrize(
    ("cpu", "qps", "expected", "metric", "reason"),
    [
        pytest.param((500,) * 4, (20000,) * 4, 8, "qps", "DesiredWithinRange", id="the larger"),
        pytest.param((1000,) * 4, (), 8, "cpu", "DesiredWithinRange", id="one fails, up"),
        pytest.param((500,) * 4, (), 4, "cpu", "DesiredWithinRange", id="one fails, the same"),
        pytest.param(
            (100,) * 4, (), 4, None, "FailedGetPodsMetric", id="one fails, down: not allowed"
        ),
        pytest.param((), (), 4, None, "FailedGetResourceMetric", id="all fail: the first tells"),
        pytest.param((100,) * 4, (9,) * 4, 4, "cpu", "ScaleDownStabilized", id="held"),
        pytest.param((9000,) * 4, (9,) * 4, 8, "cpu", "ScaleUpLimit", id="limited"),
    ],
)
def test_combines_metrics(
    cpu: tuple[int, ...], qps: tuple[int, ...], expected: int, metric: str | None, reason: str
) -> None:
    decision, _ = round_of(cpu, qps)
    assert (decision.desired, decision.metric, decision.reason) == (expected, metric, reason)


@pytest.mark.parametrize(
    ("proposals", "failed", "expected"),
    [
        pytest.param((5, 5), 0, ("m0", 5), id="the first of equals"),
        pytest.param((0, 0), 0, ("m1", 0), id="but the last of zeros"),
        pytest.param((0, -3), 0, ("m1", -3), id="even one that overflowed"),
        pytest.param((4,), 1, ("m0", 4), id="one fails, the same"),
        pytest.param((3,), 1, ("m0", None), id="one fails, down"),
        pytest.param((), 1, (None, None), id="all fail"),
    ],
)
def test_takes_a_zero_for_unset(
    proposals: tuple[int, ...], failed: int, expected: tuple[str | None, int | None]
) -> None:
    given = {
        f"m{number}": Proposal(replicas=one, value_milli=0) for number, one in enumerate(proposals)
    }
    assert combine(given, failed, 4) == expected


def test_what_overflows_is_taken_for_none() -> None:
    spec = Spec(max_replicas=9, metrics=(metric("object 1"),))
    found = {"qps": samples((2**62,))}
    decision, after = decide(
        spec, HpaState(recommendations=log(FORGOTTEN)), current=5, pods=pods("rrrrr"),
        samples=found, now_s=NOW,
    )  # fmt: skip
    assert (decision.desired, decision.reason) == (1, "TooFewReplicas")
    assert [one.replicas for one in after.recommendations] == [0]


def test_without_metrics_the_cpu_is_looked_at() -> None:
    spec = replace(SPEC, metrics=())
    assert round_of((1600,) * 4, (), spec=spec)[0].metric == "cpu"


@pytest.mark.parametrize(
    ("current", "expected", "reason"),
    [
        pytest.param(0, 0, "ScalingDisabled", id="none: disabled"),
        pytest.param(1, 2, "TooFewReplicas", id="below min"),
        pytest.param(51, 50, "TooManyReplicas", id="above max"),
    ],
)
def test_out_of_range_nothing_is_measured(current: int, expected: int, reason: str) -> None:
    known = HpaState(recommendations=log("7@10"))
    decision, after = round_of((), (), current=current, state=known)
    assert (decision.desired, decision.reason) == (expected, reason)
    assert after.recommendations == known.recommendations
    assert len(after.ups) + len(after.downs) == (expected != current)


def test_the_first_window_does_not_go_below_what_was_there() -> None:
    decision, after = round_of((10,) * 4, (10,) * 4)
    assert (decision.desired, decision.reason) == (4, "ScaleDownStabilized")
    assert [one.replicas for one in after.recommendations] == [4, 1]


def test_of_being_held_and_being_limited_the_limit_is_told() -> None:
    slow = replace(DEFAULT, scale_up=rules(KUBERNETES_SCALE_UP, "w60"))
    known = HpaState(recommendations=log("20@10"))
    decision, _ = round_of((9000,) * 4, (9,) * 4, state=known, spec=replace(SPEC, behavior=slow))
    assert (decision.desired, decision.reason) == (8, "ScaleUpLimit")


def test_a_refused_change_is_wished_for_but_not_made() -> None:
    decision, after = round_of((1000,) * 4, (1,) * 4, writable=False)
    assert (decision.desired, decision.reason) == (4, "FailedUpdateScale")
    assert [one.replicas for one in after.recommendations] == [4, 8]
    assert after.ups == ()


def test_without_behavior_no_change_is_remembered() -> None:
    _, after = round_of((1000,) * 4, (1,) * 4, spec=replace(SPEC, behavior=None))
    assert after == HpaState(
        recommendations=(Recommendation(replicas=4, at_s=NOW), Recommendation(replicas=8, at_s=NOW))
    )
    _, after = round_of((1000,) * 4, (1,) * 4)
    assert after.ups == (ScaleEvent(change=4, at_s=NOW),)


def test_insurectls_own_record_is_decided_alike() -> None:
    target = MetricTarget(kind="Pods", name="qps", average_value=8.2)
    record = Autoscaling(
        min_replicas=2, max_replicas=50, metrics=(target,), scale_up=KUBERNETES_SCALE_UP,
        scale_down=KUBERNETES_SCALE_DOWN,
    )  # fmt: skip
    full = replace(SPEC, metrics=(Metric(kind="Pods", name="qps", average_milli=8200),))
    found = [
        decide(
            one, HpaState(), current=4, pods=pods("rrrr"), samples={"qps": samples((16400,) * 4)},
            now_s=NOW,
        )
        for one in (record, full)
    ]  # fmt: skip
    assert found[0] == found[1]
    assert found[0][0].desired == 8


def test_a_negative_count_is_refused() -> None:
    with pytest.raises(BadInput, match="-1 replicas"):
        decide(
            SPEC, HpaState(), current=-1, pods=[], samples={}, now_s=NOW, controller=Controller()
        )
