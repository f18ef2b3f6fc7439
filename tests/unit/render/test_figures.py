"""Figures as people read them."""

import math

import pytest

from insurectl.render import figures
from tests.unit.render import samples


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (None, "no data"), (math.nan, "no data"), (math.inf, "no data"), (0, "0"),
        (0.0004, "0.0004"),
        (0.000001, "1.0e-06"), (0.0123, "0.012"), (0.5, "0.5"), (1.0, "1"), (9.996, "10"),
        (21.44, "21.4"), (99.96, "100"), (1234.5, "1,234"), (-3.2, "-3.2"), (1e6, "1,000,000"),
    ],
)  # fmt: skip
def test_number(value: float | None, said: str) -> None:
    assert figures.number(value) == said


@pytest.mark.parametrize(
    ("value", "unit", "said"),
    [
        (0.004, "share", "0.4 %"), (0.01, "ratio", "1 %"), (3, "1", "3"), (21.4, "MiB", "21.4 MiB"),
        (None, "ms", "no data"), (math.nan, "ms", "no data"), (None, "share", "no data"),
    ],
)  # fmt: skip
def test_measure(value: float | None, unit: str, said: str) -> None:
    assert figures.measure(value, unit) == said


@pytest.mark.parametrize(
    ("written", "said"),
    [
        pytest.param(figures.interval(0.1, 0.2, "s"), "0.1 to 0.2", id="interval"),
        pytest.param(figures.limit(samples.load().thresholds[0]), "≤ 600 ms", id="limit"),
        pytest.param(figures.count(1, "request"), "1 request", id="one"),
        pytest.param(figures.count(2000, "request"), "2,000 requests", id="many"),
    ],
)
def test_words(written: str, said: str) -> None:
    assert written == said


def test_times_are_utc() -> None:
    assert figures.moment(0) == "1970-01-01 00:00:00 UTC"
    assert figures.clock(3661) == "01:01:01"
