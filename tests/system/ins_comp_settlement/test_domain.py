"""Amounts and months."""

from datetime import date, datetime
from decimal import Decimal

import pytest
from hypothesis import given
from hypothesis import strategies as st

from system.ins_comp_settlement.domain import (
    LARGEST,
    Unusable,
    month_of,
    open_month,
    owed,
    parse_month,
    percent_of,
    premium_of,
)


@pytest.mark.parametrize(
    ("premium", "percent", "expected"),
    [
        pytest.param("1000.00", "10", "900.00", id="plain"),
        pytest.param("0.05", "10", "0.04", id="0.045 goes to the even 0.04"),
        pytest.param("0.15", "10", "0.14", id="0.135 goes to the even 0.14"),
        pytest.param("0.25", "10", "0.22", id="0.225 goes to the even 0.22"),
        pytest.param("100.00", "0", "100.00", id="no commission"),
        pytest.param("100.00", "100", "0.00", id="all of it"),
        pytest.param("999999999999.99", "0.000001", "999999989999.99", id="the largest"),
    ],
)
def test_what_is_owed_is_rounded_half_to_even(premium: str, percent: str, expected: str) -> None:
    assert str(owed(Decimal(premium), Decimal(percent))) == expected


@given(
    st.decimals(0, LARGEST, places=2, allow_nan=False),
    st.decimals(0, 100, places=6, allow_nan=False),
)
def test_nothing_is_owed_beyond_the_premium_and_no_cent_is_lost(
    premium: Decimal, percent: Decimal
) -> None:
    due = owed(premium, percent)
    assert 0 <= due <= premium
    assert abs(premium - premium * percent / 100 - due) <= Decimal("0.005")


@pytest.mark.parametrize(
    ("moment", "expected"),
    [
        pytest.param("2026-03-31T23:59:59.999999+00:00", date(2026, 3, 1), id="the last moment"),
        pytest.param("2026-04-01T00:00:00Z", date(2026, 4, 1), id="the first"),
        pytest.param("2026-04-01T02:59:59+03:00", date(2026, 3, 1), id="April in Moscow only"),
        pytest.param("2026-12-31T22:00:00-05:00", date(2027, 1, 1), id="next year in UTC"),
    ],
)
def test_months_are_those_of_utc(moment: str, expected: date) -> None:
    assert month_of(datetime.fromisoformat(moment)) == expected


def test_a_moment_outside_the_calendar_is_in_no_month() -> None:
    with pytest.raises(Unusable):
        month_of(datetime.fromisoformat("0001-01-01T00:00:00+14:00"))


@pytest.mark.parametrize(
    ("closed", "expected"),
    [
        pytest.param([], date(2026, 11, 1), id="open"),
        pytest.param([date(2026, 11, 1)], date(2026, 12, 1), id="closed: the next"),
        pytest.param([date(2026, 12, 1)], date(2026, 11, 1), id="another is closed"),
        pytest.param(
            [date(2026, 11, 1), date(2026, 12, 1)], date(2027, 1, 1), id="over the new year"
        ),
    ],
)
def test_a_closed_month_gives_its_late_entries_to_the_next_open_one(
    closed: list[date], expected: date
) -> None:
    assert open_month(date(2026, 11, 1), closed) == expected


@pytest.mark.parametrize(
    "text", ["2026-00", "2026-13", "2026-1", "0000-01", "202601", "2026-01-01", "\u0662026-01", ""]
)
def test_what_is_no_month_is_refused(text: str) -> None:
    with pytest.raises(ValueError, match=r"month|Invalid isoformat|out of range"):
        parse_month(text)


@pytest.mark.parametrize("text", ["-0.01", "1.001", "NaN", "Infinity", "1e13", "one", ""])
def test_what_is_no_premium_can_never_be_booked(text: str) -> None:
    with pytest.raises(Unusable):
        premium_of(text)


@pytest.mark.parametrize("text", ["-1", "100.000001", "NaN", "ten"])
def test_what_is_no_share_is_no_commission(text: str) -> None:
    with pytest.raises(Unusable):
        percent_of(text)
