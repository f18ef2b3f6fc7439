"""Predicted against measured."""

from dataclasses import replace

import pytest

from insurectl.planning.verdict import compare, judge
from insurectl.planning.windows import MeasuredEffect
from insurectl.records import (
    Comparison,
    Effect,
    Estimate,
    LoadResult,
    Outcome,
    Recommendation,
    RequestStats,
    ThresholdResult,
    Tuning,
    Verdict,
)

MET = MeasuredEffect(
    replicas_mean=4.0, replicas_max=6.0, quantile_ms=400.0, miss_ratio=0.03, replica_seconds=400.0
)
NOTHING = MeasuredEffect(
    replicas_mean=None, replicas_max=None, quantile_ms=None, miss_ratio=None, replica_seconds=None
)


def estimate(value: float, low: float, high: float, unit: str) -> Estimate:
    return Estimate(value=value, low=low, high=high, unit=unit, evidence="40 simulations")


RECOMMENDATION = Recommendation(
    run_id="run", service="core-app", before=Tuning(services=()), after=Tuning(services=()),
    rule="", reasons=(), warnings=(), candidates=(), searched=1, seed=1,
    effect=Effect(
        replicas_mean=estimate(4.0, 3.5, 4.5, "replicas"),
        replicas_max=estimate(6.0, 5.0, 6.0, "replicas"),
        quantile_ms=estimate(400.0, 300.0, 500.0, "ms"),
        miss_ratio=estimate(0.03, 0.01, 0.05, "share"),
        replica_seconds=estimate(400.0, 350.0, 450.0, "replica-s"),
    ),
)  # fmt: skip


def load(outcome: Outcome = Outcome.PASS, *reasons: str) -> LoadResult:
    total = RequestStats(
        name="total", count=0, failed=0, p50_ms=None, p90_ms=None, p95_ms=None, p99_ms=None,
        max_ms=None, status_counts={}, histogram={},
    )  # fmt: skip
    missed = ThresholdResult(
        metric="latency_p95_ms", request="total", limit=800, sense="max", measured=1.0, met=True
    )
    return LoadResult(
        run_id="load-run", scenario="trace", seed=1, model="open", base_url="http://127.0.0.1:1",
        started_s=0.0, ended_s=1.0, warmup_s=0.0, outcome=outcome, reasons=reasons, scale=1.0,
        scheduled=0, sent=0, shortfall=0.0, late_p99_ms=1.0, generator_cpu=0.1, host_cpu=0.2,
        total=total, requests=(), seconds=(), thresholds=(missed,),
    )  # fmt: skip


def judged(
    measured: MeasuredEffect = MET, one: LoadResult | None = None, *, in_force: bool = True
) -> Verdict:
    return judge(
        "run", RECOMMENDATION, one or load(), measured, in_force=in_force, window="seconds 1 to 2"
    )


def by_name(comparisons: tuple[Comparison, ...]) -> dict[str, Comparison]:
    return {one.what: one for one in comparisons}


@pytest.mark.parametrize(
    ("what", "low", "high"),
    [
        pytest.param("replicas, mean", 3.15, 4.95, id="a tenth beyond the interval"),
        pytest.param("replicas, most", 4.0, 7.0, id="one more or less"),
        pytest.param("latency at the SLO's quantile", 255.0, 575.0, id="15 %"),
        pytest.param("requests beyond the SLO", 0.0, 0.07, id="two of a hundred, none below 0"),
        pytest.param("replica-seconds", 315.0, 495.0, id="a tenth"),
    ],
)
def test_what_is_allowed_is_the_interval_and_a_tolerance(
    what: str, low: float, high: float
) -> None:
    found = by_name(compare(RECOMMENDATION, MET))[what]
    assert [found.allowed_low, found.allowed_high] == pytest.approx([low, high])
    assert found.met


@pytest.mark.parametrize(
    ("field", "what", "value", "met"),
    [
        pytest.param("replicas_mean", "replicas, mean", 4.94, True, id="just within"),
        pytest.param("replicas_mean", "replicas, mean", 4.96, False, id="just above"),
        pytest.param("replicas_mean", "replicas, mean", 3.14, False, id="just below"),
        pytest.param("replicas_max", "replicas, most", 7.0, True, id="one replica more"),
        pytest.param("replicas_max", "replicas, most", 8.0, False, id="two more"),
        pytest.param(
            "quantile_ms", "latency at the SLO's quantile", 200.0, False, id="better than foreseen"
        ),
        pytest.param("miss_ratio", "requests beyond the SLO", 0.0, True, id="no misses at all"),
        pytest.param("miss_ratio", "requests beyond the SLO", 0.08, False, id="too many"),
        pytest.param("replica_seconds", "replica-seconds", None, False, id="not measured"),
    ],
)
def test_each_figure_is_judged_alone(field: str, what: str, value: float | None, met: bool) -> None:
    found = by_name(compare(RECOMMENDATION, replace(MET, **{field: value})))
    assert found[what].met is met
    assert all(one.met for name, one in found.items() if name != what)


@pytest.mark.parametrize(
    ("measured", "one", "in_force", "outcome", "reasons"),
    [
        pytest.param(MET, load(), True, Outcome.PASS, [], id="all as foreseen"),
        pytest.param(
            replace(MET, quantile_ms=900.0), load(), True, Outcome.FAIL,
            ["latency at the SLO's quantile: predicted 400 ms, allowed 255 to 575, measured 900"],
            id="a figure is off",
        ),
        pytest.param(
            MET, load(Outcome.FAIL, "p95 is 900 ms"), True, Outcome.FAIL, ["p95 is 900 ms"],
            id="as foreseen, but a threshold was missed",
        ),
        pytest.param(
            MET, load(Outcome.INVALID, "the generator was saturated"), True, Outcome.INVALID,
            ["the verification's own measurement is invalid", "the generator was saturated"],
            id="the measurement is invalid",
        ),
        pytest.param(
            MET, load(), False, Outcome.INVALID,
            ["the settings in force were not the recommended ones; run `insurectl apply` first"],
            id="other settings were in force",
        ),
        pytest.param(
            NOTHING, load(), True, Outcome.INVALID,
            ["not measured: replicas, mean, replicas, most, latency at the SLO's quantile, "
             "requests beyond the SLO, replica-seconds"],
            id="nothing was measured",
        ),
        pytest.param(
            replace(MET, quantile_ms=900.0), load(Outcome.INTERRUPTED), False,
            Outcome.INTERRUPTED, None,
            id="interrupted comes first",
        ),
        pytest.param(
            replace(MET, quantile_ms=900.0), load(Outcome.INVALID), True, Outcome.INVALID, None,
            id="invalid comes before a miss",
        ),
    ],
)  # fmt: skip
def test_the_outcome_and_its_reasons(
    measured: MeasuredEffect,
    one: LoadResult,
    in_force: bool,
    outcome: Outcome,
    reasons: list[str] | None,
) -> None:
    verdict = judged(measured, one, in_force=in_force)
    assert verdict.outcome is outcome
    if reasons is not None:
        assert list(verdict.reasons) == reasons


def test_a_verdict_says_what_was_played_and_its_thresholds() -> None:
    verdict = judged()
    assert (verdict.load_run_id, verdict.window) == ("load-run", "seconds 1 to 2")
    assert verdict.thresholds == load().thresholds
    assert len(verdict.comparisons) == 5
