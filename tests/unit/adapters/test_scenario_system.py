"""What a scenario puts in force before it plays."""

from pathlib import Path

import pytest

from insurectl.adapters import scenario_system, topology
from insurectl.adapters.located_yaml import read
from insurectl.adapters.scenario_system import Asked
from insurectl.errors import BadFile
from insurectl.records import KUBERNETES_SCALE_UP, MetricTarget, ScalingPolicy, ScalingRules

CORE = topology.bundled().services["core-app"]
SCALED = "autoscaling: {min: 1, max: 4, memory_percent: 80, %s}"


def asked(folder: Path, core_app: str) -> Asked:
    """For core-app, from line 3 on."""
    path = folder / "file.yaml"
    path.write_text(f"system:\n  core-app:\n    {core_app}\n")
    return scenario_system.read(read(path).items()["system"])


def test_nothing_asked_for_changes_nothing() -> None:
    assert scenario_system.read(None) == Asked()


def test_what_is_left_out_stays_as_the_topology_says(tmp_path: Path) -> None:
    found = asked(tmp_path, "cost: {worker_ms: 60, workers: 8}")
    assert found.services == (CORE.tuning,)
    cost = found.costs["core-app"]
    assert (cost.worker_ms, cost.workers) == (60, 8)
    assert cost.memory_hold_ms == CORE.cost.memory_hold_ms


def test_replicas_by_hand_switch_the_autoscaler_off(tmp_path: Path) -> None:
    (tuning,) = asked(tmp_path, "replicas: 3").services
    assert (tuning.replicas, tuning.autoscaling) == (3, None)


def test_an_autoscaler_of_ones_own(tmp_path: Path) -> None:
    (tuning,) = asked(
        tmp_path,
        "autoscaling: {min: 1, max: 4, memory_percent: 80, rps: 7.5, sync_period: 5s, "
        "scale_up: {window: 10s, select: Min, tolerance: 0.2}, "
        "scale_down: {policies: [{kind: Pods, value: 1, period: 30s}]}}",
    ).services
    spec = tuning.autoscaling
    assert spec is not None
    assert (spec.min_replicas, spec.max_replicas, spec.sync_period_s) == (1, 4, 5)
    assert spec.metrics == (
        MetricTarget(kind="Resource", name="memory", utilization_percent=80),
        MetricTarget(kind="Pods", name="http_requests_per_second", average_value=7.5),
    )
    assert spec.scale_up == ScalingRules(
        stabilization_window_s=10,
        policies=KUBERNETES_SCALE_UP.policies,
        select_policy="Min",
        tolerance=0.2,
    )
    assert spec.scale_down == ScalingRules(
        stabilization_window_s=300,
        policies=(ScalingPolicy(kind="Pods", value=1, period_s=30),),
    )


@pytest.mark.parametrize(
    ("more", "told"),
    [
        pytest.param("sync_period: 15s", "", id="as Kubernetes"),
        pytest.param("sync_period: 60s", "", id="slower"),
        pytest.param(
            "sync_period: 5s", "looks every 5 s (Kubernetes: 15 s)", id="looks more often"
        ),
        pytest.param(
            "scale_down: {window: 20s}",
            "waits 20 s before it takes replicas away (Kubernetes: 300 s)",
            id="waits less",
        ),
    ],
)
def test_what_is_quicker_than_kubernetes_is_said_openly(
    tmp_path: Path, more: str, told: str
) -> None:
    notes = asked(tmp_path, SCALED % more).notes
    assert bool(notes) == bool(told)
    assert told in "".join(notes)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        pytest.param("cpu: 2", "no key 'cpu'; there are: cost, memory", id="key"),
        pytest.param("cost: {worker_s: 2}", "did you mean workers|worker_ms", id="cost"),
        pytest.param("cost: {worker_ms: -1}", "from 0 to", id="negative cost"),
        pytest.param("cost: {workers: 0}", "from 1 to 1000", id="no worker"),
        pytest.param("cost: {workers: 1.5}", "no whole number", id="half a worker"),
        pytest.param("cost: {worker_ms: .nan}", "not finite", id="nan"),
        pytest.param("cost: {worker_ms: 1e9}", "from 0 to 3600000", id="over an hour"),
        pytest.param("cost: {worker_cv: 11}", "from 0 to 10", id="cv"),
        pytest.param("cost: {start_s: 1h}", "'1h' is no number", id="a cost has no unit"),
        pytest.param("memory: {limit_mib: 64}", "less than request_mib", id="limit under request"),
        pytest.param("memory: {request_mib: 0}", "more than 0", id="no memory"),
        pytest.param("memory: {request_mib: 1e9}", "to 1048576", id="over a TiB"),
        pytest.param("replicas: 0", "at least|from 1", id="no replica"),
        pytest.param("replicas: 13", "more than the 12 that fit", id="too many replicas"),
        pytest.param(
            "{replicas: 2, autoscaling: {min: 1, max: 2, rps: 1}}", "leave one", id="both"
        ),
        pytest.param("autoscaling: {min: 1, rps: 5}", "max is missing", id="no max"),
        pytest.param("autoscaling: {min: 3, max: 2, rps: 5}", "less than min", id="max under min"),
        pytest.param("autoscaling: {min: 1, max: 2}", "nothing to go by", id="no metric"),
        pytest.param("autoscaling: {min: 1, max: 2, rps: 0}", "more than 0", id="rps 0"),
        pytest.param("autoscaling: {min: 0, max: 2, rps: 5}", "from 1", id="min 0"),
        pytest.param(SCALED % "sync_period: 100ms", "from 1s to 3600s", id="sync too often"),
        pytest.param(SCALED % "scale_up: {window: 2h}", "from 0s to 3600s", id="window"),
        pytest.param(SCALED % "scale_up: {tolerance: 2}", "from 0 to 1", id="tolerance"),
        pytest.param(SCALED % "scale_up: {select: max}", "did you mean Max", id="select"),
        pytest.param(SCALED % "scale_up: {policies: []}", "at least one", id="no policy"),
        pytest.param(
            SCALED % "scale_up: {policies: [{kind: Pods, value: 1}]}", "period is", id="period"
        ),
        pytest.param(
            SCALED % "scale_up: {policies: [{kind: Pods, value: 1, period: 1h}]}",
            "from 1s to 1800s",
            id="period too long",
        ),
        pytest.param(
            SCALED % "scale_up: {policies: [{kind: Pod, value: 1, period: 5s}]}",
            "did you mean Pods",
            id="kind",
        ),
    ],
)
def test_what_can_not_be_put_in_force_is_told_with_its_line(
    tmp_path: Path, text: str, message: str
) -> None:
    with pytest.raises(BadFile, match=message) as caught:
        asked(tmp_path, text)
    assert caught.value.line == 3


def test_a_service_that_there_is_not_is_told(tmp_path: Path) -> None:
    path = tmp_path / "file.yaml"
    path.write_text("system:\n  core-ap: {}\n")
    with pytest.raises(BadFile, match=r":2: system.core-ap: .*did you mean core-app"):
        scenario_system.read(read(path).items()["system"])
