"""The access log is turned over without losing a line."""

from collections.abc import Iterator
from contextlib import ExitStack, closing
from pathlib import Path

import pytest

from insurectl.adapters.access_log import AccessLog


class Nginx:
    """Writes to the file that it opened last."""

    def __init__(self, path: Path, opened: ExitStack) -> None:
        self.path, self._opened = path, opened
        self.reopen()

    def reopen(self) -> None:
        self.file = self._opened.enter_context(self.path.open("ab", buffering=0))

    def write(self, text: str) -> None:
        self.file.write(text.encode())


@pytest.fixture
def opened() -> Iterator[ExitStack]:
    with ExitStack() as stack:
        yield stack


@pytest.fixture
def nginx(tmp_path: Path, opened: ExitStack) -> Nginx:
    return Nginx(tmp_path / "access.json", opened)


@pytest.fixture
def log(nginx: Nginx, opened: ExitStack) -> AccessLog:
    others = (nginx.path.with_name("error.log"),)
    return opened.enter_context(closing(AccessLog(nginx.path, others, limit_bytes=10)))


def test_only_what_is_added_is_read(nginx: Nginx, opened: ExitStack) -> None:
    nginx.write("before\n")
    log = opened.enter_context(closing(AccessLog(nginx.path)))
    assert log.lines() == []
    nginx.write("one\ntwo\n")
    assert log.lines() == ["one", "two"]
    assert log.lines() == []


def test_a_file_that_comes_later_is_read_from_its_beginning(
    tmp_path: Path, opened: ExitStack
) -> None:
    log = opened.enter_context(closing(AccessLog(tmp_path / "access.json")))
    assert log.lines() == []
    Nginx(tmp_path / "access.json", opened).write("one\n")
    assert log.lines() == ["one"]


def test_half_a_line_waits_for_its_end(nginx: Nginx, log: AccessLog) -> None:
    nginx.write("one\ntw")
    assert log.lines() == ["one"]
    nginx.write("o\n")
    assert log.lines() == ["two"]


def test_no_line_is_lost_or_read_twice_while_it_is_turned_over(
    nginx: Nginx, log: AccessLog
) -> None:
    earlier_worker = nginx.file
    nginx.write("0123456789\n")
    read = log.lines()
    nginx.write("between\n")
    log.turn_over(nginx.reopen)
    earlier_worker.write(b"late\n")
    nginx.write("new\n")
    read += log.lines()
    earlier_worker.write(b"later\n")
    read += log.lines()
    assert read == ["0123456789", "between", "late", "new", "later"]


def test_at_most_one_older_file_is_kept(nginx: Nginx, log: AccessLog) -> None:
    other = nginx.path.with_name("error.log")
    for number in range(5):
        other.write_text(f"{number}")
        nginx.write(f"line number {number}\n")
        assert log.lines() == [f"line number {number}"]
        log.turn_over(nginx.reopen)
    names = sorted(path.name for path in nginx.path.parent.iterdir())
    assert names == ["access.json", "access.json.1", "error.log.1"]
    assert other.with_name("error.log.1").read_text() == "4"


def test_a_small_file_stays(nginx: Nginx, log: AccessLog) -> None:
    nginx.write("short\n")
    log.turn_over(lambda: pytest.fail("there was no need"))
    assert nginx.path.read_text() == "short\n"


def test_nginx_is_asked_again_when_it_did_not_hear(nginx: Nginx, log: AccessLog) -> None:
    nginx.write("0123456789\n")
    log.turn_over(lambda: None)
    nginx.write("still there\n")
    assert log.lines() == ["0123456789", "still there"]
    log.turn_over(nginx.reopen)
    nginx.write("new\n")
    assert log.lines() == ["new"]
