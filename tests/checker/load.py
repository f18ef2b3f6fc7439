"""What is done to the system while it is hurt. Some of it is made on purpose to be hard: policies
whose transaction commits late, and changes of a product whose events have the wrong order in the
outbox, as two replicas would write them by chance."""

import asyncio
import hashlib
from datetime import UTC, date, datetime
from decimal import Decimal
from uuid import UUID

from system.core_app.domain import Policy, policy_number
from system.core_app.events import policy_issued
from system.ins_product_aggregator import events, store
from system.ins_product_aggregator.domain import Product, product_id
from system.shared import outbox
from system.shared.db import Database
from system.shared.ids import uuid7
from tests.checker.journal import Journal, Operation

VENDOR = "vendor"  # no insurer that the service asks, so that its rounds leave these alone
APPLICATION = (
    "INSERT INTO applications (id, client_id, client_name, channel, owner, idempotency_key,"
    " request_hash, vehicle, starts_on, status) VALUES (%s, %s, 'Anna', 'web', %s, %s, %s, '{}',"
    " %s, 'BOUGHT')"
)
POLICY = (
    "INSERT INTO policies (id, number, application_id, offer_id, client_id, channel, owner,"
    " idempotency_key, insurer, product_id, premium, currency, starts_on, issued_at)"
    " VALUES (%s, %s, %s, %s, %s, 'web', %s, %s, %s, %s, %s, %s, %s, %s)"
)


async def sell(
    database: Database, journal: Journal, *, insurer: str, amount: str, open_s: float = 0.0
) -> UUID:
    """A policy, written as core-app does; its transaction stays open for ``open_s`` after the
    event has its place in the outbox, and others pass it."""
    policy, key = _policy(insurer, Decimal(amount)), str(uuid7())
    owner = str(policy.client_id)
    async with database.pool.connection() as connection, connection.transaction():
        await connection.execute(
            APPLICATION,
            (
                policy.application_id,
                policy.client_id,
                owner,
                key,
                hashlib.sha256(key.encode()).digest(),
                policy.starts_on,
            ),
        )
        await connection.execute(
            POLICY,
            (
                policy.id,
                policy.number,
                policy.application_id,
                policy.offer_id,
                policy.client_id,
                owner,
                key,
                policy.insurer,
                policy.product_id,
                policy.premium,
                policy.currency,
                policy.starts_on,
                policy.issued_at,
            ),
        )
        await outbox.add(connection, **policy_issued(policy, "web"))
        await asyncio.sleep(open_s)
    application = str(policy.application_id)
    journal.note(Operation(kind="application", key=key, id=application, outcome="ok"))
    journal.note(Operation(kind="policy", key=key, id=str(policy.id), outcome="ok"))
    return policy.id


def _policy(insurer: str, premium: Decimal) -> Policy:
    policy_id = uuid7()
    return Policy(
        id=policy_id,
        number=policy_number(policy_id),
        application_id=uuid7(),
        offer_id=uuid7(),
        client_id=uuid7(),
        insurer=insurer,
        product_id=None,
        premium=premium,
        currency="RUB",
        starts_on=date(2026, 12, 1),
        issued_at=datetime.now(UTC),
    )


async def change(connection: store.Connection, code: str) -> int:
    """The next version of a product, given under its lock; in the caller's transaction."""
    found = await connection.execute(
        "SELECT id, insurer, code, content, version FROM products WHERE id = %s FOR UPDATE",
        (product_id(VENDOR, code),),
    )
    row = await found.fetchone()
    version = row["version"] + 1 if row else 1
    content = {
        "name": code,
        "kind": "osago",
        "baseRate": str(1000 + version),
        "coefficients": {},
        "commissionPercent": str(version % 100),
        "active": True,
        "validFrom": "2026-01-01",
    }
    changed = Product(
        id=product_id(VENDOR, code), insurer=VENDOR, code=code, content=content, version=version
    )
    await store.keep(connection, changed)
    await events.updated(connection, changed)
    return version


async def change_in_turn(database: Database, code: str) -> int:
    """A change as it usually comes."""
    async with database.pool.connection() as connection, connection.transaction():
        return await change(connection, code)


async def change_out_of_order(database: Database, code: str) -> None:
    """Two changes of one product: the one that began first (and has the smaller xid, by which the
    relay reads) gets the product's lock last, so that its event tells the later version."""
    async with database.pool.connection() as first, first.transaction():
        await first.execute("SELECT pg_current_xact_id()")
        await change_in_turn(database, code)
        await change(first, code)
