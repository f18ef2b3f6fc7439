"""How figures are written for people: few digits, an interval beside its value, UTC."""

import math
from datetime import UTC, datetime

from insurectl.records import Estimate, ThresholdResult

NOTHING = "no data"
SHARES = {"share", "ratio"}  # units that people read in percent


def number(value: float | None) -> str:
    """Three digits that count; whole from a hundred on, with thousands apart."""
    if value is None or not math.isfinite(value):
        return NOTHING
    size = abs(value)
    if size >= 99.95:
        return f"{value:,.0f}"
    if size >= 9.995:
        return _short(f"{value:.1f}")
    if size >= 0.9995:
        return _short(f"{value:.2f}")
    if size >= 0.00005:
        return _short(f"{value:.4f}" if size < 0.01 else f"{value:.3f}")
    return f"{value:.1e}" if value else "0"


def percent(share: float | None) -> str:
    """A share (1.0 = all) as percent."""
    return NOTHING if share is None else f"{number(100 * share)} %"


def quantity(value: float | None, unit: str) -> str:
    """A value without its unit's name: shares in percent."""
    return percent(value) if unit in SHARES else number(value)


def unit_name(unit: str) -> str:
    """The unit beside the value; nothing where the value says it or there is none."""
    return "" if unit in SHARES or unit == "1" else unit


def measure(value: float | None, unit: str) -> str:
    """A value with its unit."""
    if value is None or not math.isfinite(value):
        return NOTHING
    return f"{quantity(value, unit)} {unit_name(unit)}".strip()


def interval(low: float, high: float, unit: str) -> str:
    """From the low to the high end."""
    return f"{quantity(low, unit)} to {quantity(high, unit)}"


def estimated(one: Estimate) -> str:
    """Value, unit and 95 % interval."""
    return f"{measure(one.value, one.unit)} ({interval(one.low, one.high, one.unit)})"


def limit(one: ThresholdResult) -> str:
    """A threshold as it is read: sign, limit, unit."""
    return f"{'≤' if one.sense == 'max' else '≥'} {measure(one.limit, metric_unit(one.metric))}"


def metric_unit(metric: str) -> str:
    """The unit that stands at the end of a metric's name."""
    for end, unit in (("_ms", "ms"), ("_ratio", "share"), ("_rps", "requests/s")):
        if metric.endswith(end):
            return unit
    return "1"


def clock(at_s: float) -> str:
    """Time of day, UTC."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%H:%M:%S")


def moment(at_s: float) -> str:
    """Date and time of day, UTC."""
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")


def count(amount: int, one: str, many: str | None = None) -> str:
    """``1 request``, ``2 requests``."""
    return f"{amount:,} {one if amount == 1 else many or one + 's'}"


def _short(text: str) -> str:
    return text.rstrip("0").rstrip(".") if "." in text else text
