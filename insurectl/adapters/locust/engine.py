"""LoadEngine, parent's side: starts the children, reads their lines, judges what they counted."""

import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from pydantic import TypeAdapter

from insurectl.adapters.locust.child_process import ChildProcess, Line
from insurectl.adapters.locust.job import Job
from insurectl.adapters.locust.tally import TOTAL, Tally
from insurectl.adapters.locust.watch import Watch
from insurectl.errors import BadInput, MissingOnMachine
from insurectl.planning.histogram import percentile
from insurectl.planning.slo import Limits, judge, measure, outcome, saturation
from insurectl.ports import LoadJob
from insurectl.records import Abort, LoadResult, LoadSecond, Outcome, ThresholdResult

READY_TIMEOUT_S = 60.0
HEAD_START_S = 0.3  # from the order to the first second, so that every child got it
STOP_TIMEOUT_S = 2.5
SHOWN_FAILURES = 3


@dataclass(frozen=True, kw_only=True)
class LocustEngine:
    """Plays from ``processes`` children. ``sessions``: connections a run may hold, over all
    children; ``timeout_s``: patience with one request, ``drain_s``: with all that are still out
    when the load ends. A request that has no answer by then counts as failed."""

    limits: Limits = field(default_factory=Limits)
    sessions: int = 20_000
    timeout_s: float = 30.0
    connect_timeout_s: float = 5.0
    drain_s: float = 10.0

    def play(self, job: LoadJob, on_second: Callable[[LoadSecond], None]) -> LoadResult:
        """Play to the end, to an abort or to an interrupt. Statistics, shortfall and thresholds
        leave the warm-up out, ``scheduled``, ``sent`` and ``seconds`` do not. BadInput for a
        journey that can't be played, MissingOnMachine when no child starts."""
        run = _Run(self, job, on_second)
        try:
            run.start()
            run.follow()
        except KeyboardInterrupt:
            run.interrupted = True
        finally:
            run.end()
        if run.bad is not None:
            raise BadInput(run.bad)
        return run.result()


@dataclass
class _Run:
    engine: LocustEngine
    job: LoadJob
    on_second: Callable[[LoadSecond], None]
    interrupted: bool = False
    bad: str | None = None
    aborted: str | None = None
    lost: list[str] = field(default_factory=list)

    def __post_init__(self) -> None:
        self._lines: queue.Queue[Line] = queue.Queue()
        self._children: list[ChildProcess] = []
        self._tally = Tally(self.job.scenario.warmup_s)
        self._watch: Watch | None = None
        self._told = 0
        self._above: dict[Abort, int] = {}
        self._began_s = self._started_s = 0.0
        self._ended_s: float | None = None

    # ---- the run's three parts ----

    def start(self) -> None:
        """Returns when every child is ready and has its order to begin."""
        try:
            self._spawn()
        except OSError as error:
            raise MissingOnMachine(
                f"the load generator can't be started: {error.filename or self.job.folder}: "
                f"{error.strerror}"
            ) from error
        deadline_s = time.monotonic() + READY_TIMEOUT_S
        while not all(child.ready for child in self._children):
            self._take(max(0.0, deadline_s - time.monotonic()))
            if self.bad is not None:
                return
            for child in self._children:
                if child.gone or time.monotonic() > deadline_s:
                    raise MissingOnMachine(
                        f"load generator {child.number} did not start: {child.told()}"
                    )
        self._began_s = time.monotonic() + HEAD_START_S
        self._started_s = time.time() + HEAD_START_S
        for child in self._children:
            child.order(f"go {self._began_s!r}")

    def _spawn(self) -> None:
        self.job.folder.mkdir(parents=True, exist_ok=True)
        for number in range(self.job.processes):
            file = self.job.folder / f"generator-{number + 1}.json"
            file.write_bytes(TypeAdapter(Job).dump_json(self._orders(number)))
            self._children.append(ChildProcess(number + 1, file, self._lines))

    def follow(self) -> None:
        """Until every child has told its end, or one reason to stop them all."""
        while not all(child.ended or child.gone for child in self._children):
            self._take(0.5)
            self._tell()
            if self.aborted or self.lost or self.bad:
                return
            if self._measuring():
                self._look()

    def _look(self) -> None:
        if self._watch is None:
            self._watch = Watch([child.process.pid for child in self._children])
        self._watch.look()

    def end(self) -> None:
        """Leave no process; what they counted until now is taken in."""
        try:
            for child in self._children:
                child.order("stop")
            deadline_s = time.monotonic() + STOP_TIMEOUT_S
            for child in self._children:
                child.end(deadline_s)
        except KeyboardInterrupt:  # a second time: no more patience
            for child in self._children:
                child.end(deadline_s=0.0)
            raise
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
        child, content = line.child, line.content
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
            case "gone":
                child.gone = True
                if self._began_s and not child.ended:
                    self._lose(child)

    def _lose(self, child: ChildProcess) -> None:
        code = child.process.wait()
        how = f"by signal {-code}" if code < 0 else f"with {code}"
        self.lost.append(
            f"load generator {child.number} of {self.job.processes} ended {how} in the middle "
            f"of the run ({child.told()})"
        )

    def _tell(self, *, to_the_end: bool = False) -> None:
        """Tell of each second that all children are through with; abort where asked to."""
        through = min((child.second for child in self._children if not child.ended), default=0)
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

    def result(self) -> LoadResult:
        """Judged by what was measured until it ended."""
        scenario, tally, limits = self.job.scenario, self._tally, self.engine.limits
        stats = tally.stats()
        watch = self._watch or Watch([])
        lasted_s = self._loaded_s() - scenario.warmup_s
        thresholds = judge(scenario.thresholds, stats, lasted_s=lasted_s, shortfall=tally.shortfall)
        saturated = saturation(
            generator_cpu=watch.generator,
            shortfall=tally.shortfall,
            host_cpu=watch.host,
            limits=limits,
        )
        invalid = (*self.lost, *saturated)
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
            reasons=self._reasons(invalid, thresholds),
            scale=self.job.scale,
            scheduled=sum(second.scheduled for second in tally.seconds.values()),
            sent=sum(second.sent for second in tally.seconds.values()),
            shortfall=tally.shortfall,
            late_p99_ms=percentile(tally.lateness, 0.99) or 0.0,
            generator_cpu=watch.generator,
            host_cpu=watch.host,
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

    def _orders(self, child: int) -> Job:
        job, scenario, engine = self.job, self.job.scenario, self.engine
        return Job(
            run_id=job.run_id,
            base_url=job.base_url.rstrip("/"),
            journey_file=str(Path(scenario.journey_file).absolute()),
            model=scenario.model,
            arrivals=scenario.arrivals,
            rates=tuple(job.rates),
            seed=job.seed,
            warmup_s=scenario.warmup_s,
            data=scenario.data,
            partner_keys_file=job.partner_keys_file,
            child=child,
            children=job.processes,
            sessions=max(1, engine.sessions // job.processes),
            timeout_s=engine.timeout_s,
            connect_timeout_s=engine.connect_timeout_s,
            drain_s=engine.drain_s,
        )


def _missed(threshold: ThresholdResult) -> str:
    sign = "<=" if threshold.sense == "max" else ">="
    where = "" if threshold.request == TOTAL else f" of {threshold.request}"
    found = "nothing to measure" if threshold.measured is None else f"{threshold.measured:.4g}"
    return f"{threshold.metric}{where}: {found}, wanted {sign} {threshold.limit:g}"
