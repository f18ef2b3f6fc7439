"""Thresholds are met, missed, or had nothing to measure."""

import pytest

from insurectl.planning.histogram import record
from insurectl.planning.slo import Limits, judge, outcome, saturation
from insurectl.records import Outcome, RequestStats, Threshold, ThresholdResult

STATS = RequestStats(
    name="total",
    count=100,
    failed=2,
    p50_ms=None,
    p90_ms=None,
    p95_ms=None,
    p99_ms=None,
    max_ms=900.0,
    status_counts={"200": 90, "429": 8, "503": 2},
    histogram=record([100.0] * 94 + [500.0] * 6),
)


def threshold(metric: str, limit: float, sense: str = "max", request: str = "total") -> Threshold:
    return Threshold(metric=metric, request=request, limit=limit, sense=sense)  # type: ignore[arg-type] # a row of a table


@pytest.mark.parametrize(
    ("asked", "met"),
    [
        pytest.param(threshold("latency_p50_ms", 101), True, id="p50"),
        pytest.param(threshold("latency_p95_ms", 499), False, id="p95"),
        pytest.param(threshold("latency_max_ms", 900), True, id="max, inclusive"),
        pytest.param(threshold("error_ratio", 0.01), False, id="errors"),
        pytest.param(threshold("failed_count", 2), True, id="failed"),
        pytest.param(threshold("throughput_rps", 9.8, "min"), True, id="throughput"),
        pytest.param(threshold("throughput_rps", 9.9, "min"), False, id="too little"),
        pytest.param(threshold("shortfall_ratio", 0.02), False, id="shortfall"),
        pytest.param(threshold("status_429_count", 0), False, id="429"),
        pytest.param(threshold("status_429_ratio", 0.08), True, id="429 share"),
        pytest.param(threshold("status_503_count", 2), True, id="503"),
        pytest.param(threshold("failed_count", 0, request="nobody"), False, id="nothing measured"),
    ],
)
def test_a_threshold_is_judged_by_what_was_measured(asked: Threshold, met: bool) -> None:
    [result] = judge([asked], {"total": STATS}, lasted_s=10, shortfall=0.03)
    assert result.met is met


def result(*, met: bool) -> ThresholdResult:
    return ThresholdResult(
        metric="failed_count", request="total", limit=0, sense="max", measured=1, met=met
    )


@pytest.mark.parametrize(
    ("met", "invalid", "aborted", "expected"),
    [
        pytest.param(True, (), False, Outcome.PASS, id="all met"),
        pytest.param(False, (), False, Outcome.FAIL, id="one missed"),
        pytest.param(True, (), True, Outcome.FAIL, id="aborted"),
        pytest.param(False, ("saturated",), True, Outcome.INVALID, id="invalid says nothing"),
    ],
)
def test_an_outcome_says_the_most_that_it_can(
    met: bool, invalid: tuple[str, ...], aborted: bool, expected: Outcome
) -> None:
    assert outcome([result(met=met)], invalid, aborted) is expected


@pytest.mark.parametrize(
    ("generator_cpu", "shortfall", "host_cpu", "reasons"),
    [
        pytest.param(0.9, 0.01, 0.9, [], id="at the limits"),
        pytest.param(0.95, 0.0, 0.5, ["load generator was saturated"], id="the generator"),
        pytest.param(0.5, 0.02, 0.5, ["did not begin in time"], id="too little was played"),
        pytest.param(0.5, 0.0, 0.95, ["this machine was saturated"], id="the machine"),
        pytest.param(1.0, 1.0, 1.0, ["generator", "in time", "machine"], id="all"),
    ],
)
def test_what_was_saturated_is_said(
    generator_cpu: float, shortfall: float, host_cpu: float, reasons: list[str]
) -> None:
    found = saturation(
        generator_cpu=generator_cpu, shortfall=shortfall, host_cpu=host_cpu, limits=Limits()
    )
    assert len(found) == len(reasons)
    for text, reason in zip(found, reasons, strict=True):
        assert reason in text
