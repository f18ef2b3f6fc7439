"""The consumer's side: the effect of an event and the note that it was applied are one
transaction, so a second copy does nothing; each aggregate's events are applied by version.

An event ahead of its predecessor waits in ``inbox_waiting`` and is applied with it. One that can
never be applied goes to the dead letters with its reason, and only its own aggregate waits. When
the database is away the messages go back to the broker after a pause.
"""

import asyncio
import json
from collections.abc import Awaitable, Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

import psycopg
import structlog
from aio_pika.abc import AbstractIncomingMessage
from prometheus_client import Counter, Gauge, Histogram
from psycopg import AsyncConnection

from system.shared import contracts
from system.shared.db import Database
from system.shared.dead_letters import Dead, listed, replay
from system.shared.inbox_books import Books, Event
from system.shared.messaging import Broker, Channel, Letter, dead
from system.shared.settings import InboxSettings

__all__ = ["Consumer", "Dead", "Handler", "Poisoned", "listed", "replay"]

LOG = structlog.get_logger()
APPLIED = Counter("inbox_applied_events_total", "Events applied.", ["event_type"])
DEAD = Counter("inbox_dead_events_total", "Events that went to the dead letters.")
WAITING = Gauge("inbox_waiting_events", "Events that wait for their predecessor.")
END_TO_END = Histogram(
    "events_end_to_end_seconds",
    "From the producer's transaction until the effect is stored.",
    buckets=(0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 300, 900, 3600),
)

Handler = Callable[[AsyncConnection[Any], Mapping[str, Any]], Awaitable[None]]
MAX_BODY = 256 * 1024
APPLY_TIMEOUT_S = 60.0
# a consumer that is frozen with the lock in its hand loses both after this
IDLE_IN_TRANSACTION_S = 10
# classes of SQLSTATE that the event itself is to blame for: bad data, constraints, limits, RAISE;
# all others (connection, resources, operator, locks, read-only, not yet migrated) may pass
OF_THE_EVENT = {"21", "22", "23", "44", "54", "P0"}


class Poisoned(Exception):
    """What a handler raises for an event that it can never act on; the reason may be shown."""


class Consumer:
    """``name`` is the service, whose contracts' ``x-consumers`` say what it is sent; ``handlers``
    has one for each of these types. A handler works on the connection that it is given and only
    there.

    ``deduplicate=False`` (inbox off) and ``ordered=False`` (versions ignored) are only for proofs:
    a checker has to find what goes wrong then.
    """

    def __init__(
        self,
        database: Database,
        broker: Broker,
        *,
        name: str,
        handlers: Mapping[str, Handler],
        settings: InboxSettings | None = None,
        deduplicate: bool = True,
        ordered: bool = True,
    ) -> None:
        self._keys = contracts.consumers().get(name, ())
        sent = {key.rpartition(".v")[0] for key in self._keys}
        if sent != set(handlers):
            raise ValueError(f"{name} is sent {sorted(sent)} but handles {sorted(handlers)}")
        self._database, self._broker = database, broker
        self._name, self._handlers = name, handlers
        self._settings = settings or InboxSettings()
        self._deduplicate, self._ordered = deduplicate, ordered

    async def run(self) -> None:
        """Work until cancelled; raises when the broker is lost."""
        arrived: asyncio.Queue[AbstractIncomingMessage] = asyncio.Queue()
        async with (
            self._broker.channel(self._settings.prefetch) as channel,
            asyncio.TaskGroup() as group,
        ):
            queue = await channel.queue(self._name, self._keys)
            group.create_task(channel.lost())
            group.create_task(self._watch())
            group.create_task(self._work(arrived, channel))
            await queue.consume(arrived.put)

    async def _work(
        self, arrived: asyncio.Queue[AbstractIncomingMessage], channel: Channel
    ) -> None:
        while True:
            batch = [await arrived.get()]
            while len(batch) < self._settings.batch and not arrived.empty():
                batch.append(arrived.get_nowait())
            try:
                async with asyncio.timeout(APPLY_TIMEOUT_S):
                    await self._apply(batch, channel)
            except (psycopg.Error, OSError) as error:  # TimeoutError is an OSError
                LOG.warning("events go back", count=len(batch), reason=_told(error))
                await asyncio.sleep(self._settings.retry_pause_s)
                await batch[-1].nack(multiple=True, requeue=True)
            else:
                await batch[-1].ack(multiple=True)

    async def _apply(self, batch: Sequence[AbstractIncomingMessage], channel: Channel) -> None:
        """All of a batch in one transaction, each event's effect in a savepoint of its own."""
        events, dead_ones = self._sorted(batch)
        applied: Sequence[Event] = ()
        if events:
            async with self._database.pool.connection() as connection, connection.transaction():
                await self._lock(connection)
                books = Books(connection, deduplicate=self._deduplicate, ordered=self._ordered)
                await books.read(events)
                for event in events:
                    dead_ones += await self._one(connection, books, event)
                applied = await books.write()
                # before the commit: an event that waited is removed by it
                await channel.publish(dead_ones)
        else:
            await channel.publish(dead_ones)
        DEAD.inc(len(dead_ones))
        _count(applied)

    def _sorted(self, batch: Sequence[AbstractIncomingMessage]) -> tuple[list[Event], list[Letter]]:
        """What can be acted on, and what its contract refuses."""
        events: list[Event] = []
        dead_ones: list[Letter] = []
        for message in batch:
            try:
                events.append(self._event(message.body))
            except contracts.Refused as refused:
                dead_ones.append(self._dead(message.body, message.message_id or "", str(refused)))
        return events, dead_ones

    def _event(self, body: bytes) -> Event:
        event = parsed(body)
        contracts.check(event)
        if event["event_type"] not in self._handlers:
            raise contracts.Refused(f"{self._name} has no handler for {event['event_type']}")
        return event

    def _dead(self, body: bytes, message_id: str, reason: str) -> Letter:
        LOG.error("event is dead", event_id=message_id, reason=reason)
        letter = Letter(
            exchange="",
            routing_key=f"{self._name}.events",
            body=body,
            message_id=message_id,
            headers={},
        )
        return dead(self._name, letter, reason)

    async def _lock(self, connection: AsyncConnection[Any]) -> None:
        """One batch at a time over all zones. They are sent the same events, so they would wait
        for each other's rows anyway, and in changing order, which deadlocks."""
        timeout = f"SET LOCAL idle_in_transaction_session_timeout = '{IDLE_IN_TRANSACTION_S}s'"
        await connection.execute(timeout.encode())
        await connection.execute("SELECT pg_advisory_xact_lock(hashtextextended('inbox', 0))")

    async def _one(
        self, connection: AsyncConnection[Any], books: Books, event: Event
    ) -> list[Letter]:
        """Apply it if it is due, and whoever waited for it; the dead letter, if one came of it."""
        due = await books.due(event)
        while due is not None:
            try:
                async with connection.transaction():
                    await self._handlers[due["event_type"]](connection, due)
            except Exception as error:
                # any error of a handler that won't pass by itself: one event, or the bug that it
                # wakes, must not hold back other aggregates
                if _may_pass(error):
                    raise
                return [self._dead(json.dumps(due).encode(), due["event_id"], _told(error))]
            due = await books.applied(due)
        return []

    async def _watch(self) -> None:
        settings = self._settings
        while True:
            try:
                [row] = await self._database.rows("SELECT count(*) AS waiting FROM inbox_waiting")
                WAITING.set(row["waiting"])
                await self._prune()
            except psycopg.Error as error:
                LOG.warning("inbox is not watched", reason=_told(error))
            await asyncio.sleep(settings.watch_s)

    async def _prune(self) -> None:
        await self._database.rows(
            "DELETE FROM inbox WHERE event_id IN (SELECT event_id FROM inbox"
            " WHERE at < now() - make_interval(secs => %s) ORDER BY at LIMIT %s)"
            " RETURNING event_id",
            (self._settings.keep_s, self._settings.prune_batch),
        )


def parsed(body: bytes) -> Event:
    """The event; raises Refused for what is no JSON object or what PostgreSQL can't store."""
    if len(body) > MAX_BODY:
        raise contracts.Refused(f"{len(body)} bytes are more than {MAX_BODY}")
    try:
        event = json.loads(body)
        again = json.dumps(event, ensure_ascii=False, allow_nan=False).encode()
    except (ValueError, RecursionError) as error:
        raise contracts.Refused(f"not JSON: {error}"[:200]) from error
    if not isinstance(event, dict):
        raise contracts.Refused("an event is an object")
    if b"\\u0000" in again:
        raise contracts.Refused("text holds a NUL")
    return event


def _may_pass(error: Exception) -> bool:
    if isinstance(error, psycopg.Error):
        return (error.sqlstate or "08000")[:2] not in OF_THE_EVENT
    return isinstance(error, OSError)


def _told(error: Exception) -> str:
    if isinstance(error, Poisoned):
        return str(error)
    return f"{type(error).__name__}: {error}".strip()[:500]


def _count(applied: Sequence[Event]) -> None:
    now = datetime.now(UTC)
    for event in applied:
        APPLIED.labels(event["event_type"]).inc()
        since = now - datetime.fromisoformat(event["occurred_at"])
        END_TO_END.observe(max(0.0, since.total_seconds()))
