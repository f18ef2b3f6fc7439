"""From small load runs against one replica to what it takes, with intervals."""

import statistics
from collections.abc import Mapping, Sequence
from math import sqrt

import numpy as np
from scipy import stats

from insurectl.errors import NothingMeasured
from insurectl.planning.histogram import percentile, value_of
from insurectl.planning.queue_fit import Measured, Overhead, fit_queue
from insurectl.planning.queueing import Experiment, quantile_ms, rate_within
from insurectl.records import (
    Calibration,
    CalibrationStep,
    CapacityModel,
    CurvePoint,
    Estimate,
    LoadResult,
    Outcome,
    QueueModel,
)

CURVE_POINTS = 40
FEWEST_REQUESTS = 20  # fewer say nothing of a quantile
FEWEST_STEPS = 3
OVERHEAD_GUESS = 0.02  # of the fastest median, where the service itself did not say
OVERHEAD_ERROR_MS = 1.0  # at least: the two means are not of exactly the same requests
BAD_MISFIT = 2.0
Step = tuple[CalibrationStep, LoadResult]


def fit_capacity(calibration: Calibration, loads: Sequence[LoadResult], seed: int) -> CapacityModel:
    """Fit a queue to the latencies, lines to memory and CPU; NothingMeasured when too few steps
    are valid. ``loads``: one for each step, in their order."""
    steps = _usable(calibration, loads)
    per_arrival = _requests_per_arrival(loads)
    measured = [_measured(load) for _, load in steps]
    rates = [one.experiment.rate_rps for one in measured]
    queue = fit_queue(measured, _overhead(steps), seed)
    capacity, lower_bound = _capacity(calibration, steps, queue, max(rates))
    floor, slope = _memory(calibration, steps)
    idle, per_request = _line(
        [(step.achieved_rps, step.host_cpu) for step, _ in steps],
        ("share", "share per request/s"),
        f"{len(steps)} steps",
    )
    return CapacityModel(
        run_id=calibration.run_id,
        service=calibration.service,
        slo_quantile=calibration.slo_quantile,
        slo_ms=calibration.slo_ms,
        rps_per_replica=capacity,
        lower_bound=lower_bound,
        memory_floor_mib=floor,
        memory_per_rps_mib=slope,
        startup_s=_startup(calibration.startup_s),
        host_cpu_idle=idle,
        host_cpu_s_per_request=per_request,
        requests_per_arrival=per_arrival,
        queue=queue,
        curve=_curve(calibration.slo_quantile, rates, queue),
        evidence=tuple(step.run_id for step, _ in steps),
        notes=(*calibration.notes, *_notes(calibration, steps, queue, lower_bound)),
    )


def _usable(calibration: Calibration, loads: Sequence[LoadResult]) -> list[Step]:
    """Valid steps in which nothing failed. One beyond saturation counts too."""
    pairs = list(zip(calibration.steps, loads, strict=True))
    usable = [
        (step, load)
        for step, load in pairs
        if step.outcome not in (Outcome.INVALID, Outcome.INTERRUPTED)
        and not load.total.failed
        and load.total.count >= FEWEST_REQUESTS
    ]
    if len(usable) < FEWEST_STEPS:
        kept = {step.run_id for step, _ in usable}
        reasons = {_unusable(step, load) for step, load in pairs if step.run_id not in kept}
        raise NothingMeasured(
            f"{len(usable)} of {len(pairs)} calibration steps can be used, {FEWEST_STEPS} are "
            f"needed: {'; '.join(sorted(reasons)) or 'more were not played'}"
        )
    return usable


def _unusable(step: CalibrationStep, load: LoadResult) -> str:
    if step.outcome in (Outcome.INVALID, Outcome.INTERRUPTED):
        return "; ".join(step.reasons) or f"{step.outcome}"
    if load.total.failed:
        return f"{load.total.failed} of {load.total.count} requests failed"
    return f"{load.total.count} requests are too few to say much ({FEWEST_REQUESTS} are needed)"


def _measured(load: LoadResult) -> Measured:
    sent = [second.sent for second in load.seconds]
    while sent and not sent[-1]:
        sent.pop()  # the drain after the load
    warmup_s = round(load.warmup_s)
    extra = load.total.count - sum(sent[warmup_s:])
    experiment = Experiment(per_second=tuple(sent), warmup_s=warmup_s, extra=max(extra, 0))
    return Measured(experiment=experiment, histogram=load.total.histogram)


def _requests_per_arrival(loads: Sequence[LoadResult]) -> float:
    sent = sum(load.sent for load in loads)
    ended = sum(second.ok + second.failed for load in loads for second in load.seconds)
    return ended / sent if sent else 1.0


def _overhead(steps: Sequence[Step]) -> Overhead:
    """Client's mean less server's mean, of the half of the steps that waited least."""
    found = sorted(
        (mean_ms(load.total.histogram), step.server_mean_ms)
        for step, load in steps
        if step.server_mean_ms is not None
    )
    differences = [max(client - server, 0.0) for client, server in found[: len(found) // 2 + 1]]
    if not differences:
        fastest = min(percentile(load.total.histogram, 0.5) or 0.0 for _, load in steps)
        return Overhead(mean_ms=OVERHEAD_GUESS * fastest, error_ms=OVERHEAD_GUESS * fastest)
    spread = statistics.stdev(differences) if len(differences) > 1 else OVERHEAD_ERROR_MS
    return Overhead(mean_ms=statistics.median(differences), error_ms=max(spread, OVERHEAD_ERROR_MS))


def mean_ms(histogram: Mapping[int, int]) -> float:
    """Mean of a histogram's latencies."""
    count = sum(histogram.values())
    return sum(value_of(index) * number for index, number in histogram.items()) / count


def _capacity(
    calibration: Calibration, steps: Sequence[Step], queue: QueueModel, highest: float
) -> tuple[Estimate, bool]:
    """The rate at which the fitted queue meets the SLO exactly; never beyond ``highest``, the
    highest that was played."""
    share, limit_ms = calibration.slo_quantile, calibration.slo_ms
    value = rate_within(queue.best, share, limit_ms)
    found = sorted(rate_within(draw, share, limit_ms) for draw in queue.draws)
    low, high = float(np.quantile(found, 0.025)), float(np.quantile(found, 0.975))
    lower_bound = value > highest
    evidence = (
        f"queue fitted to {sum(load.total.count for _, load in steps)} requests of "
        f"{len(steps)} runs, p{share * 100:g} <= {limit_ms:g} ms; 95 % of "
        f"{len(queue.draws)} bootstrap fits"
    )
    if lower_bound:
        value = highest
        evidence = f"highest rate that was played; by the fit the SLO still held ({evidence})"
    return (
        Estimate(
            value=value,
            low=min(low, value),
            high=max(high, value),
            unit="requests/s",
            evidence=evidence,
        ),
        lower_bound,
    )


def _memory(calibration: Calibration, steps: Sequence[Step]) -> tuple[Estimate, Estimate]:
    """Held when idle, and for each request a second. An idle memory of 0: it was not seen."""
    held = [
        (step.achieved_rps, step.memory_mib) for step, _ in steps if step.memory_mib is not None
    ]
    seen = f"{len(held)} steps"
    if calibration.idle_memory_mib > 0:
        held.append((0.0, calibration.idle_memory_mib))
        seen += " and the idle replica"
    if not held:
        raise NothingMeasured("no memory of a replica was measured, so its request is not known")
    return _line(held, ("MiB", "MiB per request/s"), seen)


def _line(
    points: Sequence[tuple[float, float]], units: tuple[str, str], seen: str
) -> tuple[Estimate, Estimate]:
    """Intercept and slope by least squares, with Student's 95 % intervals. Too few points for
    those, or points all at one rate or all alike, have no line: then the mean, no slope."""
    xs, ys = np.array([x for x, _ in points]), np.array([y for _, y in points])
    if len(points) < 3 or float(np.ptp(xs)) == 0.0 or float(np.ptp(ys)) == 0.0:
        level, why = float(ys.mean()), f"no line: too little in {seen}"
        flat = Estimate(
            value=level, low=float(ys.min()), high=float(ys.max()), unit=units[0], evidence=why
        )
        return flat, Estimate(value=0.0, low=0.0, high=0.0, unit=units[1], evidence=why)
    fitted = stats.linregress(xs, ys)
    times = float(stats.t.ppf(0.975, len(points) - 2))

    def estimate(value: float, error: float, unit: str) -> Estimate:
        return Estimate(
            value=value, low=value - times * error, high=value + times * error, unit=unit,
            evidence=f"line through {seen}",
        )  # fmt: skip

    return (
        estimate(float(fitted.intercept), float(fitted.intercept_stderr), units[0]),
        estimate(float(fitted.slope), float(fitted.stderr), units[1]),
    )


def _startup(seen_s: Sequence[float]) -> Estimate:
    if not seen_s:
        raise NothingMeasured("no start of a replica was measured, so its start-up is not known")
    value = statistics.fmean(seen_s)
    half = 0.0
    if len(seen_s) > 1:
        times = float(stats.t.ppf(0.975, len(seen_s) - 1))
        half = times * statistics.stdev(seen_s) / sqrt(len(seen_s))
    return Estimate(
        value=value, low=max(value - half, 0.0), high=value + half, unit="s",
        evidence=f"mean of {len(seen_s)} starts",
    )  # fmt: skip


def _curve(share: float, rates: Sequence[float], queue: QueueModel) -> tuple[CurvePoint, ...]:
    """Steady-state latency over the rates that were played; where it has a steady state."""
    points = []
    for rate in np.linspace(min(rates), max(rates), CURVE_POINTS):
        value = quantile_ms(queue.best, float(rate), share)
        others = [quantile_ms(draw, float(rate), share) for draw in queue.draws]
        low, high = np.quantile(others, [0.025, 0.975], method="nearest")
        if np.isfinite([value, low, high]).all():
            points.append(
                CurvePoint(rps=float(rate), quantile_ms=value, low_ms=float(low),
                           high_ms=float(high))
            )  # fmt: skip
    return tuple(points)


def _notes(
    calibration: Calibration, steps: Sequence[Step], queue: QueueModel, lower_bound: bool
) -> tuple[str, ...]:
    notes = []
    left_out = len(calibration.steps) - len(steps)
    if left_out:
        notes.append(
            f"{left_out} of {len(calibration.steps)} steps are left out: they were invalid, had "
            f"failed requests, or fewer than {FEWEST_REQUESTS}."
        )
    if lower_bound:
        notes.append(
            "The SLO held up to the highest rate that was played: the capacity is a lower bound. "
            "Raise max_rps, or search_steps."
        )
    if queue.misfit > BAD_MISFIT:
        notes.append(
            f"The queue explains the latencies poorly (misfit {queue.misfit:.1f}, 1 is chance): "
            "the service does not behave like a queue with a fixed number of servers, so take "
            "what is foreseen with care."
        )
    return tuple(notes)
