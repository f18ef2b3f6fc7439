"""One function a use case."""

from datetime import UTC, date, datetime, timedelta
from decimal import Decimal

from prometheus_client import Counter

from system.ins_comp_settlement import store
from system.ins_comp_settlement.domain import (
    Entry,
    MonthNotOver,
    Policy,
    Product,
    Unusable,
    month_of,
    open_month,
    owed,
)
from system.ins_comp_settlement.store import Connection
from system.shared.db import Database
from system.shared.ids import uuid7

BOOKED = Counter("settlement_entries", "Entries booked in the register.", ["late"])
FIRST = datetime(2000, 1, 1, tzinfo=UTC)
AHEAD = timedelta(days=1)  # how far in the future a policy may have been issued: clocks differ


async def book(
    connection: Connection, policy: Policy, default_percent: Decimal, now: datetime
) -> Entry:
    """One entry for the policy, in its month or, when that is closed, in the next open one; in
    the caller's transaction. Raises Unusable."""
    if policy.issued_at > now + AHEAD:
        raise Unusable(f"issued in the future, at {policy.issued_at.isoformat()}")
    if policy.issued_at < FIRST:
        raise Unusable(f"issued before there was anything to settle, {policy.issued_at:%Y-%m-%d}")
    percent = await _percent(connection, policy, default_percent)
    month = open_month(policy.month, await store.closed_since(connection, policy.month))
    entry = Entry(
        id=uuid7(),
        policy_id=policy.id,
        insurer=policy.insurer,
        month=month,
        late_for=policy.month if month != policy.month else None,
        premium=policy.premium,
        currency=policy.currency,
        commission_percent=percent,
        owed=owed(policy.premium, percent),
        issued_at=policy.issued_at,
        booked_at=now,
    )
    await store.book(connection, entry)
    BOOKED.labels("yes" if entry.late_for else "no").inc()
    return entry


async def _percent(connection: Connection, policy: Policy, default: Decimal) -> Decimal:
    """The commission in force when the policy is booked."""
    if policy.product_id is None:
        return default
    product = await store.product(connection, policy.product_id)
    if product is None:
        return default
    if product.insurer != policy.insurer:
        raise Unusable(f"{product.code} is a product of {product.insurer}, not {policy.insurer}")
    return product.commission_percent


async def keep_product(connection: Connection, product: Product) -> None:
    """The copy of a product, in the caller's transaction."""
    await store.keep_product(connection, product)


async def close(database: Database, month: date, operator: str, now: datetime) -> datetime:
    """Close a month that is over; closing it again changes nothing. When it was closed. Raises
    MonthNotOver."""
    if month >= month_of(now.astimezone(UTC)):
        raise MonthNotOver(f"{month:%Y-%m} is not over (in UTC)")
    return await store.close(database, month, operator)
