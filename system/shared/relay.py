"""The relay: publishes a zone's copy of every outbox row, skipping none; prunes what all passed.

It reads rows with ``xid < pg_snapshot_xmin(pg_current_snapshot())``: whatever commits later has a
larger xid, so a row that commits late is never behind the cursor ``(xid, id)``. The cursor moves
only after the broker has confirmed all rows up to it; what is published twice by that is the
inbox's to drop. One relay a zone is at work, held apart by a session's advisory lock; the others
stand by.
"""

import asyncio
import json
from dataclasses import dataclass
from typing import Any

import structlog
from prometheus_client import Counter, Gauge
from psycopg import AsyncConnection

from system.shared import contracts
from system.shared.db import Database
from system.shared.messaging import EXCHANGE, Broker, Channel, Letter, dead
from system.shared.settings import OutboxSettings

LOG = structlog.get_logger()
LAG = Gauge("outbox_lag_seconds", "Age of the oldest event that this zone has not published.")
PENDING = Gauge("outbox_pending_events", "Events that this zone has not published.")
PUBLISHED = Counter("outbox_published_events_total", "Events that this zone's broker confirmed.")
DEAD = Counter("outbox_dead_events_total", "Rows that their contract refused; dead letters.")
PRUNED = Counter("outbox_pruned_rows_total", "Rows removed after every zone had passed them.")

ROUND_TIMEOUT_S = 30.0
# PostgreSQL ends the session of a relay that is frozen, so that the one that stands by goes on
IDLE_SESSION_S = 15
COLUMNS = (
    "id, xid::text AS xid, event_id, event_type, version, aggregate_id, aggregate_version,"
    " occurred_at, payload"
)
READ = (
    f"SELECT {COLUMNS} FROM outbox WHERE (xid, id) > (%s::xid8, %s)"
    " AND xid < pg_snapshot_xmin(pg_current_snapshot()) ORDER BY outbox.xid, id LIMIT %s"
)
READ_BY_ID_ALONE = (
    f"SELECT {COLUMNS} FROM outbox WHERE (%s::xid8 IS NOT NULL) AND id > %s ORDER BY id LIMIT %s"
)
MOVE = (
    "UPDATE outbox_cursors SET xid = %s::xid8, id = %s, seen_at = now()"
    " WHERE zone = %s AND (xid, id) = (%s::xid8, %s)"
)
PRUNE = (
    "WITH passed AS (SELECT id FROM outbox WHERE (xid, id) <="
    " (SELECT xid, id FROM outbox_cursors ORDER BY xid, id LIMIT 1)"
    " ORDER BY xid, id LIMIT %s FOR UPDATE SKIP LOCKED)"
    " DELETE FROM outbox USING passed WHERE outbox.id = passed.id"
)
WATCH = (
    "WITH at AS (SELECT xid, id FROM outbox_cursors WHERE zone = %s)"
    " SELECT (SELECT count(*) FROM outbox WHERE (xid, id) > (SELECT xid, id FROM at)) AS pending,"
    " (SELECT extract(epoch FROM clock_timestamp() - occurred_at)::float8 FROM outbox"
    " WHERE (xid, id) > (SELECT xid, id FROM at) ORDER BY xid, id LIMIT 1) AS lag_s"
)


@dataclass(frozen=True)
class Position:
    """Up to where a zone's broker has confirmed; ``xid`` as text, since it has 64 bits."""

    xid: str
    id: int


class Relay:
    """``by_id_alone`` is only for proofs: it reads by id without regard to open transactions, as
    one would naively, and so skips rows that commit late; a checker has to find that."""

    def __init__(
        self,
        database: Database,
        broker: Broker,
        *,
        zone: str,
        settings: OutboxSettings | None = None,
        by_id_alone: bool = False,
    ) -> None:
        self._database, self._broker, self._zone = database, broker, zone
        self._settings = settings or OutboxSettings()
        self._read = READ_BY_ID_ALONE if by_id_alone else READ

    async def run(self) -> None:
        """Work until cancelled; raises when the database or the broker is lost."""
        await self._database.rows(
            "INSERT INTO outbox_cursors (zone) VALUES (%s) ON CONFLICT DO NOTHING RETURNING zone",
            (self._zone,),
        )
        async with asyncio.TaskGroup() as group:
            group.create_task(self._watch())
            group.create_task(self._publish())

    async def _publish(self) -> None:
        async with self._broker.channel() as channel, asyncio.TaskGroup() as group:
            await channel.dead_letters(self._broker.settings.user)
            group.create_task(channel.lost())
            group.create_task(self._lead_or_stand_by(channel))

    async def _lead_or_stand_by(self, channel: Channel) -> None:
        while True:
            async with self._database.pool.connection() as connection:
                if await self._locked(connection):
                    try:
                        await self._lead(connection, channel)
                    finally:
                        await connection.close()  # and with it the lock
            await asyncio.sleep(self._settings.standby_pause_s)

    async def _locked(self, connection: AsyncConnection[dict[str, Any]]) -> bool:
        cursor = await connection.execute(
            "SELECT pg_try_advisory_lock(hashtextextended(%s, 0)) AS mine",
            (f"outbox/{self._zone}",),
        )
        row = await cursor.fetchone()
        return row is not None and bool(row["mine"])

    async def _lead(self, connection: AsyncConnection[dict[str, Any]], channel: Channel) -> None:
        settings, clock = self._settings, asyncio.get_running_loop().time
        await connection.execute(f"SET idle_session_timeout = '{IDLE_SESSION_S}s'")
        LOG.info("relay leads", of_zone=self._zone)
        position = await self._position(connection)
        pause_s, prune_at = settings.pause_s, clock()
        while True:
            async with asyncio.timeout(ROUND_TIMEOUT_S):
                count, position = await self._round(connection, channel, position)
                if clock() >= prune_at:
                    full = await self._prune(connection)
                    prune_at = clock() + (0 if full else settings.prune_s)
            if count < settings.batch:
                # a short sleep after work, longer ones in a quiet time
                pause_s = settings.pause_s if count else min(2 * pause_s, settings.idle_pause_s)
                await asyncio.sleep(pause_s)

    async def _position(self, connection: AsyncConnection[dict[str, Any]]) -> Position:
        cursor = await connection.execute(
            "SELECT xid::text AS xid, id FROM outbox_cursors WHERE zone = %s", (self._zone,)
        )
        row = await cursor.fetchone()
        if row is None:
            raise RuntimeError(f"the cursor of zone {self._zone} was removed; beginning again")
        return Position(row["xid"], row["id"])

    async def _round(
        self, connection: AsyncConnection[dict[str, Any]], channel: Channel, at: Position
    ) -> tuple[int, Position]:
        cursor = await connection.execute(self._read, (at.xid, at.id, self._settings.batch))
        rows = await cursor.fetchall()
        if not rows:
            return 0, at
        await channel.publish([self._letter(row) for row in rows])
        PUBLISHED.inc(len(rows))
        to = Position(rows[-1]["xid"], rows[-1]["id"])
        moved = await connection.execute(MOVE, (to.xid, to.id, self._zone, at.xid, at.id))
        if moved.rowcount != 1:
            raise RuntimeError(f"the cursor of zone {self._zone} was moved by another")
        return len(rows), to

    def _letter(self, row: dict[str, Any]) -> Letter:
        event = {
            "event_id": str(row["event_id"]),
            "event_type": row["event_type"],
            "version": row["version"],
            "aggregate_id": str(row["aggregate_id"]),
            "aggregate_version": row["aggregate_version"],
            "occurred_at": row["occurred_at"].isoformat(),
            "payload": row["payload"],
        }
        letter = Letter(
            exchange=EXCHANGE,
            routing_key=contracts.key(row["event_type"], row["version"]),
            body=json.dumps(event, ensure_ascii=False, separators=(",", ":")).encode(),
            message_id=event["event_id"],
            headers={},
        )
        try:
            contracts.check(event)
        except contracts.Refused as refused:
            DEAD.inc()
            LOG.error("event refused", event_id=event["event_id"], reason=str(refused))
            return dead(self._broker.settings.user, letter, str(refused))
        return letter

    async def _prune(self, connection: AsyncConnection[dict[str, Any]]) -> bool:
        """Whether there may be more. A zone that was not seen for long is gone: its cursor no
        longer holds rows back, and if it comes back it begins with what is there."""
        settings = self._settings
        await connection.execute(
            "UPDATE outbox_cursors SET seen_at = now() WHERE zone = %s", (self._zone,)
        )
        gone = await connection.execute(
            "DELETE FROM outbox_cursors WHERE seen_at < now() - make_interval(secs => %s)"
            " RETURNING zone",
            (settings.gone_after_s,),
        )
        for row in await gone.fetchall():
            LOG.warning("zone is gone", gone_zone=row["zone"], after_s=settings.gone_after_s)
        pruned = await connection.execute(PRUNE, (settings.prune_batch,))
        PRUNED.inc(pruned.rowcount)
        return pruned.rowcount >= settings.prune_batch

    async def _watch(self) -> None:
        while True:
            [row] = await self._database.rows(WATCH, (self._zone,))
            PENDING.set(row["pending"])
            LAG.set(max(0.0, row["lag_s"] or 0.0))
            await asyncio.sleep(self._settings.watch_s)
