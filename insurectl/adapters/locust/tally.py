"""Counts of a load, kept by a child, sent as JSON, added up by the parent."""

from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from insurectl.planning import histogram
from insurectl.records import LoadSecond, RequestStats

LATE_S = 0.1
TOTAL = "total"


class Sample(NamedTuple):
    """One request that ended; ``status``: what it is counted under."""

    name: str
    began_s: float
    ended_s: float
    status: str
    failure: str | None


@dataclass
class Counts:
    """Requests that belong together."""

    count: int = 0
    failed: int = 0
    max_ms: float = 0.0
    statuses: Counter[str] = field(default_factory=Counter)
    bins: Counter[int] = field(default_factory=Counter)

    def add(self, latency_ms: float, status: str, *, failed: bool) -> None:
        self.count += 1
        self.failed += failed
        self.max_ms = max(self.max_ms, latency_ms)
        self.statuses[status] += 1
        self.bins[histogram.bin_of(latency_ms)] += 1

    def merge(self, other: Mapping[str, Any]) -> None:
        """``other``: as ``vars`` of one came out of JSON."""
        self.count += other["count"]
        self.failed += other["failed"]
        self.max_ms = max(self.max_ms, other["max_ms"])
        self.statuses.update(other["statuses"])
        self.bins.update({int(index): number for index, number in other["bins"].items()})

    def stats(self, name: str) -> RequestStats:
        """As a record."""

        def at(share: float) -> float | None:
            return histogram.percentile(self.bins, share)

        return RequestStats(
            name=name,
            count=self.count,
            failed=self.failed,
            p50_ms=at(0.5),
            p90_ms=at(0.9),
            p95_ms=at(0.95),
            p99_ms=at(0.99),
            max_ms=self.max_ms if self.count else None,
            status_counts=dict(self.statuses),
            histogram=dict(self.bins),
        )


@dataclass
class Second:
    """One second. ``late``: of the arrivals due in it, those that began too late."""

    scheduled: int = 0
    sent: int = 0
    late: int = 0
    ended: Counts = field(default_factory=Counts)

    def merge(self, other: Mapping[str, Any]) -> None:
        self.scheduled += other["scheduled"]
        self.sent += other["sent"]
        self.late += other["late"]
        self.ended.merge(other["ended"])

    def record(self, at_s: float) -> LoadSecond:
        """As a record."""
        ended = self.ended
        return LoadSecond(
            at_s=at_s,
            scheduled=self.scheduled,
            sent=self.sent,
            ok=ended.count - ended.failed,
            failed=ended.failed,
            p50_ms=histogram.percentile(ended.bins, 0.5),
            p95_ms=histogram.percentile(ended.bins, 0.95),
            p99_ms=histogram.percentile(ended.bins, 0.99),
        )


@dataclass
class Tally:
    """Everything is counted by the second; by name, and for lateness, only what was due after
    the warm-up. ``due`` and ``in_time`` give the shortfall. Times: seconds from the start."""

    warmup_s: float
    seconds: dict[int, Second] = field(default_factory=dict)
    names: dict[str, Counts] = field(default_factory=dict)
    lateness: Counter[int] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)
    due: int = 0
    in_time: int = 0

    def schedule(self, due_s: float) -> None:
        """An arrival was due."""
        self.second(due_s).scheduled += 1
        self.due += due_s >= self.warmup_s

    def begin(self, due_s: float, begun_s: float) -> None:
        """It began."""
        late_s = begun_s - due_s
        self.second(begun_s).sent += 1
        self.second(due_s).late += late_s > LATE_S
        if due_s >= self.warmup_s:
            self.in_time += late_s <= LATE_S
            self.lateness[histogram.bin_of(late_s * 1000)] += 1

    def end(self, sample: Sample) -> None:
        """A request of it ended."""
        latency_ms, failed = (sample.ended_s - sample.began_s) * 1000, sample.failure is not None
        self.second(sample.ended_s).ended.add(latency_ms, sample.status, failed=failed)
        if sample.failure is not None:
            self.failures[f"{sample.name}: {sample.failure}"] += 1
        if sample.began_s >= self.warmup_s:
            counts = self.names.get(sample.name)
            if counts is None:
                counts = self.names[sample.name] = Counts()
            counts.add(latency_ms, sample.status, failed=failed)

    def to_json(self) -> dict[str, Any]:
        """What ``merge`` takes."""
        return {
            "seconds": {
                number: {**vars(second), "ended": vars(second.ended)}
                for number, second in self.seconds.items()
            },
            "names": {name: vars(counts) for name, counts in self.names.items()},
            "lateness": self.lateness,
            "failures": self.failures,
            "due": self.due,
            "in_time": self.in_time,
        }

    def merge(self, other: Mapping[str, Any]) -> None:
        """Add what another counted since it last told."""
        for number, second in other["seconds"].items():
            self.second(int(number)).merge(second)
        for name, counts in other["names"].items():
            self.names.setdefault(name, Counts()).merge(counts)
        self.lateness.update({int(index): count for index, count in other["lateness"].items()})
        self.failures.update(other["failures"])
        self.due += other["due"]
        self.in_time += other["in_time"]

    def stats(self) -> dict[str, RequestStats]:
        """Every name, and ``total``."""
        total = Counts()
        for counts in self.names.values():
            total.merge(vars(counts))
        return {
            TOTAL: total.stats(TOTAL),
            **{name: counts.stats(name) for name, counts in sorted(self.names.items())},
        }

    @property
    def shortfall(self) -> float:
        """Share of the due arrivals that did not begin, or more than ``LATE_S`` late."""
        return 1 - self.in_time / self.due if self.due else 0.0

    def second(self, at_s: float) -> Second:
        """The second that a time lies in."""
        number = max(int(at_s), 0)
        found = self.seconds.get(number)
        if found is None:
            found = self.seconds[number] = Second()
        return found
