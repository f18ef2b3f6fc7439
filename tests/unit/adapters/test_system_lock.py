import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from insurectl.adapters.clock import SystemClock
from insurectl.adapters.local import LocalTarget
from insurectl.adapters.system_lock import held
from insurectl.errors import BadInput
from insurectl.ports import DeployPlan
from tests.fakes import ListProgress

HOLD = (
    "import fcntl, os, sys; fcntl.flock(os.open(sys.argv[1], os.O_RDONLY), fcntl.LOCK_EX);"
    "print('held', flush=True); sys.stdin.read(); {before_end}"
)


def holder(folder: Path, before_end: str = "pass") -> subprocess.Popen[str]:
    """Another process that works on the system until its input ends."""
    folder.mkdir(parents=True, exist_ok=True)
    program = [sys.executable, "-c", HOLD.format(before_end=before_end), f"{folder}"]
    found = subprocess.Popen(program, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert found.stdout is not None
    assert found.stdout.readline() == "held\n"
    return found


@pytest.fixture
def other(tmp_path: Path) -> Iterator[subprocess.Popen[str]]:
    with holder(tmp_path / "mine") as found:
        yield found
        found.kill()


class Freeing(ListProgress):
    """Lets the other end once it is waited for."""

    def __init__(self, other: subprocess.Popen[str]) -> None:
        super().__init__()
        self.other = other

    def say(self, text: str) -> None:
        super().say(text)
        assert self.other.stdin is not None
        self.other.stdin.close()


def test_who_waits_is_told_for_whom(other: subprocess.Popen[str], tmp_path: Path) -> None:
    progress = Freeing(other)
    with held(tmp_path / "mine", progress):
        assert progress.said == [
            ("say", f"waiting for another insurectl (pid {other.pid}), which works on mine")
        ]


@pytest.mark.parametrize("make", [True, False])
def test_a_folder_that_the_other_took_away_is_not_what_is_locked(
    make: bool, tmp_path: Path
) -> None:
    with holder(tmp_path / "mine", "os.rmdir(sys.argv[1])") as other:
        with held(tmp_path / "mine", Freeing(other), make=make):
            assert (tmp_path / "mine").exists() == make
        other.kill()


def test_one_that_the_other_made_anew_is_waited_for_again(tmp_path: Path) -> None:
    anew = "os.rename(sys.argv[1], sys.argv[1] + '-old'); os.mkdir(sys.argv[1])"
    with holder(tmp_path / "mine", anew) as other:
        with held(tmp_path / "mine", Freeing(other)):
            second = subprocess.run(
                ["flock", "--nonblock", f"{tmp_path / 'mine'}", "true"], check=False
            )
        other.kill()
    assert second.returncode == 1


def test_a_folder_that_was_made_goes_away_when_nothing_came_of_it(tmp_path: Path) -> None:
    folder = tmp_path / "state" / "mine"
    (tmp_path / "empty").mkdir()
    with pytest.raises(ZeroDivisionError), held(folder, ListProgress(), make=True):
        raise ZeroDivisionError
    assert not folder.parent.exists()
    with pytest.raises(FileExistsError), held(folder, ListProgress(), make=True):
        Path(shutil.copytree(tmp_path / "empty", folder / "kept")).mkdir()
    assert (folder / "kept").exists()


def test_where_nothing_is_there_is_nothing_to_lock(tmp_path: Path) -> None:
    with held(tmp_path / "mine", ListProgress()):
        assert not (tmp_path / "mine").exists()


@pytest.mark.parametrize(
    ("place", "told"),
    [
        pytest.param("file/mine", "Not a directory; set INSURECTL_STATE", id="below a file"),
        pytest.param("file", "it is no folder; set INSURECTL_STATE", id="a file"),
        pytest.param("x/" * 1600, "is too long a path: set INSURECTL_STATE", id="too long"),
    ],
)
def test_a_place_that_can_not_be_is_bad_input(place: str, told: str, tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(BadInput, match=told), held(tmp_path / place, ListProgress(), make=True):
        pass
    assert [one.name for one in tmp_path.iterdir()] == ["file"]


@pytest.mark.parametrize(
    "call",
    [
        pytest.param(lambda one, told: one.deploy(DeployPlan(name="mine"), told), id="deploy"),
        pytest.param(lambda one, told: one.destroy(told), id="destroy"),
    ],
)
def test_a_second_call_on_this_machine_that_is_interrupted_leaves_the_first_alone(
    call: Callable[[LocalTarget, ListProgress], object],
    other: subprocess.Popen[str],
    tmp_path: Path,
) -> None:
    (tmp_path / "mine" / "kept").touch()
    target, progress = (
        LocalTarget("mine", tmp_path, SystemClock()),
        ListProgress(raise_at="waiting for another"),
    )
    with pytest.raises(KeyboardInterrupt):
        call(target, progress)
    assert [one.name for one in (tmp_path / "mine").iterdir()] == ["kept"]
