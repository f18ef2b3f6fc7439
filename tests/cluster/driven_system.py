"""The front service of the bundled system as its metrics show it, in real time and without a
process: requests come as the planner foresees arrivals, each goes to a pod that serves, waits for
one of its workers, holds memory, and is counted once it has ended.

Two look at it: metrics-server (memory and CPU) and Prometheus (a counter of requests). Their delays
are those of the real ones, in proportion to how often they look.
"""

import heapq
import threading
from bisect import bisect_left, bisect_right, insort
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from math import floor
from random import Random

from insurectl.planning.hpa import Sample
from insurectl.planning.workload import arrivals
from insurectl.records import Cost, ServiceTuning

from .metrics_api import Usage

MIB = 2**20
SETTLED = 10 / 15  # metrics-server shows a container that has run for 10 s of its 15 s
HOUSEKEEPING = 10 / 15  # the kubelet's own number is up to 10 s old when it is fetched


@dataclass(frozen=True, kw_only=True)
class Load:
    """What is played. ``resolution_s``: how often metrics-server looks; ``scrape_s``: Prometheus,
    whose rates span four looks."""

    name: str
    rates: Sequence[float]
    tuning: ServiceTuning
    cost: Cost
    floor_mib: float
    scrape_s: float
    resolution_s: float
    seed: int = 7


@dataclass(kw_only=True)
class _Replica:
    runs_s: float
    serves_s: float
    next_scrape_s: float
    counts_from_zero: bool  # it was there, idle, before the load; another has no counter yet
    free_s: list[float]
    began_s: list[float] = field(default_factory=list)
    ended_s: list[float] = field(default_factory=list)
    scraped: list[tuple[float, int]] = field(default_factory=list)


class DrivenSystem:
    """``begins_s``: when the load begins; all times are seconds since the epoch."""

    def __init__(self, load: Load, begins_s: float) -> None:
        self._load, self._begins_s = load, begins_s
        self._due = iter(arrivals(load.rates, load.seed, "poisson"))
        self._next_s: float | None = next(self._due, None)
        self._rng = Random(f"driven/{load.name}/{load.seed}")
        self._next_look_s = begins_s - self._rng.uniform(1, 2) * load.resolution_s
        self._replicas: dict[str, _Replica] = {}
        self._usage: dict[str, Usage] = {}
        self._lock = threading.Lock()
        self.failed = 0

    def started(self, pod: str, at_s: float) -> float:
        """A container of it runs; when it will be ready."""
        with self._lock:
            early = at_s < self._begins_s
            serves_s = at_s if early else at_s + self._load.cost.start_s
            self._replicas[pod] = _Replica(
                runs_s=at_s, serves_s=serves_s, counts_from_zero=early,
                next_scrape_s=at_s + self._rng.uniform(0, self._load.scrape_s),
                free_s=[0.0] * self._load.cost.workers,
            )  # fmt: skip
            return serves_s

    def gone(self, pod: str) -> None:
        with self._lock:
            self._replicas.pop(pod, None)
            self._usage.pop(pod, None)

    def advance(self, now_s: float) -> None:
        """Everything that has happened until now."""
        with self._lock:
            while self._next_s is not None and self._begins_s + self._next_s <= now_s:
                self._arrive(self._begins_s + self._next_s)
                self._next_s = next(self._due, None)
            while self._next_look_s <= now_s:
                self._look(self._next_look_s)
                self._next_look_s += self._load.resolution_s
            for one in self._replicas.values():
                while one.next_scrape_s <= now_s:
                    self._scrape(one)

    def usage(self) -> Mapping[str, Usage]:
        """metrics-server's answer."""
        with self._lock:
            return dict(self._usage)

    def rates(self, now_s: float) -> Mapping[str, Sample]:
        """What ``rate(...[4 looks])`` gives for each; none before two looks at a counter."""
        window_s = 4 * self._load.scrape_s
        found = {}
        with self._lock:
            for pod, one in self._replicas.items():
                seen = [look for look in one.scraped if look[0] > now_s - window_s]
                if len(seen) >= 2:
                    (first_s, first), (last_s, last) = seen[0], seen[-1]
                    value = round(1000 * (last - first) / (last_s - first_s))
                    found[pod] = Sample(value=value, at_s=floor(now_s), window_s=window_s)
        return found

    def _arrive(self, at_s: float) -> None:
        serving = [one for one in self._replicas.values() if one.serves_s <= at_s]
        if not serving:
            self.failed += 1
            return
        chosen = serving[int(self._rng.random() * len(serving))]
        begin_s = max(at_s, heapq.heappop(chosen.free_s))
        end_s = begin_s + self._service_s()
        heapq.heappush(chosen.free_s, end_s)
        chosen.began_s.append(begin_s)
        insort(chosen.ended_s, end_s)

    def _service_s(self) -> float:
        mean_s, cv = self._load.cost.worker_ms / 1000, self._load.cost.worker_cv
        return self._rng.gammavariate(1 / cv**2, mean_s * cv**2) if cv else mean_s

    def _scrape(self, one: _Replica) -> None:
        at_s = one.next_scrape_s
        one.next_scrape_s += self._load.scrape_s
        count = bisect_right(one.ended_s, at_s)
        if count or one.counts_from_zero:
            one.scraped.append((at_s, count))

    def _look(self, at_s: float) -> None:
        every_s = self._load.resolution_s
        for pod, one in self._replicas.items():
            if one.counts_from_zero or at_s - one.runs_s >= SETTLED * every_s:
                measured_s = at_s - self._rng.uniform(0, HOUSEKEEPING * every_s)
                self._usage[pod] = self._measure(one, measured_s)

    def _measure(self, one: _Replica, at_s: float) -> Usage:
        cost, window_s = self._load.cost, max(self._load.resolution_s, 1.0)
        held_from_s = at_s - cost.memory_hold_ms / 1000
        held = bisect_right(one.began_s, at_s) - bisect_right(one.began_s, held_from_s)
        ended = bisect_right(one.ended_s, at_s) - bisect_left(one.ended_s, at_s - window_s)
        return Usage(
            memory=round((self._load.floor_mib + cost.memory_mib * held) * MIB),
            cpu_milli=round(cost.cpu_ms * ended / window_s),
            at_s=floor(at_s),
            window_s=window_s,
        )
