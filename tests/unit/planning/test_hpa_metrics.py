"""What one metric asks for, row by row as Kubernetes' own tests want it, and beyond their rows."""

from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from insurectl.planning.hpa_metrics import Proposal, Seen, propose
from insurectl.planning.hpa_numbers import MAX_INT64, MIN_INT32
from insurectl.planning.hpa_pods import Container, NoMetric, Pod, Sample
from insurectl.planning.hpa_spec import Controller, Metric, Tolerance
from tests.unit.planning import hpa_tables_metrics as tables
from tests.unit.planning.hpa_rows import CONTROLLER, NOW, cases, metric, numbers, pods, samples

TEN_PERCENT = Tolerance(down=0.1, up=0.1)
Row = Mapping[str, str]


def allowed(row: Row) -> Tolerance:
    down, up = (float(one) for one in (row["tolerance"] or "0.1 0.1").split())
    return Tolerance(down=down, up=up)


def ask(
    one: Metric,
    found: Mapping[str, Sample],
    pod_list: Sequence[Pod],
    replicas: int,
    tolerance: Tolerance = TEN_PERCENT,
    controller: Controller = CONTROLLER,
    status_replicas: int | None = None,
) -> Proposal:
    seen = Seen(
        replicas=replicas, pods=pod_list, samples={one.label: found}, now_s=NOW,
        status_replicas=replicas if status_replicas is None else status_replicas,
    )  # fmt: skip
    return propose(one, seen, tolerance, controller)


def resource_samples(row: Row) -> dict[str, Sample]:
    """A pod's is the sum of its two containers'; ``-`` is none, ``old:`` one of an unknown pod."""
    containers = 1 if row["container"] else 2
    found = {}
    for number, level in enumerate(row["levels"].replace("10x150", "150 " * 10).split()):
        name, _, value = level.rpartition(":")
        if value != "-":
            found[name or f"p{number}"] = Sample(value=containers * int(value), at_s=NOW)
    return found


@pytest.mark.parametrize("row", cases(tables.RESOURCE))
def test_utilization_asks_for_what_kubernetes_does(row: Row) -> None:
    container = f"/container{row['container']}" if row["container"] else ""
    asked = metric(f"cpu{container} {row['target']}%")
    listed = pods(row["pods"], numbers(row["request"]))
    found, replicas = resource_samples(row), int(row["replicas"])
    if row["->"] == "error":
        with pytest.raises(NoMetric):
            ask(asked, found, listed, replicas, allowed(row))
        return
    assert ask(asked, found, listed, replicas, allowed(row)) == Proposal(
        replicas=int(row["->"]),
        utilization_percent=int(row["percent"]),
        value_milli=int(row["value"]),
    )


@pytest.mark.parametrize("row", cases(tables.PODS))
def test_pods_metrics_ask_for_what_kubernetes_does(row: Row) -> None:
    asked, found = metric(f"pods {row['target']}"), samples(numbers(row["levels"]))
    proposal = ask(asked, found, pods(row["pods"]), int(row["replicas"]), allowed(row))
    assert proposal == Proposal(replicas=int(row["->"]), value_milli=int(row["value"]))


@pytest.mark.parametrize("row", cases(tables.TOTALS))
def test_object_and_external_metrics_ask_for_what_kubernetes_does(row: Row) -> None:
    found = samples(numbers(row["total"]))
    proposal = ask(
        metric(row["metric"]), found, pods(row["pods"]), int(row["replicas"]), allowed(row)
    )
    assert proposal == Proposal(replicas=int(row["->"]), value_milli=int(row["value"]))


@pytest.mark.parametrize(
    ("count", "percent", "target", "test", "expected"),
    [
        pytest.param(25, 22, 10, "range", 56, id="the ratio first: 56, exactly it were 55"),
        pytest.param(3, 88, 80, "range", 3, id="a tenth above is within"),
        pytest.param(3, 88, 80, "distance", 4, id="up to 1.32 it was not"),
        pytest.param(3, 72, 80, "range", 3, id="a tenth below is within"),
        pytest.param(3, 72, 80, "distance", 3, id="as it was before"),
    ],
)
def test_floats_are_rounded_as_the_controllers(
    count: int, percent: int, target: int, test: str, expected: int
) -> None:
    tolerance = Tolerance(down=0.1, up=0.1, test=test)  # type: ignore[arg-type] # a row of a table
    listed, found = pods("r" * count, [500] * count), samples([10 * percent] * count)
    assert ask(metric(f"cpu {target}%"), found, listed, count, tolerance).replicas == expected


def test_utilization_is_a_whole_percentage() -> None:
    found = ask(metric("cpu 80%"), samples([7299] * 2), pods("rr", [5000] * 2), 2)
    assert (found.utilization_percent, found.replicas) == (72, 2)


@pytest.mark.parametrize(
    ("letters", "expected"),
    [
        pytest.param("rrrrrrrrr", 11, id="nine ask for eleven"),
        pytest.param("rrrrrrrrrn", 10, id="one that is not ready holds them back"),
        pytest.param("rrrrrrrrrp", 10, id="as one that is pending does"),
    ],
)
def test_a_pod_that_is_not_ready_is_idle_on_the_way_up(letters: str, expected: int) -> None:
    listed = pods(letters, [500] * len(letters))
    found = ask(metric("cpu 50%"), samples([600] * 9), listed, len(letters))
    assert found.replicas == expected


MEMORY = Metric(kind="Resource", name="memory", utilization_percent=50)


def test_memory_counts_a_pod_that_is_not_ready() -> None:
    listed = [
        Pod(name=f"p{number}", ready=False, requests={"memory": 1000}, started_s=NOW)
        for number in range(2)
    ]
    found = ask(MEMORY, samples([900, 900]), listed, 2)
    assert found == Proposal(replicas=4, utilization_percent=90, value_milli=900_000)


def test_memory_is_averaged_in_thousandths_of_bytes() -> None:
    target = Metric(kind="Resource", name="memory", average_milli=1_000_000)
    found = ask(target, samples([1000, 1001, 1001]), pods("rrr"), 3)
    assert found == Proposal(replicas=3, value_milli=1_000_666)


def test_a_cpu_target_for_each_pod_leaves_out_those_that_start() -> None:
    target = Metric(kind="Resource", name="cpu", average_milli=100)
    assert ask(target, samples([100, 900]), pods("rn"), 2).replicas == 2


def test_a_container_that_no_pod_has_is_measured_against_nothing() -> None:
    with pytest.raises(NoMetric, match="known pods"):
        ask(metric("cpu/other 50%"), samples([1]), pods("r", [100]), 1)


def test_a_container_that_one_pod_lacks_asks_for_nothing_there() -> None:
    """Kubernetes 1.34 raises no error for it."""
    with_it = Pod(name="p0", containers=(Container(name="app", requests={"cpu": 100}),))
    without = Pod(name="p1", containers=(Container(name="other"),))
    found = ask(metric("cpu/app 50%"), samples([100]), [with_it, without], 2)
    assert found == Proposal(replicas=4, utilization_percent=100, value_milli=100)


@pytest.mark.parametrize(
    ("asked", "replicas", "status", "letters", "values", "expected"),
    [
        pytest.param("external 10", 2, 2, "rr", (10, 30), 8, id="series are summed up"),
        pytest.param("object 10", 2, 2, "rd", (40,), 8, id="a pod that goes away is ready still"),
        pytest.param("object 10", 2, 2, "rp", (40,), 4, id="one that is pending is not"),
        pytest.param("object 10", 0, 0, "", (11,), 2, id="from none there is no tolerance"),
        pytest.param("external avg 10", 5, 4, "", (42,), 4, id="for each: status counts"),
        pytest.param("external avg 10", 2, 0, "", (11,), 2, id="for each: a status of none"),
        pytest.param("external avg 10", 2, 2, "", (-1,), 2**31 - 1, id="negative is the most"),
        pytest.param("external 1", 1, 1, "r", (MAX_INT64,), MIN_INT32, id="overflows an int32"),
        pytest.param("object avg 1", 1, 1, "r", (MAX_INT64,), MIN_INT32, id="so does an object's"),
        pytest.param("external 10", 1, 1, "r", (MAX_INT64, 1), MIN_INT32, id="a sum that wraps"),
    ],
)
def test_totals_are_divided_as_the_controllers(
    asked: str,
    replicas: int,
    status: int,
    letters: str,
    values: tuple[int, ...],
    expected: int,
) -> None:
    listed = [replace(pod, ready=True) for pod in pods(letters)]
    found = ask(metric(asked), samples(values), listed, replicas, status_replicas=status)
    assert found.replicas == expected


@pytest.mark.parametrize(
    ("asked", "letters", "values"),
    [
        pytest.param("pods 10", "", (100,), id="no pods"),
        pytest.param("pods 10", "rr", (), id="no samples"),
        pytest.param("pods 10", "pf", (1, 1), id="none of a pod that counts"),
        pytest.param("object 10", "r", (), id="an object without a value"),
        pytest.param("external 10", "", (100,), id="no pods to multiply with"),
        pytest.param("?", "r", (1,), id="a kind it does not know"),
    ],
)
def test_a_metric_that_can_not_be_had_is_an_error(
    asked: str, letters: str, values: tuple[int, ...]
) -> None:
    with pytest.raises(NoMetric):
        ask(metric(asked), samples(values), pods(letters), 2)
