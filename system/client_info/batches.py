"""Reads of all requests, put together: what many ask for in the same moment is one statement.

A table has a lane with one statement at a time; what is asked meanwhile waits and goes with the
next. So the busier the replica, the more requests share a statement, and none waits on a timer.
"""

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any
from uuid import UUID

import psycopg
from prometheus_client import Counter
from psycopg.rows import DictRow, tuple_row

from system.shared.db import Database

STATEMENTS = Counter("card_statements", "Statements sent to the database.", ["table"])
KEYS = Counter("card_reads", "Reads that were asked for; several share a statement.", ["table"])
TOGETHER = 500  # keys of one statement
HELD_S = 0.25  # a lane that stays busy gives its connection back, so that others get theirs


@dataclass(frozen=True, eq=False)
class Read:
    """One statement for many clients: its first column is the client's place in ``keys``, from 1
    on; ``build`` takes the client's id and the other columns. ``values`` are named in the SQL
    beside ``keys``. Those who ask with the same object share a statement."""

    table: str
    sql: str
    build: Callable[..., Any]
    values: tuple[tuple[str, Any], ...] = ()


Waiting = dict[UUID, list[asyncio.Future[list[Any]]]]


class Batches:
    """The lanes of a replica."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._lanes: dict[str, _Lane] = {}

    def rows(self, read: Read, client: UUID) -> Awaitable[list[Any]]:
        """What there is of one client, in the order of the statement."""
        lane = self._lanes.get(read.table)
        if lane is None:
            lane = self._lanes[read.table] = _Lane(self._database, read.table)
        return lane.ask(read, client)


class _Lane:
    def __init__(self, database: Database, table: str) -> None:
        self._database = database
        self._reads, self._statements = KEYS.labels(table), STATEMENTS.labels(table)
        self._waiting: dict[Read, Waiting] = {}
        self._running: asyncio.Task[None] | None = None

    def ask(self, read: Read, client: UUID) -> Awaitable[list[Any]]:
        future: asyncio.Future[list[Any]] = asyncio.get_running_loop().create_future()
        self._waiting.setdefault(read, {}).setdefault(client, []).append(future)
        if self._running is None:
            self._running = asyncio.create_task(self._run())
        return future

    async def _run(self) -> None:
        try:
            while self._waiting:
                async with self._database.pool.connection() as connection:
                    await self._work(connection)
        except Exception as error:  # there is no connection; each that waits must know
            for waiting in self._waiting.values():
                _fail(waiting, error)
            self._waiting = {}
        finally:
            self._running = None

    async def _work(self, connection: psycopg.AsyncConnection[DictRow]) -> None:
        clock = asyncio.get_running_loop().time
        until_s = clock() + HELD_S
        while self._waiting and clock() < until_s and not connection.closed:
            await asyncio.sleep(0)  # the requests of this moment go together
            read, waiting = next(iter(self._waiting.items()))
            taken = {key: waiting.pop(key) for key in list(waiting)[:TOGETHER]}
            if not waiting:
                del self._waiting[read]
            self._reads.inc(sum(map(len, taken.values())))
            self._statements.inc()
            try:
                found = await _found(connection, read, list(taken))
            except Exception as error:  # those who asked are told, the next are asked for
                _fail(taken, error)
            else:
                _give(taken, found)


async def _found(
    connection: psycopg.AsyncConnection[DictRow], read: Read, keys: list[UUID]
) -> dict[UUID, list[Any]]:
    async with connection.cursor(binary=True, row_factory=tuple_row) as cursor:
        values = {
            name: list(value) if isinstance(value, tuple) else value for name, value in read.values
        }
        await cursor.execute(read.sql.encode(), {"keys": keys, **values})
        rows = await cursor.fetchall()
    found: dict[UUID, list[Any]] = {}
    for row in rows:
        key = keys[row[0] - 1]
        found.setdefault(key, []).append(read.build(key, *row[1:]))
    return found


def _give(taken: Waiting, found: dict[UUID, list[Any]]) -> None:
    for key, futures in taken.items():
        rows = found.get(key, [])
        for future in futures:
            if not future.done():  # who asked may have left
                future.set_result(rows)


def _fail(taken: Waiting, error: Exception) -> None:
    for futures in taken.values():
        for future in futures:
            if not future.done():
                future.set_exception(error)
