"""A real PostgreSQL and real replicas of the services, each started and ended here."""

import shutil
import subprocess
import tempfile
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from psycopg import sql

from tests.system.replicas import (
    Place,
    Replica,
    database_environment,
    postgres_command,
    run_service,
    until,
)

PASSWORD = "only-for-tests"
CLIENTS, PARTNERS, SEED = 20, 12, 7
Start = Callable[..., Replica]


@pytest.fixture(scope="session")
def server() -> Iterator[Place]:
    """An empty PostgreSQL on a socket in a short-named folder (a socket's path has 107 bytes)."""
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
        options = [f"unix_socket_directories={folder}", "listen_addresses=", "fsync=off"]
        settings = [word for option in options for word in ("-c", option)]
        postgres = subprocess.Popen(
            [*command("postgres"), "-D", str(data), *settings], stdout=log, stderr=log
        )
        place = Place(folder=folder, password_file=password_file, password=PASSWORD)
        try:
            until(place.answers, "PostgreSQL answers")
            yield place
        finally:
            postgres.send_signal(2)  # "fast" shutdown: sessions are ended, not waited for
            postgres.wait(timeout=20)
            shutil.rmtree(folder)


@pytest.fixture(scope="module")
def databases(server: Place) -> Iterator[dict[str, dict[str, str]]]:
    """One empty database a service; the environment that leads to each."""
    names = ("core_app", "client_info")
    with server.connect("postgres") as connection:
        for name in names:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield {name: database_environment(server, name) for name in names}
    with server.connect("postgres") as connection:
        for name in names:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            connection.execute(drop)


@pytest.fixture(scope="module")
def prepared(databases: dict[str, dict[str, str]], server: Place) -> dict[str, dict[str, str]]:
    """The same databases, with tables and seeded rows."""
    seeds = {
        "core_app": ["--partners", str(PARTNERS), "--keys-file", str(server.keys_file)],
        "client_info": ["--clients", str(CLIENTS)],
    }
    for name, more in seeds.items():
        run_service(name, "migrate", environment=databases[name])
        run_service(name, "seed", "--seed", str(SEED), *more, environment=databases[name])
    return databases


@pytest.fixture(scope="module")
def start(
    prepared: dict[str, dict[str, str]], tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Start]:
    """Starts a replica of a service with more environment; ends all of them afterwards."""
    started: list[Replica] = []
    logs = tmp_path_factory.mktemp("logs")

    def begin(service: str, *, wait: bool = True, **more: str | float) -> Replica:
        given = {name: str(value) for name, value in more.items()}
        replica = Replica(service, len(started), {**prepared[service], **given}, logs)
        started.append(replica)
        if wait:
            until(replica.ready, f"{service} is ready")
        return replica

    yield begin
    for replica in started:
        replica.end()


@pytest.fixture(scope="module")
def client_info(start: Start) -> Replica:
    """A replica of client-info without costs."""
    return start("client_info")


@pytest.fixture(scope="module")
def core_app(start: Start, client_info: Replica) -> Replica:
    """A replica of core-app without costs, which asks ``client_info``."""
    return start("core_app", CLIENT_INFO_URL=client_info.url)


@pytest.fixture(scope="module")
def database(prepared: dict[str, dict[str, str]], server: Place) -> Iterator[psycopg.Connection]:
    """A connection to core-app's database, to look at what was really stored."""
    with server.connect(prepared["core_app"]["DATABASE_NAME"]) as connection:
        yield connection


@pytest.fixture(scope="module")
def keys(prepared: dict[str, dict[str, str]], server: Place) -> list[str]:
    """API keys of the seeded partners; a test that counts takes one that no other test uses."""
    return server.keys_file.read_text(encoding="utf-8").split()
