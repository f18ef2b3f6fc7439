"""Numbers as the controller has them: Go on amd64, where they wrap, truncate and overflow.

A float that no int32 (int64) can hold becomes the lowest one there, also for +inf and NaN.
"""

import math
from decimal import ROUND_CEILING, Decimal
from functools import lru_cache

MAX_INT32, MIN_INT32 = 2**31 - 1, -(2**31)
MAX_INT64, MIN_INT64 = 2**63 - 1, -(2**63)


def wrap32(value: int) -> int:
    """The low 32 bits, signed."""
    return (value - MIN_INT32) % 2**32 + MIN_INT32


def wrap64(value: int) -> int:
    """The low 64 bits, signed."""
    return (value - MIN_INT64) % 2**64 + MIN_INT64


def quotient(dividend: int, divisor: int) -> int:
    """Integer division towards zero; Python's own goes down."""
    whole = abs(dividend) // abs(divisor)
    return whole if (dividend < 0) == (divisor < 0) else -whole


def divide(dividend: float, divisor: float) -> float:
    """IEEE division: by zero it gives an infinity or NaN, not an error."""
    if divisor:
        return dividend / divisor
    return math.nan if not dividend else math.copysign(math.inf, dividend)


def int32(value: float) -> int:
    """Towards zero."""
    return int(value) if MIN_INT32 - 1 < value < MAX_INT32 + 1 else MIN_INT32


def int64(value: float) -> int:
    """Towards zero."""
    return int(value) if MIN_INT64 <= value < -float(MIN_INT64) else MIN_INT64


def ceil(value: float) -> float:
    """A float still, as infinity and NaN have no whole number."""
    return float(math.ceil(value)) if math.isfinite(value) else value


def thousandths(value: float) -> int:
    """A quantity's milli-value, rounded up: of what is written (8.2 is 8200), not of the float."""
    return int(Decimal(str(value)).scaleb(3).to_integral_value(ROUND_CEILING))


@lru_cache(maxsize=64)
def approximate(value: float) -> float:
    """A quantity as a float: the API server keeps 0.0573 as ``57300u``, so it is 57300 * 1e-6."""
    for digits, unit in ((0, 1.0), (3, 1e-3), (6, 1e-6)):
        unscaled = Decimal(str(value)).scaleb(digits)
        if unscaled == unscaled.to_integral_value():
            return float(unscaled) * unit
    return float(Decimal(str(value)).scaleb(9).to_integral_value(ROUND_CEILING)) * 1e-9
