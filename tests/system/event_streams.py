"""Events made by hand, a database with outbox and inbox, and work in the background."""

import asyncio
import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import psycopg
from psycopg import AsyncConnection

from system.shared import outbox
from system.shared.db import Database, migrate
from system.shared.messaging import EXCHANGE, Broker, Letter
from system.shared.service import keep_running
from system.shared.settings import DatabaseSettings, InboxSettings, OutboxSettings
from tests.system.brokers import RabbitMq
from tests.system.replicas import PATIENCE_S, Place

CONSUMER = "ins-comp-settlement"
FAST = OutboxSettings(idle_pause_s=0.05, standby_pause_s=0.05, watch_s=0.05, prune_s=0.1)
EAGER = InboxSettings(retry_pause_s=0.1, watch_s=0.05)
EFFECTS = """CREATE TABLE effects (
    number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id uuid NOT NULL,
    aggregate_id uuid NOT NULL,
    aggregate_version bigint NOT NULL
)"""


class Streams:
    """One database and one broker; ``effects`` has no constraint that would hide a second copy."""

    def __init__(self, server: Place, rabbit: RabbitMq, settings: DatabaseSettings) -> None:
        self.server, self.rabbit, self.settings = server, rabbit, settings
        self.broker = Broker(rabbit.settings())

    @asynccontextmanager
    async def database(self) -> AsyncIterator[Database]:
        """A pool, as a service has it."""
        database = Database(self.settings)
        await database.open()
        try:
            yield database
        finally:
            await database.close()

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        """What really stands there."""
        with self.server.connect(self.settings.name) as connection:
            cursor = connection.execute(sql.encode(), values)
            return cursor.fetchall() if cursor.description else []

    def effects(self, aggregate: uuid.UUID) -> list[int]:
        """Versions in the order of their effects."""
        told = "SELECT aggregate_version FROM effects WHERE aggregate_id = %s ORDER BY number"
        return [row[0] for row in self.rows(told, aggregate)]

    async def send(self, *events: Mapping[str, Any]) -> None:
        """To the broker, past the outbox."""
        await self.send_bodies(*(json.dumps(event).encode() for event in events))

    async def send_bodies(self, *bodies: bytes, message_id: str = "") -> None:
        """Whatever it is."""
        async with self.broker.channel() as channel:
            await channel.publish([letter(body, message_id) for body in bodies])

    async def add(self, database: Database, aggregate: uuid.UUID, version: int) -> uuid.UUID:
        """Through the outbox, in a transaction of its own."""
        async with database.pool.connection() as connection, connection.transaction():
            return await add(connection, aggregate, version)

    async def published(self, queue: str = f"{CONSUMER}.events") -> list[dict[str, Any]]:
        """Take all messages out of the queue."""
        found: list[dict[str, Any]] = []
        async with await self.rabbit.connect() as connection:
            channel = await connection.channel()
            waiting = await channel.declare_queue(queue, durable=True)
            while (message := await waiting.get(fail=False)) is not None:
                found.append(json.loads(message.body) | {"reason": message.headers.get("reason")})
                await message.ack()
        return found


def letter(body: bytes, message_id: str = "") -> Letter:
    """As the relay would publish it."""
    with suppress(ValueError, TypeError, KeyError):  # that it is none is the point of some tests
        message_id = message_id or str(json.loads(body)["event_id"])
    return Letter(
        exchange=EXCHANGE,
        routing_key="policies.issued.v1",
        body=body,
        message_id=message_id,
        headers={},
    )


def payload(policy: uuid.UUID) -> dict[str, Any]:
    """Of an issued policy."""
    return {
        "policyId": str(policy),
        "applicationId": str(uuid.uuid4()),
        "offerId": str(uuid.uuid4()),
        "insurer": "alpha",
        "productId": None,
        "clientId": str(uuid.uuid4()),
        "channel": "web",
        "premium": {"amount": "5400.00", "currency": "RUB"},
        "issuedAt": "2026-11-02T10:00:00+00:00",
        "startsOn": "2026-11-10",
    }


def event(aggregate: uuid.UUID, version: int, **more: Any) -> dict[str, Any]:
    """A whole envelope."""
    return {
        "event_id": str(uuid.uuid4()),
        "event_type": "policies.issued",
        "version": 1,
        "aggregate_id": str(aggregate),
        "aggregate_version": version,
        "occurred_at": datetime.now(UTC).isoformat(),
        "payload": payload(aggregate),
        **more,
    }


async def add(connection: AsyncConnection[Any], aggregate: uuid.UUID, version: int) -> uuid.UUID:
    """Through the outbox, in the caller's transaction."""
    return await outbox.add(
        connection,
        event_type="policies.issued",
        version=1,
        aggregate_id=aggregate,
        aggregate_version=version,
        payload=payload(aggregate),
    )


async def note(connection: AsyncConnection[Any], told: Mapping[str, Any]) -> None:
    """The effect: one row an application of the event."""
    values = (told["event_id"], told["aggregate_id"], told["aggregate_version"])
    await connection.execute(
        "INSERT INTO effects (event_id, aggregate_id, aggregate_version) VALUES (%s, %s, %s)",
        values,
    )


@asynccontextmanager
async def at_work(*works: Callable[[], Awaitable[None]]) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Kept running as a service keeps it, until the block ends."""
    tasks = [asyncio.create_task(keep_running(work)) for work in works]
    try:
        yield tasks
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def comes(holds: Callable[[], bool | Awaitable[bool]], what: str) -> None:
    """Wait for it; AssertionError when it doesn't come."""
    loop = asyncio.get_running_loop()
    deadline = loop.time() + PATIENCE_S
    while True:
        found = await asyncio.to_thread(holds)
        if await found if isinstance(found, Awaitable) else found:
            return
        assert loop.time() < deadline, f"not within {PATIENCE_S} s: {what}"
        await asyncio.sleep(0.02)


def make_database(server: Place, name: str) -> DatabaseSettings:
    """With both schemas and the table of effects; made anew."""
    with server.connect("postgres") as connection:
        connection.execute(f"DROP DATABASE IF EXISTS {name} WITH (FORCE)".encode())
        connection.execute(f"CREATE DATABASE {name}".encode())
    settings = DatabaseSettings(
        host=str(server.folder),
        name=name,
        user="postgres",
        password_file=server.password_file,
        pool_size=4,
    )
    done = migrate(settings, Path(__file__).parent / "no-migrations", "outbox", "inbox")
    assert done == ["outbox/0001_outbox.sql", "inbox/0001_inbox.sql"]
    with server.connect(name) as connection:
        connection.execute(EFFECTS)
    return settings


def clear(connection: psycopg.Connection) -> None:
    """Rows of the test before."""
    connection.execute(
        "TRUNCATE outbox, outbox_cursors, inbox, inbox_versions, inbox_waiting, effects"
    )
