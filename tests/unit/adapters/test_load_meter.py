"""A worker reads its own cgroup, of either version."""

from pathlib import Path

import pytest

from insurectl.adapters.locust.meter import Meter

V1, V2 = "cpu/cpu.stat", "cpu.stat"


@pytest.mark.parametrize(
    ("stat", "key", "per_s"), [(V1, "throttled_time", 1e9), (V2, "throttled_usec", 1e6)]
)
def test_what_its_limit_refused_counts_as_used(
    tmp_path: Path, stat: str, key: str, per_s: float
) -> None:
    (tmp_path / "cpu").mkdir()
    (tmp_path / stat).write_text(f"nr_periods 3\n{key} 0\n")
    meter = Meter(tmp_path)
    (tmp_path / stat).write_text(f"nr_periods 9\n{key} {int(3600 * per_s)}\n")
    reading = meter.reading()
    assert reading["held_back"] == 1
    assert reading["cpu"] >= 1


@pytest.mark.parametrize(
    ("files", "share"),
    [
        pytest.param({}, 1, id="no limit"),
        pytest.param({"cpu.max": "max 100000"}, 1, id="none by name"),
        pytest.param({"cpu.max": "10000 100000"}, 0.1, id="a tenth, version 2"),
        pytest.param({"cpu.max": "400000 100000"}, 1, id="four, of which one can be used"),
        pytest.param(
            {"cpu/cpu.cfs_quota_us": "10000", "cpu/cpu.cfs_period_us": "100000"},
            0.1,
            id="a tenth, version 1",
        ),
    ],
)
def test_use_is_a_share_of_what_may_be_used(
    tmp_path: Path, files: dict[str, str], share: float
) -> None:
    (tmp_path / "cpu").mkdir()
    for name, content in files.items():
        (tmp_path / name).write_text(content)
    limited, free = Meter(tmp_path), Meter(tmp_path / "nothing")
    sum(range(2_000_000))
    assert limited.reading()["cpu"] * share == pytest.approx(free.reading()["cpu"], rel=0.2)
