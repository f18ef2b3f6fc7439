from pathlib import Path

import pytest

from insurectl.adapters import fault_journal, local_faults
from insurectl.adapters.local_state import LocalState
from insurectl.errors import BadInput
from insurectl.records import Fault


def test_a_fault_that_processes_cannot_suffer_is_refused_with_the_reason(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match=r"can't do 'partition'.*kill, freeze, drain"):
        local_faults.take_away(LocalState(tmp_path), "partition", "a", 0.0)


def test_a_zone_is_taken_away_once(tmp_path: Path) -> None:
    local_faults.take_away(LocalState(tmp_path), "freeze", "a", 100.0)
    with pytest.raises(BadInput, match="away already"):
        local_faults.take_away(LocalState(tmp_path), "kill", "a", 101.0)


def test_a_zone_that_is_there_cannot_be_given_back(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="zone a is not away"):
        local_faults.give_back(LocalState(tmp_path), "a")


def test_the_journal_says_when_a_fault_ended(tmp_path: Path) -> None:
    state = LocalState(tmp_path)
    local_faults.take_away(state, "freeze", "a", 100.0)
    fault_journal.end(tmp_path, local_faults.give_back(state, "a"), 130.0)
    assert [(f.began_s, f.ended_s) for f in fault_journal.read(tmp_path)] == [(100.0, 130.0)]


@pytest.mark.parametrize(
    ("ended_s", "found"),
    [
        pytest.param(49.0, False, id="over before"),
        pytest.param(50.0, True, id="over at the first moment"),
        pytest.param(None, True, id="not over"),
    ],
)
def test_a_window_holds_the_faults_that_touch_it(
    tmp_path: Path, ended_s: float | None, found: bool
) -> None:
    fault_journal.begin(tmp_path, Fault(zone="a", kind="kill", began_s=40.0, ended_s=ended_s))
    assert bool(fault_journal.touching(tmp_path, 50.0, 60.0)) is found
