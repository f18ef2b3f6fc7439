"""The SQL of partners: their keys and the exact limit."""

import hashlib
import math
import secrets
from dataclasses import dataclass
from uuid import UUID

import psycopg

from system.shared.db import Database

WINDOW_S = 60
VALID = 2  # keys of a partner at a time
FINGERPRINT = 12  # hexadecimal digits of a key's hash: names it without giving it away


class Unrotated(Exception):
    """The partner's keys stay as they are, and why."""


@dataclass(frozen=True, kw_only=True)
class Pass:
    """Whether a request passes, how many more may, and when the oldest leaves the window."""

    allowed: bool
    remaining: int
    reset_s: int


async def by_key(database: Database, key: str) -> UUID | None:
    """The partner with this API key, unless the key was revoked."""
    rows = await database.rows(
        "SELECT partner_id FROM partner_keys WHERE key_hash = %s AND revoked_at IS NULL",
        (digest(key),),
    )
    return rows[0]["partner_id"] if rows else None


def digest(key: str) -> bytes:
    """All that the database knows of a key."""
    return hashlib.sha256(key.encode()).digest()


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


def rotate(connection: psycopg.Connection, partner: str) -> str:
    """Another key for a partner, by its id or name; the one it has stays valid until revoked."""
    number = _lock(connection, partner)
    if len(valid(connection, number)) >= VALID:
        raise Unrotated(f"{partner} has {VALID} valid keys; revoke one of them first")
    key = f"pk_{secrets.token_hex(20)}"
    connection.execute(
        "INSERT INTO partner_keys (key_hash, partner_id) VALUES (%s, %s)", (digest(key), number)
    )
    return key


def revoke(connection: psycopg.Connection, partner: str, fingerprint: str) -> None:
    """End a key, named by the first digits of its hash (see ``valid``)."""
    number = _lock(connection, partner)
    done = connection.execute(
        "UPDATE partner_keys SET revoked_at = now() WHERE partner_id = %s"
        " AND revoked_at IS NULL AND left(encode(key_hash, 'hex'), %s) = %s",
        (number, FINGERPRINT, fingerprint),
    )
    if not done.rowcount:
        raise Unrotated(f"{partner} has no valid key {fingerprint}")


def valid(connection: psycopg.Connection, partner: UUID) -> list[tuple[str, str]]:
    """Fingerprint and time of each key that is valid, the oldest first."""
    return connection.execute(
        "SELECT left(encode(key_hash, 'hex'), %s), created_at::text FROM partner_keys"
        " WHERE partner_id = %s AND revoked_at IS NULL ORDER BY created_at, key_hash",
        (FINGERPRINT, partner),
    ).fetchall()


def listed(connection: psycopg.Connection, partner: str) -> list[tuple[str, str]]:
    """The same, for a partner's id or name."""
    return valid(connection, _lock(connection, partner))


def _lock(connection: psycopg.Connection, partner: str) -> UUID:
    found = connection.execute(
        "SELECT id FROM partners WHERE id::text = %s OR name = %s FOR UPDATE", (partner, partner)
    ).fetchall()
    if len(found) != 1:
        raise Unrotated(f"{len(found)} partners have the id or name {partner}")
    number: UUID = found[0][0]
    return number
