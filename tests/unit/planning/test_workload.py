"""What is due: rates by the second, and arrivals from a seed."""

import statistics

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insurectl.planning.workload import arrivals, stage_rates, trace_rates
from insurectl.records import Stage, TraceWindow

RATES = st.lists(st.floats(0, 50), min_size=1, max_size=30)


@pytest.mark.parametrize(
    ("stages", "expected"),
    [
        pytest.param([Stage(duration_s=3, start=5, end=5)], [5, 5, 5], id="a step"),
        pytest.param([Stage(duration_s=4, start=0, end=8)], [1, 3, 5, 7], id="a ramp"),
        pytest.param(
            [Stage(duration_s=1, start=2, end=2), Stage(duration_s=2, start=2, end=0)],
            [2, 1.5, 0.5],
            id="one after the other",
        ),
    ],
)
def test_a_stage_gives_the_level_of_each_second(stages: list[Stage], expected: list[float]) -> None:
    assert list(stage_rates(stages)) == pytest.approx(expected)


def test_a_trace_is_scaled_by_its_own_peak_and_its_parts_are_kept_apart() -> None:
    trace = TraceWindow(
        file="t.txt",
        rates=(10, 20, 40, 30),
        from_s=0,
        to_s=2,
        verify_from_s=2,
        verify_to_s=4,
        peak_rps=4,
    )
    assert trace_rates(trace, "tune") == (1, 2)
    assert trace_rates(trace, "verify") == (4, 3)


@given(rates=RATES, seed=st.integers(0, 100), kind=st.sampled_from(["poisson", "even"]))
def test_arrivals_ascend_and_come_only_where_something_is_due(
    rates: list[float], seed: int, kind: str
) -> None:
    due = arrivals(rates, seed, kind)  # type: ignore[arg-type] # one of the two
    assert due == sorted(due)
    assert all(rates[min(int(at), len(rates) - 1)] > 0 for at in due)


def test_the_same_seed_gives_the_same_arrivals() -> None:
    assert arrivals([20] * 30, 7, "poisson") == arrivals([20] * 30, 7, "poisson")
    assert arrivals([20] * 30, 7, "poisson") != arrivals([20] * 30, 8, "poisson")


def test_even_arrivals_are_as_many_as_due() -> None:
    assert len(arrivals([10] * 10, 1, "even")) == 100


def test_poisson_arrivals_vary_as_poisson_does() -> None:
    counts = [len(arrivals([10] * 10, seed, "poisson")) for seed in range(400)]
    # mean and variance of a Poisson count are both 100; the bounds are five standard errors
    assert statistics.mean(counts) == pytest.approx(100, abs=2.5)
    assert statistics.variance(counts) == pytest.approx(100, abs=36)
