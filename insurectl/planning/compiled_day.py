"""A day of traffic, second by second, through replicas and their autoscaler; compiled.

Times are whole seconds from the start of the traffic with its warm-up; a second's traffic is served
after what the autoscaler decided at its beginning. What is served lies in a ring, as far back as
any look of the metrics goes. Pods that began together are alike for ever, and older ones become so:
they are one row, with how many they are.
"""

from typing import NamedTuple

import numpy as np

from insurectl.planning.compiled import allocating, compiled
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
    """By row of pods that are alike, the oldest first: how many, when they run and serve, memory
    beyond the floor; that memory as scraped (scrape, row). ``done``: requests a serving pod had
    served, ``total``: all had, by second (rings)."""

    alike: Ints
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
def sample(plant: Plant, pods: Pods, signal: int, row: int, seen_s: int) -> tuple[bool, int]:
    """Whether there is one, in thousandths or bytes. A rate needs two looks at a pod; the
    controller rounds the thousandths of a CPU up."""
    if signal == MEMORY:
        scraped = pods.scraped[(seen_s // plant.scrape_s) % len(pods.scraped), row]
        return seen_s >= pods.runs[row], int(np.rint(plant.floor + scraped))
    since_s = pods.runs[row] if signal == CPU else pods.serves[row]
    if seen_s < since_s + plant.scrape_s:
        return False, 0
    mask, begin_s = len(pods.done) - 1, max(seen_s - plant.window_s, 0)
    from_s = max(begin_s, min(pods.serves[row], seen_s))
    served = pods.done[seen_s & mask] - pods.done[from_s & mask]
    served /= seen_s - max(begin_s, since_s)
    if signal == CPU:
        return True, int(np.ceil(1000.0 * plant.cpu_s * served - 1e-6))
    return True, int(np.rint(1000.0 * served))


@compiled
def seen_at(plant: Plant, now_s: int) -> int:
    """The last scrape that had the time to arrive."""
    return int(max((now_s - plant.lag_s) // plant.scrape_s * plant.scrape_s, 0))


@compiled
def look(
    plant: Plant, rules: Rules, pods: Pods, seen: Seen, now_s: int, seen_s: int, rows: int
) -> None:
    """What the controller sees."""
    for row in range(rows):
        is_ready = now_s >= pods.serves[row]
        seen.pods[row, 0] = RUNNING if now_s >= pods.runs[row] else PENDING
        seen.pods[row, 1] = READY if is_ready else NOT_READY
        seen.times[row, 0] = pods.runs[row]
        seen.times[row, 1] = pods.serves[row] if is_ready else pods.runs[row]
        seen.alike[row] = pods.alike[row]
    for metric in range(rules.head[METRICS]):
        signal, shape = rules.metrics[metric, SIGNAL], rules.metrics[metric, SHAPE]
        if shape in (TOTAL, TOTAL_A_POD):
            mask, begin_s = len(pods.total) - 1, max(seen_s - plant.window_s, 0)
            served = pods.total[seen_s & mask] - pods.total[begin_s & mask]
            seen.has[metric, 0] = seen_s > begin_s
            seen.values[metric, 0] = int(np.rint(1000.0 * served / max(seen_s - begin_s, 1)))
            continue
        for row in range(rows):
            has, value = sample(plant, pods, signal, row, seen_s)
            seen.has[metric, row], seen.values[metric, row] = has, value
            seen.looked[metric, row, 0], seen.looked[metric, row, 1] = seen_s, plant.window_s


@compiled
def merged(plant: Plant, pods: Pods, seen_s: int, rows: int) -> int:
    """Rows of which nothing can be told apart any more, in what is seen or will be, become one: all
    that is looked at is younger than they, and their memory was and is the same. How many stay."""
    settled_s, kept = seen_s - max(plant.window_s, plant.scrape_s), 0
    for row in range(1, rows):
        same = pods.serves[row] <= settled_s and pods.excess[row] == pods.excess[kept]
        for slot in range(len(pods.scraped)):
            same = same and pods.scraped[slot, row] == pods.scraped[slot, kept]
        if same:
            pods.alike[kept] += pods.alike[row]
            continue
        kept += 1
        if kept < row:
            pods.alike[kept], pods.excess[kept] = pods.alike[row], pods.excess[row]
            pods.runs[kept], pods.serves[kept] = pods.runs[row], pods.serves[row]
            for slot in range(len(pods.scraped)):
                pods.scraped[slot, kept] = pods.scraped[slot, row]
    return kept + 1 if rows else 0


@compiled
def rescale(plant: Plant, pods: Pods, sums: Floats, now_s: int, rows: int, more: int) -> int:
    """New ones are scheduled and start; the youngest leave at once. How many rows there are."""
    if more > 0:
        pods.alike[rows] = more
        pods.runs[rows] = now_s + plant.pending_s
        pods.serves[rows] = now_s + plant.pending_s + plant.startup_s
        pods.excess[rows] = 0.0
        pods.scraped[:, rows] = 0.0
        sums[UPS] += 1.0
        return rows + 1
    sums[DOWNS] += 1.0
    while more < 0:
        leave = min(pods.alike[rows - 1], -more)
        pods.alike[rows - 1] -= leave
        more += leave
        if pods.alike[rows - 1] == 0:
            rows -= 1
    return rows


@compiled
def start_over(sums: Floats, count: int) -> None:
    """From here on it counts."""
    sums[:] = 0.0
    sums[FEWEST_PODS] = count


@allocating
def room_for(plant: Plant, rules: Rules, most: int) -> tuple[Pods, Seen, Ints]:
    reach = plant.window_s + plant.lag_s + 2 * plant.scrape_s + 2
    ring = 1
    while ring < reach:
        ring *= 2
    pods = Pods(
        np.zeros(most, np.int64), np.full(most, ALWAYS), np.full(most, ALWAYS), np.zeros(most),
        np.zeros((plant.lag_s // plant.scrape_s + 2, most)), np.zeros(ring), np.zeros(ring),
    )  # fmt: skip
    metrics = rules.head[METRICS]
    shape = (metrics, most)
    seen = Seen(
        np.zeros((most, 2), np.int64), np.zeros((most, 2)), np.zeros(shape, np.int64),
        np.zeros(shape, np.int64), np.zeros(shape, np.bool_), np.zeros((metrics, most, 2)),
        np.zeros(most, np.int64), np.zeros(most, np.int64),
    )  # fmt: skip
    return pods, seen, np.zeros(metrics, np.int64)


PARTS = (
    between, waited, serve, sample, seen_at, look, merged, rescale, start_over, room_for
)  # fmt: skip
