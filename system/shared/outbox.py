"""Transactional outbox: an event is a row of the transaction that it tells of; a relay a zone
publishes every row to that zone's broker."""

import json
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

from system.shared import contracts
from system.shared.ids import uuid7
from system.shared.relay import Relay

__all__ = ["Relay", "add"]


async def add(
    connection: AsyncConnection[Any],
    *,
    event_type: str,
    version: int,
    aggregate_id: UUID,
    aggregate_version: int,
    payload: Mapping[str, Any],
) -> UUID:
    """Add an event to the caller's transaction; its id.

    ``event_type`` without the version (``policies.issued``, 1). ``aggregate_version``: 1, 2, ...
    without gaps, given under the lock of the aggregate's row: consumers apply in that order. Raises
    ``contracts.Refused`` for what the event's schema does not allow.
    """
    event_id, occurred_at = uuid7(), datetime.now(UTC)
    event = {
        "event_id": str(event_id),
        "event_type": event_type,
        "version": version,
        "aggregate_id": str(aggregate_id),
        "aggregate_version": aggregate_version,
        "occurred_at": occurred_at.isoformat(),
        "payload": payload,
    }
    contracts.check(json.loads(json.dumps(event)))  # as it will be read
    await connection.execute(
        "INSERT INTO outbox (event_id, event_type, version, aggregate_id, aggregate_version,"
        " occurred_at, payload) VALUES (%s, %s, %s, %s, %s, %s, %s)",
        (
            event_id,
            event_type,
            version,
            aggregate_id,
            aggregate_version,
            occurred_at,
            Jsonb(payload),
        ),
    )
    return event_id
