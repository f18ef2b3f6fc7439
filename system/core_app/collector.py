"""Collects the offers of applications, and takes up what a lost replica or zone left."""

import asyncio
import itertools
import random
from contextlib import aclosing
from datetime import UTC, datetime
from uuid import UUID

import structlog
from prometheus_client import Counter, Gauge

from system.core_app import offer_store
from system.core_app.aggregator import Aggregator, Away, Unknown
from system.core_app.domain import Application
from system.core_app.offer_writer import OfferWriter
from system.shared.db import Database
from system.shared.ids import uuid7
from system.shared.resilience import full_jitter_s, jitter

LOG = structlog.get_logger()
RENEW_S = 2.0
MARGIN_S = 0.5  # the aggregator is done so long before the deadline, so that people are told by it
PAUSE_S = 0.5  # before it is asked again, and twice as long each time
LONGEST_PAUSE_S = 8.0
COLLECTING = Gauge("osago_applications_collecting", "Applications that wait for offers here.")
TAKEN_UP = Counter("osago_applications_taken_up", "Applications that another replica had left.")


class Collector:
    """Those of this replica; ``id`` stands in its applications."""

    def __init__(self, database: Database, aggregator: Aggregator, writer: OfferWriter) -> None:
        self.id = uuid7()
        self._database, self._aggregator, self._writer = database, aggregator, writer
        self._tasks: dict[UUID, asyncio.Task[None]] = {}
        self._renewed_at = float("-inf")
        COLLECTING.set_function(lambda: len(self._tasks))

    async def open(self) -> None:
        """The lease stands before the first application does."""
        await self._renew()

    async def close(self) -> None:
        """Leave what is not finished to others, at once."""
        tasks = list(self._tasks.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await offer_store.renew(self._database, self.id, lease_s=0)

    def start(self, application: Application, *, known: bool = False) -> None:
        """Collect its offers. ``known``: whether the aggregator may have it already."""
        if application.id in self._tasks:
            return
        task = asyncio.create_task(self._collect(application, known=known))
        self._tasks[application.id] = task
        task.add_done_callback(lambda _: self._tasks.pop(application.id, None))

    async def run(self) -> None:
        """Renew the lease and look for what was left, until cancelled."""
        while True:
            await asyncio.sleep(RENEW_S * (0.75 + random.random() / 2))
            late = asyncio.get_running_loop().time() - self._renewed_at > offer_store.LEASE_S
            await self._renew()
            if late:
                # the database was away, so everybody's lease ran out: let them renew it first
                continue
            for application in await offer_store.take_up(self._database, self.id):
                TAKEN_UP.inc()
                self.start(application, known=True)

    async def _renew(self) -> None:
        await offer_store.renew(self._database, self.id)
        self._renewed_at = asyncio.get_running_loop().time()

    async def _collect(self, application: Application, *, known: bool) -> None:
        try:
            async with asyncio.timeout(max(0.0, _left_s(application))):
                await self._ask(application, known=known)
        except TimeoutError:
            LOG.info("time was up before all insurers had answered", id=str(application.id))
        except Exception as error:
            # whatever it was: the person is told what there is, and that no more comes
            LOG.error("offers could not be collected", id=str(application.id), exc_info=error)
        self._writer.put(application.id)

    async def _ask(self, application: Application, *, known: bool) -> None:
        """Until the aggregator says that it is done. What came before is not kept twice."""
        had: set[UUID] = set()
        for repeat in itertools.count():
            after_s = 0.0
            try:
                if not known:
                    await self._aggregator.submit(application, _left_s(application))
                    known = True
                await self._follow(application, had)
            except Unknown:
                known = False
            except Away as error:
                after_s = error.after_s
                if repeat == 0:  # a thousand who wait would else tell of nothing but this
                    LOG.warning("osago-aggregator is away", id=str(application.id), why=str(error))
            else:
                return
            pause_s = full_jitter_s(repeat, PAUSE_S, LONGEST_PAUSE_S, jitter)
            await asyncio.sleep(after_s + PAUSE_S / 2 + pause_s)

    async def _follow(self, application: Application, had: set[UUID]) -> None:
        async with aclosing(
            self._aggregator.follow(application.id, _left_s(application))
        ) as offers:
            async for offer in offers:
                if offer.id not in had:
                    had.add(offer.id)
                    self._writer.put(offer)


def _left_s(application: Application) -> float:
    return application.left_s(datetime.now(UTC)) - MARGIN_S
