"""A real PostgreSQL and real replicas of the services, each started and ended here."""

from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
import structlog
from psycopg import sql

from tests.system.brokers import RabbitMq, rabbitmq
from tests.system.event_streams import Streams, clear, make_database
from tests.system.replicas import (
    Place,
    Replica,
    database_environment,
    postgres,
    run_service,
    until,
)

DATABASES = {
    "core_app": "core_app",
    "client_info": "client_info",
    "ins_product_aggregator": "products",
    "ins_comp_settlement": "settlement",
}
WITH_EVENTS = {"core_app", "ins_product_aggregator", "ins_comp_settlement"}
CLIENTS, PARTNERS, SEED = 20, 12, 7
Start = Callable[..., Replica]


@pytest.fixture(scope="session")
def server() -> Iterator[Place]:
    """An empty PostgreSQL, which need not outlive a loss of power."""
    with postgres("fsync=off") as place:
        yield place


@pytest.fixture(scope="session")
def broker() -> Iterator[RabbitMq]:
    """A RabbitMQ with nothing in it; ``empty()`` makes it so again."""
    with rabbitmq() as started:
        yield started


@pytest.fixture(scope="module")
def _streams(server: Place, broker: RabbitMq) -> Streams:
    plain = structlog.dev.ConsoleRenderer(exception_formatter=structlog.dev.plain_traceback)
    structlog.configure(processors=[structlog.processors.add_log_level, plain])
    return Streams(server, broker, make_database(server, "streams"))


@pytest.fixture
def streams(_streams: Streams) -> Streams:
    """Outbox, inbox and broker, all empty."""
    with _streams.server.connect(_streams.settings.name) as connection:
        clear(connection)
    _streams.rabbit.empty()
    return _streams


@pytest.fixture(scope="module")
def databases(server: Place) -> Iterator[dict[str, dict[str, str]]]:
    """One empty database a service that has one; the environment that leads to each."""
    with server.connect("postgres") as connection:
        for name in DATABASES.values():
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    yield {service: database_environment(server, name) for service, name in DATABASES.items()}
    with server.connect("postgres") as connection:
        for name in DATABASES.values():
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
            connection.execute(drop)


class Prepared(dict[str, dict[str, str]]):
    """The environment of each service; its database gets tables and rows when first asked for."""

    def __init__(self, databases: dict[str, dict[str, str]], keys_file: Path) -> None:
        super().__init__()
        self._databases = databases
        self._seeds = {
            "core_app": ["--partners", str(PARTNERS), "--keys-file", str(keys_file)],
            "client_info": ["--clients", str(CLIENTS)],
        }

    def __missing__(self, service: str) -> dict[str, str]:
        environment = self._databases.get(service, {})
        if environment:
            run_service(service, "migrate", environment=environment)
        if service in self._seeds:
            words = ["seed", "--seed", str(SEED), *self._seeds[service]]
            run_service(service, *words, environment=environment)
        self[service] = environment
        return environment


@pytest.fixture(scope="module")
def prepared(databases: dict[str, dict[str, str]], server: Place) -> Prepared:
    """The same databases, with tables and seeded rows."""
    return Prepared(databases, server.keys_file)


@pytest.fixture(scope="module")
def start(
    prepared: Prepared,
    tmp_path_factory: pytest.TempPathFactory,
    request: pytest.FixtureRequest,
) -> Iterator[Start]:
    """Starts a replica of a service with more environment; ends all of them afterwards. One that
    works with events is led to the tests' broker, unless the test says where to."""
    started: list[Replica] = []
    logs = tmp_path_factory.mktemp("logs")

    def begin(
        service: str, *, command: str = "serve", wait: bool = True, **more: str | float
    ) -> Replica:
        given = {name: str(value) for name, value in more.items()}
        if service in WITH_EVENTS and "BROKER_HOST" not in given:
            given = {**request.getfixturevalue("broker").environment(), **given}
        if service == "client_info" and "CALLERS_FILE" not in given:
            given = {"ENVIRONMENT": "development", **given}  # anybody may ask it there
        environment = {**prepared[service], **given}
        replica = Replica(service, len(started), environment, logs, command)
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
def database(prepared: Prepared, server: Place) -> Iterator[psycopg.Connection]:
    """A connection to core-app's database, to look at what was really stored."""
    with server.connect(prepared["core_app"]["DATABASE_NAME"]) as connection:
        yield connection


@pytest.fixture(scope="module")
def keys(prepared: Prepared, server: Place) -> list[str]:
    """API keys of the seeded partners; a test that counts takes one that no other test uses."""
    assert prepared["core_app"]
    return server.keys_file.read_text(encoding="utf-8").split()
