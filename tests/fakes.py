"""Stand-ins for what the ports ask of the world, written by hand."""

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

from insurectl.errors import BadInput, TargetNotReady
from insurectl.planning.histogram import percentile, record
from insurectl.planning.slo import judge, outcome
from insurectl.planning.workload import arrivals
from insurectl.ports import DeployPlan, LoadJob, ProbeLog, Progress
from insurectl.records import (
    Cost,
    Decision,
    Deployment,
    Fault,
    LoadResult,
    LoadSecond,
    Outcome,
    ProcessStatus,
    RequestStats,
    RunRecords,
    Scenario,
    Series,
    ServiceTuning,
    Stage,
    SystemStatus,
    Tuning,
    Zone,
)


@dataclass
class FakeClock:
    """Time that passes only when somebody sleeps."""

    at_s: float = 1_800_000_000.0

    def now(self) -> float:
        return self.at_s

    def sleep(self, seconds: float) -> None:
        self.at_s += max(seconds, 0.0)


@dataclass
class ListProgress:
    """Keeps what was said: ``(kind, text)``. The first text that has ``raise_at`` in it is where
    the user presses Ctrl-C, or where ``error`` happens."""

    said: list[tuple[str, str]] = field(default_factory=list)
    raise_at: str | None = None
    error: BaseException = field(default_factory=KeyboardInterrupt)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        self._heard("step", text)
        yield

    def say(self, text: str) -> None:
        self._heard("say", text)

    def live(self, text: str) -> None:
        self._heard("live", text)

    def warn(self, text: str) -> None:
        self._heard("warn", text)

    def of(self, kind: str) -> list[str]:
        """What was said in one way."""
        return [text for one, text in self.said if one == kind]

    def _heard(self, kind: str, text: str) -> None:
        self.said.append((kind, text))
        if self.raise_at is not None and self.raise_at in text:
            self.raise_at = None
            raise self.error


def tuning(replicas: int = 1) -> Tuning:
    """Both services of the bundled system, without autoscaling."""
    return Tuning(
        services=tuple(
            ServiceTuning(
                service=service, replicas=replicas, memory_request_mib=192.0, memory_limit_mib=320.0
            )
            for service in ("core-app", "client-info")
        )
    )


@dataclass
class FakeTarget:
    """A system that is up at once, in memory. ``ill``: processes (``core-app-0``) that are not
    well, in whatever zone; ``tuned``: every tuning that was put in force; ``half_done``: a call
    died while it put another in force."""

    clock: FakeClock = field(default_factory=FakeClock)
    up: Deployment | None = None
    journal: list[Fault] = field(default_factory=list)
    ill: dict[str, Literal["starting", "unhealthy", "gone"]] = field(default_factory=dict)
    tuned: list[Tuning] = field(default_factory=list)
    half_done: bool = False

    def deploy(self, plan: DeployPlan, progress: Progress) -> Deployment:
        zones = tuple(
            Zone(name=name, gateway_url=f"http://gateway.{name}", prometheus_url=f"http://p.{name}")
            for name in plan.zones_over(self.up)
        )
        before, known = self.up, {"core-app": Cost(worker_ms=120)}
        as_it_is = before.costs if before else known
        self.ill.clear()
        self.up = Deployment(
            name=plan.name,
            target="fake",
            deployed_at_s=self.clock.now(),
            took_s=0.0,
            edge_url="http://127.0.0.1:1",
            zones=zones,
            costs=as_it_is if plan.costs is None else {**known, **plan.costs},
            tuning=plan.tuning or (before.tuning if before else tuning()),
            clients=plan.clients_over(before),
            credentials_file="",
            slots={"core-app": 12, "client-info": 12},
        )
        return self.up

    def preview(self, plan: DeployPlan) -> tuple[str, ...]:
        return (f"make {plan.name} in memory",)

    def deployment(self) -> Deployment:
        if self.up is None:
            raise TargetNotReady("nothing is deployed; run `insurectl deploy`")
        return self.up

    def status(self) -> SystemStatus:
        up = self.deployment()
        away = {fault.zone for fault in self.journal if fault.ended_s is None}
        processes = tuple(
            ProcessStatus(
                zone=zone.name,
                name=f"{one.service}-{number}",
                state="gone"
                if zone.name in away
                else self.ill.get(f"{one.service}-{number}", "healthy"),
                memory_mib=64.0,
            )
            for zone in up.zones
            for one in up.tuning.services
            for number in range(one.replicas)
        )
        return SystemStatus(
            name=up.name,
            target="fake",
            at_s=self.clock.now(),
            healthy=not away and not self.ill and not self.half_done,
            edge_url=up.edge_url,
            processes=processes,
            notes=("half in force: `insurectl deploy` ends it",) if self.half_done else (),
            half_done=self.half_done,
        )

    def logs(self, process: str, *, zone: str | None, lines: int, follow: bool) -> Iterator[str]:
        yield from [f"{process} line {number}" for number in range(lines)]

    def as_set(self, tuning: Tuning) -> Tuning:
        return tuning

    def tune(self, tuning: Tuning, progress: Progress) -> Deployment:
        self.up = replace(self.deployment(), tuning=tuning)
        self.tuned.append(tuning)
        return self.up

    def fault_kinds(self) -> Mapping[str, str]:
        return dict.fromkeys(("kill", "freeze", "drain"), "in memory")

    def inject(self, fault: str, zone: str, progress: Progress) -> Fault:
        if fault not in self.fault_kinds():
            raise BadInput(f"it can't do {fault!r}; it can do: {', '.join(self.fault_kinds())}")
        if zone not in {one.name for one in self.deployment().zones}:
            raise BadInput(f"no zone {zone!r}")
        self.journal.append(Fault(zone=zone, kind=fault, began_s=self.clock.now()))
        return self.journal[-1]

    def restore(self, zone: str, progress: Progress) -> Fault:
        for place, fault in enumerate(self.journal):
            if fault.zone == zone and fault.ended_s is None:
                self.journal[place] = replace(fault, ended_s=self.clock.now())
                return self.journal[place]
        raise TargetNotReady(f"zone {zone} is not away")

    def faults(self, start_s: float, end_s: float) -> tuple[Fault, ...]:
        return tuple(
            fault
            for fault in self.journal
            if fault.began_s <= end_s and (fault.ended_s is None or fault.ended_s >= start_s)
        )

    def destroy(self, progress: Progress) -> None:
        self.up = None


Answers = Callable[[LoadJob, Sequence[float]], Sequence[float]]


def constant(latency_ms: float) -> Answers:
    """Each arrival is answered after the same time."""
    return lambda job, due: [latency_ms] * len(due)


@dataclass
class FakeLoadEngine:
    """Begins every arrival when it is due (a user's round takes a second). ``latencies_ms`` says
    how long each takes; with an ``outcome`` nothing is judged."""

    clock: FakeClock = field(default_factory=FakeClock)
    outcome: Callable[[LoadJob], Outcome] | None = None
    latencies_ms: Answers = field(default_factory=lambda: constant(100.0))
    jobs: list[LoadJob] = field(default_factory=list)
    results: list[LoadResult] = field(default_factory=list)

    def play(self, job: LoadJob, on_second: Callable[[LoadSecond], None]) -> LoadResult:
        self.jobs.append(job)
        began_s, seconds = self.clock.now(), list[LoadSecond]()
        due = _due(job)
        ends = [(at, latency) for at, latency in zip(due, self.latencies_ms(job, due), strict=True)]
        lasts_s = max([len(job.rates), *(math.ceil(at + took / 1000) for at, took in ends)])
        interrupted = False
        try:
            for number in range(lasts_s):  # to the last answer
                seconds.append(_second(began_s, number, ends))
                self.clock.sleep(1)
                on_second(seconds[-1])
        except KeyboardInterrupt:
            interrupted = True
        self.results.append(self._result(job, began_s, seconds, ends, interrupted))
        return self.results[-1]

    def _result(
        self,
        job: LoadJob,
        began_s: float,
        seconds: list[LoadSecond],
        ends: Sequence[tuple[float, float]],
        interrupted: bool,
    ) -> LoadResult:
        scenario, played_s = job.scenario, float(len(seconds))
        counted = [
            took
            for at, took in ends
            if scenario.warmup_s <= at and math.floor(at + took / 1000) < played_s
        ]
        total = _stats(counted)
        stats = {"total": total, "look": replace(total, name="look")}
        lasted_s = min(played_s, len(job.rates)) - scenario.warmup_s
        thresholds = judge(scenario.thresholds, stats, lasted_s=lasted_s, shortfall=0.0)
        judged = Outcome.INTERRUPTED if interrupted else outcome(thresholds, (), aborted=False)
        reasons = [f"interrupted after {played_s:.0f} of {len(job.rates)} s"] if interrupted else []
        reasons += [f"{one.metric} was missed" for one in thresholds if not one.met]
        return LoadResult(
            run_id=job.run_id,
            scenario=scenario.name,
            seed=job.seed,
            model=scenario.model,
            base_url=job.base_url,
            started_s=began_s,
            ended_s=self.clock.now(),
            warmup_s=scenario.warmup_s,
            outcome=judged if self.outcome is None else self.outcome(job),
            reasons=tuple(reasons),
            scale=job.scale,
            scheduled=sum(second.scheduled for second in seconds),
            sent=sum(second.sent for second in seconds),
            shortfall=0.0,
            late_p99_ms=0.0,
            generator_cpu=0.1,
            host_cpu=0.1 + 0.001 * sum(job.rates) / len(job.rates),
            total=total,
            requests=(stats["look"],),
            seconds=tuple(seconds),
            thresholds=thresholds,
            offered_rps=tuple(job.rates),
        )


def _due(job: LoadJob) -> list[float]:
    if job.scenario.model == "open":
        return arrivals(job.rates, job.seed, job.scenario.arrivals)
    return [float(at) for at, users in enumerate(job.rates) for _ in range(round(users))]


def _second(began_s: float, number: int, ends: Sequence[tuple[float, float]]) -> LoadSecond:
    sent = sum(number <= at < number + 1 for at, _ in ends)
    ended = [took for at, took in ends if number <= at + took / 1000 < number + 1]
    told = _stats(ended)
    return LoadSecond(
        at_s=began_s + number,
        scheduled=sent,
        sent=sent,
        ok=len(ended),
        failed=0,
        p50_ms=told.p50_ms,
        p95_ms=told.p95_ms,
        p99_ms=told.p99_ms,
    )


def _stats(latencies_ms: Sequence[float]) -> RequestStats:
    histogram, count = record(latencies_ms), len(latencies_ms)
    return RequestStats(
        name="total",
        count=count,
        failed=0,
        p50_ms=percentile(histogram, 0.5),
        p90_ms=percentile(histogram, 0.9),
        p95_ms=percentile(histogram, 0.95),
        p99_ms=percentile(histogram, 0.99),
        max_ms=max(latencies_ms, default=None),
        status_counts={"200": count} if count else {},
        histogram=histogram,
    )


@dataclass
class FakeMetrics:
    """Answers what it was given."""

    series: tuple[Series, ...] = ()
    changes: tuple[Decision, ...] = ()
    warned: tuple[str, ...] = ()

    def over(self, zones: Sequence[Zone], start_s: float, end_s: float) -> tuple[Series, ...]:
        return self.series

    def decisions(
        self, zones: Sequence[Zone], start_s: float, end_s: float
    ) -> tuple[Decision, ...]:
        return self.changes

    def warnings(self) -> tuple[str, ...]:
        warned, self.warned = self.warned, ()
        return warned


@dataclass
class FakeProbe:
    """Writes twice a second; none is acknowledged in the ``gap_s`` after ``fault_s``."""

    clock: FakeClock
    journal: list[Fault]
    gap_s: float = 1.0
    lost: int = 0
    began_s: float = 0.0
    finished: bool = False

    def start(self, base_url: str, log: Path, credentials_file: str) -> None:
        self.began_s = self.clock.now()

    def finish(self) -> ProbeLog:
        self.finished = True
        fault_s = min((fault.began_s for fault in self.journal), default=math.inf)
        count = round(2 * (self.clock.now() - self.began_s))
        times = [self.began_s + number / 2 for number in range(count)]
        gone = [fault_s <= at_s < fault_s + self.gap_s for at_s in times]
        writes = tuple(
            (at_s, not away, "timeout" if away else "")
            for at_s, away in zip(times, gone, strict=True)
        )
        return ProbeLog(writes=writes, lost=self.lost, doubled=0)


@dataclass
class FakeRenderer:
    """Draws the head of a run, and nothing more."""

    drawn: list[RunRecords] = field(default_factory=list)

    def files(self, records: RunRecords) -> Mapping[str, str]:
        self.drawn.append(records)
        return {"report.html": f"{records.info.status} {records.info.outcome}"}


def scenario(**changes: Any) -> Scenario:
    """Twenty seconds of even arrivals, to change in places."""
    one = Scenario(
        name="small",
        title="A small one",
        path="small.yaml",
        journey_file="small.py",
        plan="play",
        model="open",
        arrivals="even",
        seed=7,
        warmup_s=2.0,
        stages=(Stage(duration_s=20, start=10, end=10),),
        trace=None,
        thresholds=(),
        aborts=(),
        faults=(),
        services=(),
        costs={},
        calibration=None,
        data={},
    )
    return replace(one, **changes)


def load_result(run_id: str = "run", **changes: Any) -> LoadResult:
    """One that passed, to change in places."""
    total = RequestStats(
        name="total",
        count=10,
        failed=0,
        p50_ms=10.0,
        p90_ms=20.0,
        p95_ms=25.0,
        p99_ms=30.0,
        max_ms=31.0,
        status_counts={"200": 10},
        histogram={3: 10},
    )
    result = LoadResult(
        run_id=run_id,
        scenario="osago_peak",
        seed=7,
        model="open",
        base_url="http://127.0.0.1:1",
        started_s=100.0,
        ended_s=110.0,
        warmup_s=1.0,
        outcome=Outcome.PASS,
        reasons=(),
        scale=1.0,
        scheduled=10,
        sent=10,
        shortfall=0.0,
        late_p99_ms=1.0,
        generator_cpu=0.1,
        host_cpu=0.2,
        total=total,
        requests=(total,),
        seconds=(),
    )
    return replace(result, **changes)
