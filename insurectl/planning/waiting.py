"""How long requests take at a replica that is so busy: tables for whoever asks often.

Each request goes to a ready replica at random, so each replica is an M/G/c queue of its own. Its
mean wait is that of Lee and Longton (1959; the Allen-Cunneen formula with Poisson arrivals):
``(1 + cv^2) / 2`` times that of M/M/c. Who waits at all is Erlang's C, and who waits does so for an
exponential time (exact for exponential service; else the heavy-traffic limit, Koellerstroem 1974).
Service times are gamma-distributed. ``queueing`` has the same queue played, slower and closer.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import stats

from insurectl.records import Queue

Floats = NDArray[np.float64]
HIGHEST_LOAD = 0.98  # a steady state nearer to 1 takes longer to come about than load stays alike
POINTS, ATOMS, HALVINGS = 257, 200, 40
CONSTANT_CV = 0.01  # below it service times do not vary


@dataclass(frozen=True, kw_only=True)
class Waits:
    """At loads from 0 to ``HIGHEST_LOAD`` in equal steps: ``missed``, the share of requests beyond
    the SLO; ``quantile_s``, the sojourn's quantile; ``wait_s``, the mean wait. ``late``: the share
    beyond the SLO at the highest load when a backlog adds so many ``late_step_s`` of waiting."""

    missed: Floats
    quantile_s: Floats
    wait_s: Floats
    late: Floats
    late_step_s: float


def waits(queue: Queue, slo_ms: float, quantile: float) -> Waits:
    """For one replica; ``quantile`` such as 0.95."""
    loads = np.linspace(0.0, HIGHEST_LOAD, POINTS)
    waiting = np.array([erlang_c(queue.servers, float(load)) for load in loads])
    factor = (1 + queue.service_cv**2) / 2
    mean_ms = factor * queue.service_ms / (queue.servers * (1 - loads))
    limit_ms = slo_ms - queue.overhead_ms
    steps_ms = np.linspace(0.0, max(limit_ms, 0.0), POINTS)
    busy, slow = np.full(POINTS, waiting[-1]), np.full(POINTS, mean_ms[-1])
    return Waits(
        missed=_rising(beyond(queue, waiting, mean_ms, np.full(POINTS, limit_ms))),
        quantile_s=_quantile_ms(queue, waiting, mean_ms, quantile) / 1000,
        wait_s=waiting * mean_ms / 1000,
        late=_rising(np.append(beyond(queue, busy, slow, limit_ms - steps_ms)[:-1], 1.0)),
        late_step_s=float(steps_ms[1]) / 1000,
    )


def erlang_c(servers: int, load: float) -> float:
    """The share of requests that find every server busy in M/M/c."""
    blocked, offered = 1.0, load * servers
    for number in range(1, servers + 1):
        blocked = offered * blocked / (number + offered * blocked)
    return blocked / (1 - load * (1 - blocked))


def beyond(queue: Queue, waiting: Floats, mean_ms: Floats, limit_ms: Floats) -> Floats:
    """P(wait + service > limit): the service alone is longer, or what is left is waited for."""
    left_ms = limit_ms[:, None] - _services(queue)[None, :]
    with np.errstate(over="ignore"):
        longer = np.where(left_ms >= 0, np.exp(-np.maximum(left_ms, 0) / mean_ms[:, None]), 0.0)
    share = _service_beyond(queue, limit_ms) + waiting * longer.mean(axis=1)
    return np.clip(np.where(limit_ms < 0, 1.0, share), 0.0, 1.0)


def _rising(shares: Floats) -> Floats:
    """Without the ripples of the atoms."""
    return np.asarray(np.maximum.accumulate(shares))


def _quantile_ms(queue: Queue, waiting: Floats, mean_ms: Floats, quantile: float) -> Floats:
    low, high = np.zeros(POINTS), np.full(POINTS, queue.service_ms)
    while (late := beyond(queue, waiting, mean_ms, high) > 1 - quantile).any():
        high[late] *= 2
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        late = beyond(queue, waiting, mean_ms, middle) > 1 - quantile
        low, high = np.where(late, middle, low), np.where(late, high, middle)
    return high + queue.overhead_ms


def _services(queue: Queue) -> Floats:
    """Service times (ms) that are equally probable."""
    if queue.service_cv < CONSTANT_CV:
        return np.array([queue.service_ms])
    shape = 1 / queue.service_cv**2
    middles = (np.arange(ATOMS) + 0.5) / ATOMS
    times: Floats = np.asarray(stats.gamma.ppf(middles, shape))
    times *= queue.service_ms / float(times.mean())
    return times


def _service_beyond(queue: Queue, limit_ms: Floats) -> Floats:
    if queue.service_cv < CONSTANT_CV:
        return np.where(limit_ms < queue.service_ms, 1.0, 0.0)
    shape = 1 / queue.service_cv**2
    return np.asarray(stats.gamma.sf(limit_ms * shape / queue.service_ms, shape))
