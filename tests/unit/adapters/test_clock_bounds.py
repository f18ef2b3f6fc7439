"""How far clocks are apart is bounded by what was sent before and heard after."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insurectl.adapters.locust.clock_bounds import ClockBounds, together

DELAYS = st.floats(0, 0.4)


@given(st.floats(-1e6, 1e6), st.lists(st.tuples(DELAYS, DELAYS), min_size=1))
def test_the_truth_is_within_the_bounds(offset_s: float, ways: list[tuple[float, float]]) -> None:
    bounds = ClockBounds()
    for number, (there_s, back_s) in enumerate(ways):
        read_s = number + there_s
        bounds.read(read_s + offset_s, sent_s=number, heard_s=read_s + back_s)
    assert bounds.low_s - 1e-6 <= offset_s <= bounds.high_s + 1e-6
    assert bounds.high_s - bounds.low_s <= min(sum(way) for way in ways) + 1e-6


def test_a_line_alone_bounds_one_side() -> None:
    bounds = ClockBounds()
    bounds.read(100.0, heard_s=99.5)
    assert (bounds.low_s, bounds.high_s) == (0.5, float("inf"))


@pytest.mark.parametrize(
    ("bounds", "offsets_s", "problem"),
    [
        pytest.param([(4.9, 5.1), (5.0, 5.4)], (5.05, 5.05), "", id="one clock explains all"),
        pytest.param([(4.0, 6.0), (4.0, 6.0)], (5.0, 5.0), "known within 1.0 s", id="too slow"),
        pytest.param([(4.98, 5.0), (6.0, 6.04)], (4.99, 6.02), "", id="apart, and well known"),
        pytest.param([(4.8, 5.0), (6.0, 6.2)], (4.9, 6.1), "by up to 1.20 s", id="apart"),
    ],
)
def test_workers_begin_together(
    bounds: list[tuple[float, float]], offsets_s: tuple[float, ...], problem: str
) -> None:
    found = together([ClockBounds(low_s=low_s, high_s=high_s) for low_s, high_s in bounds])
    assert found.offsets_s == pytest.approx(offsets_s)
    assert problem in found.problem
    assert bool(problem) == bool(found.problem)
