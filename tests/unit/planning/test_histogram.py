"""Percentiles within 0.5 % of the exact ones, also merged."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insurectl.planning.histogram import merge, percentile, record, share_above

latencies = st.lists(st.floats(0.01, 60_000), min_size=1, max_size=300)


def exact(values: list[float], share: float) -> float:
    """By nearest rank."""
    return sorted(values)[max(math.ceil(share * len(values)), 1) - 1]


@given(values=latencies, share=st.sampled_from([0.5, 0.9, 0.95, 0.99, 1.0]))
def test_is_within_half_a_percent_of_the_exact_percentile(
    values: list[float], share: float
) -> None:
    assert percentile(record(values), share) == pytest.approx(exact(values, share), rel=0.005)


@given(one=latencies, other=latencies)
def test_merged_is_as_if_recorded_together(one: list[float], other: list[float]) -> None:
    assert merge([record(one), record(other)]) == record(one + other)


def test_an_empty_histogram_has_no_percentile() -> None:
    assert percentile({}, 0.5) is None


@pytest.mark.parametrize("share", [-0.1, 1.1])
def test_a_share_outside_zero_to_one_is_refused(share: float) -> None:
    with pytest.raises(ValueError, match="share"):
        percentile({1: 1}, share)


def test_counts_what_is_slower_than_a_limit() -> None:
    assert share_above(record([10, 20, 300, 400]), 100) == 0.5
