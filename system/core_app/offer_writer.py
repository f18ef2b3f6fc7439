"""Offers of this replica on their way into the database: many in one statement."""

import asyncio
from collections.abc import Sequence
from uuid import UUID

import psycopg
import structlog
from prometheus_client import Counter, Histogram

from system.core_app import offer_store, wire
from system.core_app.domain import Offer
from system.shared.db import Database

LOG = structlog.get_logger()
GATHER_S = 0.01
AT_MOST = 500
AGAIN_S = 0.2
STORED = Counter("osago_offers_stored", "Offers kept and told.")
REFUSED = Counter("osago_offers_not_stored", "Offers that the database refused.")
BATCH = Histogram("osago_offers_batch", "Offers in one statement.", buckets=(1, 2, 5, 10, 50, 500))


class OfferWriter:
    """One task a replica, in the order in which things were put. What it had not written when the
    replica ends belongs to applications that are not closed: others take those up and ask again."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._waiting: asyncio.Queue[Offer | UUID] = asyncio.Queue()

    def put(self, what: Offer | UUID) -> None:
        """An offer, or the id of an application that is to be closed."""
        self._waiting.put_nowait(what)

    async def run(self) -> None:
        """Until it is cancelled."""
        while True:
            batch = [await self._waiting.get()]
            await asyncio.sleep(GATHER_S)
            while not self._waiting.empty() and len(batch) < AT_MOST:
                batch.append(self._waiting.get_nowait())
            await self._write(batch)

    async def _write(self, batch: Sequence[Offer | UUID]) -> None:
        """Until it is there. What the database refuses for good holds up nothing else."""
        try:
            while not await self._stored(batch):
                await asyncio.sleep(AGAIN_S)
        except psycopg.Error as error:
            if len(batch) > 1:
                for one in batch:
                    await self._write([one])
                return
            REFUSED.inc()
            LOG.error("an offer can't be kept", what=str(batch[0]), exc_info=error)

    async def _stored(self, batch: Sequence[Offer | UUID]) -> bool:
        """False while the database is away or fails over."""
        offers = [one for one in batch if isinstance(one, Offer)]
        ended = [one for one in batch if isinstance(one, UUID)]
        try:
            await self._store(offers, ended)
        except (psycopg.OperationalError, psycopg.InternalError) as error:
            LOG.warning("offers wait for the database", offers=len(offers), why=str(error))
            return False
        return True

    async def _store(self, offers: Sequence[Offer], ended: Sequence[UUID]) -> None:
        if offers:
            await offer_store.keep(self._database, offers)
            STORED.inc(len(offers))
            BATCH.observe(len(offers))
        closed = await offer_store.close(self._database, ended) if ended else []
        lines = [wire.offer_line(offer) for offer in offers]
        lines += [wire.closed_line(one) for one in closed]
        await offer_store.tell(self._database, wire.payloads(lines))
