"""Which pods count for a metric, and what they ask for."""

from dataclasses import replace

import pytest

from insurectl.planning.hpa_pods import (
    Container,
    Groups,
    NoMetric,
    Pod,
    Sample,
    group_pods,
    ready_pods,
    request_milli,
)
from insurectl.planning.hpa_spec import Controller, Metric
from tests.unit.planning.hpa_rows import CONTROLLER, NOW, cases

CPU = Metric(kind="Resource", name="cpu", utilization_percent=50)
MEMORY = Metric(kind="Resource", name="memory", utilization_percent=50)
LONG_AGO = -1e9

# TestGroupPods of replica_calculator_test.go, in its order. A pod: its phase, how long ago it
# started, whether it is Ready and since when, and its sample's age and window, in seconds.
GROUPS = """
row | resource | pods | counted | unready | missing | ignored
1 nothing | cpu | | 0 | | |
2 memory, without any status | memory | b Succeeded - - - 0/60 | 1 | | |
3 no Ready condition | cpu | b Succeeded 0 - - old/0 | 0 | b | |
4 young, sampled since it is ready | cpu | b Succeeded 60 T 30 0/30 | 1 | | |
5 young, sampled from before | cpu | b Succeeded 60 T 30 0/60 | 0 | b | |
6 ready never, told at once | cpu | b Succeeded 600 F 594 old/0 | 0 | b | |
7 old, sampled long ago | cpu | b Succeeded 180 T 180 120/60 | 1 | | |
8 old, was ready for long | cpu | b Succeeded 600 F 540 old/0 | 1 | | |
9 old, told after the delay | cpu | b Succeeded 600 F 590 old/0 | 1 | | |
10 without a sample | cpu | b Succeeded 180 - - - | 0 | | b |
11 three | cpu | a Succeeded 0 - - old/0; b Succeeded 180 T 180 old/0; c Succeeded 180 - - - | 1 | a | c |
12 pending | cpu | b Pending - - - - | 0 | b | |
13 being deleted | cpu | x Pending - - - old/0 | 0 | | | x
14 failed | cpu | b Failed - - - old/0 | 0 | | | b
"""  # noqa: E501 (a row is a line)


def ago(text: str) -> float:
    return LONG_AGO if text in {"-", "old"} else NOW - float(text)


def listed(text: str) -> tuple[list[Pod], dict[str, Sample]]:
    pods, samples = [], {}
    for words in (one.split() for one in text.split(";") if one):
        name, phase, started, ready, changed, sample = words
        pod = Pod(
            name=name,
            phase=phase,  # type: ignore[arg-type] # a row of a table
            ready={"T": True, "F": False, "-": None}[ready],
            started_s=None if started == "-" else ago(started),
            ready_changed_s=ago(changed),
            deleted=name == "x",
        )
        pods.append(pod)
        if sample != "-":
            age, window = sample.split("/")
            samples[name] = Sample(value=1, at_s=ago(age), window_s=float(window))
    return pods, samples


@pytest.mark.parametrize("row", cases(GROUPS))
def test_groups_pods_as_kubernetes_does(row: dict[str, str]) -> None:
    pods, samples = listed(row["pods"])
    found = group_pods(pods, samples, CPU if row["resource"] == "cpu" else MEMORY, NOW, CONTROLLER)
    assert found == Groups(
        counted=int(row["counted"]),
        unready=frozenset(row["unready"].split()),
        missing=frozenset(row["missing"].split()),
        ignored=frozenset(row["ignored"].split()),
    )


def test_a_pod_whose_readiness_is_unknown_counts_for_the_cpu_but_is_not_ready() -> None:
    pod = Pod(name="b", ready="Unknown", started_s=NOW - 600)
    assert group_pods([pod], {"b": Sample(value=1)}, CPU, NOW, CONTROLLER).counted == 1
    assert ready_pods([pod]) == 0


def test_the_initial_readiness_delay_is_the_controllers() -> None:
    pod = Pod(name="b", ready=False, started_s=NOW - 600, ready_changed_s=NOW - 580)
    long, short = Controller(initial_readiness_s=30.0), Controller(initial_readiness_s=10.0)
    found = [group_pods([pod], {"b": Sample(value=1)}, CPU, NOW, one) for one in (long, short)]
    assert [one.counted for one in found] == [0, 1]


ONE, TWO = (
    Container(name="one", requests={"cpu": 100}),
    Container(name="two", requests={"cpu": 50}),
)
BOTH = Pod(name="b", containers=(ONE, TWO))
LEVEL = replace(BOTH, level_requests={"cpu": 800})
SILENT = replace(BOTH, containers=(Container(name="one"), TWO))
INIT = Container(name="init", requests={"cpu": 20}, kind="init")
SIDECAR = Container(name="side", requests={"cpu": 50}, kind="sidecar")


@pytest.mark.parametrize(
    ("pod", "container", "gate", "expected"),
    [
        pytest.param(None, "", False, None, id="no pod"),
        pytest.param(BOTH, "", False, 150, id="containers are summed up"),
        pytest.param(BOTH, "", True, 150, id="with the gate on, and nothing set"),
        pytest.param(LEVEL, "", True, 800, id="what the pod sets counts"),
        pytest.param(SILENT, "", False, None, id="one container without a request"),
        pytest.param(
            replace(SILENT, level_requests={"cpu": 800}), "", True, 800, id="but the pod sets it"
        ),
        pytest.param(BOTH, "one", False, 100, id="one container"),
        pytest.param(LEVEL, "one", True, 100, id="one container, whatever the pod sets"),
        pytest.param(
            replace(BOTH, containers=(ONE, INIT, SIDECAR)), "", False, 150, id="a sidecar counts"
        ),
    ],
)
def test_requests_are_added_up_as_kubernetes_does(
    pod: Pod | None, container: str, *, gate: bool, expected: int | None
) -> None:
    """TestCalculateRequests of replica_calculator_test.go, in its order."""
    controller = Controller(pod_level_resources=gate)
    kind = "ContainerResource" if container else "Resource"
    metric = Metric(kind=kind, name="cpu", utilization_percent=50, container=container)
    if pod is None:
        assert {one.name: request_milli(one, metric, controller) for one in ()} == {}
    elif expected is None:
        with pytest.raises(NoMetric, match="no request for cpu in container one of pod b"):
            request_milli(pod, metric, controller)
    else:
        assert request_milli(pod, metric, controller) == expected


@pytest.mark.parametrize(
    ("pod", "expected"),
    [
        pytest.param(replace(LEVEL, level_requests={"memory": 1}), 150, id="another resource set"),
        pytest.param(replace(LEVEL, overhead={"cpu": 5}), 805, id="its overhead on top"),
        pytest.param(
            replace(
                LEVEL,
                level_requests={"memory": 1},
                containers=(ONE, SIDECAR, replace(INIT, requests={"cpu": 500})),
            ),
            550,
            id="a hungry init container beside its sidecar",
        ),
        pytest.param(replace(LEVEL, level_requests={"storage": 1}), 150, id="not one of pods"),
    ],
)
def test_a_pod_that_sets_requests_asks_as_the_scheduler_counts(pod: Pod, expected: int) -> None:
    assert request_milli(pod, CPU, Controller()) == expected


def test_a_pod_that_sets_another_resource_only_has_no_request() -> None:
    pod = Pod(name="b", level_requests={"memory": 1})
    with pytest.raises(NoMetric, match="pod b as a whole has no request for cpu"):
        request_milli(pod, CPU, Controller())


def test_bytes_are_taken_in_thousandths() -> None:
    assert request_milli(Pod(name="b", requests={"memory": 7}), MEMORY, Controller()) == 7000
