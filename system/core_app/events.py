"""What core-app publishes and consumes."""

from collections.abc import Mapping
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection

from system.core_app.domain import Channel, Policy
from system.shared.inbox import Handler


def policy_issued(policy: Policy, channel: Channel) -> dict[str, Any]:
    """The event of a policy; it has one version, since a policy never changes."""
    return {
        "event_type": "policies.issued",
        "version": 1,
        "aggregate_id": policy.id,
        "aggregate_version": 1,
        "payload": {
            "policyId": str(policy.id),
            "applicationId": str(policy.application_id),
            "offerId": str(policy.offer_id),
            "insurer": policy.insurer,
            "productId": None if policy.product_id is None else str(policy.product_id),
            "clientId": str(policy.client_id),
            "channel": channel,
            "premium": {"amount": str(policy.premium), "currency": policy.currency},
            "issuedAt": policy.issued_at.isoformat(),
            "startsOn": policy.starts_on.isoformat(),
        },
    }


async def product_updated(connection: AsyncConnection[Any], event: Mapping[str, Any]) -> None:
    """Keep what the event tells; the inbox sees to order and repeats."""
    told = event["payload"]
    await connection.execute(
        "INSERT INTO products (id, insurer, code, name, kind, base_rate, active, valid_from,"
        " version) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (id) DO UPDATE SET insurer = excluded.insurer, code = excluded.code,"
        " name = excluded.name, kind = excluded.kind, base_rate = excluded.base_rate,"
        " active = excluded.active, valid_from = excluded.valid_from, version = excluded.version",
        (
            UUID(event["aggregate_id"]),
            told["insurer"],
            told["code"],
            told["name"],
            told["kind"],
            told["baseRate"],
            told["active"],
            told["validFrom"],
            event["aggregate_version"],
        ),
    )


HANDLERS: dict[str, Handler] = {"products.updated": product_updated}
