"""A queue that is known, measured as a calibration would, is found again."""

import statistics
from dataclasses import replace

import numpy as np
import pytest

from insurectl.planning import histogram
from insurectl.planning.queue_fit import Measured, Overhead, fit_queue
from insurectl.planning.queueing import Experiment, play, rate_within
from insurectl.records import Queue

LEVELS = (0.35, 0.56, 0.9, 1.4, 1.15, 0.75, 0.9, 1.0, 0.75, 0.9, 1.0)  # of the capacity
WARMUP_S = 2
OVERHEAD = Overhead(mean_ms=11, error_ms=2)


def capacity(queue: Queue, limit_ms: float) -> float:
    return rate_within(queue, 0.95, limit_ms)


def calibration(truth: Queue, limit_ms: float, seed: int, step_s: int = 10) -> list[Measured]:
    """Latencies made by numpy's own gamma, not by the chance numbers that the fit uses."""
    rng = np.random.default_rng(seed)
    knee = capacity(truth, limit_ms)
    return [_step(truth, level * knee, step_s, rng) for level in LEVELS]


def _step(truth: Queue, rps: float, step_s: int, rng: np.random.Generator) -> Measured:
    lasts_s = step_s + WARMUP_S
    arrivals_s = np.sort(rng.uniform(0, lasts_s, rng.poisson(rps * lasts_s)))
    shape = 1 / truth.service_cv**2
    services = rng.gamma(shape, truth.service_ms / shape, len(arrivals_s))
    sojourns = play(arrivals_s[:, None] * 1000, services[:, None], truth.servers)[:, 0]
    counted = sojourns[arrivals_s >= WARMUP_S] + truth.overhead_ms
    per_second = np.bincount(arrivals_s.astype(int), minlength=lasts_s)
    return Measured(
        experiment=Experiment(per_second=tuple(int(one) for one in per_second), warmup_s=WARMUP_S),
        histogram=histogram.record(float(one) for one in counted),
    )


@pytest.mark.parametrize(
    ("truth", "limit_ms", "within"),
    [
        pytest.param(
            Queue(servers=3, service_ms=200, service_cv=0.5, overhead_ms=10), 800, 0.1,
            id="as the bundled system",
        ),
        pytest.param(
            Queue(servers=1, service_ms=100, service_cv=0.2, overhead_ms=10), 400, 0.1,
            id="one server, hardly any spread",
        ),
        pytest.param(
            Queue(servers=4, service_ms=100, service_cv=0.25, overhead_ms=10), 300, 0.1,
            id="a tight limit",
        ),
        pytest.param(
            Queue(servers=2, service_ms=40, service_cv=1.0, overhead_ms=10), 300, 0.1,
            id="exponential, with much data",
        ),
    ],
)  # fmt: skip
def test_the_capacity_of_a_known_queue_is_found(
    truth: Queue, limit_ms: float, within: float
) -> None:
    knee, errors, covered = capacity(truth, limit_ms), [], 0
    for seed in range(4):
        model = fit_queue(calibration(truth, limit_ms, seed), OVERHEAD, seed)
        errors.append(capacity(model.best, limit_ms) / knee - 1)
        allowed = sorted(capacity(draw, limit_ms) for draw in model.draws)
        covered += allowed[2] <= knee <= allowed[-3]
    assert max(abs(error) for error in errors) < within
    assert abs(statistics.fmean(errors)) < within / 2  # off by chance, not to one side
    assert covered >= 3


@pytest.mark.parametrize("servers", [pytest.param(count, id=f"{count}") for count in (1, 2, 3, 5)])
def test_the_number_of_servers_is_found_with_enough_data(servers: int) -> None:
    truth = Queue(servers=servers, service_ms=60, service_cv=0.4, overhead_ms=10)
    model = fit_queue(calibration(truth, 250, 1, step_s=20), OVERHEAD, 1)
    assert model.best.servers == servers
    assert model.best.service_ms == pytest.approx(60, rel=0.05)
    assert model.best.service_cv == pytest.approx(0.4, rel=0.2)
    assert model.misfit < 1.5


def test_servers_are_found_from_above_where_the_first_guess_is_too_many() -> None:
    """Three times the rate that it can serve says nothing of how many are busy."""
    truth = Queue(servers=1, service_ms=60, service_cv=0.3, overhead_ms=10)
    rng = np.random.default_rng(4)
    steps = [*calibration(truth, 250, 4), _step(truth, 80.0, 10, rng)]
    assert fit_queue(steps, OVERHEAD, 4).best.servers == 1


def test_a_service_that_takes_the_same_time_each_time_is_no_division_by_zero() -> None:
    truth = Queue(servers=2, service_ms=100, service_cv=0.001, overhead_ms=10)
    model = fit_queue(calibration(truth, 300, 2), OVERHEAD, 2)
    assert capacity(model.best, 300) == pytest.approx(capacity(truth, 300), rel=0.05)


def test_the_overhead_stays_near_what_is_known_of_it() -> None:
    truth = Queue(servers=2, service_ms=80, service_cv=0.5, overhead_ms=10)
    steps = calibration(truth, 400, 3)
    model = fit_queue(steps, Overhead(mean_ms=10, error_ms=1), 3)
    assert model.best.overhead_ms == pytest.approx(10, abs=4)


def test_what_is_no_queue_with_fixed_servers_has_a_large_misfit() -> None:
    truth = Queue(servers=3, service_ms=100, service_cv=0.4, overhead_ms=10)
    steps = calibration(truth, 400, 5)
    slower = [
        _step(
            replace(truth, service_ms=100 * (1 + 0.6 * (number % 2))),
            step.experiment.rate_rps * 0.7, 10, np.random.default_rng(number),
        )
        for number, step in enumerate(steps)
    ]  # fmt: skip
    plain = fit_queue(steps, OVERHEAD, 5)
    mixed = fit_queue(slower, OVERHEAD, 5)
    assert plain.misfit < 1.5
    assert mixed.misfit > 2


def test_the_same_seed_gives_the_same_model() -> None:
    truth = Queue(servers=2, service_ms=80, service_cv=0.5, overhead_ms=10)
    steps = calibration(truth, 400, 6, step_s=5)
    first, again, other = (fit_queue(steps, OVERHEAD, seed) for seed in (1, 1, 2))
    assert first == again
    assert first != other
    assert len(first.draws) == 100
