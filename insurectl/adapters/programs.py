"""Other people's command line programs (helm, kind): found, run to their end, never left behind.

Each runs in a session of its own, without a terminal and with nothing to read, so it never asks a
question and a Ctrl-C comes to insurectl alone, which then ends it gently: helm needs a moment to
note that its release was not finished.
"""

import os
import shutil
import signal
import subprocess
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass

from insurectl.errors import MissingOnMachine, TargetNotReady

GRACE_S = 10.0  # between the request to end and the kill
LAST_LINES = 8

UNDOING = ("delete", "uninstall", "rollback")  # what takes back what was begun is let through

_lock = threading.Lock()
_running: set[subprocess.Popen[str]] = set()
_stopping = threading.Event()


@dataclass(frozen=True, kw_only=True)
class Done:
    """How a program ended."""

    code: int
    stdout: str
    stderr: str

    @property
    def last_lines(self) -> str:
        """The end of what it said, where programs put the reason."""
        said = (self.stderr.strip() or self.stdout.strip()).splitlines()
        return "\n".join(line.rstrip() for line in said[-LAST_LINES:])


def find(name: str, how: str) -> str:
    """Its path; MissingOnMachine with ``how`` to get it."""
    found = shutil.which(name)
    if found is None:
        raise MissingOnMachine(f"{name} is not on the PATH: {how}")
    return found


def run(command: Sequence[str], timeout_s: float, env: Mapping[str, str] | None = None) -> Done:
    """To its end; TargetNotReady with its last lines when that takes longer. Whatever interrupts
    the wait ends the program (and all that it started) first. While all is being stopped only what
    undoes is begun."""
    undoes = any(word in UNDOING for word in command[1:2])
    if not undoes:
        go_on()
    with subprocess.Popen(
        list(command),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        errors="replace",
        env=None if env is None else dict(env),
        start_new_session=True,
    ) as child:
        with _lock:
            _running.add(child)
            late = _stopping.is_set() and not undoes
        if late:  # those who stop all did not see it yet
            _signal(child, signal.SIGTERM)
        try:
            stdout, stderr = child.communicate(timeout=timeout_s)
        except subprocess.TimeoutExpired:
            said = _end(child)
            raise TargetNotReady(
                f"`{_short(command)}` did not end in {timeout_s:g} s and was stopped. It said:\n"
                f"{said.last_lines}"
            ) from None
        except BaseException:
            _end(child)
            raise
        finally:
            with _lock:
                _running.discard(child)
    return Done(code=child.returncode, stdout=stdout, stderr=stderr)


@contextmanager
def all_stopped() -> Iterator[None]:
    """Ask every program that runs now, in whichever thread, to end, and let none begin before the
    block ends: for who is interrupted while other threads wait for theirs. Those waits then return
    as for any program that was stopped; ``go_on`` ends the others."""
    with _lock:
        _stopping.set()
        children = list(_running)
    for child in children:
        _signal(child, signal.SIGTERM)
    try:
        yield
    finally:
        _stopping.clear()


def go_on() -> None:
    """TargetNotReady while all is being stopped: to be asked by whoever waits in a thread, since
    only the main one hears of Ctrl-C."""
    if _stopping.is_set():
        raise TargetNotReady("it was interrupted")


def _end(child: subprocess.Popen[str]) -> Done:
    _signal(child, signal.SIGTERM)
    try:
        stdout, stderr = child.communicate(timeout=GRACE_S)
    except subprocess.TimeoutExpired:
        _signal(child, signal.SIGKILL)
        stdout, stderr = child.communicate()
    _signal(child, signal.SIGKILL)  # what it started and did not end
    return Done(code=child.returncode, stdout=stdout, stderr=stderr)


def _signal(child: subprocess.Popen[str], number: signal.Signals) -> None:
    with suppress(ProcessLookupError):
        os.killpg(child.pid, number)


def _short(command: Sequence[str]) -> str:
    return " ".join((command[0].rpartition("/")[2], *command[1:4]))
