"""One function a use case."""

from dataclasses import dataclass
from datetime import UTC, datetime
from uuid import UUID

from prometheus_client import Counter

from system.core_app import purchase, store
from system.core_app.clients import ClientInfo
from system.core_app.collector import Collector
from system.core_app.domain import Application, Asked, KeyReused, Owner, Policy
from system.core_app.feed import Feed
from system.shared.db import Database
from system.shared.ids import uuid7

CREATED = Counter("insurance_applications_created", "Applications acknowledged.", ["channel"])
ISSUED = Counter("insurance_policies_issued", "Policies issued.", ["channel"])


@dataclass(frozen=True)
class World:
    """What a use case works with."""

    database: Database
    clients: ClientInfo
    collector: Collector
    feed: Feed


async def apply(world: World, asked: Asked, owner: Owner, key: str) -> tuple[Application, bool]:
    """Keep an application, once a key, and begin to collect its offers; also says whether it was
    there before. Raises UnknownClient, KeyReused, ClientInfoAway."""
    before = await store.by_key(world.database, owner, key)
    if before is not None:
        return _same(before, asked), True
    card = await world.clients.client(asked.clientId)
    application = Application(
        id=uuid7(),
        client_id=asked.clientId,
        client_name=card["name"],
        vehicle=asked.vehicle.model_dump(),
        starts_on=asked.startsOn,
        status="ACCEPTED",
        created_at=datetime.now(UTC),
    )
    collector = world.collector
    if await store.insert(world.database, application, asked, owner, key, collector.id):
        CREATED.labels(owner.channel).inc()
        collector.start(application)
        return application, False
    first = await store.by_key(world.database, owner, key)
    if first is None:
        raise AssertionError("a key that is taken has its application")
    return _same(first, asked), True


def _same(before: tuple[Application, bytes], asked: Asked) -> Application:
    application, digest = before
    if digest != asked.digest():
        raise KeyReused("this idempotency key was used for another application")
    return application


async def buy(world: World, offer_id: UUID, owner: Owner, key: str) -> tuple[Policy, bool]:
    """Issue the policy of an offer, once a key and once an application; also says whether it was
    there before. Raises NotThere, KeyReused, NotForSale."""
    policy, replayed = await purchase.buy(world.database, offer_id, owner, key)
    if not replayed:
        ISSUED.labels(owner.channel).inc()
    return policy, replayed
