"""The SQL of the register."""

from collections.abc import Sequence
from datetime import date, datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.rows import DictRow

from system.ins_comp_settlement.domain import Entry, Product
from system.shared.db import Database

Connection = AsyncConnection[DictRow]
CLOSING = 7_301_997  # bookings share this lock, closing a month has it alone
COLUMNS = (
    "id, policy_id, insurer, month, late_for, premium, currency, commission_percent, owed,"
    " issued_at, booked_at"
)
SUMS = (
    "count(*) AS entries, coalesce(sum(premium), 0) AS premium,"
    " coalesce(sum(premium - owed), 0) AS commission, coalesce(sum(owed), 0) AS owed"
)


async def keep_product(connection: Connection, product: Product) -> None:
    """The copy as the event says it, and a line of history."""
    await connection.execute(
        "INSERT INTO products (product_id, insurer, code, commission_percent, active, version)"
        " VALUES (%s, %s, %s, %s, %s, %s) ON CONFLICT (product_id) DO UPDATE SET"
        " insurer = EXCLUDED.insurer, code = EXCLUDED.code,"
        " commission_percent = EXCLUDED.commission_percent, active = EXCLUDED.active,"
        " version = EXCLUDED.version",
        (
            product.id,
            product.insurer,
            product.code,
            product.commission_percent,
            product.active,
            product.version,
        ),
    )
    await connection.execute(
        "INSERT INTO commission_history (product_id, version, commission_percent)"
        " VALUES (%s, %s, %s)",
        (product.id, product.version, product.commission_percent),
    )


async def product(connection: Connection, product_id: UUID) -> Product | None:
    """One of the copy."""
    cursor = await connection.execute(
        "SELECT product_id AS id, insurer, code, commission_percent, active, version"
        " FROM products WHERE product_id = %s",
        (product_id,),
    )
    row = await cursor.fetchone()
    return Product(**row) if row else None


async def closed_since(connection: Connection, month: date) -> set[date]:
    """The closed months from this one on. None more is closed before the transaction ends."""
    await connection.execute("SELECT pg_advisory_xact_lock_shared(%s)", (CLOSING,))
    cursor = await connection.execute("SELECT month FROM closed_months WHERE month >= %s", (month,))
    return {row["month"] for row in await cursor.fetchall()}


async def book(connection: Connection, entry: Entry) -> None:
    """Add a line to the register."""
    await connection.execute(
        f"INSERT INTO entries ({COLUMNS})"  # no input in it
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)",
        (
            entry.id,
            entry.policy_id,
            entry.insurer,
            entry.month,
            entry.late_for,
            entry.premium,
            entry.currency,
            entry.commission_percent,
            entry.owed,
            entry.issued_at,
            entry.booked_at,
        ),
    )


async def close(database: Database, month: date, operator: str) -> datetime:
    """Close a month, once every booking in it that was begun has ended; when it was closed."""
    async with database.pool.connection() as connection, connection.transaction():
        await connection.execute("SELECT pg_advisory_xact_lock(%s)", (CLOSING,))
        await connection.execute(
            "INSERT INTO closed_months (month, closed_by) VALUES (%s, %s) ON CONFLICT DO NOTHING",
            (month, operator),
        )
        cursor = await connection.execute(
            "SELECT closed_at FROM closed_months WHERE month = %s", (month,)
        )
        row = await cursor.fetchone()
        if row is None:
            raise AssertionError("a month that was closed is there")
        closed_at: datetime = row["closed_at"]
        return closed_at


async def page(
    database: Database,
    *,
    insurer: str | None = None,
    month: date | None = None,
    policy_id: UUID | None = None,
    after: UUID | None = None,
    limit: int,
) -> list[Entry]:
    """Lines of the register in the order of their ids, those behind ``after``."""
    given: list[tuple[str, object]] = [
        ("insurer = %s", insurer),
        ("month = %s", month),
        ("policy_id = %s", policy_id),
        ("id > %s", after),
    ]
    asked = [(text, value) for text, value in given if value is not None]
    where = " AND ".join(text for text, _ in asked) or "true"
    values: Sequence[object] = [*(value for _, value in asked), limit]
    rows = await database.rows(
        f"SELECT {COLUMNS} FROM entries WHERE {where} ORDER BY id LIMIT %s",  # no input in it
        values,
    )
    return [Entry(**row) for row in rows]


async def balances(database: Database) -> list[dict[str, Any]]:
    """What is owed to each insurer, over all months."""
    return await database.rows(
        f"SELECT insurer, currency, {SUMS} FROM entries"  # no input in it
        " GROUP BY insurer, currency ORDER BY insurer, currency"
    )


async def months(database: Database) -> list[dict[str, Any]]:
    """Every month that has an entry or is closed, the newest first."""
    return await database.rows(
        f"SELECT month, closed_at, entries, premium, commission, owed"  # no input in it
        f" FROM (SELECT month, {SUMS} FROM entries GROUP BY month) AS sums"
        " FULL JOIN closed_months USING (month) ORDER BY month DESC"
    )


async def closed_at(database: Database, month: date) -> datetime | None:
    """When a month was closed; None while it is open."""
    rows = await database.rows("SELECT closed_at FROM closed_months WHERE month = %s", (month,))
    return rows[0]["closed_at"] if rows else None


async def known(database: Database, insurer: str) -> bool:
    """Whether there was ever an entry or a product of this insurer."""
    rows = await database.rows(
        "SELECT EXISTS (SELECT 1 FROM entries WHERE insurer = %s)"
        " OR EXISTS (SELECT 1 FROM products WHERE insurer = %s) AS known",
        (insurer, insurer),
    )
    return bool(rows[0]["known"])
