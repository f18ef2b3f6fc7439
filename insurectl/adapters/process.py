"""Processes, ports and space of this machine. Nothing is ever found by its name."""

import errno
import os
import resource
import shutil
import signal
import socket
import threading
import time
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from types import FrameType

import psutil

from insurectl.adapters.address_plan import Address
from insurectl.errors import MissingOnMachine

MINIMUM_FREE_MIB = 500
FULL_MIB = 24  # PostgreSQL writes 16 at once
PACKAGES = {  # program -> Debian package
    "nginx": "nginx-light",
    "haproxy": "haproxy",
    "prometheus": "prometheus",
    "postgres": "postgresql",
    "rabbitmq-server": "rabbitmq-server",
    "redis-server": "redis-server",
    "redis-sentinel": "redis-sentinel",
}
# RabbitMQ's own script first: Debian's in /usr/sbin starts it as another user, or not at all
PLACES = ("/usr/sbin", "/usr/bin", "/usr/local/sbin", "/usr/local/bin")
RABBITMQ = "/usr/lib/rabbitmq/bin"
POSTGRESQL = Path("/usr/lib/postgresql")  # Debian's: one folder a version, in no PATH
OLDEST_POSTGRESQL = 15


def find(name: str, path: str) -> str | None:
    """A program in ``path`` or where Debian puts servers; of PostgreSQL the newest."""
    versions = [int(found.name) for found in POSTGRESQL.glob("[0-9]*") if found.name.isdigit()]
    fit = sorted((v for v in versions if v >= OLDEST_POSTGRESQL), reverse=True)
    postgresql = (f"{POSTGRESQL / str(version) / 'bin'}" for version in fit)
    places = (RABBITMQ, path, *PLACES, *postgresql)
    return shutil.which(name, path=os.pathsep.join(places))


def program(name: str) -> str:
    """Path of a server's program; MissingOnMachine with the one line that installs all."""
    found = find(name, os.environ.get("PATH", ""))
    if found is None:
        raise MissingOnMachine(
            f"{name} is not installed. As root: {install_line(PACKAGES.values())}"
        )
    return found


def install_line(packages: Iterable[str]) -> str:
    """What a person types to have them."""
    return f"apt-get install --no-install-recommends {' '.join(packages)}"


def require_space(folder: Path, minimum_mib: float = MINIMUM_FREE_MIB) -> None:
    """MissingOnMachine when the file system of ``folder`` is (nearly) full."""
    there, free_mib = _free(folder)
    if free_mib < minimum_mib:
        raise MissingOnMachine(
            f"{free_mib:.0f} MiB are free under {there}, a system needs {minimum_mib:.0f}: "
            "free some space, or set INSURECTL_STATE to a folder on another disk"
        )


def require_memory(minimum_mib: float, what: str) -> None:
    """MissingOnMachine when less than that is available."""
    free_mib = psutil.virtual_memory().available / 2**20
    if free_mib < minimum_mib:
        raise MissingOnMachine(
            f"{free_mib:.0f} MiB of memory are available, {what} need {minimum_mib:.0f}: end what "
            "is not needed, or deploy fewer zones with --zones"
        )


def is_full(folder: Path) -> bool:
    """Whether the next thing that is written there may not fit any more."""
    return _free(folder)[1] < FULL_MIB


def _free(folder: Path) -> tuple[Path, float]:
    there = next(place for place in (folder, *folder.parents) if os.access(place, os.F_OK))
    return there, shutil.disk_usage(there).free / 2**20


@contextmanager
def interrupted_once() -> Iterator[None]:
    """The first INT or TERM interrupts, any more do nothing: people press Ctrl-C twice, and the
    second must not stop what takes back what was begun."""

    def first(_number: int, _frame: FrameType | None) -> None:
        for number in kept:
            signal.signal(number, lambda _number, _frame: None)
        raise KeyboardInterrupt

    kept = {}
    if threading.current_thread() is threading.main_thread():
        for number in (signal.SIGINT, signal.SIGTERM):
            if callable(handler := signal.getsignal(number)):  # not one that is ignored
                kept[number] = handler
                signal.signal(number, first)
    try:
        yield
    finally:
        for number, handler in kept.items():
            signal.signal(number, handler)


def below(*folders: Path) -> list[psutil.Process]:
    """Every process whose working directory lies in one of the folders, off any terminal.

    A shell or an editor that a person opened there has a terminal, so it is left alone.
    """
    found: list[psutil.Process] = []
    for process in psutil.process_iter():
        with suppress(psutil.Error, OSError):
            if process.terminal() is None and _lies_in(process.cwd(), folders):
                found.append(process)
    me = os.getpid()
    return [process for process in found if process.pid != me]


def _lies_in(cwd: str, folders: Iterable[Path]) -> bool:
    place = Path(cwd.removesuffix(" (deleted)"))
    return bool(cwd) and any(place == folder or folder in place.parents for folder in folders)


def runs_below(process: psutil.Process, folder: Path) -> bool:
    """Whether its working directory lies in the folder; a pid may belong to another by now."""
    with suppress(psutil.Error, OSError):
        return _lies_in(process.cwd(), (folder,))
    return False


def send(processes: Iterable[psutil.Process], number: signal.Signals) -> None:
    """A process that is gone already is fine."""
    for process in processes:
        with suppress(psutil.NoSuchProcess):
            process.send_signal(number)


def end(processes: Sequence[psutil.Process], grace_s: float = 3.0) -> None:
    """SIGTERM (and SIGCONT, should they be frozen), then SIGKILL; returns when all are gone."""
    send(processes, signal.SIGTERM)
    send(processes, signal.SIGCONT)
    kill(wait(processes, grace_s))


def kill(processes: Sequence[psutil.Process]) -> None:
    """SIGKILL; returns when all are gone."""
    send(processes, signal.SIGKILL)
    wait(processes, 5.0)


def wait(processes: Iterable[psutil.Process], timeout_s: float) -> list[psutil.Process]:
    """Those that still run then; one that only waits to be reaped by its parent does not."""
    deadline = time.monotonic() + timeout_s
    alive = list(processes)
    while alive := [process for process in alive if _runs(process)]:
        if time.monotonic() > deadline:
            break
        time.sleep(0.02)
    return alive


def _runs(process: psutil.Process) -> bool:
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def taken(address: Address) -> bool:
    """Whether something listens there, be it on every address of the machine."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((address.host, address.port))
        except OSError as error:
            if error.errno == errno.EADDRINUSE:
                return True
            raise MissingOnMachine(f"can't listen on {address}: {error.strerror}") from error
    return False


def owners(address: Address) -> dict[int, str]:
    """Who listens there: pid -> name; empty when it is another user's process."""
    names: dict[int, str] = {}
    for pid in owners_of([address])[address]:
        with suppress(psutil.NoSuchProcess):
            names[pid] = psutil.Process(pid).name()
    return names


def owners_of(addresses: Sequence[Address]) -> dict[Address, set[int]]:
    """Who listens at each. One look for all of them: it reads every process of the machine."""
    found: dict[Address, set[int]] = {address: set() for address in addresses}
    for connection in psutil.net_connections(kind="tcp"):
        if connection.status != psutil.CONN_LISTEN or not connection.laddr or not connection.pid:
            continue
        where = connection.laddr
        for address in addresses:
            if where.port == address.port and where.ip in (address.host, "0.0.0.0", "::"):
                found[address].add(connection.pid)
    return found


def port_taken(address: Address) -> MissingOnMachine:
    """The error for a port that another program holds."""
    held = [f"{name} (pid {pid})" for pid, name in owners(address).items()]
    who = ", ".join(held) or "a process of another user"
    return MissingOnMachine(
        f"port {address.port} of {address.host} is taken by {who}: end it, or deploy on other "
        "ports with INSURECTL_PORT_BASE"
    )


def open_files(wanted: int) -> int:
    """That many, or as many as this account may ever open."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    return wanted if most == resource.RLIM_INFINITY else min(wanted, most)


def is_root() -> bool:
    """Whether this runs as root."""
    return os.geteuid() == 0
