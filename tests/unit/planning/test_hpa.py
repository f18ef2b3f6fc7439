"""Rows are those of Kubernetes' replica_calculator_test.go and horizontal_test.go."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insurectl.planning.hpa import (
    HpaState,
    NoMetric,
    Pod,
    Recommendation,
    Sample,
    ScaleEvent,
    decide,
    limit_rate,
    propose,
    stabilize,
    store_event,
)
from insurectl.records import Autoscaling, MetricTarget, ScalingPolicy, ScalingRules

NOW = 10_000.0
CPU_REQUEST = 1000


def rules(
    *policies: tuple[str, int, int],
    window: int = 0,
    select: str = "Max",
    tolerance: float | None = None,
) -> ScalingRules:
    return ScalingRules(
        stabilization_window_s=window,
        policies=tuple(
            ScalingPolicy(kind=kind, value=value, period_s=period)  # type: ignore[arg-type] # a row of a table
            for kind, value, period in policies
        ),
        select_policy=select,  # type: ignore[arg-type] # a row of a table
        tolerance=tolerance,
    )


UP = rules(("Pods", 4, 15), ("Percent", 100, 15))
DOWN = rules(("Percent", 100, 15), window=300)
SPEC = Autoscaling(min_replicas=1, max_replicas=1000, metrics=(), scale_up=UP, scale_down=DOWN)


def cpu(percent: int) -> MetricTarget:
    return MetricTarget(kind="Resource", name="cpu", utilization_percent=percent)


def rps(value: float) -> MetricTarget:
    return MetricTarget(kind="Pods", name="qps", average_value=value)


def pods(count: int, *, unready: tuple[int, ...] = (), **special: tuple[int, ...]) -> list[Pod]:
    """``count`` old pods that ask for one CPU; those listed never became ready, are pending, ..."""
    made = []
    for number in range(count):
        pod = Pod(name=f"p{number}", requests={"cpu": CPU_REQUEST}, ready_changed_s=5000.0)
        if number in unready:
            pod = replace(pod, ready=False, ready_changed_s=6.0)
        if number in special.get("pending", ()):
            pod = replace(pod, phase="Pending")
        if number in special.get("failed", ()):
            pod = replace(pod, phase="Failed")
        if number in special.get("deleted", ()):
            pod = replace(pod, deleted=True)
        made.append(pod)
    return made


def readings(*values: int) -> dict[str, Sample]:
    return {f"p{number}": Sample(value=value, at_s=NOW) for number, value in enumerate(values)}


@pytest.mark.parametrize(
    ("current", "pod_list", "values", "target", "expected"),
    [
        pytest.param(3, pods(3), (300, 500, 700), 30, 5, id="scale up"),
        pytest.param(3, pods(3, unready=(1, 2)), (400, 500, 700), 30, 3, id="unready hot pods"),
        pytest.param(2, pods(4, failed=(2, 3)), (500, 700), 30, 4, id="failed pods ignored"),
        pytest.param(2, pods(4, deleted=(2, 3)), (500, 700, 10, 10), 30, 4, id="deleted ignored"),
        pytest.param(5, pods(5), (100, 300, 500, 250, 250), 50, 3, id="scale down"),
        pytest.param(5, pods(5, unready=(3, 4)), (100, 300, 500, 250, 250), 50, 2, id="unready go"),
        pytest.param(5, pods(5, pending=(1, 2, 3, 4)), (100,), 50, 1, id="pending go"),
        pytest.param(4, pods(4), (4000, 9500, 3000, 7000, 3200, 2000), 100, 24, id="superfluous"),
        pytest.param(4, pods(4), (400, 95), 100, 3, id="missing, down"),
        pytest.param(2, pods(2), (1000,), 100, 2, id="missing, on target"),
        pytest.param(2, pods(2), (1900,), 100, 2, id="missing, above"),
        pytest.param(2, pods(2), (600,), 100, 2, id="missing, below"),
        pytest.param(3, pods(3), (1010, 1030, 1020), 100, 3, id="within tolerance"),
        pytest.param(10, pods(10), (500,) * 10, 56, 9, id="computed tolerance, just out"),
        pytest.param(10, pods(10), (500,) * 10, 55, 10, id="computed tolerance, just in"),
        pytest.param(25, pods(25), (220,) * 25, 10, 56, id="ratio first: 56, exact 55"),
    ],
)
def test_proposes_by_utilization_as_the_controller_does(
    current: int, pod_list: list[Pod], values: tuple[int, ...], target: int, expected: int
) -> None:
    assert propose(cpu(target), SPEC, current, pod_list, readings(*values), NOW) == expected


@pytest.mark.parametrize(
    ("values", "unready", "target", "expected"),
    [
        pytest.param({"p0": 450}, (1,), 50, 3, id="unready and missing, no change"),
        pytest.param({"p0": 2000}, (1,), 50, 4, id="unready and missing, up"),
    ],
)
def test_unready_and_missing_pods_hold_back(
    values: dict[str, int], unready: tuple[int, ...], target: int, expected: int
) -> None:
    found = {name: Sample(value=value, at_s=NOW) for name, value in values.items()}
    found["p1"] = Sample(value=100, at_s=NOW)
    assert propose(cpu(target), SPEC, 3, pods(3, unready=unready), found, NOW) == expected


@pytest.mark.parametrize(
    ("current", "count", "unready", "values", "target", "expected"),
    [
        pytest.param(3, 3, (), (20000, 10000, 30000), 15, 4, id="up"),
        pytest.param(3, 3, (2,), (50000, 10000, 30000), 15, 6, id="readiness is not used"),
        pytest.param(3, 3, (0,), (50000, 15000, 30000), 15, 7, id="nor for a hot one"),
        pytest.param(5, 5, (), (12000,) * 5, 20, 3, id="down"),
        pytest.param(3, 3, (), (20000, 21000, 21000), 20, 3, id="within tolerance"),
        pytest.param(5, 5, (), (20000, 19000, 21000), 20, 5, id="missing, on target"),
        pytest.param(2, 3, (), (10000, 10000), 17, 2, id="surge of a rolling update"),
    ],
)
def test_proposes_by_average_value_as_the_controller_does(
    current: int,
    count: int,
    unready: tuple[int, ...],
    values: tuple[int, ...],
    target: float,
    expected: int,
) -> None:
    found = propose(
        rps(target), SPEC, current, pods(count, unready=unready), readings(*values), NOW
    )
    assert found == expected


@pytest.mark.parametrize(
    ("down", "up", "utilization", "expected"),
    [
        pytest.param(0.0, 0.0, 101, 4, id="none"),
        pytest.param(0.1, 2.0, 190, 3, id="wide upwards"),
        pytest.param(2.0, 0.08, 109, 4, id="narrow upwards"),
        pytest.param(0.36, 0.1, 65, 3, id="wide downwards"),
        pytest.param(0.34, 0.1, 65, 2, id="narrow downwards"),
    ],
)
def test_tolerance_is_taken_by_direction(
    down: float, up: float, utilization: int, expected: int
) -> None:
    spec = replace(
        SPEC,
        scale_up=replace(UP, tolerance=up),
        scale_down=replace(DOWN, tolerance=down),
    )
    values = (utilization * 10,) * 3
    assert propose(cpu(100), spec, 3, pods(3), readings(*values), NOW) == expected


def test_memory_counts_a_pod_that_is_not_ready() -> None:
    memory = MetricTarget(kind="Resource", name="memory", utilization_percent=50)
    listed = [replace(pod, requests={"memory": 1000}) for pod in pods(2, unready=(0, 1))]
    assert propose(memory, SPEC, 2, listed, readings(900, 900), NOW) == 4


@pytest.mark.parametrize(
    ("pod_list", "values"),
    [
        pytest.param([], (100,), id="no pods"),
        pytest.param(pods(2), (), id="no samples"),
        pytest.param([replace(pod, requests={}) for pod in pods(2)], (1, 1), id="no request"),
        pytest.param(pods(2, pending=(0, 1)), (1, 1), id="only pending pods"),
    ],
)
def test_a_metric_that_can_not_be_had_is_an_error(
    pod_list: list[Pod], values: tuple[int, ...]
) -> None:
    with pytest.raises(NoMetric):
        propose(cpu(50), SPEC, 2, pod_list, readings(*values), NOW)


def log(*entries: tuple[int, float]) -> HpaState:
    """Recommendations (replicas, minutes ago)."""
    return HpaState(
        recommendations=tuple(
            Recommendation(replicas=replicas, at_s=NOW - minutes * 60)
            for replicas, minutes in entries
        )
    )


@pytest.mark.parametrize(
    ("state", "current", "wanted", "up_s", "down_s", "expected", "length"),
    [
        pytest.param(log(), 5, 5, 0, 300, 5, 1, id="empty log"),
        pytest.param(log((4, 2), (5, 1)), 100, 3, 0, 300, 5, 3, id="down held by the highest"),
        pytest.param(log((10, 10), (9, 9)), 100, 3, 0, 300, 3, 2, id="old ones are written over"),
        pytest.param(log((10, 10), (4, 1), (5, 2), (9, 9)), 100, 3, 0, 300, 5, 4, id="slot reused"),
        pytest.param(log((2, 100), (3, 3)), 2, 1, 300, 300, 2, 2, id="no lower than now"),
        pytest.param(log((2, 100), (1, 3)), 2, 3, 300, 300, 2, 2, id="up held by the lowest"),
        pytest.param(
            log((10, 100), (6, 1), (5, 2), (9, 3)), 1, 100, 300, 300, 5, 4, id="up to the lowest"
        ),
    ],
)
def test_stabilises_over_both_windows(
    state: HpaState, current: int, wanted: int, up_s: int, down_s: int, expected: int, length: int
) -> None:
    spec = replace(
        SPEC,
        scale_up=replace(UP, stabilization_window_s=up_s),
        scale_down=replace(DOWN, stabilization_window_s=down_s),
    )
    stable, after = stabilize(spec, state, current, wanted, NOW)
    assert stable == expected
    assert len(after.recommendations) == length
    assert Recommendation(replicas=wanted, at_s=NOW) in after.recommendations


def events(*changes: int) -> tuple[ScaleEvent, ...]:
    """Spread evenly over the last 120 s, the first the oldest."""
    step = 120 / (len(changes) + 1)
    return tuple(
        ScaleEvent(change=change, at_s=NOW - 120 + step * (number + 1))
        for number, change in enumerate(changes)
    )


@pytest.mark.parametrize(
    ("ups", "downs", "up", "down", "current", "wanted", "most", "expected"),
    [
        pytest.param((), (), UP, DOWN, 10, 50, 1000, 20, id="default, up"),
        pytest.param(
            (),
            (),
            rules(("Pods", 100, 15), ("Percent", 100, 15)),
            DOWN,
            10,
            500,
            1000,
            110,
            id="pods win",
        ),
        pytest.param((), (), rules(("Pods", 30, 15)), DOWN, 10, 50, 1000, 40, id="pods only"),
        pytest.param(
            (), (), rules(("Percent", 200, 15)), DOWN, 10, 50, 1000, 30, id="percent only"
        ),
        pytest.param((), (), rules(("Percent", 1, 15)), DOWN, 3, 50, 1000, 4, id="1 % rounds up"),
        pytest.param(
            (), (), rules(("Percent", 12, 15)), DOWN, 25, 50, 1000, 29, id="float trap up"
        ),
        pytest.param(
            (),
            (),
            rules(("Pods", 2, 60), ("Percent", 50, 60), select="Min"),
            DOWN,
            1,
            9,
            1000,
            2,
            id="least change",
        ),
        pytest.param(
            (),
            (),
            UP,
            rules(("Pods", 20, 15), ("Percent", 1, 15)),
            100,
            2,
            1000,
            80,
            id="down, pods",
        ),
        pytest.param(
            (),
            (),
            UP,
            rules(("Pods", 2, 15), ("Percent", 1, 15)),
            100,
            2,
            1000,
            98,
            id="down, 2 pods",
        ),
        pytest.param((), (), UP, rules(("Percent", 1000, 15)), 10, 5, 1000, 5, id="down, 1000 %"),
        pytest.param(
            (1, 5, 9), (), rules(("Pods", 150, 120)), DOWN, 100, 500, 1000, 235, id="pods/120 s"
        ),
        pytest.param(
            (1, 5, 9), (), rules(("Percent", 200, 120)), DOWN, 100, 500, 1000, 255, id="200 %/120 s"
        ),
        pytest.param(
            (1, 5, 9), (), rules(("Pods", 5, 120)), DOWN, 100, 500, 1000, 100, id="used up"
        ),
        pytest.param((1, 5, 9), (), rules(("Pods", 300, 60)), DOWN, 100, 500, 200, 200, id="max"),
        pytest.param(
            (4,), (2,), rules(("Percent", 300, 300)), DOWN, 6, 500, 1000, 16, id="up and down"
        ),
        pytest.param(
            (), (1, 5, 9), UP, rules(("Pods", 5, 120)), 100, 2, 1000, 100, id="down used up"
        ),
        pytest.param(
            (), (2, 4, 6), UP, rules(("Percent", 50, 120)), 100, 2, 1000, 56, id="down 50 %"
        ),
        pytest.param((2,), (4,), UP, rules(("Percent", 50, 180)), 10, 1, 1000, 6, id="both, down"),
        pytest.param(
            (), (10, 10, 10), UP, rules(("Percent", 10, 120)), 100, 2, 1000, 100, id="down 10 %"
        ),
        pytest.param(
            (), (), rules(("Pods", 4, 15), select="Disabled"), DOWN, 3, 9, 1000, 3, id="disabled"
        ),
    ],
)
def test_limits_the_rate_by_policies(
    ups: tuple[int, ...],
    downs: tuple[int, ...],
    up: ScalingRules,
    down: ScalingRules,
    current: int,
    wanted: int,
    most: int,
    expected: int,
) -> None:
    spec = replace(SPEC, scale_up=up, scale_down=down, max_replicas=most)
    state = HpaState(ups=events(*ups), downs=events(*downs))
    assert limit_rate(spec, state, current, wanted, NOW)[0] == expected


@pytest.mark.parametrize(
    ("age_s", "expected"),
    [
        pytest.param(61, [ScaleEvent(change=5, at_s=NOW)], id="outdated: written over"),
        pytest.param(
            58, [ScaleEvent(change=7, at_s=NOW - 58), ScaleEvent(change=5, at_s=NOW)], id="kept"
        ),
    ],
)
def test_stores_events_in_outdated_slots(age_s: float, expected: list[ScaleEvent]) -> None:
    spec = replace(SPEC, scale_up=rules(("Pods", 4, 60)))
    state = HpaState(ups=(ScaleEvent(change=7, at_s=NOW - age_s),))
    assert list(store_event(spec, state, 5, 10, NOW).ups) == expected


TWO = replace(SPEC, metrics=(cpu(50), rps(10)))


@pytest.mark.parametrize(
    ("cpu_values", "rps_values", "expected", "metric"),
    [
        pytest.param((500,) * 4, (20000,) * 4, 8, "qps", id="the larger wins"),
        pytest.param((1000,) * 4, (), 8, "cpu", id="one fails, the other goes up"),
        pytest.param((100,) * 4, (), 4, None, id="one fails, the other may not go down"),
        pytest.param((), (), 4, None, id="both fail"),
    ],
)
def test_combines_metrics(
    cpu_values: tuple[int, ...], rps_values: tuple[int, ...], expected: int, metric: str | None
) -> None:
    samples = {"cpu": readings(*cpu_values), "qps": readings(*rps_values)}
    decision, _ = decide(TWO, HpaState(), current=4, pods=pods(4), samples=samples, now_s=NOW)
    assert (decision.desired, decision.metric) == (expected, metric)


@pytest.mark.parametrize(
    ("current", "expected", "reason"),
    [
        pytest.param(0, 0, "ScalingDisabled", id="none: disabled"),
        pytest.param(1, 2, "TooFewReplicas", id="below min"),
        pytest.param(9, 5, "TooManyReplicas", id="above max"),
    ],
)
def test_out_of_range_goes_to_the_limit_without_metrics(
    current: int, expected: int, reason: str
) -> None:
    spec = replace(TWO, min_replicas=2, max_replicas=5)
    decision, state = decide(spec, HpaState(), current=current, pods=[], samples={}, now_s=NOW)
    assert (decision.desired, decision.reason) == (expected, reason)
    assert len(state.recommendations) == 1


def test_the_first_window_does_not_go_below_what_was_there() -> None:
    decision, _ = decide(
        replace(SPEC, metrics=(cpu(50),)),
        HpaState(),
        current=5,
        pods=pods(5),
        samples={"cpu": readings(*(10,) * 5)},
        now_s=NOW,
    )
    assert (decision.desired, decision.reason) == (5, "ScaleDownStabilized")


@given(
    current=st.integers(1, 50),
    value=st.integers(0, 100_000),
    target=st.integers(1, 1000),
    least=st.integers(1, 10),
    spread=st.integers(0, 40),
)
def test_stays_within_min_and_max(
    current: int, value: int, target: int, least: int, spread: int
) -> None:
    spec = replace(SPEC, min_replicas=least, max_replicas=least + spread, metrics=(rps(target),))
    samples = {"qps": readings(*(value,) * current)}
    decision, _ = decide(
        spec, HpaState(), current=current, pods=pods(current), samples=samples, now_s=NOW
    )
    assert least <= decision.desired <= least + spread


@given(current=st.integers(1, 50), low=st.integers(0, 50_000), more=st.integers(0, 50_000))
def test_more_load_never_asks_for_fewer(current: int, low: int, more: int) -> None:
    listed = pods(current)
    wanted = [
        propose(rps(10), SPEC, current, listed, readings(*(value,) * current), NOW)
        for value in (low, low + more)
    ]
    assert wanted[0] <= wanted[1]
