"""Kubernetes' own notations as plain numbers: quantities and times."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import ROUND_CEILING, Decimal, InvalidOperation
from typing import Any

from insurectl.errors import BadInput

# an object as the API server writes it; its shape is the cluster's, so no record can hold it
Object = dict[str, Any]

FACTORS = {
    **{"n": 1e-9, "u": 1e-6, "m": 1e-3, "": 1.0},
    **{"k": 1e3, "M": 1e6, "G": 1e9, "T": 1e12, "P": 1e15, "E": 1e18},
    **{"Ki": 2.0**10, "Mi": 2.0**20, "Gi": 2.0**30, "Ti": 2.0**40, "Pi": 2.0**50, "Ei": 2.0**60},
}
SMALL = {"n": Decimal("1e-9"), "u": Decimal("1e-6"), "m": Decimal("1e-3")}
MIB = 2.0**20


def quantity(text: str | float) -> float:
    """``500m`` is 0.5, ``2Gi`` is 2147483648, ``1e3`` is 1000; BadInput for anything else."""
    plain = str(text).strip()
    number = plain.rstrip("numkKMGTPEi")
    try:
        return float(number) * FACTORS[plain[len(number) :]]
    except (KeyError, ValueError):
        raise BadInput(f"{text!r} is no Kubernetes quantity (such as 500m or 2Gi)") from None


def milli(text: str) -> int:
    """A quantity's thousandths, rounded up and exact where floats are not; BadInput for what is
    none, is below 0, or is beyond what the API holds."""
    plain = text.strip()
    number = plain.rstrip("numkKMGTPEi")
    suffix = plain[len(number) :]
    try:
        factor = Decimal(FACTORS[suffix]) if FACTORS[suffix] >= 1 else SMALL[suffix]
        found = Decimal(number) * factor * 1000
        value = int(found.to_integral_value(ROUND_CEILING))
    except (KeyError, InvalidOperation, ValueError, OverflowError):
        raise BadInput(f"{text!r} is no Kubernetes quantity (such as 500m or 2Gi)") from None
    if not 0 <= value < 2**63:
        raise BadInput(f"{text!r} can't be used; give 0 or more, and less than 2^63 thousandths")
    return value


def cpu_millis(resources: Mapping[str, str]) -> float:
    """Thousandths of a core; 0 where none is named."""
    return 1000 * quantity(resources.get("cpu", "0"))


def memory_mib(resources: Mapping[str, str]) -> float:
    """0 where none is named."""
    return quantity(resources.get("memory", "0")) / MIB


def seconds(text: str | None) -> float | None:
    """Seconds since the epoch of an RFC 3339 time; None for None or an empty text."""
    if not text:
        return None
    moment = datetime.fromisoformat(text)
    return (moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp()
