"""Predicted against measured, on traffic that was not used."""

from collections.abc import Sequence

from insurectl.planning.windows import MeasuredEffect
from insurectl.records import Comparison, Estimate, LoadResult, Outcome, Recommendation, Verdict

REPLICAS = 0.1  # tolerance beyond the predicted interval, relative
MOST = 1.0  # replicas
LATENCY = 0.15  # relative
MISSES = 0.02  # share of all requests


def judge(
    run_id: str,
    recommendation: Recommendation,
    load: LoadResult,
    measured: MeasuredEffect,
    *,
    in_force: bool,
    window: str,
) -> Verdict:
    """Invalid when the measurement is, or when other settings were in force; else it fails when
    a figure is off by more than its interval and tolerance, or a threshold is missed."""
    comparisons = compare(recommendation, measured)
    invalid = _invalid(load, comparisons, in_force=in_force)
    missed = [
        f"{one.what}: predicted {one.predicted.value:.4g} {one.unit}, allowed "
        f"{one.allowed_low:.4g} to {one.allowed_high:.4g}, measured {one.measured:.4g}"
        for one in comparisons
        if not one.met and one.measured is not None
    ]
    thresholds = [] if load.outcome is Outcome.PASS else list(load.reasons)
    if load.outcome is Outcome.INTERRUPTED:
        outcome = Outcome.INTERRUPTED
    elif invalid:
        outcome = Outcome.INVALID
    else:
        outcome = Outcome.FAIL if missed or load.outcome is Outcome.FAIL else Outcome.PASS
    return Verdict(
        run_id=run_id,
        outcome=outcome,
        reasons=(*invalid, *missed, *thresholds),
        comparisons=comparisons,
        thresholds=load.thresholds,
        load_run_id=load.run_id,
        window=window,
    )


def compare(recommendation: Recommendation, measured: MeasuredEffect) -> tuple[Comparison, ...]:
    """Each figure with its interval, widened by the stated tolerance."""
    effect = recommendation.effect

    def one(
        what: str, predicted: Estimate, found: float | None, *, relative: float = 0.0,
        absolute: float = 0.0,
    ) -> Comparison:  # fmt: skip
        low = predicted.low * (1 - relative) - absolute
        high = predicted.high * (1 + relative) + absolute
        return Comparison(
            what=what,
            unit=predicted.unit,
            predicted=predicted,
            allowed_low=max(low, 0.0),
            allowed_high=high,
            measured=found,
            met=found is not None and low <= found <= high,
        )

    return (
        one("replicas, mean", effect.replicas_mean, measured.replicas_mean, relative=REPLICAS),
        one("replicas, most", effect.replicas_max, measured.replicas_max, absolute=MOST),
        one("latency at the SLO's quantile", effect.quantile_ms, measured.quantile_ms,
            relative=LATENCY),
        one("requests beyond the SLO", effect.miss_ratio, measured.miss_ratio, absolute=MISSES),
        one("replica-seconds", effect.replica_seconds, measured.replica_seconds,
            relative=REPLICAS),
    )  # fmt: skip


def _invalid(load: LoadResult, comparisons: Sequence[Comparison], *, in_force: bool) -> list[str]:
    reasons = []
    if load.outcome is Outcome.INVALID:
        reasons.append("the verification's own measurement is invalid")
    if not in_force:
        reasons.append(
            "the settings in force were not the recommended ones; run `insurectl apply` first"
        )
    unmeasured = [one.what for one in comparisons if one.measured is None]
    if unmeasured:
        reasons.append(f"not measured: {', '.join(unmeasured)}")
    return reasons
