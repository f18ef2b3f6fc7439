"""One load, whoever plays it: follows those who play, adds up their counts, judges the whole.

Who plays is a crew: child processes of this machine, or pods of a cluster. They speak the same
lines (``child``), and what they counted is merged the same way.
"""

import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple, Protocol

from insurectl.adapters.locust.tally import TOTAL, Tally
from insurectl.errors import BadInput, InsurectlError
from insurectl.planning.histogram import percentile
from insurectl.planning.slo import Limits, judge, measure, outcome
from insurectl.ports import LoadJob
from insurectl.records import Abort, LoadResult, LoadSecond, Outcome, ThresholdResult

SHOWN_FAILURES = 3


class Child(Protocol):
    """One of the crew, as the run keeps track of it."""

    ready: bool
    ended: bool
    gone: bool
    second: int

    def lost(self) -> str:
        """Why it is gone before its end, for people."""


class Line(NamedTuple):
    """What a child said. Its ``kind`` is ``gone`` when it will say no more, ``lost`` when the run
    says nothing any more, for a ``reason``."""

    child: Child
    content: dict[str, Any]


class Used(NamedTuple):
    """Shares of CPU: of the busiest child's core, and of the busiest machine that one is on."""

    generator: float
    host: float


class Crew(Protocol):
    """Who plays. Says what its children say into the queue that ``spawn`` gets."""

    ready_timeout_s: float

    @property
    def children(self) -> Sequence[Child]:
        """All of them, once spawned."""

    def spawn(self, lines: "queue.Queue[Line]") -> None:
        """Start them; they get ready meanwhile."""

    def not_started(self, child: Child) -> InsurectlError:
        """The error for one that did not become ready."""

    def go(self) -> float:
        """Order all to begin together; when they will (``time.monotonic``)."""

    def look(self) -> None:
        """Called often while what is played is what is judged."""

    def end(self) -> None:
        """Order those to stop that still play, take their last lines, leave nothing of any. A
        KeyboardInterrupt in it means: no more patience, but still leave nothing."""

    def used(self) -> Used:
        """CPU, while what was played was what is judged."""

    def invalid(self, limits: Limits, shortfall: float) -> tuple[str, ...]:
        """Why those who played spoilt the measurement; empty: they did not."""

    def notes(self) -> tuple[str, ...]:
        """What the user should know beside the result."""


@dataclass
class Run:
    """``play`` once."""

    crew: Crew
    job: LoadJob
    limits: Limits
    on_second: Callable[[LoadSecond], None]
    interrupted: bool = False
    bad: str | None = None
    aborted: str | None = None
    lost: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lines: queue.Queue[Line] = queue.Queue()
        self._tally = Tally(self.job.scenario.warmup_s)
        self._told = 0
        self._above: dict[Abort, int] = {}
        self._began_s = self._started_s = 0.0
        self._ended_s: float | None = None

    def play(self) -> LoadResult:
        """To the end, to an abort or to an interrupt; BadInput for a journey that can't be
        played."""
        try:
            self._start()
            self._follow()
        except KeyboardInterrupt:
            self.interrupted = True
        finally:
            self._end()
        if self.bad is not None:
            raise BadInput(self.bad)
        return self._result()

    # ---- the run's three parts ----

    def _start(self) -> None:
        """Returns when every child is ready and has its order to begin."""
        self.crew.spawn(self._lines)
        deadline_s = time.monotonic() + self.crew.ready_timeout_s
        while not all(child.ready for child in self.crew.children):
            self._take(max(0.0, deadline_s - time.monotonic()))
            if self.bad is not None:
                return
            for child in self.crew.children:
                if child.gone or (time.monotonic() > deadline_s and not child.ready):
                    raise self.crew.not_started(child)
        self._began_s = self.crew.go()
        self._started_s = time.time() + self._began_s - time.monotonic()

    def _follow(self) -> None:
        """Until every child has told its end, or one reason to stop them all."""
        while not all(child.ended or child.gone for child in self.crew.children):
            self._take(0.5)
            self._tell()
            if self.aborted or self.lost or self.bad:
                return
            if self._measuring():
                self.crew.look()

    def _end(self) -> None:
        """Leave no child; what they counted until now is taken in."""
        self.crew.end()
        while not self._lines.empty():
            self._take(0.0)
        if self._ended_s is None:
            self._ended_s = time.time()
        if self._began_s:
            self._tell(to_the_end=True)

    # ---- what comes from the children ----

    def _take(self, wait_s: float) -> None:
        try:
            line = self._lines.get(timeout=wait_s) if wait_s else self._lines.get_nowait()
        except queue.Empty:
            return
        child, content = line
        match content["kind"]:
            case "ready":
                child.ready = True
            case "tick":
                child.second = content["second"]
                self._tally.merge(content["counts"])
            case "end":
                child.ended = True
                self._tally.merge(content["counts"])
                self._ended_s = time.time()
            case "bad":
                self.bad = content["message"]
            case "lost":
                self.lost.append(content["reason"])
            case "gone":
                child.gone = True
                if self._began_s and not child.ended:
                    self.lost.append(child.lost())

    def _tell(self, *, to_the_end: bool = False) -> None:
        """Tell of each second that all children are through with; abort where asked to."""
        through = min((child.second for child in self.crew.children if not child.ended), default=0)
        if to_the_end:
            through = max(self._tally.seconds, default=-1) + 1
        while self._told < through:
            self.on_second(self._second(self._told))
            if not to_the_end and self.aborted is None:
                self._check_aborts(self._told)
            self._told += 1

    def _second(self, number: int) -> LoadSecond:
        return self._tally.second(number).record(self._started_s + number)

    def _check_aborts(self, number: int) -> None:
        second = self._tally.second(number)
        stats = second.ended.stats(TOTAL)
        shortfall = second.late / second.scheduled if second.scheduled else 0.0
        for abort in self.job.scenario.aborts:
            value = measure(abort.metric, stats, lasted_s=1.0, shortfall=shortfall)
            if value is None:
                continue  # nothing ended in this second: it says neither yes nor no
            self._above[abort] = self._above.get(abort, 0) + 1 if value > abort.above else 0
            if self._above[abort] >= max(abort.for_s, 1.0):
                self.aborted = (
                    f"{abort.metric} was above {abort.above:g} for {self._above[abort]} s "
                    f"(last {value:.4g}), so the run was ended after {number + 1} s"
                )

    # ---- the result ----

    def _result(self) -> LoadResult:
        """Judged by what was measured until it ended."""
        scenario, tally = self.job.scenario, self._tally
        stats, used = tally.stats(), self.crew.used()
        lasted_s = self._loaded_s() - scenario.warmup_s
        thresholds = judge(scenario.thresholds, stats, lasted_s=lasted_s, shortfall=tally.shortfall)
        invalid = (*self.lost, *self.crew.invalid(self.limits, tally.shortfall))
        ended = outcome(thresholds, invalid, self.aborted is not None)
        return LoadResult(
            run_id=self.job.run_id,
            scenario=scenario.name,
            seed=self.job.seed,
            model=scenario.model,
            base_url=self.job.base_url,
            started_s=self._started_s or self._ended_s or 0.0,
            ended_s=self._ended_s or 0.0,
            warmup_s=scenario.warmup_s,
            outcome=Outcome.INTERRUPTED if self.interrupted else ended,
            reasons=(*self._reasons(invalid, thresholds), *self.crew.notes()),
            scale=self.job.scale,
            scheduled=sum(second.scheduled for second in tally.seconds.values()),
            sent=sum(second.sent for second in tally.seconds.values()),
            shortfall=tally.shortfall,
            late_p99_ms=percentile(tally.lateness, 0.99) or 0.0,
            generator_cpu=used.generator,
            host_cpu=used.host,
            total=stats[TOTAL],
            requests=tuple(one for name, one in stats.items() if name != TOTAL),
            seconds=tuple(self._second(number) for number in range(self._told)),
            thresholds=thresholds,
            aborted=self.aborted,
            offered_rps=tuple(self.job.rates),
        )

    def _reasons(
        self, invalid: Sequence[str], thresholds: Sequence[ThresholdResult]
    ) -> tuple[str, ...]:
        reasons = list(invalid)
        if self.interrupted:
            reasons.append(f"interrupted after {self._loaded_s():.0f} of {len(self.job.rates)} s")
        if self.aborted is not None:
            reasons.append(self.aborted)
        reasons += [_missed(one) for one in thresholds if not one.met]
        if reasons:
            worst = self._tally.failures.most_common(SHOWN_FAILURES)
            reasons += [f"{count} requests failed: {why}" for why, count in worst]
        return tuple(reasons)

    def _measuring(self) -> bool:
        played_s = time.monotonic() - self._began_s
        return self.job.scenario.warmup_s <= played_s <= len(self.job.rates)

    def _loaded_s(self) -> float:
        """How long load was played: the drain does not count."""
        ended_s = (self._ended_s or 0.0) - self._started_s
        return min(ended_s, float(len(self.job.rates))) if self._started_s else 0.0


def _missed(threshold: ThresholdResult) -> str:
    sign = "<=" if threshold.sense == "max" else ">="
    where = "" if threshold.request == TOTAL else f" of {threshold.request}"
    found = "nothing to measure" if threshold.measured is None else f"{threshold.measured:.4g}"
    return f"{threshold.metric}{where}: {found}, wanted {sign} {threshold.limit:g}"
