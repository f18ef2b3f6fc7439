"""Processes of the bundled services, as the tests start them."""

import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import psycopg

from insurectl.adapters import process

ROOT = Path(__file__).parents[2]
PATIENCE_S = 60
PASSWORD = "only-for-tests"
CREATE = """mutation Create($input: ApplicationInput!, $key: String!) {
  createApplication(input: $input, idempotencyKey: $key) { id status createdAt client { id name } }
}"""
VEHICLE = {
    "registrationNumber": "A123BC77",
    "vin": "XTA210990Y2765432",
    "make": "Lada",
    "model": "Vesta",
    "year": 2020,
    "powerHp": 106,
}

PURGATORY = "ignore:pkg_resources is deprecated as an API:UserWarning"  # it imports that


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the tests' PostgreSQL stands."""

    folder: Path
    password_file: Path
    password: str

    @property
    def keys_file(self) -> Path:
        """The seeded partners' keys."""
        return self.folder / "keys"

    def connect(self, database: str) -> psycopg.Connection:
        """As the superuser."""
        return psycopg.connect(
            host=str(self.folder),
            dbname=database,
            user="postgres",
            password=self.password,
            autocommit=True,
        )

    def answers(self) -> bool:
        """Whether it takes connections."""
        try:
            self.connect("postgres").close()
        except psycopg.OperationalError:
            return False
        return True


def postgres_command() -> Callable[[str], list[str]]:
    """PostgreSQL refuses to run as root, so root's runs in a user namespace of its own."""
    root = os.geteuid() == 0
    prefix = ["unshare", "-U", "--map-user=65534", "--map-group=65534"] if root else []
    return lambda program: [*prefix, process.program(program)]


@contextmanager
def postgres(*options: str) -> Iterator[Place]:
    """An empty one on a socket in a short-named folder (a socket's path has 107 bytes)."""
    folder = Path(tempfile.mkdtemp(prefix="is-"))
    password_file = folder / "password"
    password_file.touch(mode=0o600)
    password_file.write_text(PASSWORD, encoding="utf-8")
    data, command = folder / "data", postgres_command()
    initdb = [*command("initdb"), "-D", str(data), "-U", "postgres", "--auth=scram-sha-256"]
    with (folder / "log").open("wb") as log:
        subprocess.run(
            [*initdb, f"--pwfile={password_file}", "--no-sync"], check=True, stdout=log, stderr=log
        )
        told = [f"unix_socket_directories={folder}", "listen_addresses=", *options]
        settings = [word for option in told for word in ("-c", option)]
        server = subprocess.Popen(
            [*command("postgres"), "-D", str(data), *settings], stdout=log, stderr=log
        )
        place = Place(folder=folder, password_file=password_file, password=PASSWORD)
        try:
            until(place.answers, "PostgreSQL answers")
            yield place
        finally:
            server.send_signal(2)  # "fast" shutdown: sessions are ended, not waited for
            server.wait(timeout=20)
            shutil.rmtree(folder)


def database_environment(place: Place, name: str) -> dict[str, str]:
    """The variables of a service that lead to its database."""
    return {
        "DATABASE_HOST": str(place.folder),
        "DATABASE_NAME": name,
        "DATABASE_USER": "postgres",
        "DATABASE_PASSWORD_FILE": str(place.password_file),
    }


def run_service(
    service: str, *words: str, environment: dict[str, str], check: bool = True
) -> subprocess.CompletedProcess[str]:
    """One of the commands that end, such as ``migrate``."""
    return subprocess.run(
        command(service, *words),
        env={**os.environ, **environment},
        cwd=ROOT,
        check=check,
        capture_output=True,
        text=True,
    )


def command(service: str, *words: str) -> list[str]:
    """A warning in a service fails it, as it fails a test."""
    return [sys.executable, "-W", "error", "-W", PURGATORY, "-m", f"system.{service}", *words]


class Replica:
    """One running process of a service."""

    def __init__(
        self,
        service: str,
        number: int,
        environment: dict[str, str],
        logs: Path,
        does: str = "serve",
    ) -> None:
        self.port = int(environment.get("SERVICE_PORT", free_port()))
        self.url = f"http://127.0.0.1:{self.port}"
        self.stdout, self.stderr = logs / f"{number}.out", logs / f"{number}.err"
        own = {"SERVICE_NAME": service.replace("_", "-"), "SERVICE_PORT": str(self.port)}
        with self.stdout.open("wb") as out, self.stderr.open("wb") as err:
            self.process = subprocess.Popen(
                command(service, does),
                env={**os.environ, **own, "SERVICE_REPLICA": str(number), **environment},
                cwd=ROOT,
                stdout=out,
                stderr=err,
            )
        self.http = httpx.Client(base_url=self.url, timeout=30, trust_env=False)

    def says(self, health: str = "ready") -> int:
        """The status of ``/health/<health>``; 0 when nobody listens. Fails when it ended."""
        assert self.process.poll() is None, self.stderr.read_text() + self.stdout.read_text()
        try:
            return self.http.get(f"/health/{health}").status_code
        except httpx.TransportError:
            return 0

    def ready(self) -> bool:
        """Whether it says that it serves."""
        return self.says() == 200

    def graphql(self, query: str, **variables: Any) -> dict[str, Any]:
        """The answer's body."""
        response = self.http.post("/graphql", json={"query": query, "variables": variables})
        answer: dict[str, Any] = response.json()
        return answer

    def create(self, client_id: str, key: str, **vehicle: Any) -> dict[str, Any]:
        """Apply as the web page does."""
        asked = application(client_id, **vehicle)
        return self.graphql(CREATE, input=asked, key=key)

    def metric(self, sample: str) -> float:
        """The value of one line of ``/metrics``, named with its labels."""
        for line in self.http.get("/metrics").text.splitlines():
            if line.startswith(f"{sample} "):
                return float(line.rsplit(" ", 1)[1])
        return 0.0

    def end(self) -> None:
        """End it, however it feels about that."""
        self.http.close()
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGKILL)
        self.process.wait(timeout=10)


def application(client_id: str, **vehicle: Any) -> dict[str, Any]:
    """What somebody applies for."""
    return {"clientId": client_id, "vehicle": {**VEHICLE, **vehicle}, "startsOn": "2026-12-01"}


def codes(answer: dict[str, Any]) -> list[str | None]:
    """The codes of a GraphQL answer's errors."""
    return [error.get("extensions", {}).get("code") for error in answer.get("errors", [])]


def free_port() -> int:
    """A port that nobody has now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def until(holds: Callable[[], bool], what: str, patience_s: float = PATIENCE_S) -> None:
    """Wait for it; AssertionError when it doesn't come."""
    deadline = time.monotonic() + patience_s
    while not holds():
        assert time.monotonic() < deadline, f"not within {patience_s} s: {what}"
        time.sleep(0.05)
