"""The SQL of applications, and of the lists that a person reads."""

from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from system.core_app.domain import Application, Asked, Owner, Page, Policy, Product
from system.shared.db import Database

COLUMNS = "id, client_id, client_name, vehicle, starts_on, status, created_at"
POLICY = (
    "id, number, application_id, offer_id, client_id, insurer, product_id, premium, currency,"
    " starts_on, issued_at"
)
Listed = TypeVar("Listed", Application, Policy, Product)
PRODUCT = "id, insurer, code, name, kind, base_rate, valid_from"
# on the web the client decides, since rows of the first version have another owner
OWNED = "channel = %s AND owner = ANY(%s) AND (channel = 'partner' OR client_id = %s)"


def owned(owner: Owner) -> tuple[object, ...]:
    """The values of ``OWNED``."""
    return owner.channel, list(owner.names), owner.id


async def by_key(database: Database, owner: Owner, key: str) -> tuple[Application, bytes] | None:
    """The application that this key made, and the digest of its request."""
    rows = await database.rows(
        f"SELECT {COLUMNS}, request_hash FROM applications"  # no input in it
        f" WHERE {OWNED} AND idempotency_key = %s",
        (*owned(owner), key),
    )
    if not rows:
        return None
    digest = bytes(rows[0].pop("request_hash"))
    return Application(**rows[0]), digest


async def by_id(database: Database, application_id: UUID, owner: Owner) -> Application | None:
    """One application of this owner; None for any other."""
    rows = await database.rows(
        f"SELECT {COLUMNS} FROM applications WHERE id = %s AND {OWNED}",  # no input in it
        (application_id, *owned(owner)),
    )
    return Application(**rows[0]) if rows else None


async def insert(
    database: Database,
    application: Application,
    asked: Asked,
    owner: Owner,
    key: str,
    collector: UUID,
) -> bool:
    """Keep it; False when another request with the same key was first."""
    rows = await database.rows(
        "INSERT INTO applications (id, client_id, client_name, channel, owner, idempotency_key,"
        " request_hash, vehicle, starts_on, status, created_at, collector)"
        " VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s)"
        " ON CONFLICT (channel, owner, idempotency_key) DO NOTHING RETURNING id",
        (
            application.id,
            application.client_id,
            application.client_name,
            owner.channel,
            owner.names[0],
            key,
            asked.digest(),
            asked.vehicle.model_dump_json(),
            asked.startsOn,
            application.status,
            application.created_at,
            collector,
        ),
    )
    return bool(rows)


async def applications_of(
    database: Database, client_id: UUID, first: int, after: UUID | None
) -> Page[Application]:
    """The newest first; ids grow with time."""
    rows = await database.rows(
        f"SELECT {COLUMNS} FROM applications WHERE channel = 'web' AND client_id = %s"
        " AND (%s::uuid IS NULL OR id < %s) ORDER BY id DESC LIMIT %s",
        (client_id, after, after, first + 1),
    )
    return _page([Application(**row) for row in rows], first)


async def policies_of(
    database: Database, client_id: UUID, first: int, after: UUID | None
) -> Page[Policy]:
    """The newest first."""
    rows = await database.rows(
        f"SELECT {POLICY} FROM policies WHERE channel = 'web' AND client_id = %s"
        " AND (%s::uuid IS NULL OR id < %s) ORDER BY id DESC LIMIT %s",
        (client_id, after, after, first + 1),
    )
    return _page([Policy(**row) for row in rows], first)


async def products_of(
    database: Database, insurer: str | None, first: int, after: UUID | None
) -> Page[Product]:
    """Those that are sold now, of one insurer or of all."""
    rows = await database.rows(
        f"SELECT {PRODUCT} FROM products WHERE active"
        " AND (%s::text IS NULL OR insurer = %s) AND (%s::uuid IS NULL OR id > %s)"
        " ORDER BY id LIMIT %s",
        (insurer, insurer, after, after, first + 1),
    )
    return _page([Product(**row) for row in rows], first)


async def policies_by_application(
    database: Database, applications: Sequence[UUID]
) -> dict[UUID, Policy]:
    """The policies of these applications, as far as they have one."""
    rows = await database.rows(
        f"SELECT {POLICY} FROM policies WHERE application_id = ANY(%s)", (list(applications),)
    )
    return {row["application_id"]: Policy(**row) for row in rows}


async def policy(database: Database, policy_id: UUID, owner: Owner) -> Policy | None:
    """One policy of this owner; None for any other."""
    rows = await database.rows(
        f"SELECT {POLICY} FROM policies WHERE id = %s AND {OWNED}",  # no input in it
        (policy_id, *owned(owner)),
    )
    return Policy(**rows[0]) if rows else None


def _page(rows: list[Listed], first: int) -> Page[Listed]:
    shown = rows[:first]
    return Page(nodes=shown, after=shown[-1].id if shown and len(rows) > first else None)
