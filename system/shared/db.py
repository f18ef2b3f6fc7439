"""PostgreSQL: one pool a replica, migrations from SQL files."""

import asyncio
import select
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
from prometheus_client import Gauge
from psycopg.rows import DictRow, dict_row
from psycopg_pool import AsyncConnectionPool

from system.shared.settings import DatabaseSettings

CONNECTIONS = Gauge("db_client_connection_count", "Connections of the pool.", ["state"])
MIGRATION_LOCK = 7_301_996
SHARED_MIGRATIONS = Path(__file__).parent / "migrations"


class Pool(AsyncConnectionPool[psycopg.AsyncConnection[DictRow]]):
    """Loses no cancellation. The library waits for a connection with ``asyncio.wait_for``, which
    until Python 3.12 drops one that comes in the same turn as the connection (gh-86296): work in
    the background then went on for ever, and so did the replica that was told to leave."""

    async def getconn(self, timeout: float | None = None) -> psycopg.AsyncConnection[DictRow]:
        """As the library's."""
        task = asyncio.current_task()
        before = task.cancelling() if task else 0
        connection = await super().getconn(timeout)
        if task and task.cancelling() > before:
            await self.putconn(connection)
            raise asyncio.CancelledError
        return connection


class Database:
    """The pool, opened with the service and closed with it."""

    def __init__(self, settings: DatabaseSettings) -> None:
        self.pool = Pool(
            kwargs={**settings.conninfo(), "row_factory": dict_row, "autocommit": True},
            connection_class=psycopg.AsyncConnection[DictRow],
            min_size=1,
            max_size=settings.pool_size,
            timeout=10,
            open=False,
            check=_check,
        )
        CONNECTIONS.labels("used").set_function(lambda: self._count() - self._idle())
        CONNECTIONS.labels("idle").set_function(self._idle)

    def _count(self) -> float:
        return float(self.pool.get_stats().get("pool_size", 0))

    def _idle(self) -> float:
        return float(self.pool.get_stats().get("pool_available", 0))

    async def open(self) -> None:
        """Connect; raises when the database does not answer in 10 s."""
        await self.pool.open(wait=True, timeout=10)

    async def close(self) -> None:
        """Give the connections back."""
        await self.pool.close()

    async def rows(self, sql: str, values: Sequence[object] = ()) -> list[dict[str, Any]]:
        """All rows of one statement, in a transaction of its own."""
        async with self.pool.connection() as connection:
            cursor = await connection.execute(sql.encode(), values)
            return await cursor.fetchall()

    async def reachable(self) -> bool:
        """Whether a statement gets its answer."""
        try:
            async with self.pool.connection(timeout=2) as connection:
                await connection.execute("SELECT 1")
        except (psycopg.Error, TimeoutError):
            return False
        return True


async def _check(connection: psycopg.AsyncConnection[DictRow]) -> None:
    """A server that went leaves something to be read, its farewell or the end. Only then it is
    asked: asking each time was a twelfth of all that core-app does at the OSAGO peak."""
    said = select.poll()
    said.register(connection.fileno(), select.POLLIN)
    if said.poll(0):
        await AsyncConnectionPool.check_connection(connection)


def migrate(settings: DatabaseSettings, folder: Path, *shared: str) -> list[str]:
    """Run the SQL files that were not yet run, all in one transaction, in the order of their
    names; returns their names. A lock keeps two starts from running one twice. ``shared``: folders
    of ``system/shared/migrations`` (``outbox``, ``inbox``) that run before the service's own.

    A dozen lines in place of a library: yoyo-migrations has no release for two years and
    alembic brings an object-relational mapper that nothing here uses.
    """
    done: list[str] = []
    with psycopg.connect(**settings.conninfo()) as connection:  # type: ignore[arg-type] # keywords of libpq
        connection.execute("SELECT pg_advisory_xact_lock(%s)", (MIGRATION_LOCK,))
        connection.execute(
            "CREATE TABLE IF NOT EXISTS migrations"
            " (name text PRIMARY KEY, at timestamptz NOT NULL DEFAULT now())"
        )
        known = {row[0] for row in connection.execute("SELECT name FROM migrations")}
        for name, path in _files(folder, shared):
            if name not in known:
                connection.execute(path.read_bytes())
                connection.execute("INSERT INTO migrations (name) VALUES (%s)", (name,))
                done.append(name)
    return done


def _files(folder: Path, shared: Sequence[str]) -> list[tuple[str, Path]]:
    of_shared = [(f"{one}/", SHARED_MIGRATIONS / one) for one in shared]
    return [
        (f"{prefix}{path.name}", path)
        for prefix, place in [*of_shared, ("", folder)]
        for path in sorted(place.glob("*.sql"))
    ]
