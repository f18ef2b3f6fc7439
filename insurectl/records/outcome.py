"""How a measurement was judged, and a number with its interval."""

from dataclasses import dataclass
from enum import StrEnum


class Outcome(StrEnum):
    """How a measurement was judged."""

    PASS = "pass"
    FAIL = "fail"
    INVALID = "invalid"
    INTERRUPTED = "interrupted"


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """A number with its 95 % interval and what it rests on."""

    value: float
    low: float
    high: float
    unit: str
    evidence: str
