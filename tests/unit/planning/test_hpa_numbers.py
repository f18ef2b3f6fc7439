"""Numbers as Go has them on amd64."""

import math

import pytest

from insurectl.planning.hpa_numbers import (
    MAX_INT32,
    MAX_INT64,
    MIN_INT32,
    MIN_INT64,
    approximate,
    ceil,
    divide,
    int32,
    int64,
    quotient,
    thousandths,
    wrap32,
    wrap64,
)


@pytest.mark.parametrize(
    ("value", "small", "large"),
    [
        pytest.param(2147483647.0, MAX_INT32, 2147483647, id="the most of an int32"),
        pytest.param(2147483648.0, MIN_INT32, 2147483648, id="one more"),
        pytest.param(4294967301.0, MIN_INT32, 4294967301, id="it does not wrap"),
        pytest.param(-2147483649.0, MIN_INT32, -2147483649, id="one less than the least"),
        pytest.param(9.3e18, MIN_INT32, MIN_INT64, id="beyond an int64"),
        pytest.param(math.inf, MIN_INT32, MIN_INT64, id="infinity"),
        pytest.param(math.nan, MIN_INT32, MIN_INT64, id="no number"),
        pytest.param(-1.9, -1, -1, id="towards zero"),
    ],
)
def test_a_float_becomes_an_integer_as_in_go(value: float, small: int, large: int) -> None:
    assert (int32(value), int64(value)) == (small, large)


def test_integers_wrap() -> None:
    assert [wrap32(MAX_INT32 + 1), wrap32(MIN_INT32 - 1), wrap32(7)] == [MIN_INT32, MAX_INT32, 7]
    assert [wrap64(MAX_INT64 + 1), wrap64(-7)] == [MIN_INT64, -7]


@pytest.mark.parametrize(
    ("dividend", "divisor", "expected"),
    [
        pytest.param(7, 2, 3, id="both positive"),
        pytest.param(-7, 2, -3, id="one negative"),
        pytest.param(-7, -2, 3, id="both negative"),
        pytest.param(MAX_INT64, 3, 3074457345618258602, id="beyond a float's digits"),
    ],
)
def test_integers_are_divided_towards_zero(dividend: int, divisor: int, expected: int) -> None:
    assert quotient(dividend, divisor) == expected


def test_floats_are_divided_by_zero_and_rounded_up_beyond_any_integer() -> None:
    assert (divide(1.0, 0.0), divide(-1.0, 0.0), divide(3.0, 2.0)) == (math.inf, -math.inf, 1.5)
    assert math.isnan(divide(0.0, 0.0))
    assert (ceil(math.inf), ceil(1.1), ceil(-1.1)) == (math.inf, 2.0, -1.0)
    assert math.isnan(ceil(math.nan))


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param(8.2, 8200, id="not what 8.2 * 1000 is cut to"),
        pytest.param(1.001, 1001, id="nor this"),
        pytest.param(0.0001, 1, id="rounded up"),
        pytest.param(15.0, 15000, id="whole"),
        pytest.param(1e6, 10**9, id="large"),
    ],
)
def test_a_quantity_has_thousandths(written: float, expected: int) -> None:
    assert thousandths(written) == expected


@pytest.mark.parametrize(
    ("written", "expected"),
    [
        pytest.param(0.1, 100 * 1e-3, id="thousandths"),
        pytest.param(0.009, 9 * 1e-3, id="this is not 0.009"),
        pytest.param(0.0573, 57300 * 1e-6, id="millionths"),
        pytest.param(1e-10, 1e-9, id="no finer than that"),
        pytest.param(2.0, 2.0, id="whole"),
    ],
)
def test_a_quantity_is_read_as_a_multiple_of_its_unit(written: float, expected: float) -> None:
    assert approximate(written) == expected
