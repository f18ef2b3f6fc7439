"""A month's statement for one insurer, written line by line: its totals are the sums of the lines
that stand above them, whatever is booked in the meantime, and no memory grows with the month."""

import csv
import io
import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import Decimal

from system.ins_comp_settlement import store
from system.ins_comp_settlement.domain import Entry, month_text
from system.shared.db import Database

PAGE = 500
COLUMNS = (
    *("entryId", "policyId", "issuedAt", "bookedAt", "lateFor", "currency"),
    *("premium", "commissionPercent", "commission", "owed"),
)
FORMULA = ("=", "+", "-", "@", "\t", "\r", "\n")  # with what a spreadsheet takes a cell for one


@dataclass(frozen=True, kw_only=True)
class Asked:
    """Which statement. ``closed_at``: None while the month is open and may still grow."""

    insurer: str
    month: date
    closed_at: datetime | None


@dataclass
class Totals:
    """The sums of what was written."""

    entries: int = 0
    premium: Decimal = Decimal("0.00")
    commission: Decimal = Decimal("0.00")
    owed: Decimal = Decimal("0.00")

    def add(self, entry: Entry) -> None:
        """Count one line."""
        self.entries += 1
        self.premium += entry.premium
        self.commission += entry.commission
        self.owed += entry.owed


async def as_json(database: Database, asked: Asked) -> AsyncIterator[str]:
    """One object; ``entries`` before ``totals``."""
    totals = Totals()
    head = {
        "insurer": asked.insurer,
        "month": month_text(asked.month),
        "closedAt": None if asked.closed_at is None else stamp(asked.closed_at),
    }
    yield json.dumps(head)[:-1] + ', "entries": ['
    comma = ""
    async for page in _pages(database, asked):
        parts = []
        for entry in page:
            totals.add(entry)
            parts.append(comma + json.dumps(view(entry)))
            comma = ",\n"
        yield "".join(parts)
    told = {
        "entries": totals.entries,
        "premium": str(totals.premium),
        "commission": str(totals.commission),
        "owed": str(totals.owed),
    }
    yield f'], "totals": {json.dumps(told)}}}\n'


async def as_csv(database: Database, asked: Asked) -> AsyncIterator[str]:
    """RFC 4180, a head line, a line an entry, a line of totals."""
    totals = Totals()
    yield _lines([COLUMNS])
    async for page in _pages(database, asked):
        rows = []
        for entry in page:
            totals.add(entry)
            told = view(entry)
            rows.append(tuple(_cell(told["id" if c == "entryId" else c]) for c in COLUMNS))
        yield _lines(rows)
    blank = ("", "", "", "", "")
    sums = (str(totals.premium), "", str(totals.commission), str(totals.owed))
    yield _lines([(f"total of {totals.entries}", *blank, *sums)])


def view(entry: Entry) -> dict[str, str | None]:
    """An entry as it leaves the service; amounts are text, so that nobody makes floats of them."""
    return {
        "id": str(entry.id),
        "policyId": str(entry.policy_id),
        "insurer": entry.insurer,
        "month": month_text(entry.month),
        "lateFor": None if entry.late_for is None else month_text(entry.late_for),
        "issuedAt": stamp(entry.issued_at),
        "bookedAt": stamp(entry.booked_at),
        "currency": entry.currency,
        "premium": str(entry.premium),
        "commissionPercent": percent_text(entry.commission_percent),
        "commission": str(entry.commission),
        "owed": str(entry.owed),
    }


def stamp(moment: datetime) -> str:
    """RFC 3339 in UTC."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")


def percent_text(percent: Decimal) -> str:
    """Without the zeros that the database adds."""
    return format(percent.normalize(), "f")


async def _pages(database: Database, asked: Asked) -> AsyncIterator[list[Entry]]:
    """A connection is held for the length of a page only: a slow reader holds none."""
    after = None
    while True:
        page = await store.page(
            database, insurer=asked.insurer, month=asked.month, after=after, limit=PAGE
        )
        if page:
            yield page
        if len(page) < PAGE:
            return
        after = page[-1].id


def _lines(rows: list[tuple[str, ...]]) -> str:
    text = io.StringIO()
    csv.writer(text).writerows(rows)
    return text.getvalue()


def _cell(text: str | None) -> str:
    """A quote in front of what a spreadsheet would compute (OWASP, CSV injection)."""
    told = text or ""
    return f"'{told}" if told.startswith(FORMULA) else told
