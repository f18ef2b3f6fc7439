"""Events as other services would publish them, and where they are put."""

import asyncio
import json
from collections.abc import Sequence
from typing import Any
from uuid import NAMESPACE_URL, uuid5

from system.shared.ids import uuid7
from system.shared.messaging import EXCHANGE, Broker, Letter
from tests.system.brokers import RabbitMq

Event = dict[str, Any]


def event(event_type: str, aggregate_id: str, version: int, payload: Event) -> Event:
    """The envelope."""
    return {
        "event_id": str(uuid7()),
        "event_type": event_type,
        "version": 1,
        "aggregate_id": aggregate_id,
        "aggregate_version": version,
        "occurred_at": "2026-01-01T00:00:00+00:00",
        "payload": payload,
    }


def product_id(insurer: str) -> str:
    """The one product of an insurer."""
    return str(uuid5(NAMESPACE_URL, insurer))


def updated(insurer: str, version: int, percent: str, *, active: bool = True) -> Event:
    """The insurer's product costs so much commission from now on."""
    payload = {
        "productId": product_id(insurer),
        "insurer": insurer,
        "code": "osago-base",
        "name": "Base",
        "kind": "osago",
        "baseRate": "4118",
        "coefficients": {},
        "commissionPercent": percent,
        "active": active,
        "validFrom": "2026-01-01",
    }
    return event("products.updated", product_id(insurer), version, payload)


def issued(insurer: str, amount: str = "1000.00", **other: Any) -> Event:
    """A policy."""
    policy_id = str(uuid7())
    payload = {
        "policyId": policy_id,
        "applicationId": str(uuid7()),
        "offerId": str(uuid7()),
        "insurer": insurer,
        "productId": product_id(insurer),
        "clientId": str(uuid7()),
        "channel": "web",
        "premium": {"amount": amount, "currency": "RUB"},
        "issuedAt": "2026-03-15T12:00:00Z",
        "startsOn": "2026-04-01",
        **other,
    }
    return event("policies.issued", policy_id, 1, payload)


def publish(broker: RabbitMq, *events: Event | bytes) -> None:
    """To the zone's exchange, in this order, and confirmed."""
    asyncio.run(_publish(broker, events))


async def _publish(broker: RabbitMq, events: Sequence[Event | bytes]) -> None:
    async with Broker(broker.settings()).channel() as channel:
        await channel.publish([_letter(one) for one in events])


def _letter(one: Event | bytes) -> Letter:
    if isinstance(one, bytes):
        return Letter(
            exchange=EXCHANGE,
            routing_key="policies.issued.v1",
            body=one,
            message_id=str(uuid7()),
            headers={},
        )
    return Letter(
        exchange=EXCHANGE,
        routing_key=f"{one['event_type']}.v1",
        body=json.dumps(one).encode(),
        message_id=str(one["event_id"]),
        headers={},
    )
