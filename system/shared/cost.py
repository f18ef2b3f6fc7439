"""Known costs: what one request takes, so that what a replica can take is known beforehand.

With ``workers`` slots held for a gamma-distributed time a replica under Poisson arrivals is an
M/G/c queue, on any machine, since a held slot burns no CPU.
"""

import asyncio
import mmap
import random
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from prometheus_client import Gauge

from system.shared.db import Database
from system.shared.settings import CostSettings

MIB = 1024 * 1024
PAGE = 4096
LOCK_ID = 7_301_995  # any number: the services of one database share it

BUSY = Gauge("service_workers_busy", "Worker slots that are held.")
WAITING = Gauge("service_workers_waiting", "Requests that wait for a worker slot.")
WORKERS = Gauge("service_workers", "Worker slots of this replica.")


class Cost:
    """Makes each request pay."""

    def __init__(self, settings: CostSettings, database: Database | None) -> None:
        self._settings, self._database = settings, database
        self._slots = asyncio.Semaphore(settings.workers)
        self._lock = asyncio.Lock()
        self._rng = random.Random(settings.seed)
        WORKERS.set(settings.workers)

    @asynccontextmanager
    async def paid(self) -> AsyncIterator[None]:
        """Hold a worker slot for the drawn time and for as long as the request itself takes."""
        settings = self._settings
        self._hold_memory()
        WAITING.inc()
        try:
            await self._slots.acquire()
        finally:
            WAITING.dec()
        BUSY.inc()
        try:
            drawn_s = self._worker_s()
            clock = asyncio.get_running_loop().time
            began = clock()
            if settings.cpu_ms:
                burn(settings.cpu_ms / 1000)
            if settings.lock_ms and self._database is not None:
                await self._hold_lock(self._database)
            yield
            # what the request's own work took counts towards its time at the worker
            rest_s = drawn_s - (clock() - began)
            if rest_s > 0:
                await asyncio.sleep(rest_s)
        finally:
            BUSY.dec()
            self._slots.release()

    def _worker_s(self) -> float:
        """Gamma with mean ``worker_ms`` and coefficient of variation ``worker_cv``."""
        mean_s, cv = self._settings.worker_ms / 1000, self._settings.worker_cv
        if not mean_s or not cv:
            return mean_s
        shape = 1 / cv**2
        return self._rng.gammavariate(shape, mean_s / shape)

    async def _hold_lock(self, database: Database) -> None:
        # in line here first: those who wait in PostgreSQL each hold a connection, and a pool that
        # is empty for want of the lock would make the replica look as if it had no database
        async with (
            self._lock,
            database.pool.connection() as connection,
            connection.transaction(),
        ):
            await connection.execute("SELECT pg_advisory_xact_lock(%s)", (LOCK_ID,))
            await asyncio.sleep(self._settings.lock_ms / 1000)

    def _hold_memory(self) -> None:
        """A mapping of its own, so that it really goes back to the system afterwards."""
        size = int(self._settings.memory_mib * MIB)
        if not size or not self._settings.memory_hold_ms:
            return
        block = mmap.mmap(-1, size)
        for offset in range(0, size, PAGE):  # a page counts only once it was written to
            block[offset] = 1
        loop = asyncio.get_running_loop()
        loop.call_later(self._settings.memory_hold_ms / 1000, block.close)


def burn(cpu_s: float) -> None:
    """Use that much CPU time of this thread."""
    until = time.thread_time() + cpu_s
    while time.thread_time() < until:
        pass
