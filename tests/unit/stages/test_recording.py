"""A run's folder, from its beginning to its end."""

import re
from dataclasses import replace

import pytest

from insurectl import __version__
from insurectl.errors import Interrupted, TargetNotReady
from insurectl.records import Outcome
from insurectl.stages.recording import recorded
from insurectl.stages.report import report
from tests.fake_system import FakeSystem


def test_a_run_is_there_and_running_from_its_beginning(system: FakeSystem) -> None:
    with recorded(system.world, "load", "peak", seed=3) as recording:
        info = system.runs.info(recording.run_id)
        assert (info.kind, info.scenario, info.seed, info.status) == ("load", "peak", 3, "running")
        assert (info.started_s, info.ended_s) == (system.clock.now(), None)
        assert (info.version, info.settings) == (__version__, {"name": "default"})


def test_its_id_says_when_in_utc_and_what(system: FakeSystem) -> None:
    with (
        recorded(system.world, "load", "peak") as one,
        recorded(system.world, "load", "peak") as two,
    ):
        assert re.fullmatch(r"20270115-080000-peak-[0-9a-f]{4}", one.run_id)
        assert one.run_id != two.run_id


@pytest.mark.parametrize(
    ("outcome", "status"),
    [
        (Outcome.PASS, "finished"),
        (Outcome.FAIL, "finished"),
        (Outcome.INVALID, "finished"),
        (Outcome.INTERRUPTED, "interrupted"),
        (None, "finished"),
    ],
)
def test_it_ends_as_the_stage_says(
    system: FakeSystem, outcome: Outcome | None, status: str
) -> None:
    with recorded(system.world, "load", "peak") as recording:
        system.clock.sleep(9)
        recording.outcome = outcome
    info = system.runs.info(recording.run_id)
    assert (info.status, info.outcome) == (status, outcome)
    assert info.ended_s == info.started_s + 9


@pytest.mark.parametrize(
    ("error", "status", "told"),
    [
        pytest.param(KeyboardInterrupt(), "interrupted", "", id="Ctrl-C"),
        pytest.param(Interrupted("no"), "interrupted", "", id="said no"),
        pytest.param(TargetNotReady("gone"), "failed", "gone", id="ours"),
        pytest.param(KeyError("x"), "failed", "KeyError('x')", id="a bug"),
    ],
)
def test_an_error_goes_on_and_is_kept(
    system: FakeSystem, error: BaseException, status: str, told: str
) -> None:
    with pytest.raises(type(error)), recorded(system.world, "load", "peak"):
        raise error
    info = system.runs.info(system.run_id())
    assert (info.status, info.error) == (status, told)
    assert (system.runs.folder(info.run_id) / "report.html").exists()


def test_a_child_is_in_its_parent_and_has_no_report_of_its_own(system: FakeSystem) -> None:
    with (
        recorded(system.world, "run", "peak") as parent,
        recorded(system.world, "load", "peak", parent=parent.run_id, label="verify") as child,
    ):
        pass
    assert child.run_id == f"{parent.run_id}.verify"
    assert system.runs.children(parent.run_id) == (child.run_id,)
    assert not (system.runs.folder(child.run_id) / "report.html").exists()
    assert [one.info.run_id for one in system.renderer.drawn] == [parent.run_id]


def test_a_child_that_is_made_again_is_another(system: FakeSystem) -> None:
    made = []
    with recorded(system.world, "run", "peak") as parent:
        for _ in range(3):
            with recorded(
                system.world, "load", "peak", parent=parent.run_id, label="verify"
            ) as child:
                made.append(child.run_id.removeprefix(parent.run_id))
    assert made == [".verify", ".verify-2", ".verify-3"]


def test_a_report_is_drawn_again_from_the_records_alone(looped: FakeSystem) -> None:
    run_id = looped.run_id()
    page = looped.runs.folder(run_id) / "report.html"
    page.unlink()
    looped.target.up = None
    assert report(looped.world, run_id) == (page,)
    assert page.read_text() == "finished pass"
    assert replace(looped.renderer.drawn[0], children=()) == replace(
        looped.runs.records(run_id), children=()
    )
