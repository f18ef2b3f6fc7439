"""One supervisord a place (a zone, or what stands beside the zones), spoken to over a socket."""

import http.client
import re
import socket
import subprocess
import sys
import time
import xmlrpc.client
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from insurectl.adapters import process
from insurectl.errors import TargetNotReady

UP = ("STARTING", "RUNNING", "BACKOFF")
TIMEOUT_S = 5.0
NOT_RUNNING, ALREADY_STARTED = 70, 60  # supervisor's own fault codes
Lost = (OSError, http.client.HTTPException)


@dataclass(frozen=True)
class Program:
    """A program as its supervisor sees it; ``up_s``: seconds since it was started."""

    group: str
    name: str
    state: str
    pid: int | None
    up_s: float
    detail: str

    @property
    def full_name(self) -> str:
        """How supervisor's API names it."""
        return f"{self.group}:{self.name}"


class _Connection(http.client.HTTPConnection):
    """HTTP over a unix socket."""

    def __init__(self, path: Path) -> None:
        super().__init__("supervisor", timeout=TIMEOUT_S)
        self.path = path

    def connect(self) -> None:
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(TIMEOUT_S)
        try:
            self.sock.connect(str(self.path))
        except OSError:
            self.sock.close()
            raise


class _Transport(xmlrpc.client.Transport):
    def __init__(self, path: Path) -> None:
        super().__init__()
        self.made = _Connection(path)

    def make_connection(self, host: Any) -> http.client.HTTPConnection:  # noqa: ARG002
        return self.made

    def close(self) -> None:
        self.made.close()


@dataclass(frozen=True)
class Supervisor:
    """``folder`` holds ``supervisord.conf`` and its logs."""

    folder: Path
    socket: Path

    def answers(self) -> bool:
        """Whether it runs and takes commands."""
        try:
            with self._api() as api:
                return bool(api.getState()["statename"] == "RUNNING")
        except Lost:
            return False

    def ensure(self) -> bool:
        """Start it unless it answers; what an earlier one left behind is ended first.
        True when it was started."""
        if self.answers():
            return False
        process.end(process.below(self.folder))
        self.socket.unlink(missing_ok=True)
        command = [sys.executable, "-m", "supervisor.supervisord"]
        done = subprocess.run(
            [*command, "-c", str(self.folder / "supervisord.conf")],
            cwd=self.folder,
            start_new_session=True,
            capture_output=True,
            text=True,
            check=False,
        )
        self._wait_until_it_answers(done.stdout + done.stderr)
        return True

    def update(self) -> tuple[str, ...]:
        """Take over what changed in its file: only those groups are restarted. Their names."""
        with self._api() as api:
            added, changed, removed = api.reloadConfig()[0]
            for group in (*changed, *removed):
                api.stopProcessGroup(group, False)
        self._wait_until_stopped((*changed, *removed))
        with self._api() as api:
            for group in (*changed, *removed):
                api.removeProcessGroup(group)
            for group in (*changed, *added):
                api.addProcessGroup(group)
        return tuple(changed)

    def programs(self) -> tuple[Program, ...]:
        """Every program it knows; TargetNotReady when it does not answer."""
        try:
            with self._api() as api:
                return tuple(_program(info) for info in api.getAllProcessInfo())
        except Lost as error:
            raise TargetNotReady(
                f"the supervisor of {self.folder.name} does not answer ({error}); "
                "insurectl deploy mends it"
            ) from error

    def start(self, full_name: str) -> None:
        """Fine when it is up already; does not wait."""
        self._call("startProcess", full_name, False, fine=ALREADY_STARTED)

    def stop(self, full_name: str) -> None:
        """Fine when it is not up; does not wait."""
        self._call("stopProcess", full_name, False, fine=NOT_RUNNING)

    def signal(self, full_name: str, name: str) -> None:
        """Send a signal such as HUP; one that does not run needs none."""
        self._call("signalProcess", full_name, name, fine=NOT_RUNNING)

    def restart(self, full_name: str) -> None:
        """Stop, wait, start."""
        self.stop(full_name)
        self._wait_until_stopped((full_name.partition(":")[0],), full_name)
        self.start(full_name)

    def restarts(self) -> dict[str, int]:
        """Name -> how often it ended without being asked to, since deploy, from its log."""
        counts: dict[str, int] = {}
        log = self.folder / "log" / "supervisord.log"
        if log.exists():
            for name in re.findall(r" exited: (\S+) \(", log.read_text(errors="replace")):
                counts[name] = counts.get(name, 0) + 1
        return counts

    def _call(self, method: str, full_name: str, given: str | bool, *, fine: int) -> None:
        try:
            with self._api() as api:
                getattr(api, method)(full_name, given)
        except xmlrpc.client.Fault as fault:
            if fault.faultCode != fine:
                raise TargetNotReady(f"{full_name}: {fault.faultString}") from fault
        except Lost as error:
            raise TargetNotReady(
                f"the supervisor of {self.folder.name} does not answer ({error})"
            ) from error

    def _wait_until_it_answers(self, said: str) -> None:
        deadline = time.monotonic() + 10
        while not self.answers():
            if time.monotonic() > deadline:
                raise TargetNotReady(f"the supervisor of {self.folder} did not start: {said}")
            time.sleep(0.05)

    def _wait_until_stopped(self, groups: tuple[str, ...], full_name: str = "") -> None:
        deadline = time.monotonic() + 30
        while any(
            program.state in (*UP, "STOPPING")
            for program in self.programs()
            if program.group in groups and full_name in ("", program.full_name)
        ):
            if time.monotonic() > deadline:
                raise TargetNotReady(f"{', '.join(groups)} did not stop within 30 s")
            time.sleep(0.1)

    @contextmanager
    def _api(self) -> Iterator[Any]:
        transport = _Transport(self.socket)
        try:
            yield xmlrpc.client.ServerProxy("http://supervisor", transport=transport).supervisor
        finally:
            transport.close()


def _program(info: dict[str, Any]) -> Program:
    return Program(
        group=info["group"],
        name=info["name"],
        state=info["statename"],
        pid=info["pid"] or None,
        up_s=float(info["now"] - info["start"]) if info["pid"] else 0.0,
        detail=info["spawnerr"] or info["description"],
    )
