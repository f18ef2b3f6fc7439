"""What a run measured, in the figures that were foreseen."""

import pytest

from insurectl.planning import histogram
from insurectl.planning.windows import MeasuredEffect, measured_effect
from insurectl.records import LoadResult, Outcome, RequestStats, Series, Timeline

FAST_AND_SLOW = histogram.record([100.0] * 80 + [900.0] * 20)


def load(latencies: dict[int, int], *, failed: int = 0, lasts_s: int = 4) -> LoadResult:
    count = sum(latencies.values())
    total = RequestStats(
        name="total", count=count, failed=failed, p50_ms=None, p90_ms=None, p95_ms=None,
        p99_ms=None, max_ms=None, status_counts={}, histogram=latencies,
    )  # fmt: skip
    return LoadResult(
        run_id="run", scenario="trace", seed=1, model="open", base_url="http://127.0.0.1:1",
        started_s=1000.0, ended_s=1000.0 + lasts_s, warmup_s=0.0, outcome=Outcome.PASS,
        reasons=(), scale=1.0, scheduled=count, sent=count, shortfall=0.0, late_p99_ms=1.0,
        generator_cpu=0.1, host_cpu=0.2, total=total, requests=(), seconds=(),
        offered_rps=(5.0,) * lasts_s,
    )  # fmt: skip


def series(zone: str, counts: dict[float, float], *, name: str = "replicas",
           service: str = "core-app") -> Series:  # fmt: skip
    return Series(
        name=name, zone=zone, service=service, labels={}, unit="1", query="",
        times_s=tuple(counts), values=tuple(counts.values()),
    )  # fmt: skip


def measured(one: LoadResult, *found: Series) -> MeasuredEffect:
    timeline = Timeline(run_id="run", started_s=990.0, ended_s=1010.0, series=found, decisions=())
    return measured_effect(one, timeline, service="core-app", slo_ms=500.0, slo_quantile=0.95)


@pytest.mark.parametrize(
    ("found", "mean", "most"),
    [
        pytest.param(
            [series("a", {1000: 2, 1002: 4}), series("b", {1000: 1, 1002: 1})], 4.0, 5.0,
            id="zones together",
        ),
        pytest.param(
            [series("a", {998: 9, 1000: 2, 1004: 2, 1006: 9})], 2.0, 2.0,
            id="only while load was offered",
        ),
        pytest.param(
            [series("a", {1000: 2, 1002: 4}), series("b", {1000: 1})], 3.0, 3.0,
            id="only where every zone was seen",
        ),
        pytest.param(
            [series("a", {1000.01: 2}), series("b", {1000.03: 1})], 3.0, 3.0,
            id="clocks hardly apart",
        ),
        pytest.param(
            [
                series("a", {1000: 2}),
                series("a", {1000: 7}, service="client-info"),
                series("a", {1000: 8}, name="ready_replicas"),
            ], 2.0, 2.0,
            id="nothing of other services and series",
        ),
    ],
)  # fmt: skip
def test_replicas(found: list[Series], mean: float, most: float) -> None:
    effect = measured(load(FAST_AND_SLOW), *found)
    assert (effect.replicas_mean, effect.replicas_max) == (mean, most)
    assert effect.replica_seconds == mean * 4


@pytest.mark.parametrize(
    "found",
    [
        pytest.param([], id="no series"),
        pytest.param([series("a", {})], id="an empty one"),
        pytest.param([series("a", {900: 2})], id="all of another time"),
        pytest.param([series("a", {1000: 2}), series("b", {1002: 2})], id="never both zones"),
    ],
)
def test_replicas_that_were_not_seen_are_no_figure(found: list[Series]) -> None:
    effect = measured(load(FAST_AND_SLOW), *found)
    assert (effect.replicas_mean, effect.replicas_max, effect.replica_seconds) == (None,) * 3


@pytest.mark.parametrize(
    ("latencies", "failed", "quantile_ms", "miss_ratio"),
    [
        pytest.param(FAST_AND_SLOW, 0, 900.0, 0.2, id="a fifth is slow"),
        pytest.param(histogram.record([100.0] * 10), 0, 100.0, 0.0, id="none is"),
        pytest.param(histogram.record([100.0] * 10), 4, 100.0, 0.4, id="failed quickly"),
        pytest.param(histogram.record([900.0] * 10), 4, 900.0, 1.0, id="slow, some failed too"),
        pytest.param(FAST_AND_SLOW, 10, 900.0, 0.28, id="failed ones are slow as often"),
    ],
)
def test_latency_and_misses(
    latencies: dict[int, int], failed: int, quantile_ms: float, miss_ratio: float
) -> None:
    effect = measured(load(latencies, failed=failed))
    assert effect.quantile_ms == pytest.approx(quantile_ms, rel=0.003)
    assert effect.miss_ratio == pytest.approx(miss_ratio)


def test_without_an_answer_there_is_no_latency() -> None:
    effect = measured(load({}), series("a", {1000: 2}))
    assert (effect.quantile_ms, effect.miss_ratio) == (None, None)
    assert effect.replicas_mean == 2
