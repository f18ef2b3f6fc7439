"""The loop over the seconds of a day, and the entrance to it. It needs no lock of Python's, so that
threads can play candidates side by side."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from insurectl.planning import compiled_behavior, compiled_day, compiled_metrics
from insurectl.planning.compiled import allocating, compiled, entrance
from insurectl.planning.compiled_behavior import Log, decide
from insurectl.planning.compiled_day import (
    BACKLOG,
    BEGIN,
    CPU,
    CPU_CORES,
    CPU_MILLI,
    FEWEST_PODS,
    MEMORY,
    MEMORY_ASKED,
    MEMORY_BYTES,
    MISS_SHARE,
    MISSED,
    MOST_PODS,
    POD_SECONDS,
    PODS,
    QUANTILE_S,
    REQUESTS,
    SERVING,
    WORST_S,
    Plant,
    Pods,
    between,
    look,
    merged,
    rescale,
    room_for,
    seen_at,
    serve,
    start_over,
)
from insurectl.planning.compiled_metrics import (
    DOWN_WINDOW,
    LEGACY_WINDOW,
    METRICS,
    MOST,
    SIGNAL,
    UP_WINDOW,
    Floats,
    Ints,
    Moment,
    Rules,
    Seen,
)

THOUSANDTHS = 1000


@allocating
def memory_of(rules: Rules) -> Log:
    """Nothing remembered yet, and room for a round a second of the longest window or period."""
    longest = max(rules.head[UP_WINDOW], rules.head[DOWN_WINDOW], int(rules.floats[LEGACY_WINDOW]))
    wishes = longest + 8
    changes = np.max(rules.policies[:, :, 2]) + 8
    return Log(
        np.zeros(3, np.int64), np.zeros(wishes, np.int64), np.zeros(wishes),
        np.zeros((2, changes), np.int64), np.zeros((2, changes)), np.zeros((2, changes), np.bool_),
    )  # fmt: skip


class Fleet(NamedTuple):
    """Pods that there are, and those that serve; rows of them, rows that serve, and rows whose
    memory changes and matters to anybody."""

    pods: int
    ready: int
    rows: int
    serving: int
    weighed: int


@compiled
def fleet_of(pods: Pods, rows: int, now_s: int, weighs: bool) -> Fleet:
    count = ready = serving = 0
    for row in range(rows):
        count += pods.alike[row]
        if pods.serves[row] <= now_s:
            ready += pods.alike[row]
            serving += 1
    return Fleet(count, ready, rows, serving, serving if weighs else 0)


@compiled
def pass_calm(
    plant: Plant, pods: Pods, sums: Floats, span: tuple[int, int], fleet: Fleet, rates: Floats
) -> int:
    """Serve the seconds in which nothing waits beyond its own; how far that went. What the other
    functions are for is written out here: arrays that are handed on cost more than the sums."""
    now_s, until_s = span
    missed, excess, done, total = plant.missed, pods.excess, pods.done, pods.total
    room, mask, keep = fleet.ready * plant.capacity_rps, len(pods.done) - 1, plant.keep
    to_place, last = plant.loads / room, len(missed) - 2
    requests = late = highest = 0.0
    one_did, all_did = done[now_s & mask], total[now_s & mask]
    while now_s < until_s and rates[now_s] <= room:
        arrivals = rates[now_s]
        place = arrivals * to_place
        number = min(int(place), last)
        part = min(place - number, 1.0)
        late += arrivals * (missed[number] + part * (missed[number + 1] - missed[number]))
        requests += arrivals
        highest = max(highest, place)
        served = arrivals / fleet.ready
        one_did += served
        all_did += arrivals
        now_s += 1
        done[now_s & mask], total[now_s & mask] = one_did, all_did
        if fleet.weighed:
            held = plant.per_rps * served
            if plant.per_request > 0.0:
                wait_s = between(plant.wait_s, place)
                held += plant.per_request * served * (plant.service_s + wait_s)
            for row in range(fleet.weighed):
                excess[row] = max(held, held + (excess[row] - held) * keep)
    sums[REQUESTS] += requests
    sums[MISSED] += late
    if highest > 0.0:
        sums[WORST_S] = max(sums[WORST_S], between(plant.quantile_s, highest))
    return now_s


@compiled
def pass_second(
    plant: Plant, pods: Pods, sums: Floats, now_s: int, fleet: Fleet, arrivals: float
) -> tuple[float, float, float]:
    """Serve one, whatever it brings; what a pod served, the quantile (s), and the share beyond the
    SLO."""
    served, held, quantile_s, share = serve(plant, sums, fleet.ready, arrivals)
    if fleet.ready > 0:
        held += plant.per_request * sums[BACKLOG] / fleet.ready
    mask = len(pods.done) - 1
    pods.done[(now_s + 1) & mask] = pods.done[now_s & mask] + served
    pods.total[(now_s + 1) & mask] = pods.total[now_s & mask] + served * fleet.ready
    for row in range(fleet.weighed):
        pods.excess[row] = max(held, held + (pods.excess[row] - held) * plant.keep)
    return served, quantile_s, share


@compiled
def pass_seconds(
    plant: Plant,
    pods: Pods,
    sums: Floats,
    span: tuple[int, int],
    fleet: Fleet,
    rates: Floats,
    course: Floats,
) -> None:
    """Until anything changes; ``course`` begins where the traffic ends that does not count."""
    now_s, until_s = span
    sums[POD_SECONDS] += fleet.pods * (until_s - now_s)
    sums[MOST_PODS] = max(sums[MOST_PODS], fleet.pods)
    sums[FEWEST_PODS] = min(sums[FEWEST_PODS], fleet.pods)
    warmup_s = len(rates) - len(course)
    while now_s < until_s:
        if len(course) == 0 and fleet.ready > 0 and sums[BACKLOG] == 0.0:
            now_s = pass_calm(plant, pods, sums, (now_s, until_s), fleet, rates)
            if now_s == until_s:
                return
        served, quantile_s, share = pass_second(plant, pods, sums, now_s, fleet, rates[now_s])
        if len(course) and now_s >= warmup_s:
            row = course[now_s - warmup_s]
            row[PODS], row[SERVING], row[CPU_CORES] = fleet.pods, fleet.ready, served * plant.cpu_s
            row[MEMORY_BYTES], row[QUANTILE_S] = plant.floor + pods.excess[0], quantile_s
            row[MISS_SHARE] = share
        now_s += 1


@compiled
def next_change(
    plant: Plant, pods: Pods, now_s: int, fleet: Fleet, warmup_s: int, end_s: int
) -> int:
    """The next look, scrape, or pod that is ready; where the traffic begins to count, or ends."""
    sync_s = now_s + 1 + (plant.offset_s - now_s - 1) % plant.sync_s
    scrape_s = now_s + plant.scrape_s - now_s % plant.scrape_s
    until_s = min(sync_s, scrape_s, end_s)
    if now_s < warmup_s:
        until_s = min(until_s, warmup_s)
    if fleet.serving < fleet.rows:
        until_s = min(until_s, pods.serves[fleet.serving])
    return until_s


@compiled
def ask(rules: Rules, asks: Ints, seen: Seen) -> None:
    """Requests of all pods that there will be."""
    for metric in range(rules.head[METRICS]):
        is_cpu = rules.metrics[metric, SIGNAL] == CPU
        seen.requests[metric, :] = asks[CPU_MILLI] if is_cpu else asks[MEMORY_ASKED] * THOUSANDTHS


@compiled
def weighed(rules: Rules) -> bool:
    """Whether any metric is read from memory."""
    found = False
    for metric in range(rules.head[METRICS]):
        found = found or rules.metrics[metric, SIGNAL] == MEMORY
    return found


@allocating
def play_day(
    plant: Plant,
    rules: Rules,
    asks: Ints,
    rates: Floats,
    warmup_s: int,
    sums: Floats,
    course: Floats,
) -> None:
    """Fills ``sums``, and ``course`` (second, COURSE_COLUMNS) where it has rows."""
    most = max(rules.head[MOST], asks[BEGIN], 1)
    pods, seen, proposals = room_for(plant, rules, most)
    log = memory_of(rules)
    ask(rules, asks, seen)
    weighs = len(course) > 0 or weighed(rules)
    count, rows, now_s = asks[BEGIN], 1, 0
    pods.alike[0] = count
    while now_s < len(rates):
        if weighs and now_s % plant.scrape_s == 0:
            slot = (now_s // plant.scrape_s) % len(pods.scraped)
            pods.scraped[slot, :rows] = pods.excess[:rows]
        if now_s == warmup_s:
            start_over(sums, count)
        if now_s > 0 and now_s % plant.sync_s == plant.offset_s:
            seen_s = seen_at(plant, now_s)
            rows = merged(plant, pods, seen_s, rows)
            look(plant, rules, pods, seen, now_s, seen_s, rows)
            at = Moment(count, count, rows, max(rows, 1), float(now_s))
            desired = decide(rules, log, seen, at, proposals)
            if desired != count:
                rows = rescale(plant, pods, sums, now_s, rows, desired - count)
                count = desired
        fleet = fleet_of(pods, rows, now_s, weighs)
        until_s = next_change(plant, pods, now_s, fleet, warmup_s, len(rates))
        pass_seconds(plant, pods, sums, (now_s, until_s), fleet, rates, course)
        now_s = until_s


def _made(stamp: int) -> Callable[[Plant, Rules, Ints, Floats, int, Floats, Floats], None]:
    def played(
        plant: Plant,
        rules: Rules,
        asks: Ints,
        rates: Floats,
        warmup_s: int,
        sums: Floats,
        course: Floats,
    ) -> None:
        if stamp < 0:  # named, so that it counts (see ``entrance``)
            return
        play_day(plant, rules, asks, rates, warmup_s, sums, course)

    return played


PARTS = (
    memory_of, fleet_of, pass_calm, pass_second, pass_seconds, next_change, ask, weighed, play_day
)  # fmt: skip
played = entrance(
    _made, *compiled_metrics.PARTS, *compiled_behavior.PARTS, *compiled_day.PARTS, *PARTS
)
