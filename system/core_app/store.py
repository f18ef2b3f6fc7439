"""The SQL of core-app."""

import math
from dataclasses import dataclass
from typing import Any
from uuid import UUID

from system.core_app.domain import Application, Asked, Channel
from system.shared.db import Database

COLUMNS = "id, client_id, client_name, status, created_at"
WINDOW_S = 60


async def by_key(
    database: Database, channel: Channel, owner: str, key: str
) -> tuple[Application, bytes] | None:
    """The application that this key made, and the digest of its request."""
    rows = await database.rows(
        f"SELECT {COLUMNS}, request_hash FROM applications"  # no input in it
        " WHERE channel = %s AND owner = %s AND idempotency_key = %s",
        (channel, owner, key),
    )
    if not rows:
        return None
    digest = bytes(rows[0].pop("request_hash"))
    return Application(**rows[0]), digest


async def by_id(database: Database, application_id: UUID, owner: str) -> Application | None:
    """One application of this owner; None for any other."""
    rows = await database.rows(
        f"SELECT {COLUMNS} FROM applications WHERE id = %s AND owner = %s",  # no input in it
        (application_id, owner),
    )
    return Application(**rows[0]) if rows else None


async def insert(
    database: Database,
    application: Application,
    asked: Asked,
    channel: Channel,
    owner: str,
    key: str,
) -> bool:
    """Keep it; False when another request with the same key was first."""
    rows = await database.rows(
        "INSERT INTO applications (id, client_id, client_name, channel, owner, idempotency_key,"
        " request_hash, vehicle, starts_on, status, created_at)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (channel, owner, idempotency_key) DO NOTHING RETURNING id",
        (
            application.id,
            application.client_id,
            application.client_name,
            channel,
            owner,
            key,
            asked.digest(),
            asked.vehicle.model_dump_json(),
            asked.startsOn,
            application.status,
            application.created_at,
        ),
    )
    return bool(rows)


async def partner_by_key(database: Database, key_hash: bytes) -> dict[str, Any] | None:
    """The partner whose API key has this hash."""
    rows = await database.rows("SELECT id, name FROM partners WHERE key_hash = %s", (key_hash,))
    return rows[0] if rows else None


@dataclass(frozen=True, kw_only=True)
class Pass:
    """Whether a request passes, how many more may, and when the oldest leaves the window."""

    allowed: bool
    remaining: int
    reset_s: int


async def take(database: Database, partner: UUID, per_minute: int) -> Pass:
    """Count one request of a partner in its moving window of 60 s, whatever replica or zone it
    came to; a row lock a partner makes the count exact. A refused request is not counted."""
    async with database.pool.connection() as connection, connection.transaction():
        await connection.execute("SELECT 1 FROM partners WHERE id = %s FOR UPDATE", (partner,))
        # clock_timestamp: now() is the transaction's begin, before it waited for the lock
        await connection.execute(
            "DELETE FROM partner_requests WHERE partner_id = %s"
            " AND at <= clock_timestamp() - make_interval(secs => %s)",
            (partner, WINDOW_S),
        )
        cursor = await connection.execute(
            "SELECT count(*) AS passed, extract(epoch FROM min(at) - clock_timestamp())::float8"
            " + %s AS left_s FROM partner_requests WHERE partner_id = %s",
            (WINDOW_S, partner),
        )
        row = await cursor.fetchone()
        if row is None:
            raise AssertionError("an aggregate has one row")
        reset_s = max(1, math.ceil(WINDOW_S if row["left_s"] is None else row["left_s"]))
        if row["passed"] >= per_minute:
            return Pass(allowed=False, remaining=0, reset_s=reset_s)
        await connection.execute(
            "INSERT INTO partner_requests (partner_id, at) VALUES (%s, clock_timestamp())",
            (partner,),
        )
        return Pass(allowed=True, remaining=per_minute - row["passed"] - 1, reset_s=reset_s)
