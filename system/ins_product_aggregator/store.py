"""The SQL of products and rounds."""

from collections.abc import Sequence
from typing import Any

from psycopg import AsyncConnection
from psycopg.rows import DictRow
from psycopg.types.json import Jsonb

from system.ins_product_aggregator.domain import Product
from system.shared.db import Database

Connection = AsyncConnection[DictRow]


async def know(database: Database, insurers: Sequence[str]) -> None:
    """A row for each insurer that has none; a new one is due at once."""
    await database.rows(
        "INSERT INTO rounds (insurer) SELECT unnest(%s::text[]) ON CONFLICT DO NOTHING"
        " RETURNING insurer",
        (list(insurers),),
    )


async def claim(database: Database, insurers: Sequence[str], every_s: float) -> dict[str, int]:
    """Take the rounds that are due; the token of each. Only one of those who ask at once gets a
    round, and it is due again ``every_s`` later even if its taker dies."""
    rows = await database.rows(
        "UPDATE rounds SET token = token + 1, due_at = now() + make_interval(secs => %s)"
        " WHERE insurer IN (SELECT insurer FROM rounds WHERE insurer = ANY(%s) AND due_at <= now()"
        " ORDER BY insurer FOR UPDATE SKIP LOCKED) RETURNING insurer, token",
        (every_s, list(insurers)),
    )
    return {row["insurer"]: row["token"] for row in rows}


async def due_in_s(database: Database, insurers: Sequence[str]) -> float:
    """Seconds until the next round is due."""
    rows = await database.rows(
        "SELECT extract(epoch FROM min(due_at) - now())::float8 AS left_s FROM rounds"
        " WHERE insurer = ANY(%s)",
        (list(insurers),),
    )
    return max(0.0, rows[0]["left_s"] or 0.0)


async def hold(connection: Connection, insurer: str, token: int) -> bool:
    """Lock the insurer's products until the transaction ends; False when a later round began."""
    cursor = await connection.execute(
        "SELECT token FROM rounds WHERE insurer = %s FOR UPDATE", (insurer,)
    )
    row = await cursor.fetchone()
    return row is not None and row["token"] == token


async def products(connection: Connection, insurer: str) -> list[Product]:
    """An insurer's products, each locked."""
    cursor = await connection.execute(
        "SELECT id, insurer, code, content, version FROM products WHERE insurer = %s"
        " ORDER BY id FOR UPDATE",
        (insurer,),
    )
    return [Product(**row) for row in await cursor.fetchall()]


async def keep(connection: Connection, product: Product) -> None:
    """Write one that is new or has changed."""
    values: tuple[Any, ...] = (
        product.id,
        product.insurer,
        product.code,
        Jsonb(product.content),
        product.version,
    )
    await connection.execute(
        "INSERT INTO products (id, insurer, code, content, version) VALUES (%s, %s, %s, %s, %s)"
        " ON CONFLICT (id) DO UPDATE SET content = EXCLUDED.content,"
        " version = EXCLUDED.version, changed_at = now()",
        values,
    )
