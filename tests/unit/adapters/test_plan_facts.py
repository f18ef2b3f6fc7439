"""What a plan starts from."""

import json
from pathlib import Path

import pytest

from insurectl.adapters import plan_facts, topology


def test_pods_ask_for_what_the_chart_says() -> None:
    system = plan_facts.bundled()
    core = next(one for one in system.services if one.name == "core-app")
    assert (core.cpu_m, core.memory_mib, core.calls, core.connections) == (50, 192, 2, 5)
    assert (core.least, core.most, core.slots) == (1, 6, 12)
    sentinel = next(one for one in system.platform if one.name == "sentinel")
    assert (sentinel.count, sentinel.cpu_m, sentinel.memory_mib) == (3, 10, 32)
    assert {one.name for one in system.outside} == {"edge", "postgresql"}


def test_insurers_are_not_ours_to_run() -> None:
    assert [one.name for one in plan_facts.bundled().services if one.stands_in] == ["insurer-stub"]


def test_what_is_configured_comes_from_the_topology() -> None:
    known = topology.bundled()
    found = plan_facts.configured()
    assert (found["insurers"], found["streams"]) == (known.insurers, known.people_streams)


def bench(folder: Path, content: object) -> Path:
    (folder / "bench.json").write_text(json.dumps(content))
    return folder


def figures(*values: tuple[str, float]) -> object:
    return {"goals": {"P11": {"at": "now", "figures": [
        {"unit": unit, "value": value} for unit, value in values
    ]}}}  # fmt: skip


def test_events_a_second_are_those_of_the_benchmark(tmp_path: Path) -> None:
    found = plan_facts.broker(bench(tmp_path, figures(("/s", 2345.0), ("s", 0.2))))
    assert found is not None
    assert (found.value, found.basis, found.source) == (
        2345.0,
        "measured",
        "P11 of bench.json, now",
    )


@pytest.mark.parametrize(
    "content",
    [
        pytest.param({}, id="empty"),
        pytest.param({"goals": {"P9": {}}}, id="another figure"),
        pytest.param([], id="another form"),
        pytest.param(figures(("s", 0.2)), id="no rate"),
        pytest.param(figures(("/s", 0.0)), id="nothing got through"),
    ],
)
def test_without_that_benchmark_there_is_no_figure(tmp_path: Path, content: object) -> None:
    assert plan_facts.broker(bench(tmp_path, content)) is None


def test_without_any_benchmark_there_is_no_figure(tmp_path: Path) -> None:
    assert plan_facts.broker(tmp_path) is None
