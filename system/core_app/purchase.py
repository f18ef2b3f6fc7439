"""Buying an offer: policy, event and status in one transaction under the application's lock."""

from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from system.core_app import events
from system.core_app.domain import (
    KeyReused,
    NotForSale,
    NotThere,
    Owner,
    Policy,
    policy_number,
)
from system.core_app.store import POLICY, owned
from system.shared import outbox
from system.shared.db import Database
from system.shared.ids import uuid7

Connection = AsyncConnection[DictRow]


async def buy(database: Database, offer_id: UUID, owner: Owner, key: str) -> tuple[Policy, bool]:
    """The policy, and whether it was there before. Raises NotThere, KeyReused, NotForSale."""
    async with database.pool.connection() as connection, connection.transaction():
        offer = await _locked(connection, offer_id, owner)
        before = await _before(connection, owner, key)
        if before is not None:
            return _same(before, offer_id), True
        if not offer["valid"]:
            raise NotForSale(f"the offer {offer_id} was valid until {offer['valid_until']}")
        if await _has_policy(connection, offer["application_id"]):
            raise NotForSale("this application has a policy already")
        policy = _policy(offer)
        await _insert(connection, policy, owner, key)
        await connection.execute(
            "UPDATE applications SET status = 'BOUGHT' WHERE id = %s", (policy.application_id,)
        )
        await outbox.add(connection, **events.policy_issued(policy, owner.channel))
    return policy, False


async def _locked(connection: Connection, offer_id: UUID, owner: Owner) -> dict[str, Any]:
    """The offer, if it is this owner's; a second buyer of its application waits here."""
    cursor = await connection.execute(
        "SELECT o.id, o.application_id, o.insurer, o.premium, o.currency, o.valid_until,"
        " o.valid_until > clock_timestamp() AS valid, a.client_id, a.starts_on,"
        " (SELECT p.id FROM products p WHERE p.insurer = o.insurer AND p.code = o.product_code"
        " LIMIT 1) AS product_id FROM offers o JOIN applications a ON a.id = o.application_id"
        " WHERE o.id = %s AND channel = %s AND owner = ANY(%s)"
        " AND (channel = 'partner' OR client_id = %s) FOR NO KEY UPDATE OF a",
        (offer_id, *owned(owner)),
    )
    row = await cursor.fetchone()
    if row is None:
        raise NotThere(f"there is no offer {offer_id}")
    return row


async def _before(connection: Connection, owner: Owner, key: str) -> Policy | None:
    """What this key bought."""
    cursor = await connection.execute(
        f"SELECT {POLICY} FROM policies"  # no input in it
        " WHERE channel = %s AND owner = %s AND idempotency_key = %s",
        (owner.channel, owner.names[0], key),
    )
    row = await cursor.fetchone()
    return Policy(**row) if row else None


def _same(before: Policy, offer_id: UUID) -> Policy:
    if before.offer_id != offer_id:
        raise KeyReused("this idempotency key was used for another offer")
    return before


async def _has_policy(connection: Connection, application_id: UUID) -> bool:
    cursor = await connection.execute(
        "SELECT 1 FROM policies WHERE application_id = %s", (application_id,)
    )
    return await cursor.fetchone() is not None


def _policy(offer: dict[str, Any]) -> Policy:
    policy_id = uuid7()
    return Policy(
        id=policy_id,
        number=policy_number(policy_id),
        application_id=offer["application_id"],
        offer_id=offer["id"],
        client_id=offer["client_id"],
        insurer=offer["insurer"],
        product_id=offer["product_id"],
        premium=offer["premium"],
        currency=offer["currency"],
        starts_on=offer["starts_on"],
        issued_at=datetime.now(UTC),
    )


async def _insert(connection: Connection, policy: Policy, owner: Owner, key: str) -> None:
    cursor = await connection.execute(
        f"INSERT INTO policies ({POLICY}, channel, owner, idempotency_key)"  # no input in it
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (channel, owner, idempotency_key) DO NOTHING",
        (
            policy.id,
            policy.number,
            policy.application_id,
            policy.offer_id,
            policy.client_id,
            policy.insurer,
            policy.product_id,
            policy.premium,
            policy.currency,
            policy.starts_on,
            policy.issued_at,
            owner.channel,
            owner.names[0],
            key,
        ),
    )
    if not cursor.rowcount:  # at the same moment, for an offer of another application
        raise KeyReused("this idempotency key was used for another offer")
