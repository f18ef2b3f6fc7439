"""What every RunStore does."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from insurectl.adapters.run_folder import RunFolder
from insurectl.errors import BadFile, BadInput
from insurectl.ports import RunStore
from insurectl.records import CapacityModel, LoadResult, Outcome, RunInfo
from tests.fakes import load_result

RUN = "20261124-021500-osago_peak-ab12"


def head(run_id: str = RUN, started_s: float = 100.0, parent: str | None = None) -> RunInfo:
    return RunInfo(
        run_id=run_id,
        kind="load",
        scenario="osago_peak",
        seed=7,
        started_s=started_s,
        status="running",
        parent=parent,
    )


@pytest.fixture
def store(tmp_path: Path) -> RunStore:
    return RunFolder(tmp_path / "reports")


def test_a_record_is_read_as_it_was_written(store: RunStore) -> None:
    store.begin(head())
    store.write(RUN, load_result(RUN))
    assert store.read(RUN, LoadResult) == load_result(RUN)


def test_a_run_is_running_until_it_ends(store: RunStore) -> None:
    store.begin(head())
    assert store.info(RUN).status == "running"
    store.end(replace(head(), status="finished", outcome=Outcome.PASS))
    assert store.info(RUN).outcome is Outcome.PASS


def test_an_id_is_taken_once(store: RunStore) -> None:
    store.begin(head())
    with pytest.raises(BadInput, match="already"):
        store.begin(head())


def test_an_unknown_run_names_those_that_there_are(store: RunStore) -> None:
    store.begin(head())
    with pytest.raises(BadInput, match=RUN):
        store.info("20261124-000000-other-ffff")


@pytest.mark.parametrize(
    "run_id",
    [
        pytest.param("../outside", id="a way out of the folder"),
        pytest.param("", id="nothing"),
        pytest.param("a/b", id="a slash"),
        pytest.param("..", id="dots"),
    ],
)
def test_a_run_id_never_leaves_the_folder(store: RunStore, run_id: str) -> None:
    with pytest.raises(BadInput, match="no run id"):
        store.begin(head(run_id))


def test_a_missing_record_names_the_command_that_makes_it(store: RunStore) -> None:
    store.begin(head())
    assert not store.has(RUN, CapacityModel)
    with pytest.raises(BadInput, match="insurectl fit"):
        store.read(RUN, CapacityModel)


def test_children_are_listed_oldest_first_and_belong_to_the_records(store: RunStore) -> None:
    store.begin(head())
    for label, started_s in (("verify", 300.0), ("01-search", 200.0)):
        store.begin(head(f"{RUN}.{label}", started_s, parent=RUN))
        store.write(f"{RUN}.{label}", load_result(f"{RUN}.{label}"))
    assert store.children(RUN) == (f"{RUN}.01-search", f"{RUN}.verify")
    loads = [child.load for child in store.records(RUN).children]
    assert [load.run_id for load in loads if load] == [f"{RUN}.01-search", f"{RUN}.verify"]


def test_the_latest_is_the_newest_top_level_run_that_has_the_record(store: RunStore) -> None:
    store.begin(head("old", 100.0))
    store.write("old", load_result("old"))
    store.begin(head("new", 200.0))
    store.begin(head("old.child", 300.0, parent="old"))
    assert store.latest() == "new"
    assert store.latest(LoadResult) == "old"


def test_all_runs_that_have_a_record_come_newest_first(store: RunStore) -> None:
    for name, at_s in (("old", 100.0), ("new", 200.0), ("other", 300.0)):
        store.begin(head(name, at_s))
    for name in ("old", "new"):
        store.write(name, load_result(name))
    assert store.having(LoadResult) == ("new", "old")
    assert store.having(CapacityModel) == ()


def test_without_a_run_the_latest_says_so(store: RunStore) -> None:
    with pytest.raises(BadInput, match="no run"):
        store.latest()


def test_rendered_files_lie_in_the_runs_folder(store: RunStore) -> None:
    folder = store.begin(head())
    (path,) = store.write_files(RUN, {"report.md": "# ü\n"})
    assert path == folder / "report.md"
    assert path.read_text(encoding="utf-8") == "# ü\n"


def test_nothing_half_written_stays(store: RunStore) -> None:
    folder = store.begin(head())
    store.write(RUN, load_result(RUN))
    assert sorted(path.name for path in folder.iterdir()) == ["00-run.json", "20-load.json"]


def test_a_damaged_record_is_a_bad_file(store: RunStore) -> None:
    store.begin(head())
    path = store.write(RUN, load_result(RUN))
    path.write_text("{")
    with pytest.raises(BadFile, match=r"20-load\.json"):
        store.read(RUN, LoadResult)


def test_a_record_of_another_schema_is_refused(store: RunStore) -> None:
    store.begin(head())
    path = store.write(RUN, load_result(RUN))
    path.write_text(json.dumps({**json.loads(path.read_text()), "schema": "insurectl/load/v9"}))
    with pytest.raises(BadFile, match="v9"):
        store.read(RUN, LoadResult)
