"""One function a use case."""

from dataclasses import dataclass
from datetime import UTC, datetime

from prometheus_client import Counter

from system.core_app import store
from system.core_app.clients import ClientInfo
from system.core_app.domain import Application, Asked, Channel, KeyReused
from system.shared.db import Database
from system.shared.ids import uuid7

CREATED = Counter("insurance_applications_created", "Applications acknowledged.", ["channel"])


@dataclass(frozen=True)
class World:
    """What a use case works with."""

    database: Database
    clients: ClientInfo


async def apply(
    world: World, asked: Asked, *, channel: Channel, owner: str, key: str
) -> tuple[Application, bool]:
    """Keep an application, once a key; also says whether it was there before. Raises
    UnknownClient, KeyReused, ClientInfoAway."""
    before = await store.by_key(world.database, channel, owner, key)
    if before is not None:
        return _same(before, asked), True
    card = await world.clients.client(asked.clientId)
    application = Application(
        id=uuid7(),
        client_id=asked.clientId,
        client_name=card["name"],
        status="ACCEPTED",
        created_at=datetime.now(UTC),
    )
    if await store.insert(world.database, application, asked, channel, owner, key):
        CREATED.labels(channel).inc()
        return application, False
    first = await store.by_key(world.database, channel, owner, key)
    if first is None:
        raise AssertionError("a key that is taken has its application")
    return _same(first, asked), True


def _same(before: tuple[Application, bytes], asked: Asked) -> Application:
    application, digest = before
    if digest != asked.digest():
        raise KeyReused("this idempotency key was used for another application")
    return application
