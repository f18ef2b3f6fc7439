"""A day of traffic, second by second, through replicas and their autoscaler; compiled.

Times are whole seconds from the start of the traffic with its warm-up; a second's traffic is served
after what the autoscaler decided at its beginning. What is served lies in a ring, as far back as
any look of the metrics goes.
"""

from typing import NamedTuple

import numpy as np

from insurectl.planning.compiled import compiled
from insurectl.planning.compiled_metrics import (
    METRICS,
    NOT_READY,
    PENDING,
    READY,
    RUNNING,
    SHAPE,
    SIGNAL,
    TOTAL,
    TOTAL_A_POD,
    Floats,
    Ints,
    Rules,
    Seen,
)

CPU, MEMORY, RPS = 0, 1, 2  # what a metric is read from
(BACKLOG, REQUESTS, MISSED, OVERLOADED, TURNED_AWAY, POD_SECONDS, MOST_PODS, FEWEST_PODS, WORST_S,
 UPS, DOWNS, SUMS) = range(12)  # fmt: skip
(PODS, SERVING, CPU_CORES, MEMORY_BYTES, QUANTILE_S, MISS_SHARE, COURSE_COLUMNS) = range(7)
CPU_MILLI, MEMORY_ASKED, BEGIN, ASKS = 0, 1, 2, 3
ALWAYS = -(10**9)  # a pod that was there before everything


class Plant(NamedTuple):
    """The application in the kernel's units: seconds, bytes, requests a second of one pod, CPU
    seconds a request. ``keep``: what of memory is left after a second; ``waits``: see ``waiting``,
    ``loads`` of their steps to 1."""

    capacity_rps: float
    service_s: float
    cpu_s: float
    floor: float
    per_rps: float
    per_request: float
    keep: float
    patience_s: float
    loads: float
    missed: Floats
    quantile_s: Floats
    wait_s: Floats
    late: Floats
    late_step_s: float
    pending_s: int
    startup_s: int
    scrape_s: int
    window_s: int
    lag_s: int
    sync_s: int
    offset_s: int


class Pods(NamedTuple):
    """By pod, the oldest first: when it runs and serves, memory beyond the floor; that memory as
    scraped (scrape, pod). ``done``: requests a serving pod had served, ``total``: all had, by
    second (rings)."""

    runs: Ints
    serves: Ints
    excess: Floats
    scraped: Floats
    done: Floats
    total: Floats


@compiled
def between(table: Floats, place: float) -> float:
    """Linear between the table's points."""
    number = min(int(place), len(table) - 2)
    part = min(place - number, 1.0)
    return float(table[number] + part * (table[number + 1] - table[number]))


@compiled
def waited(plant: Plant, sums: Floats, arrivals: float, room: float) -> tuple[float, float, float]:
    """The second's share beyond the SLO, quantile (s), and mean wait (s), where requests are
    served. With a backlog all wait for it first."""
    backlog = sums[BACKLOG]
    left = max(backlog + arrivals - room, 0.0)
    turned = max(left - room * plant.patience_s, 0.0)
    left -= turned
    sums[BACKLOG] = left
    sums[TURNED_AWAY] += turned
    if backlog + left + turned == 0.0:
        place = arrivals / room * plant.loads
        return (
            between(plant.missed, place), between(plant.quantile_s, place),
            between(plant.wait_s, place),
        )  # fmt: skip
    sums[OVERLOADED] += arrivals
    wait_s = 0.5 * (backlog + left) / room
    share = between(plant.late, wait_s / plant.late_step_s) if plant.late_step_s else 1.0
    lost = min(turned, arrivals)
    missed = (lost + share * (arrivals - lost)) / arrivals if arrivals else 0.0
    return missed, plant.quantile_s[-1] + wait_s, plant.wait_s[-1] + wait_s


@compiled
def serve(
    plant: Plant, sums: Floats, ready: int, arrivals: float
) -> tuple[float, float, float, float]:
    """What a pod serves a second, what of memory it then needs beyond the floor (bytes), the
    quantile (s; NaN: nobody serves) and the share beyond the SLO."""
    sums[REQUESTS] += arrivals
    if ready == 0:
        sums[TURNED_AWAY] += arrivals + sums[BACKLOG]
        sums[OVERLOADED] += arrivals
        sums[MISSED] += arrivals
        sums[BACKLOG] = 0.0
        return 0.0, 0.0, np.nan, 1.0
    room = ready * plant.capacity_rps
    served = min(sums[BACKLOG] + arrivals, room) / ready
    share, quantile_s, wait_s = waited(plant, sums, arrivals, room)
    sums[MISSED] += share * arrivals
    if arrivals > 0.0:
        sums[WORST_S] = max(sums[WORST_S], quantile_s)
    held = plant.per_rps * served + plant.per_request * served * (plant.service_s + wait_s)
    return served, held, quantile_s, share


@compiled
def rate(pods: Pods, seen_s: int, begin_s: int) -> float:
    """Requests that a serving pod has served in between."""
    mask = len(pods.done) - 1
    return float(pods.done[seen_s & mask] - pods.done[begin_s & mask])


@compiled
def sample(plant: Plant, pods: Pods, signal: int, pod: int, seen_s: int) -> tuple[bool, int]:
    """Whether there is one, in thousandths or bytes. A rate needs two looks at a pod; the
    controller rounds the thousandths of a CPU up."""
    if signal == MEMORY:
        scraped = pods.scraped[(seen_s // plant.scrape_s) % len(pods.scraped), pod]
        return seen_s >= pods.runs[pod], int(np.rint(plant.floor + scraped))
    since_s = pods.runs[pod] if signal == CPU else pods.serves[pod]
    if seen_s < since_s + plant.scrape_s:
        return False, 0
    begin_s = max(seen_s - plant.window_s, 0)
    served = rate(pods, seen_s, max(begin_s, min(pods.serves[pod], seen_s)))
    served /= seen_s - max(begin_s, since_s)
    if signal == CPU:
        return True, int(np.ceil(1000.0 * plant.cpu_s * served - 1e-6))
    return True, int(np.rint(1000.0 * served))


@compiled
def look(plant: Plant, rules: Rules, pods: Pods, seen: Seen, now_s: int, count: int) -> None:
    """What the controller sees: the last scrape that had the time to arrive."""
    seen_s = max((now_s - plant.lag_s) // plant.scrape_s * plant.scrape_s, 0)
    for pod in range(count):
        is_ready = now_s >= pods.serves[pod]
        seen.pods[pod, 0] = RUNNING if now_s >= pods.runs[pod] else PENDING
        seen.pods[pod, 1] = READY if is_ready else NOT_READY
        seen.times[pod, 0] = pods.runs[pod]
        seen.times[pod, 1] = pods.serves[pod] if is_ready else pods.runs[pod]
    for metric in range(rules.head[METRICS]):
        signal, shape = rules.metrics[metric, SIGNAL], rules.metrics[metric, SHAPE]
        if shape in (TOTAL, TOTAL_A_POD):
            mask, begin_s = len(pods.total) - 1, max(seen_s - plant.window_s, 0)
            served = pods.total[seen_s & mask] - pods.total[begin_s & mask]
            seen.has[metric, 0] = seen_s > begin_s
            seen.values[metric, 0] = int(np.rint(1000.0 * served / max(seen_s - begin_s, 1)))
            continue
        for pod in range(count):
            has, value = sample(plant, pods, signal, pod, seen_s)
            seen.has[metric, pod], seen.values[metric, pod] = has, value
            seen.looked[metric, pod, 0], seen.looked[metric, pod, 1] = seen_s, plant.window_s


@compiled
def rescale(plant: Plant, pods: Pods, sums: Floats, now_s: int, before: int, after: int) -> None:
    """New ones are scheduled and start; the youngest leave at once."""
    for pod in range(before, after):
        pods.runs[pod] = now_s + plant.pending_s
        pods.serves[pod] = now_s + plant.pending_s + plant.startup_s
        pods.excess[pod] = 0.0
    sums[UPS] += after > before
    sums[DOWNS] += after < before


@compiled
def start_over(sums: Floats, count: int) -> None:
    """From here on it counts."""
    sums[:] = 0.0
    sums[FEWEST_PODS] = count


@compiled
def room_for(plant: Plant, rules: Rules, most: int) -> tuple[Pods, Seen, Ints]:
    reach = plant.window_s + plant.lag_s + 2 * plant.scrape_s + 2
    ring = 1
    while ring < reach:
        ring *= 2
    pods = Pods(
        np.full(most, ALWAYS), np.full(most, ALWAYS), np.zeros(most),
        np.zeros((plant.lag_s // plant.scrape_s + 2, most)), np.zeros(ring), np.zeros(ring),
    )  # fmt: skip
    metrics = rules.head[METRICS]
    shape = (metrics, most)
    seen = Seen(
        np.zeros((most, 2), np.int64), np.zeros((most, 2)), np.zeros(shape, np.int64),
        np.zeros(shape, np.int64), np.zeros(shape, np.bool_), np.zeros((metrics, most, 2)),
        np.zeros(most, np.int64),
    )  # fmt: skip
    return pods, seen, np.zeros(metrics, np.int64)


PARTS = (between, waited, serve, rate, sample, look, rescale, start_over, room_for)
