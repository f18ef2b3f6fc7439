"""What is owed to an insurer for a policy, and in which month."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from uuid import UUID

CENT = Decimal("0.01")
LARGEST = Decimal("999999999999.99")  # what a column of the register holds
HUNDRED = Decimal(100)


class Unusable(Exception):
    """An event that nothing can ever be booked from, with the reason."""


class MonthNotOver(Exception):
    """A month can't be closed while policies are still issued in it."""


@dataclass(frozen=True, kw_only=True)
class Policy:
    """A policy that was issued, as far as it matters here. ``month``: first day, in UTC."""

    id: UUID
    insurer: str
    product_id: UUID | None
    premium: Decimal
    currency: str
    issued_at: datetime

    @property
    def month(self) -> date:
        """The month it was issued in."""
        return month_of(self.issued_at)


@dataclass(frozen=True, kw_only=True)
class Product:
    """One of the copy, as far as it matters here."""

    id: UUID
    insurer: str
    code: str
    commission_percent: Decimal
    active: bool
    version: int


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One line of the register. ``late_for``: the month it was issued in, when that was closed."""

    id: UUID
    policy_id: UUID
    insurer: str
    month: date
    late_for: date | None
    premium: Decimal
    currency: str
    commission_percent: Decimal
    owed: Decimal
    issued_at: datetime
    booked_at: datetime

    @property
    def commission(self) -> Decimal:
        """What stays here."""
        return self.premium - self.owed


def commission(premium: Decimal, percent: Decimal) -> Decimal:
    """Rounded half to even, so that over many policies neither side gains."""
    return (premium * percent / HUNDRED).quantize(CENT, ROUND_HALF_EVEN)


def owed(premium: Decimal, percent: Decimal) -> Decimal:
    """What the insurer gets of a premium, rounded half to even to 0.01."""
    return (premium - premium * percent / HUNDRED).quantize(CENT, ROUND_HALF_EVEN)


def month_of(moment: datetime) -> date:
    """The first day of the moment's month in UTC."""
    try:
        return moment.astimezone(UTC).date().replace(day=1)
    except OverflowError:
        raise Unusable(f"{moment.isoformat()} is in no month") from None


def next_month(month: date) -> date:
    """The first day of the month after it."""
    if month.month == 12:
        return date(month.year + 1, 1, 1)
    return date(month.year, month.month + 1, 1)


def open_month(month: date, closed: Collection[date]) -> date:
    """The month itself, or the first one after it that is open."""
    while month in closed:
        month = next_month(month)
    return month


def parse_month(text: str) -> date:
    """From ``YYYY-MM``; ValueError for anything else."""
    if len(text) != 7 or not text.isascii():
        raise ValueError("a month is written YYYY-MM")
    return date.fromisoformat(f"{text}-01")


def month_text(month: date) -> str:
    """``YYYY-MM``."""
    return f"{month:%Y-%m}"


def premium_of(amount: str) -> Decimal:
    """An amount with at most two decimals; Unusable for anything else."""
    try:
        value = Decimal(amount)
    except InvalidOperation:
        raise Unusable(f"the premium {amount!r} is no amount") from None
    if not value.is_finite() or not 0 <= value <= LARGEST or value != value.quantize(CENT):
        raise Unusable(f"the premium {amount!r} can't be owed to anybody")
    return value.quantize(CENT)


def percent_of(text: str) -> Decimal:
    """A share from 0 to 100; Unusable for anything else."""
    try:
        value = Decimal(text)
    except InvalidOperation:
        raise Unusable(f"the commission {text!r} is no number") from None
    if not value.is_finite() or not 0 <= value <= HUNDRED:
        raise Unusable(f"a commission of {text} %")
    return value
