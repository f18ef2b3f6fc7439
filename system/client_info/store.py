"""The SQL of the client card; each function is one statement."""

from typing import Any
from uuid import UUID

from system.shared.db import Database

Row = dict[str, Any]


async def client(database: Database, client_id: UUID) -> Row | None:
    """One client; None for an unknown id."""
    rows = await database.rows(
        "SELECT id, name, birth_date,"
        " extract(year FROM age(birth_date))::int AS age FROM clients WHERE id = %s",
        (client_id,),
    )
    return rows[0] if rows else None


async def documents(database: Database, client_id: UUID) -> list[Row]:
    """All documents of a client, the newest first."""
    return await database.rows(
        "SELECT id, type, number, issue_date, expiry_date FROM documents"
        " WHERE client_id = %s ORDER BY issue_date DESC, id",
        (client_id,),
    )


async def relatives(database: Database, client_id: UUID) -> list[Row]:
    """All relatives of a client."""
    return await database.rows(
        "SELECT id, relation_type, name, age FROM relatives WHERE client_id = %s ORDER BY id",
        (client_id,),
    )


async def attributes(database: Database, client_id: UUID, group: str | None) -> list[Row]:
    """The attributes of a client, of one group or of all."""
    return await database.rows(
        "SELECT group_name, name, value FROM attributes WHERE client_id = %s"
        " AND (%s::text IS NULL OR group_name = %s) ORDER BY group_name, name",
        (client_id, group, group),
    )
