"""One replica of client-info on a core for itself, with a PostgreSQL on the others."""

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from tests.bench.constant_server import on_cores
from tests.system.replicas import (
    Place,
    Replica,
    database_environment,
    postgres_command,
    run_service,
    until,
)

CLIENTS = 1000
SEED = 7
CALLER = "Service core-app:only-for-bench"


@dataclass(frozen=True)
class CardService:
    """``core``: the replica's; ``others``: those of everybody else, the same one if need be."""

    replica: Replica
    core: int
    others: set[int]

    def cpu_s(self) -> float:
        """What the replica has used since it began."""
        stat = Path(f"/proc/{self.replica.process.pid}/stat").read_text(encoding="utf-8")
        user, system = stat.rpartition(")")[2].split()[11:13]
        return (int(user) + int(system)) / os.sysconf("SC_CLK_TCK")


@contextmanager
def card_service() -> Iterator[CardService]:
    """Seeded, without any made-up cost, as closed to strangers as it is in production."""
    cores = sorted(os.sched_getaffinity(0))
    others = set(cores[1:]) or {cores[0]}
    folder = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        with on_cores(others):
            server = _postgres(folder)
        try:
            yield from _served(folder, cores[0], others)
        finally:
            server.send_signal(2)
            server.wait(20)
    finally:
        shutil.rmtree(folder)


def _served(folder: Path, core: int, others: set[int]) -> Iterator[CardService]:
    place = _place(folder)
    until(place.answers, "PostgreSQL answers")
    with place.connect("postgres") as connection:
        connection.execute("CREATE DATABASE client_info")
    callers = folder / "callers"
    digest = hashlib.sha256(CALLER.rpartition(":")[2].encode()).hexdigest()
    callers.write_text(f"core-app {digest}\n", encoding="utf-8")
    environment = {**database_environment(place, "client_info"), "CALLERS_FILE": str(callers)}
    run_service("client_info", "migrate", environment=environment)
    words = ("seed", "--clients", str(CLIENTS), "--seed", str(SEED))
    run_service("client_info", *words, environment=environment)
    with on_cores({core}):
        replica = Replica("client_info", 0, environment, folder)
    try:
        until(replica.ready, "client-info is ready")
        yield CardService(replica, core, others)
    finally:
        replica.end()


def _place(folder: Path) -> Place:
    return Place(folder=folder, password_file=folder / "password", password="only-for-bench")


def _postgres(folder: Path) -> subprocess.Popen[bytes]:
    place, command = _place(folder), postgres_command()
    place.password_file.touch(mode=0o600)
    place.password_file.write_text(place.password, encoding="utf-8")
    data = str(folder / "data")
    initdb = [*command("initdb"), "-D", data, "-U", "postgres", "--auth=scram-sha-256"]
    words = [f"unix_socket_directories={folder}", "listen_addresses=", "fsync=off"]
    settings = [word for one in words for word in ("-c", one)]
    with (folder / "log").open("wb") as log:
        subprocess.run(
            [*initdb, f"--pwfile={place.password_file}", "--no-sync"],
            check=True,
            stdout=log,
            stderr=log,
        )
        return subprocess.Popen(
            [*command("postgres"), "-D", data, *settings], stdout=log, stderr=log
        )
