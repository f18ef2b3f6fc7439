"""The loop over the seconds of a day, and the entrance to it. It needs no lock of Python's, so that
threads can play candidates side by side."""

from collections.abc import Callable

import numpy as np

from insurectl.planning import compiled_behavior, compiled_day, compiled_metrics
from insurectl.planning.compiled import compiled, entrance
from insurectl.planning.compiled_behavior import Log, decide
from insurectl.planning.compiled_day import (
    BACKLOG,
    BEGIN,
    CPU,
    CPU_CORES,
    CPU_MILLI,
    FEWEST_PODS,
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
    rescale,
    room_for,
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


@compiled
def memory_of(rules: Rules) -> Log:
    """Nothing remembered yet, and room for a round a second of the longest window or period."""
    longest = max(rules.head[UP_WINDOW], rules.head[DOWN_WINDOW], int(rules.floats[LEGACY_WINDOW]))
    wishes = longest + 8
    changes = np.max(rules.policies[:, :, 2]) + 8
    return Log(
        np.zeros(3, np.int64), np.zeros(wishes, np.int64), np.zeros(wishes),
        np.zeros((2, changes), np.int64), np.zeros((2, changes)), np.zeros((2, changes), np.bool_),
    )  # fmt: skip


@compiled
def pass_calm(
    plant: Plant, pods: Pods, sums: Floats, now_s: int, until_s: int, ready: int, rates: Floats
) -> int:
    """Serve the seconds in which nothing waits beyond its own; how far that went. What the other
    functions are for is written out here: arrays that are handed on cost more than the sums."""
    missed, excess, done, total = plant.missed, pods.excess, pods.done, pods.total
    room, mask, keep = ready * plant.capacity_rps, len(pods.done) - 1, plant.keep
    to_place, last = plant.loads / room, len(missed) - 2
    requests = late = highest = 0.0
    while now_s < until_s and rates[now_s] <= room:
        arrivals = rates[now_s]
        place = arrivals * to_place
        number = min(int(place), last)
        part = min(place - number, 1.0)
        late += arrivals * (missed[number] + part * (missed[number + 1] - missed[number]))
        requests += arrivals
        highest = max(highest, place)
        served = arrivals / ready
        done[(now_s + 1) & mask] = done[now_s & mask] + served
        total[(now_s + 1) & mask] = total[now_s & mask] + arrivals
        held = plant.per_rps * served
        if plant.per_request > 0.0:
            wait_s = between(plant.wait_s, place)
            held += plant.per_request * served * (plant.service_s + wait_s)
        for pod in range(ready):
            excess[pod] = max(held, held + (excess[pod] - held) * keep)
        now_s += 1
    sums[REQUESTS] += requests
    sums[MISSED] += late
    if highest > 0.0:
        sums[WORST_S] = max(sums[WORST_S], between(plant.quantile_s, highest))
    return now_s


@compiled
def pass_second(
    plant: Plant, pods: Pods, sums: Floats, now_s: int, ready: int, arrivals: float
) -> tuple[float, float, float]:
    """Serve one, whatever it brings; what a pod served, the quantile (s), and the share beyond the
    SLO."""
    served, held, quantile_s, share = serve(plant, sums, ready, arrivals)
    if ready > 0:
        held += plant.per_request * sums[BACKLOG] / ready
    mask = len(pods.done) - 1
    pods.done[(now_s + 1) & mask] = pods.done[now_s & mask] + served
    pods.total[(now_s + 1) & mask] = pods.total[now_s & mask] + served * ready
    for pod in range(ready):
        pods.excess[pod] = max(held, held + (pods.excess[pod] - held) * plant.keep)
    return served, quantile_s, share


@compiled
def pass_seconds(
    plant: Plant,
    pods: Pods,
    sums: Floats,
    span: tuple[int, int],
    counts: tuple[int, int],
    rates: Floats,
    course: Floats,
) -> None:
    """Until anything changes; ``course`` begins where the traffic ends that does not count."""
    now_s, until_s = span
    count, ready = counts
    sums[POD_SECONDS] += count * (until_s - now_s)
    sums[MOST_PODS] = max(sums[MOST_PODS], count)
    sums[FEWEST_PODS] = min(sums[FEWEST_PODS], count)
    warmup_s = len(rates) - len(course)
    while now_s < until_s:
        if len(course) == 0 and ready > 0 and sums[BACKLOG] == 0.0:
            now_s = pass_calm(plant, pods, sums, now_s, until_s, ready, rates)
            if now_s == until_s:
                return
        served, quantile_s, share = pass_second(plant, pods, sums, now_s, ready, rates[now_s])
        if len(course) and now_s >= warmup_s:
            row = course[now_s - warmup_s]
            row[PODS], row[SERVING], row[CPU_CORES] = count, ready, served * plant.cpu_s
            row[MEMORY_BYTES], row[QUANTILE_S] = plant.floor + pods.excess[0], quantile_s
            row[MISS_SHARE] = share
        now_s += 1


@compiled
def next_change(
    plant: Plant, pods: Pods, now_s: int, counts: tuple[int, int], warmup_s: int, end_s: int
) -> int:
    """The next look, scrape, or pod that is ready; where the traffic begins to count, or ends."""
    count, ready = counts
    sync_s = now_s + 1 + (plant.offset_s - now_s - 1) % plant.sync_s
    scrape_s = now_s + plant.scrape_s - now_s % plant.scrape_s
    until_s = min(sync_s, scrape_s, end_s)
    if now_s < warmup_s:
        until_s = min(until_s, warmup_s)
    if ready < count:
        until_s = min(until_s, pods.serves[ready])
    return until_s


@compiled
def ask(rules: Rules, asks: Ints, seen: Seen) -> None:
    """Requests of all pods that there will be."""
    for metric in range(rules.head[METRICS]):
        is_cpu = rules.metrics[metric, SIGNAL] == CPU
        seen.requests[metric, :] = asks[CPU_MILLI] if is_cpu else asks[MEMORY_ASKED] * THOUSANDTHS


@compiled
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
    count = ready = asks[BEGIN]
    now_s = 0
    while now_s < len(rates):
        if now_s % plant.scrape_s == 0:
            slot = (now_s // plant.scrape_s) % len(pods.scraped)
            pods.scraped[slot, :count] = pods.excess[:count]
        if now_s == warmup_s:
            start_over(sums, count)
        if now_s > 0 and now_s % plant.sync_s == plant.offset_s:
            look(plant, rules, pods, seen, now_s, count)
            at = Moment(count, count, count, max(count, 1), float(now_s))
            desired = decide(rules, log, seen, at, proposals)
            if desired != count:
                rescale(plant, pods, sums, now_s, count, desired)
                count, ready = desired, min(ready, desired)
        while ready < count and pods.serves[ready] <= now_s:
            ready += 1
        counts = (count, ready)
        until_s = next_change(plant, pods, now_s, counts, warmup_s, len(rates))
        pass_seconds(plant, pods, sums, (now_s, until_s), counts, rates, course)
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


PARTS = (memory_of, pass_calm, pass_second, pass_seconds, next_change, ask, play_day)
played = entrance(
    _made, *compiled_metrics.PARTS, *compiled_behavior.PARTS, *compiled_day.PARTS, *PARTS
)
