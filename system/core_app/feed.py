"""Offers on their way to the people who wait: one listening connection a replica."""

import asyncio
from collections.abc import AsyncGenerator, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from uuid import UUID

import psycopg
import structlog
from prometheus_client import Counter, Gauge

from system.core_app import offer_store, store, wire
from system.core_app.domain import Application, NotThere, Offer, Owner, Status
from system.core_app.offer_store import Closed
from system.shared.db import Database
from system.shared.settings import DatabaseSettings

LOG = structlog.get_logger()
LOOK_S = 5.0  # a listening connection that is silent for so long is tried
KEEPALIVE = {"keepalives_idle": 5, "keepalives_interval": 2, "keepalives_count": 3}
WATCHERS = Gauge("osago_offer_watchers", "Streams of offers that people have open here.")
LISTENS = Counter("osago_offer_listens", "Times that the listening connection was opened.")


@dataclass(frozen=True, kw_only=True)
class Update:
    """One offer; or, with ``done``, that no more comes. Neither: time to say that one lives."""

    offer: Offer | None
    done: bool
    status: Status


@dataclass(eq=False)
class _Watcher:
    application_id: UUID
    told: asyncio.Queue[Offer | Closed] = field(default_factory=asyncio.Queue)


class Feed:
    """Takes what any replica tells, and hands it to those who wait here."""

    def __init__(self, database: Database, settings: DatabaseSettings) -> None:
        self._database, self._settings = database, settings
        self._watchers: dict[UUID, set[_Watcher]] = {}

    async def run(self) -> None:
        """Listen until the connection is lost. It is outside the pool: it is held all the time."""
        told = {**self._settings.conninfo(), **KEEPALIVE, "application_name": "core-app feed"}
        async with await psycopg.AsyncConnection.connect(
            **told,  # type: ignore[arg-type] # keywords of libpq
            autocommit=True,
        ) as connection:
            await connection.execute(f"LISTEN {offer_store.CHANNEL}".encode())
            LISTENS.inc()
            await self._catch_up()
            while True:
                async for notice in connection.notifies(timeout=LOOK_S):
                    self.hand_on(notice.payload)
                await connection.execute("SELECT 1")

    def hand_on(self, payload: str) -> None:
        """To those who wait for it here."""
        for application_id, line in wire.application_ids(payload):
            waiting = self._watchers.get(application_id)
            if waiting:
                told = wire.read(line)
                for watcher in waiting:
                    watcher.told.put_nowait(told)

    async def _catch_up(self) -> None:
        """What was told while nobody listened here; watchers know what they have already."""
        found = await offer_store.offers_of(self._database, list(self._watchers))
        for application_id, offers in found.items():
            for watcher in self._watchers.get(application_id, ()):
                for offer in offers:
                    watcher.told.put_nowait(offer)

    async def watch(
        self, application_id: UUID, owner: Owner, *, seen: frozenset[str], alive_s: float
    ) -> AsyncGenerator[Update, None]:
        """First what is kept, then what comes, each once; the last is ``done``. ``seen``: insurers
        whose offers the person has. Raises NotThere. No connection is held while it waits."""
        with self._waiting(application_id) as watcher:
            application = await store.by_id(self._database, application_id, owner)
            if application is None:
                raise NotThere(f"there is no application {application_id}")
            had: set[str] = set()
            for update in await self._kept(application, had):
                if update.offer is not None and update.offer.insurer not in seen:
                    yield update
            if application.status != "ACCEPTED":
                yield Update(offer=None, done=True, status=application.status)
                return
            async for update in self._live(application, watcher, had, alive_s):
                yield update

    async def _live(
        self, application: Application, watcher: _Watcher, had: set[str], alive_s: float
    ) -> AsyncGenerator[Update, None]:
        closed: Closed | None = None
        while closed is None and (left_s := application.left_s(datetime.now(UTC))) > 0:
            try:
                async with asyncio.timeout(min(left_s, alive_s)):
                    told = await watcher.told.get()
            except TimeoutError:
                yield Update(offer=None, done=False, status=application.status)
                continue
            if isinstance(told, Closed):
                closed = told
            elif told.insurer not in had:
                had.add(told.insurer)
                yield Update(offer=told, done=False, status=application.status)
        if closed is None:  # its collector is gone, and time is up
            (closed,) = await offer_store.close(self._database, [application.id])
        if closed.offers > len(had):  # a notification was lost
            for update in await self._kept(application, had):
                yield update
        yield Update(offer=None, done=True, status=closed.status)

    async def _kept(self, application: Application, had: set[str]) -> list[Update]:
        offers = (await offer_store.offers_of(self._database, [application.id]))[application.id]
        fresh = [offer for offer in offers if offer.insurer not in had]
        had.update(offer.insurer for offer in fresh)
        return [Update(offer=offer, done=False, status=application.status) for offer in fresh]

    @contextmanager
    def _waiting(self, application_id: UUID) -> Iterator[_Watcher]:
        """Registered before it is read what is kept: nothing falls in between."""
        watcher = _Watcher(application_id)
        self._watchers.setdefault(application_id, set()).add(watcher)
        WATCHERS.inc()
        try:
            yield watcher
        finally:
            WATCHERS.dec()
            others = self._watchers[application_id]
            others.discard(watcher)
            if not others:
                del self._watchers[application_id]
