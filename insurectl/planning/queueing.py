"""One replica as a queue: ``servers`` at a time, first come first served, gamma service times.

An M/G/c queue has no closed form for its quantiles, so many copies ("lanes") of it are played
at once, the same chance numbers for every parameter (common random numbers): what is compared
differs by its parameters alone, and is smooth in them.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray
from scipy import optimize, stats

from insurectl.records import Queue

Floats = NDArray[np.float64]
Positions = NDArray[np.intp]
Z_MOST, Z_STEPS = 4.7, 4000  # standard normal numbers are used to the nearest of so many steps
Z_GRID = np.linspace(-Z_MOST, Z_MOST, 400)  # the gamma is computed at these, and linear between
Z_FINE = np.linspace(-Z_MOST, Z_MOST, Z_STEPS + 1)
CONSTANT_CV = 0.01  # below it service times do not vary
STEADY_LANES, STEADY_BURN, STEADY_COUNT = 250, 1000, 1000  # burn and count: arrivals
CV_GRID = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0)
PLAYED_LOADS = (0.05, 0.2, 0.35, 0.5, 0.6, 0.68, 0.75, 0.8, 0.85, 0.9)
BUSY = (0.85, 0.9, 0.92, 0.94, 0.96, 0.97, 0.98, 0.99)
LOADS: Floats = np.array((*np.arange(17) / 20, *BUSY, 1.0))


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """One measurement to be played again, from an empty queue: how many arrivals began in each
    second, and the first seconds that are not counted. ``extra``: requests that were counted
    beyond those arrivals, since one arrival may make several."""

    per_second: tuple[int, ...]
    warmup_s: int
    extra: int = 0

    @property
    def rate_rps(self) -> float:
        """Requests a second after the warm-up."""
        counted = self.per_second[self.warmup_s :]
        return (sum(counted) + self.extra) / max(len(counted), 1)

    @property
    def warmup(self) -> int:
        """Requests that are not counted."""
        spread = self.extra * self.warmup_s / max(len(self.per_second) - self.warmup_s, 1)
        return sum(self.per_second[: self.warmup_s]) + round(spread)

    @property
    def count(self) -> int:
        """Requests that are."""
        return sum(self.per_second[self.warmup_s :]) + self.extra


class Chance:
    """Chance numbers for some experiments, drawn once. How many arrive in each second is as it
    was measured; when within it, and how long each is served, is chance."""

    def __init__(self, experiments: Sequence[Experiment], lanes: int, seed: int) -> None:
        self.experiments, self.lanes = tuple(experiments), lanes
        rng = np.random.default_rng(seed)
        longest = max(one.warmup + one.count for one in experiments)
        self.arrivals_ms: Floats = np.concatenate(
            [_arrivals(one, longest, lanes, rng) for one in experiments], axis=1
        )
        self.normal: Floats = rng.standard_normal(self.arrivals_ms.shape)
        self._positions = _positions(self.normal)

    def log_quantiles(self, queue: Queue, shares: Sequence[float]) -> Floats:
        """Log of the sojourn's quantiles (ms), for (experiment, lane, share)."""
        services = (queue.service_ms * _unit_gammas(queue.service_cv))[self._positions]
        sojourns = play(self.arrivals_ms, services, queue.servers) + queue.overhead_ms
        found = np.empty((len(self.experiments), self.lanes, len(shares)))
        for number, one in enumerate(self.experiments):
            columns = slice(number * self.lanes, (number + 1) * self.lanes)
            counted = np.sort(sojourns[one.warmup : one.warmup + one.count, columns], axis=0)
            ranks = [max(int(np.ceil(share * one.count)), 1) - 1 for share in shares]
            found[number] = np.log(counted[ranks].T)
        return found


def play(arrivals_ms: Floats, services_ms: Floats, servers: int) -> Floats:
    """Time from arrival to end (ms) of each arrival, for arrays of (arrival, lane).

    The Kiefer-Wolfowitz recursion: ``free`` holds, in order, when each server is free again.
    """
    free = list(np.zeros((servers, arrivals_ms.shape[1])))
    end = np.empty(arrivals_ms.shape[1])
    sojourns = np.empty_like(arrivals_ms)
    for at, service, sojourn in zip(arrivals_ms, services_ms, sojourns, strict=True):
        np.maximum(at, free[0], out=end)
        np.add(end, service, out=end)
        np.subtract(end, at, out=sojourn)
        for sooner, later in pairwise(free):
            np.minimum(later, end, out=sooner)
            np.maximum(later, end, out=end)
        free[-1][:] = end
    return sojourns


def _arrivals(one: Experiment, longest: int, lanes: int, rng: np.random.Generator) -> Floats:
    """Arrival times (ms), (arrival, lane); those beyond the experiment come long after it."""
    lasts, cut = len(one.per_second), one.warmup_s
    within = np.repeat(np.arange(lasts), one.per_second)
    warm = one.warmup - int((within < cut).sum())
    parts = [
        within[:, None] + rng.random((len(within), lanes)),
        rng.random((warm, lanes)) * cut,
        cut + rng.random((one.extra, lanes)) * (lasts - cut),
        np.full((longest - len(within) - warm - one.extra, lanes), 1e6),
    ]
    return np.sort(np.concatenate(parts), axis=0) * 1000


def quantile_ms(queue: Queue, rate_rps: float, share: float) -> float:
    """The sojourn's quantile in the steady state; infinite from saturation on."""
    load = rate_rps * queue.service_ms / 1000 / queue.servers
    if load >= 1.0:
        return float("inf")
    straight = float(np.interp(load, LOADS, _straightened(queue, share)))
    return straight / (1 - load) * queue.service_ms + queue.overhead_ms


def rate_within(queue: Queue, share: float, limit_ms: float) -> float:
    """Highest rate (1/s) at which the sojourn's quantile is within a limit; 0: at none."""
    wanted = (limit_ms - queue.overhead_ms) / queue.service_ms
    straight = _straightened(queue, share)
    units = straight[:-1] / (1 - LOADS[:-1])
    if wanted < units[0]:
        return 0.0
    number = int(np.searchsorted(units, wanted, side="right"))
    (low, high), (begin, end) = LOADS[number - 1 : number + 1], straight[number - 1 : number + 1]
    slope = (end - begin) / (high - low)  # (begin + slope (load - low)) / (1 - load) = wanted
    load = (wanted - begin + slope * low) / (slope + wanted)
    return float(min(max(load, low), high)) * queue.servers * 1000 / queue.service_ms


def _straightened(queue: Queue, share: float) -> Floats:
    """The sojourn's quantile in mean service times at each of ``LOADS``, between the tables;
    times (1 - load), which makes it constant for one server and exponential service, and nearly
    a line for others."""
    cv = min(max(queue.service_cv, CV_GRID[0]), CV_GRID[-1])
    above = next(number for number, one in enumerate(CV_GRID) if one >= cv)
    exact = _exponential(queue.servers, share)
    ratio = _ratio(queue.servers, CV_GRID[above], share)
    if CV_GRID[above] != cv:
        below = CV_GRID[above - 1]
        part = (cv - below) / (CV_GRID[above] - below)
        ratio = _ratio(queue.servers, below, share) * (1 - part) + ratio * part
    straight: Floats = exact * ratio
    rising: Floats = np.maximum.accumulate(straight[:-1] / (1 - LOADS[:-1]))
    return np.append(rising * (1 - LOADS[:-1]), straight[-1])


@cache
def _exponential(servers: int, share: float) -> Floats:
    """M/M/c at each of ``LOADS``, times (1 - load)."""
    units = [_exponential_quantile(servers, float(load), share) for load in LOADS[:-1]]
    limit = -math.log(1 - share) / servers
    return np.append(np.array(units) * (1 - LOADS[:-1]), limit)


@cache
def _ratio(servers: int, cv: float, share: float) -> Floats:
    """By how much the quantile differs from that with exponential service times, at each of
    ``LOADS``. Both are played with the same chance; the ends are known. Alone: the service time
    itself; at saturation the wait is exponential with a mean that is proportional to
    (1 + cv^2) / 2 (heavy traffic: Kingman 1961, Koellerstroem 1974)."""
    alone = _gamma_quantile(cv, share) / -math.log(1 - share)
    played = _steady(servers, cv, share) / _steady(servers, 1.0, share)
    known = np.array([alone, *played.tolist(), (1 + cv**2) / 2])
    return np.asarray(np.interp(LOADS, np.array([0.0, *PLAYED_LOADS, 1.0]), known))


@cache
def _steady(servers: int, cv: float, share: float) -> Floats:
    """The quantile in mean service times, played, at each of ``PLAYED_LOADS``."""
    rng = np.random.default_rng(20_260)
    shape = (STEADY_BURN + STEADY_COUNT, STEADY_LANES)
    gaps, normal = rng.exponential(size=shape), rng.standard_normal(shape)
    times, copies = np.cumsum(gaps, axis=0), len(PLAYED_LOADS)
    arrivals = np.concatenate([times / (load * servers) for load in PLAYED_LOADS], axis=1)
    services = np.tile(_unit_gamma(normal, cv), copies)
    lanes = play(arrivals, services, servers)[STEADY_BURN:]
    lanes = lanes.reshape(STEADY_COUNT, copies, STEADY_LANES).transpose(1, 0, 2)
    return np.asarray(np.quantile(lanes.reshape(copies, -1), share, axis=1))


def _exponential_quantile(servers: int, load: float, share: float) -> float:
    """M/M/c in mean service times: P(T > t) = e^-t + C (e^-t - e^-(c-a)t) / (c - a - 1), with
    Erlang's C for the share that waits and a = load * c (e.g. Gross et al., Fundamentals of
    Queueing Theory, ch. 3)."""
    offered = load * servers
    terms = [1.0]
    for number in range(1, servers + 1):
        terms.append(terms[-1] * offered / number)
    waiting = terms[-1] / (1 - load)
    erlang_c = waiting / (sum(terms[:-1]) + waiting)
    spare = servers - offered

    def beyond(time: float) -> float:
        if abs(spare - 1) < 1e-9:
            return math.exp(-time) * (1 + erlang_c * time)
        slow = erlang_c * (math.exp(-time) - math.exp(-spare * time)) / (spare - 1)
        return math.exp(-time) + slow

    return float(optimize.brentq(lambda time: beyond(time) - (1 - share), 0.0, 1e4))


def _unit_gamma(normal: Floats, cv: float) -> Floats:
    """Gamma with mean 1 from standard normal numbers, by the inverse of its distribution."""
    return _unit_gammas(cv)[_positions(normal)]


def _positions(normal: Floats) -> Positions:
    """The nearest of ``Z_FINE``: looked up once, where interpolating would cost it each time."""
    steps = np.rint((normal + Z_MOST) * (Z_STEPS / (2 * Z_MOST)))
    return np.clip(steps, 0, Z_STEPS).astype(np.intp)


def _unit_gammas(cv: float) -> Floats:
    """Gamma with mean 1 at each of ``Z_FINE``."""
    if cv < CONSTANT_CV:
        return np.ones_like(Z_FINE)
    shape = 1 / cv**2
    values = stats.gamma.ppf(stats.norm.cdf(Z_GRID), shape) / shape
    return np.interp(Z_FINE, Z_GRID, values)


def _gamma_quantile(cv: float, share: float) -> float:
    if cv < CONSTANT_CV:
        return 1.0
    return float(stats.gamma.ppf(share, 1 / cv**2) * cv**2)
