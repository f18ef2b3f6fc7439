import subprocess
import sys
from pathlib import Path

import pytest

from insurectl.adapters import process
from insurectl.errors import MissingOnMachine


def test_a_full_disk_is_told_before_anything_starts(tmp_path: Path) -> None:
    with pytest.raises(MissingOnMachine, match=r"MiB are free under .*INSURECTL_STATE"):
        process.require_space(tmp_path / "not" / "there", minimum_mib=1e12)


def test_a_missing_server_comes_with_the_line_that_installs_it() -> None:
    with pytest.raises(MissingOnMachine, match=r"no-such-server is not installed.*apt-get install"):
        process.program("no-such-server")


def test_processes_are_found_by_where_they_run_and_ended(tmp_path: Path) -> None:
    inside, outside = tmp_path / "state" / "zone", tmp_path / "state-of-another"
    sleep = [sys.executable, "-c", "import time; time.sleep(60)"]
    for folder in (inside, outside):
        folder.mkdir(parents=True)
    with (
        subprocess.Popen(sleep, cwd=inside, start_new_session=True) as ours,
        subprocess.Popen(sleep, cwd=outside, start_new_session=True) as theirs,
    ):
        found = process.below(tmp_path / "state")
        process.end(found)
        assert [p.pid for p in found] == [ours.pid]
        assert theirs.poll() is None
        theirs.kill()


def test_the_newest_postgresql_is_taken_and_none_that_is_too_old(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process, "POSTGRESQL", tmp_path)
    for version in ("9.6", "14", "15", "17", "common"):
        program = tmp_path / version / "bin" / "only-here"
        program.parent.mkdir(parents=True)
        program.touch(mode=0o755)
    assert process.find("only-here", "") == str(tmp_path / "17" / "bin" / "only-here")
    for version in ("15", "17"):
        (tmp_path / version / "bin" / "only-here").unlink()
    assert process.find("only-here", "") is None
