"""Measured latencies of one replica -> the queue that explains them, and others that could.

Simulated least squares: each measurement is played again, from an empty queue and as short as
it was, so that a step beyond saturation or before the steady state counts for what it is.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import optimize

from insurectl.planning.histogram import RATIO, percentile, value_of
from insurectl.planning.queueing import Chance, Experiment
from insurectl.records import Queue, QueueModel

Floats = NDArray[np.float64]
SHARES = (0.25, 0.5, 0.75, 0.9, 0.95)
LANES = 80
CV_RANGE, CV_START = (0.02, 2.0), (0.05, 1.2)
MEAN_RANGE = 0.7  # of the logarithm of the mean, to both sides of where it starts
OVERHEAD_RANGE = 4.0  # standard errors, to both sides
DIFFERENCES = (0.05, 0.05, 0.2)  # log mean, log cv, overhead in errors: past single requests
WEIGHINGS, SETTLED = 4, 0.2  # at most; or until the parameters move by less, in differences
STEPS_EACH, CLOSE = 5, 1e-2  # least squares need be no finer than that, since it comes again
ROBUST = 3.0  # standard errors; from there on a residual counts linearly
RIDGE = 0.05  # so that few lanes do not pretend to know a correlation of 1
BIN_VARIANCE = math.log(RATIO) ** 2 / 12  # a histogram says no more than its bin
DRAWS = 100
CAUTION = 1.3  # one linear step understates how far the measurements allow (seen in 26 fits)
MOST_SERVERS = 64
PATIENCE = 2  # more servers are tried until that many in a row explain less


@dataclass(frozen=True, kw_only=True)
class Measured:
    """One step: what was played, and the histogram (ms) of its requests."""

    experiment: Experiment
    histogram: Mapping[int, int]


@dataclass(frozen=True, kw_only=True)
class Overhead:
    """What is known beforehand of the time spent on the way: latency that the client saw less
    latency that the server saw, with its standard error. A large one looks like fewer servers."""

    mean_ms: float
    error_ms: float


@dataclass(frozen=True, kw_only=True)
class _Fit:
    """``cost``: squares of the residuals, the large ones tamed; ``surprise``: minus twice the log
    likelihood, which also counts how much spread a queue foresees; ``lanes``: standardised log
    quantiles of each lane, (lane, observation)."""

    servers: int
    parameters: Floats
    cost: float
    surprise: float
    jacobian: Floats
    lanes: Floats


def fit_queue(steps: Sequence[Measured], overhead: Overhead, seed: int) -> QueueModel:
    """Robust least squares (one long busy period must not decide) over the number of servers,
    mean and spread of the service time and the overhead; the draws are a parametric bootstrap,
    one for each lane."""
    fits = _fits(steps, overhead, seed)
    best_fit = min(fits, key=lambda one: one.surprise)
    observations = len(steps) * len(SHARES)
    misfit = float(np.sqrt(best_fit.cost / max(observations - 4, 1)))
    return QueueModel(
        best=_queue(best_fit.servers, best_fit.parameters),
        misfit=misfit,
        draws=_draws(fits, CAUTION * max(misfit, 1.0), np.random.default_rng(seed)),
    )


def _fits(steps: Sequence[Measured], overhead: Overhead, seed: int) -> list[_Fit]:
    """One for each number of servers: up from a guess until more explain less, then down while
    the fewest that were tried explain most."""
    chance = Chance([step.experiment for step in steps], LANES, seed)
    observed = np.log([_quantiles(step.histogram) for step in steps])
    started = _start(steps, overhead)

    def fit(servers: int) -> _Fit:
        return _Problem(chance, observed, servers, started, overhead).solve()

    guess = _guess_servers(steps, overhead)
    fits = [fit(guess)]
    worse, servers = 0, guess + 1
    while worse < PATIENCE and servers <= MOST_SERVERS:
        best = min(one.surprise for one in fits)
        fits.append(fit(servers))
        worse = worse + 1 if fits[-1].surprise >= best else 0
        servers += 1
    servers = guess - 1
    while servers >= 1 and min(fits, key=lambda one: one.surprise).servers == servers + 1:
        fits.append(fit(servers))
        servers -= 1
    return fits


def _guess_servers(steps: Sequence[Measured], overhead: Overhead) -> int:
    """Little's law: on average the fastest step kept that many busy; more than half are there."""
    median_ms = min(_quantiles(step.histogram)[1] for step in steps)
    served_ms = max(median_ms - overhead.mean_ms, 0.2 * median_ms)
    busiest = max(step.experiment.rate_rps for step in steps)
    return min(max(1, round(busiest * served_ms / 1000 * 0.6)), MOST_SERVERS)


def _start(steps: Sequence[Measured], overhead: Overhead) -> Floats:
    """Log of mean (ms) and coefficient of variation, as if the slowest step never waited, and the
    overhead: near enough to begin from."""
    slowest = min(steps, key=lambda step: step.experiment.rate_rps).histogram
    counts = np.array(list(slowest.values()), dtype=float)
    latencies = np.array([value_of(index) for index in slowest])
    mean_ms = float(np.average(latencies, weights=counts))
    spread_ms = float(np.sqrt(np.average((latencies - mean_ms) ** 2, weights=counts)))
    served_ms = max(mean_ms - overhead.mean_ms, 0.2 * mean_ms)
    cv = min(max(spread_ms / served_ms, CV_START[0]), CV_START[1])
    return np.array([np.log(served_ms), np.log(cv), overhead.mean_ms])


class _Problem:
    """One number of servers. Each step's quantiles are weighed by what chance alone does to them,
    which depends on the parameters too: so they are weighed, fitted, and weighed again. (To let
    the weights follow within the fit would favour queues that foresee much spread.)"""

    def __init__(
        self,
        chance: Chance,
        observed: Floats,
        servers: int,
        started: Floats,
        overhead: Overhead,
    ) -> None:
        self._chance, self._observed, self._servers = chance, observed, servers
        self._started, self._overhead = started, overhead
        self._known: dict[bytes, Floats] = {}
        self._scale = np.array([*DIFFERENCES[:2], DIFFERENCES[2] * overhead.error_ms])
        wide_ms = OVERHEAD_RANGE * overhead.error_ms
        self._low = np.array(
            [started[0] - MEAN_RANGE, np.log(CV_RANGE[0]), max(overhead.mean_ms - wide_ms, 0.0)]
        )
        self._high = np.array(
            [started[0] + MEAN_RANGE, np.log(CV_RANGE[1]), overhead.mean_ms + wide_ms]
        )

    def solve(self) -> _Fit:
        """Fit, with weights that are those of what was found."""
        # least squares wants to begin strictly inside
        found = np.clip(self._started, self._low + 1e-9, self._high - 1e-9)
        for _ in range(WEIGHINGS):
            before, found = found, self._fitted(found, _moments(self._played(found))[1])
            if np.abs((found - before) / self._scale).max() < SETTLED:
                break
        played = self._played(found)
        mean, root = _moments(played)
        spread = 2 * float(np.log(np.einsum("spp->sp", root)).sum())
        off = np.linalg.solve(root[:, None], (played - mean[:, None])[..., None])[..., 0]
        cost = _tamed(self._residuals(found, root))
        return _Fit(
            servers=self._servers,
            parameters=found,
            cost=cost,
            surprise=cost + spread,
            jacobian=self._jacobian(found, root),
            lanes=np.pad(off.transpose(1, 0, 2).reshape(len(off[0]), -1), ((0, 0), (0, 1))),
        )

    def _fitted(self, start: Floats, root: Floats) -> Floats:
        solved = optimize.least_squares(
            self._residuals, start, self._jacobian, args=(root,), bounds=(self._low, self._high),
            x_scale=self._scale, loss="soft_l1", f_scale=ROBUST, max_nfev=STEPS_EACH, ftol=CLOSE,
            xtol=CLOSE,
        )  # fmt: skip
        return np.asarray(solved.x)

    def _played(self, parameters: Floats) -> Floats:
        key = parameters.tobytes()
        if key not in self._known:
            queue = _queue(self._servers, parameters)
            self._known[key] = self._chance.log_quantiles(queue, SHARES)
        return self._known[key]

    def _residuals(self, parameters: Floats, root: Floats) -> Floats:
        """In standard errors; the last is the overhead's."""
        mean = self._played(parameters).mean(axis=1)
        from_steps = np.linalg.solve(root, (self._observed - mean)[..., None]).ravel()
        known = (parameters[2] - self._overhead.mean_ms) / self._overhead.error_ms
        return np.append(from_steps, known)

    def _jacobian(self, parameters: Floats, root: Floats) -> Floats:
        here, columns = self._residuals(parameters, root), []
        for number, step in enumerate(self._scale):
            there = parameters.copy()
            there[number] += step if there[number] + step <= self._high[number] else -step
            change = self._residuals(there, root) - here
            columns.append(change / (there[number] - parameters[number]))
        return np.stack(columns, axis=1)


def _tamed(residuals: Floats) -> float:
    """Sum of squares as scipy's ``soft_l1`` counts them."""
    return float((2 * ROBUST**2 * (np.sqrt(1 + (residuals / ROBUST) ** 2) - 1)).sum())


def _moments(played: Floats) -> tuple[Floats, Floats]:
    """Mean over the lanes, and the root of the covariance: beyond saturation all quantiles of a
    step rise and fall together and say hardly more than one."""
    mean = played.mean(axis=1)
    off = played - mean[:, None]
    covariance = np.einsum("slp,slq->spq", off, off) / (played.shape[1] - 1)
    own = RIDGE * np.einsum("spp->sp", covariance) + BIN_VARIANCE
    return mean, np.linalg.cholesky(covariance + own[..., None] * np.eye(len(SHARES)))


def _draws(fits: Sequence[_Fit], inflate: float, rng: np.random.Generator) -> tuple[Queue, ...]:
    """One Gauss-Newton step from the best fit to what each lane would have given. Other numbers
    of servers take part by their likelihood."""
    best = min(one.surprise for one in fits)
    weights = np.array([np.exp(-(one.surprise - best) / 2 / inflate**2) for one in fits])
    chosen = rng.choice(len(fits), size=DRAWS, p=weights / weights.sum())
    draws = []
    for lane, number in enumerate(chosen):
        fit = fits[number]
        step = -np.linalg.pinv(fit.jacobian, rcond=1e-6) @ fit.lanes[lane % len(fit.lanes)]
        draws.append(_queue(fit.servers, fit.parameters + inflate * step))
    return tuple(draws)


def _queue(servers: int, parameters: Floats) -> Queue:
    mean, cv, overhead = (float(one) for one in parameters)
    return Queue(
        servers=servers,
        service_ms=float(np.exp(mean)),
        service_cv=float(min(np.exp(cv), CV_RANGE[1])),
        overhead_ms=max(overhead, 0.0),
    )


def _quantiles(histogram: Mapping[int, int]) -> list[float]:
    found = [percentile(histogram, share) for share in SHARES]
    assert None not in found  # a step without a request is no measurement
    return [float(one) for one in found if one is not None]
