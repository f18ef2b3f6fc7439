"""What a consumer's database knows of events: which were applied, and how far each aggregate is.

Read and written for a whole batch, in its transaction and under the inbox's lock.
"""

from collections.abc import Mapping, Sequence
from typing import Any

from prometheus_client import Counter
from psycopg import AsyncConnection
from psycopg.types.json import Jsonb

Event = Mapping[str, Any]
Connection = AsyncConnection[Any]
DUPLICATES = Counter("inbox_duplicate_events_total", "Events that had been applied before.")

BEHIND = (
    "SELECT one FROM unnest(%s::uuid[]) one"
    " WHERE EXISTS (SELECT FROM inbox_waiting WHERE aggregate_id = one)"
)
WAIT = (
    "INSERT INTO inbox_waiting (aggregate_id, aggregate_version, event) VALUES (%s, %s, %s)"
    " ON CONFLICT DO NOTHING"
)
TAKE = (
    "DELETE FROM inbox_waiting WHERE aggregate_id = %s AND aggregate_version = %s RETURNING event"
)
KEEP_VERSIONS = (
    "INSERT INTO inbox_versions (aggregate_id, version)"
    " SELECT * FROM unnest(%s::uuid[], %s::bigint[])"
    " ON CONFLICT (aggregate_id) DO UPDATE SET version = excluded.version"
)
KEEP_IDS = "INSERT INTO inbox (event_id) SELECT unnest(%s::uuid[]) ON CONFLICT DO NOTHING"


class Books:
    """``deduplicate`` and ``ordered`` are only ever off in proofs; see ``inbox.Consumer``."""

    def __init__(self, connection: Connection, *, deduplicate: bool, ordered: bool) -> None:
        self._connection = connection
        self._deduplicate, self._ordered = deduplicate, ordered
        self._known: set[str] = set()
        self._versions: dict[str, int] = {}
        self._behind: set[str] = set()
        self._applied: list[Event] = []

    async def read(self, events: Sequence[Event]) -> None:
        """Everything that is known of these events and their aggregates."""
        ids = [event["event_id"] for event in events]
        aggregates = sorted({event["aggregate_id"] for event in events})
        known = "SELECT event_id FROM inbox WHERE event_id = ANY(%s::uuid[])"
        self._known = {str(row["event_id"]) for row in await self._rows(known, ids)}
        at = "SELECT aggregate_id, version FROM inbox_versions WHERE aggregate_id = ANY(%s::uuid[])"
        rows = await self._rows(at, aggregates)
        self._versions = {str(row["aggregate_id"]): row["version"] for row in rows}
        self._behind = {str(row["one"]) for row in await self._rows(BEHIND, aggregates)}

    async def due(self, event: Event) -> Event | None:
        """The event when it is to be applied now; else it was before, or is kept for later."""
        at = self._versions.get(event["aggregate_id"], 0)
        version = event["aggregate_version"]
        if self._deduplicate and self._seen(event, at):
            DUPLICATES.inc()
            return None
        if self._ordered and version > at + 1:
            values = (event["aggregate_id"], version, Jsonb(event))
            await self._connection.execute(WAIT, values)
            self._behind.add(event["aggregate_id"])
            return None
        return event

    def _seen(self, event: Event, at: int) -> bool:
        # without order a smaller version may well be new
        before = self._ordered and event["aggregate_version"] <= at
        return before or event["event_id"] in self._known

    async def applied(self, event: Event) -> Event | None:
        """Note it; the next of its aggregate when that is already waiting."""
        aggregate, version = event["aggregate_id"], event["aggregate_version"]
        self._known.add(event["event_id"])
        self._versions[aggregate] = max(version, self._versions.get(aggregate, 0))
        self._applied.append(event)
        if not self._ordered or aggregate not in self._behind:
            return None
        taken = await self._connection.execute(TAKE, (aggregate, self._versions[aggregate] + 1))
        row = await taken.fetchone()
        found: Event | None = row["event"] if row else None
        return found

    async def write(self) -> Sequence[Event]:
        """Put down what was applied; it is told to the caller."""
        if self._applied:
            changed = sorted({event["aggregate_id"] for event in self._applied})
            versions = [self._versions[one] for one in changed]
            await self._connection.execute(KEEP_VERSIONS, (changed, versions))
            ids = [event["event_id"] for event in self._applied]
            await self._connection.execute(KEEP_IDS, (ids,))
        return self._applied

    async def _rows(self, sql: str, values: Sequence[str]) -> list[dict[str, Any]]:
        cursor = await self._connection.execute(sql.encode(), (list(values),))
        rows: list[dict[str, Any]] = await cursor.fetchall()
        return rows
