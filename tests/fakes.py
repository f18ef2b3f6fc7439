"""Stand-ins for what the ports ask of the world, written by hand."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from insurectl.errors import TargetNotReady
from insurectl.ports import DeployPlan, LoadJob, Progress
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
    Series,
    ServiceTuning,
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
    """Keeps what was said: ``(kind, text)``."""

    said: list[tuple[str, str]] = field(default_factory=list)

    @contextmanager
    def step(self, text: str) -> Iterator[None]:
        self.said.append(("step", text))
        yield

    def say(self, text: str) -> None:
        self.said.append(("say", text))

    def live(self, text: str) -> None:
        self.said.append(("live", text))

    def warn(self, text: str) -> None:
        self.said.append(("warn", text))


def tuning(replicas: int = 1) -> Tuning:
    """Both services of the bundled system, without autoscaling."""
    return Tuning(
        services=tuple(
            ServiceTuning(
                service=service, replicas=replicas, memory_request_mib=192, memory_limit_mib=320
            )
            for service in ("core-app", "client-info")
        )
    )


@dataclass
class FakeTarget:
    """A system that is up at once, in memory."""

    clock: FakeClock = field(default_factory=FakeClock)
    up: Deployment | None = None
    journal: list[Fault] = field(default_factory=list)

    def deploy(self, plan: DeployPlan, progress: Progress) -> Deployment:
        zones = tuple(
            Zone(name=name, gateway_url=f"http://gateway.{name}", prometheus_url=f"http://p.{name}")
            for name in plan.zones
        )
        self.up = Deployment(
            name=plan.name,
            target="fake",
            deployed_at_s=self.clock.now(),
            took_s=0.0,
            edge_url="http://127.0.0.1:1",
            zones=zones,
            costs=plan.costs or {"core-app": Cost(worker_ms=120)},
            tuning=plan.tuning or tuning(),
            clients=plan.clients,
            partner_keys_file="",
        )
        return self.up

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
                state="gone" if zone.name in away else "healthy",
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
            healthy=not away,
            edge_url=up.edge_url,
            processes=processes,
        )

    def logs(self, process: str, *, zone: str | None, lines: int, follow: bool) -> Iterator[str]:
        yield from [f"{process} line {number}" for number in range(lines)]

    def tune(self, tuning: Tuning, progress: Progress) -> Deployment:
        self.up = replace(self.deployment(), tuning=tuning)
        return self.up

    def inject(self, fault: str, zone: str, progress: Progress) -> Fault:
        self.deployment()
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


@dataclass
class FakeLoadEngine:
    """Answers every arrival at once. ``latency_ms`` and ``outcome`` may depend on the job."""

    clock: FakeClock = field(default_factory=FakeClock)
    outcome: Callable[[LoadJob], Outcome] = lambda job: Outcome.PASS
    latency_ms: Callable[[LoadJob], float] = lambda job: 100.0
    jobs: list[LoadJob] = field(default_factory=list)

    def play(self, job: LoadJob, on_second: Callable[[LoadSecond], None]) -> LoadResult:
        self.jobs.append(job)
        began_s, count = self.clock.now(), round(sum(job.rates))
        self.clock.sleep(len(job.rates))
        latency = self.latency_ms(job)
        total = RequestStats(
            name="total",
            count=count,
            failed=0,
            p50_ms=latency,
            p90_ms=latency,
            p95_ms=latency,
            p99_ms=latency,
            max_ms=latency,
            status_counts={"200": count},
            histogram={},
        )
        return LoadResult(
            run_id=job.run_id,
            scenario=job.scenario.name,
            seed=job.seed,
            model=job.scenario.model,
            base_url=job.base_url,
            started_s=began_s,
            ended_s=self.clock.now(),
            warmup_s=job.scenario.warmup_s,
            outcome=self.outcome(job),
            reasons=(),
            scale=job.scale,
            scheduled=count,
            sent=count,
            shortfall=0.0,
            late_p99_ms=0.0,
            generator_cpu=0.1,
            host_cpu=0.2,
            total=total,
            requests=(total,),
            seconds=(),
            offered_rps=tuple(job.rates),
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
