import sys
import threading
import time
from contextlib import suppress
from pathlib import Path

import psutil
import pytest

from insurectl.adapters import programs
from insurectl.errors import MissingOnMachine, TargetNotReady

SLEEPS = [
    sys.executable,
    "-c",
    "import subprocess, sys; print('begun', flush=True); print('why', file=sys.stderr, flush=True);"
    "subprocess.run(['sleep', '60'])",
]


THERE_BEFORE: set[psutil.Process] = set()  # such as the PostgreSQL of other tests


@pytest.fixture(autouse=True)
def there_before() -> None:
    THERE_BEFORE.clear()
    THERE_BEFORE.update(psutil.Process().children(recursive=True))


def children() -> list[psutil.Process]:
    new = [one for one in psutil.Process().children(recursive=True) if one not in THERE_BEFORE]
    return [one for one in new if _lives(one)]


def _lives(one: psutil.Process) -> bool:
    with suppress(psutil.NoSuchProcess):  # it may end while we look
        return one.status() != psutil.STATUS_ZOMBIE
    return False


def test_a_program_is_run_to_its_end_with_nothing_to_read() -> None:
    done = programs.run(
        [sys.executable, "-c", "import sys; print(repr(sys.stdin.read())); sys.exit(3)"], 10
    )
    assert (done.code, done.stdout, done.last_lines) == (3, "''\n", "''")


def test_a_missing_program_comes_with_how_to_get_it() -> None:
    with pytest.raises(MissingOnMachine, match=r"no-such is not on the PATH: ask your vendor"):
        programs.find("no-such", "ask your vendor")


def test_a_program_that_takes_too_long_is_stopped_with_all_that_it_started() -> None:
    with pytest.raises(TargetNotReady, match=r"did not end in 0\.5 s and was stopped.*\nwhy"):
        programs.run(SLEEPS, 0.5)
    assert children() == []


def test_all_stopped_ends_the_programs_of_other_threads_and_lets_none_begin() -> None:
    codes: list[int] = []
    worker = threading.Thread(target=lambda: codes.append(programs.run(SLEEPS, 60).code))
    worker.start()
    while len(children()) < 2:  # it and what it started
        time.sleep(0.02)
    with programs.all_stopped():
        worker.join(timeout=10)
        with pytest.raises(TargetNotReady, match="interrupted"):
            programs.run(["true"], 10)
        with pytest.raises(TargetNotReady, match="interrupted"):
            programs.go_on()
    assert codes == [-15]
    assert children() == []
    programs.go_on()
    assert programs.run(["true"], 10).code == 0


def test_what_takes_back_is_run_even_then(tmp_path: Path) -> None:
    tool = tmp_path / "tool"
    tool.write_text("#!/bin/sh\necho $1\n")
    tool.chmod(0o755)
    with programs.all_stopped():
        assert programs.run([f"{tool}", "delete", "x"], 10).stdout == "delete\n"


def test_only_the_last_lines_are_told(tmp_path: Path) -> None:
    done = programs.run(
        [sys.executable, "-c", "import sys; sys.stderr.write('\\n'.join(map(str, range(99))))"], 10
    )
    assert done.last_lines.splitlines() == [f"{number}" for number in range(91, 99)]
