"""Small load runs against one replica, and what is made of them."""

from dataclasses import replace

import numpy as np
import pytest

from insurectl.errors import NothingMeasured
from insurectl.planning import histogram
from insurectl.planning.capacity import fit_capacity, mean_ms
from insurectl.planning.queueing import play, rate_within
from insurectl.records import (
    Calibration,
    CalibrationStep,
    CapacityModel,
    LoadResult,
    LoadSecond,
    Outcome,
    Queue,
    RequestStats,
)

TRUTH = Queue(servers=2, service_ms=80, service_cv=0.4, overhead_ms=6)
LIMIT_MS, WARMUP_S, LASTS_S = 300.0, 2, 10
KNEE = rate_within(TRUTH, 0.95, LIMIT_MS)
LEVELS = (0.4, 0.7, 1.25, 0.9, 1.0, 0.8)
MEMORY_MIB = (104.0, 109.0, 115.0, 111.0, 112.0, 110.0)
# y = 2 + 3x with residuals (+1, -1, -1, +1): s^2 = 4 / 2, Sxx = 5, Student's t(0.975, 2) = 4.3027
HAND = ((0.0, 3.0), (1.0, 4.0), (2.0, 7.0), (3.0, 12.0))
HAND_SLOPE_HALF = 4.302653 * (2 / 5) ** 0.5
HAND_FLOOR_HALF = 4.302653 * (2 * (1 / 4 + 1.5**2 / 5)) ** 0.5


def run(number: int, level: float) -> tuple[CalibrationStep, LoadResult]:
    rng = np.random.default_rng(number)
    rps = level * KNEE
    at_s = np.sort(rng.uniform(0, LASTS_S + WARMUP_S, rng.poisson(rps * (LASTS_S + WARMUP_S))))
    shape = 1 / TRUTH.service_cv**2
    served = rng.gamma(shape, TRUTH.service_ms / shape, len(at_s))
    sojourns = play(at_s[:, None] * 1000, served[:, None], TRUTH.servers)[:, 0]
    counted = sojourns[at_s >= WARMUP_S] + TRUTH.overhead_ms
    sent = np.bincount(at_s.astype(int), minlength=LASTS_S + WARMUP_S)
    step = CalibrationStep(
        run_id=f"step-{number}", phase="around", rate_rps=rps, replicas=1, outcome=Outcome.PASS,
        within_slo=level <= 1, achieved_rps=len(counted) / LASTS_S, quantile_ms=None,
        memory_mib=MEMORY_MIB[number], host_cpu=0.1 + 0.01 * rps,
        server_mean_ms=float(counted.mean()) - TRUTH.overhead_ms,
    )  # fmt: skip
    return step, load(step.run_id, histogram.record(float(one) for one in counted), sent.tolist())


def load(run_id: str, latencies: dict[int, int], sent: list[int]) -> LoadResult:
    count = sum(latencies.values())
    total = RequestStats(
        name="total", count=count, failed=0, p50_ms=None, p90_ms=None, p95_ms=None, p99_ms=None,
        max_ms=None, status_counts={"200": count}, histogram=latencies,
    )  # fmt: skip
    seconds = [
        LoadSecond(
            at_s=float(at), scheduled=number, sent=number, ok=number, failed=0, p50_ms=None,
            p95_ms=None, p99_ms=None,
        )
        for at, number in enumerate([*sent, 0, 0])
    ]  # fmt: skip
    return LoadResult(
        run_id=run_id, scenario="trace", seed=1, model="open", base_url="http://127.0.0.1:1",
        started_s=0.0, ended_s=float(len(sent)), warmup_s=float(WARMUP_S), outcome=Outcome.PASS,
        reasons=(), scale=1.0, scheduled=sum(sent), sent=sum(sent), shortfall=0.0,
        late_p99_ms=1.0, generator_cpu=0.1, host_cpu=0.2, total=total, requests=(total,),
        seconds=tuple(seconds),
    )  # fmt: skip


RUNS = [run(number, level) for number, level in enumerate(LEVELS)]


def fit(
    runs: list[tuple[CalibrationStep, LoadResult]],
    *,
    startup_s: tuple[float, ...] = (2.0, 2.2, 2.4),
    idle_mib: float = 100.0,
) -> CapacityModel:
    calibration = Calibration(
        run_id="run", scenario="trace", service="core-app", slo_quantile=0.95, slo_ms=LIMIT_MS,
        replicas=1, steps=tuple(step for step, _ in runs), startup_s=startup_s,
        idle_memory_mib=idle_mib, notes=("as it was measured",),
    )  # fmt: skip
    return fit_capacity(calibration, [one for _, one in runs], seed=1)


@pytest.fixture(scope="module")
def model() -> CapacityModel:
    return fit(RUNS)


def test_the_capacity_is_that_of_the_queue_with_its_interval(model: CapacityModel) -> None:
    found = model.rps_per_replica
    assert found.value == pytest.approx(KNEE, rel=0.1)
    assert found.low < found.value < found.high
    assert found.unit == "requests/s"
    assert f"{len(RUNS)} runs, p95 <= 300 ms" in found.evidence
    assert not model.lower_bound


def test_the_curve_rises_and_holds_its_own_interval(model: CapacityModel) -> None:
    values = [point.quantile_ms for point in model.curve]
    assert values == sorted(values)
    assert all(point.low_ms <= point.quantile_ms <= point.high_ms for point in model.curve)
    # beyond saturation there is no steady state, so no point
    assert model.curve[-1].rps < max(step.rate_rps for step, _ in RUNS)


def test_every_usable_step_is_evidence_and_the_notes_go_on(model: CapacityModel) -> None:
    assert model.evidence == tuple(step.run_id for step, _ in RUNS)
    assert model.notes == ("as it was measured",)


def test_the_way_takes_what_the_client_saw_beyond_the_server(model: CapacityModel) -> None:
    assert model.queue.best.overhead_ms == pytest.approx(TRUTH.overhead_ms, abs=2.5)


def test_cpu_is_a_line_through_the_steps(model: CapacityModel) -> None:
    # the rates of the line are those achieved, which chance puts beside those asked for
    assert model.host_cpu_idle.value == pytest.approx(0.1, abs=0.05)
    assert model.host_cpu_s_per_request.value == pytest.approx(0.01, rel=0.25)


def test_memory_is_a_line_with_students_intervals() -> None:
    steps = [
        (replace(RUNS[number][0], achieved_rps=rps, memory_mib=mib), RUNS[number][1])
        for number, (rps, mib) in enumerate(HAND[1:])
    ]
    fitted = fit(steps, idle_mib=HAND[0][1])
    floor, slope = fitted.memory_floor_mib, fitted.memory_per_rps_mib
    assert floor.value == pytest.approx(2.0)
    assert slope.value == pytest.approx(3.0)
    assert slope.high - slope.value == pytest.approx(HAND_SLOPE_HALF, rel=1e-5)
    assert floor.value - floor.low == pytest.approx(HAND_FLOOR_HALF, rel=1e-5)
    assert floor.evidence == "line through 3 steps and the idle replica"


@pytest.mark.parametrize(
    ("memory", "idle_mib", "floor", "slope"),
    [
        pytest.param((None, None, None), 90.0, (90.0, 90.0, 90.0), 0.0, id="only idle"),
        pytest.param((100.0, None, None), 90.0, (95.0, 90.0, 100.0), 0.0, id="two points"),
        pytest.param((100.0, 104.0, None), 0.0, (102.0, 100.0, 104.0), 0.0, id="idle unseen"),
    ],
)
def test_too_little_for_a_line_is_a_level_and_says_so(
    memory: tuple[float | None, ...],
    idle_mib: float,
    floor: tuple[float, float, float],
    slope: float,
) -> None:
    steps = [
        (replace(step, memory_mib=mib), one)
        for (step, one), mib in zip(RUNS[:3], memory, strict=True)
    ]
    fitted = fit(steps, idle_mib=idle_mib)
    found = fitted.memory_floor_mib
    assert (found.value, found.low, found.high) == floor
    assert fitted.memory_per_rps_mib.value == slope
    assert found.evidence.startswith("no line")


@pytest.mark.parametrize(
    ("seen_s", "value", "half"),
    [
        pytest.param((2.0,), 2.0, 0.0, id="one start has no interval"),
        # sd = 0.2, t(0.975, 2) = 4.3027, / sqrt(3)
        pytest.param((2.0, 2.2, 2.4), 2.2, 4.302653 * 0.2 / 3**0.5, id="three starts"),
    ],
)
def test_a_start_takes_the_mean_of_those_seen(
    seen_s: tuple[float, ...], value: float, half: float
) -> None:
    found = fit(RUNS[:3], startup_s=seen_s).startup_s
    assert [found.value, found.low, found.high] == pytest.approx(
        [value, value - half, value + half]
    )
    assert found.evidence == f"mean of {len(seen_s)} starts"


def test_where_the_slo_always_held_the_capacity_is_a_lower_bound() -> None:
    slow = [run(number, level) for number, level in enumerate((0.3, 0.4, 0.5))]
    fitted = fit(slow)
    fastest = max(one.total.count / LASTS_S for _, one in slow)
    assert fitted.lower_bound
    assert fitted.rps_per_replica.value == pytest.approx(fastest)
    assert fitted.rps_per_replica.evidence.startswith("highest rate that was played")
    assert any("lower bound" in note for note in fitted.notes)


@pytest.mark.parametrize(
    ("change", "failed", "count"),
    [
        pytest.param({"outcome": Outcome.INVALID}, 0, None, id="invalid"),
        pytest.param({"outcome": Outcome.INTERRUPTED}, 0, None, id="interrupted"),
        pytest.param({}, 3, None, id="with failed requests"),
        pytest.param({}, 0, 19, id="with too few requests"),
    ],
)
def test_a_step_that_says_nothing_is_left_out_and_that_is_said(
    change: dict[str, Outcome], failed: int, count: int | None
) -> None:
    step, one = RUNS[0]
    total = replace(one.total, failed=failed, count=one.total.count if count is None else count)
    bad = (replace(step, run_id="bad", **change), replace(one, total=total))  # type: ignore[arg-type] # a row of a table
    fitted = fit([bad, *RUNS[1:4]])
    assert "bad" not in fitted.evidence
    assert any(note.startswith("1 of 4 steps are left out") for note in fitted.notes)


@pytest.mark.parametrize(
    ("change", "failed", "reason"),
    [
        pytest.param(
            {"outcome": Outcome.INVALID, "reasons": ("the machine was saturated",)}, 0,
            "2 of 3 calibration steps can be used, 3 are needed: the machine was saturated",
            id="invalid, with its reason",
        ),
        pytest.param({}, 5, "5 of .* requests failed", id="failed requests"),
    ],
)  # fmt: skip
def test_too_few_steps_are_nothing_measured(
    change: dict[str, object], failed: int, reason: str
) -> None:
    step, one = RUNS[0]
    bad = (replace(step, **change), replace(one, total=replace(one.total, failed=failed)))  # type: ignore[arg-type] # a row of a table
    with pytest.raises(NothingMeasured, match=reason):
        fit([bad, *RUNS[1:3]])


def test_no_steps_at_all_are_nothing_measured() -> None:
    with pytest.raises(NothingMeasured, match=r"0 of 0 .* more were not played"):
        fit([])


def test_without_a_start_or_a_memory_that_was_seen_nothing_was_measured() -> None:
    with pytest.raises(NothingMeasured, match="start"):
        fit(RUNS[:3], startup_s=())
    blind = [(replace(step, memory_mib=None), one) for step, one in RUNS[:3]]
    with pytest.raises(NothingMeasured, match="memory"):
        fit(blind, idle_mib=0.0)


def test_an_arrival_may_make_several_requests() -> None:
    double = [
        (step, replace(one, sent=one.sent // 2, scheduled=one.scheduled // 2))
        for step, one in RUNS[:3]
    ]
    assert fit(double).requests_per_arrival == pytest.approx(2.0, rel=0.05)


def test_without_the_servers_own_times_the_overhead_is_a_small_guess() -> None:
    blind = [(replace(step, server_mean_ms=None), one) for step, one in RUNS]
    fitted = fit(blind)
    assert fitted.queue.best.overhead_ms < 0.2 * TRUTH.service_ms
    assert fitted.rps_per_replica.value == pytest.approx(KNEE, rel=0.1)


def test_the_mean_of_a_histogram_is_within_its_bins() -> None:
    assert mean_ms(histogram.record([10.0, 20.0, 60.0])) == pytest.approx(30.0, rel=0.003)
