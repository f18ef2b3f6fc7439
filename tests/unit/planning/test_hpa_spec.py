"""What may be asked of the autoscaler, and what it says of the rest."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from insurectl.errors import BadInput
from insurectl.planning.hpa_spec import (
    KUBERNETES,
    Behavior,
    Controller,
    Metric,
    Spec,
    filled,
    refused,
    spec_of,
    tolerance,
)
from insurectl.records import (
    KUBERNETES_SCALE_DOWN,
    KUBERNETES_SCALE_UP,
    Autoscaling,
    MetricTarget,
    ScalingPolicy,
    ScalingRules,
)
from tests.unit.planning.hpa_rows import metric

DEFAULT = Behavior(scale_up=KUBERNETES_SCALE_UP, scale_down=KUBERNETES_SCALE_DOWN)
CPU = metric("cpu 50%")


def policy(value: int, period_s: int) -> ScalingRules:
    allowed = ScalingPolicy(kind="Pods", value=value, period_s=period_s)
    return filled(KUBERNETES_SCALE_UP, policies=(allowed,))


def up(rules: ScalingRules) -> Behavior:
    return Behavior(scale_up=rules, scale_down=KUBERNETES_SCALE_DOWN)


def down(rules: ScalingRules) -> Behavior:
    return Behavior(scale_up=KUBERNETES_SCALE_UP, scale_down=rules)


@pytest.mark.parametrize(
    ("make", "told"),
    [
        pytest.param(
            lambda: Spec(min_replicas=5, max_replicas=3),
            "maxReplicas is 3 and minReplicas 5; give a maxReplicas from 5 to",
            id="min above max",
        ),
        pytest.param(
            lambda: Spec(min_replicas=-1, max_replicas=3),
            "minReplicas is -1; give 0 or more",
            id="negative min",
        ),
        pytest.param(lambda: Spec(min_replicas=0, max_replicas=0), "from 1 to", id="a max of none"),
        pytest.param(lambda: Spec(max_replicas=2**31), "to 2147483647", id="max beyond an int32"),
        pytest.param(
            lambda: replace(CPU, utilization_percent=-50),
            r"metric 'cpu' \(Resource\): utilization_percent is -50; give more than 0",
            id="negative target",
        ),
        pytest.param(
            lambda: replace(CPU, utilization_percent=None),
            "metric 'cpu' .* needs one target; give utilization_percent or average_milli",
            id="no target",
        ),
        pytest.param(lambda: replace(CPU, average_milli=100), "needs one target", id="two targets"),
        pytest.param(
            lambda: Metric(kind="Pods", name="qps", value_milli=100),
            "has no value_milli; it takes average_milli",
            id="a target of another kind",
        ),
        pytest.param(
            lambda: replace(CPU, container="app"),
            "`container` goes with ContainerResource",
            id="a container where none belongs",
        ),
        pytest.param(
            lambda: replace(CPU, kind="ContainerResource"),
            "`container` goes with ContainerResource",
            id="no container where one belongs",
        ),
        pytest.param(
            lambda: Spec(max_replicas=3, metrics=(CPU, metric("cpu 60%"))),
            "two metrics are called 'cpu'; give each its own `key`",
            id="one name twice",
        ),
        pytest.param(
            lambda: up(filled(KUBERNETES_SCALE_UP, window_s=3601)),
            "behavior.scaleUp: the window is 3601 s; give 0 to 3600 s",
            id="a window too long",
        ),
        pytest.param(
            lambda: down(filled(KUBERNETES_SCALE_DOWN, tolerance=-0.1)),
            "behavior.scaleDown: the tolerance is -0.1; give 0 or more",
            id="negative tolerance",
        ),
        pytest.param(
            lambda: down(filled(KUBERNETES_SCALE_DOWN, tolerance=float("nan"))),
            "the tolerance is nan",
            id="a tolerance that is no number",
        ),
        pytest.param(
            lambda: up(filled(KUBERNETES_SCALE_UP, policies=())), "has no policy", id="no policy"
        ),
        pytest.param(lambda: up(policy(0, 15)), "allows 0; give 1 to", id="a policy of nothing"),
        pytest.param(
            lambda: up(policy(1, 1801)), "period is 1801 s; give 1 to 1800 s", id="period too long"
        ),
        pytest.param(lambda: up(policy(1, 0)), "period is 0 s", id="no period"),
        pytest.param(
            lambda: Controller(tolerance=-1.0), "controller: tolerance is -1.0", id="controller"
        ),
    ],
)
def test_what_makes_no_sense_is_refused(make: Callable[[], object], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        make()


def test_insurectls_own_record_is_checked_too() -> None:
    record = Autoscaling(
        min_replicas=3, max_replicas=2, metrics=(), scale_up=KUBERNETES_SCALE_UP,
        scale_down=KUBERNETES_SCALE_DOWN,
    )  # fmt: skip
    with pytest.raises(BadInput, match="maxReplicas is 2 and minReplicas 3"):
        spec_of(record)


@pytest.mark.parametrize(
    ("least", "metrics", "gate", "told"),
    [
        pytest.param(1, (CPU,), False, None, id="one or more"),
        pytest.param(0, (metric("object 1"),), False, "HPAScaleToZero", id="not without the gate"),
        pytest.param(0, (CPU,), True, "without an Object or External metric", id="nor by the CPU"),
        pytest.param(0, (CPU, metric("external 1")), True, None, id="by an external metric"),
    ],
)
def test_the_api_server_takes_no_replicas_only_where_load_can_be_seen(
    least: int, metrics: tuple[Metric, ...], *, gate: bool, told: str | None
) -> None:
    spec = Spec(min_replicas=least, max_replicas=3, metrics=metrics)
    found = refused(spec, scale_to_zero=gate)
    assert found is None if told is None else told in str(found)


def test_what_behavior_leaves_out_is_the_defaults() -> None:
    one = ScalingPolicy(kind="Pods", value=1, period_s=60)
    found = filled(KUBERNETES_SCALE_DOWN, policies=(one,), tolerance=0.0)
    assert found == ScalingRules(
        stabilization_window_s=300, policies=(one,), select_policy="Max", tolerance=0.0
    )
    assert filled(KUBERNETES_SCALE_UP) == KUBERNETES_SCALE_UP
    assert filled(KUBERNETES_SCALE_DOWN, window_s=0).stabilization_window_s == 0


@pytest.mark.parametrize(
    ("behavior", "gate", "expected"),
    [
        pytest.param(None, True, (0.1, 0.1), id="no behavior: the controller's"),
        pytest.param(DEFAULT, True, (0.1, 0.1), id="nothing given"),
        pytest.param(up(filled(KUBERNETES_SCALE_UP, tolerance=0.0)), True, (0.1, 0.0), id="up"),
        pytest.param(down(filled(KUBERNETES_SCALE_DOWN, tolerance=0.3)), True, (0.3, 0.1), id="dn"),
        pytest.param(down(filled(KUBERNETES_SCALE_DOWN, tolerance=0.3)), False, (0.1,) * 2, id="x"),
    ],
)
def test_tolerance_is_the_controllers_where_no_other_is_given(
    behavior: Behavior | None, *, gate: bool, expected: tuple[float, float]
) -> None:
    spec = Spec(max_replicas=3, behavior=behavior)
    found = tolerance(spec, replace(KUBERNETES, configurable_tolerance=gate))
    assert (found.down, found.up) == expected


@pytest.mark.parametrize(
    ("one", "label", "failure"),
    [
        pytest.param(CPU, "cpu", "FailedGetResourceMetric", id="resource"),
        pytest.param(
            metric("cpu/app 5%"), "cpu/app", "FailedGetContainerResourceMetric", id="container"
        ),
        pytest.param(
            replace(metric("external 5"), key="eu"), "eu", "FailedGetExternalMetric", id="key"
        ),
    ],
)
def test_a_metric_has_a_label_and_a_reason_to_fail(one: Metric, label: str, failure: str) -> None:
    assert (one.label, one.failure) == (label, failure)


def test_targets_are_taken_in_thousandths() -> None:
    target = MetricTarget(kind="Pods", name="qps", average_value=8.2)
    record = Autoscaling(
        min_replicas=1, max_replicas=2, metrics=(target,), scale_up=KUBERNETES_SCALE_UP,
        scale_down=KUBERNETES_SCALE_DOWN,
    )  # fmt: skip
    assert spec_of(record).metrics == (Metric(kind="Pods", name="qps", average_milli=8200),)
