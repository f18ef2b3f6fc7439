"""A whole world in memory whose one service is a queue with known parameters."""

import heapq
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from random import Random

from insurectl.adapters.run_folder import RunFolder
from insurectl.planning.histogram import value_of
from insurectl.planning.simulator import steady_replicas
from insurectl.ports import DeployPlan, LoadJob, World
from insurectl.records import (
    Autoscaling,
    CalibrationPlan,
    Decision,
    LoadResult,
    MetricTarget,
    Queue,
    ScalingPolicy,
    ScalingRules,
    Scenario,
    Series,
    ServiceTuning,
    Stage,
    Zone,
)
from tests.fakes import FakeClock, FakeLoadEngine, FakeProbe, FakeRenderer, FakeTarget, ListProgress
from tests.fakes import scenario as small

SERVICE = "core-app"
QUEUE = Queue(servers=3, service_ms=200.0, service_cv=0.5, overhead_ms=5.0)
IDLE_MIB, MIB_PER_RPS = 64.0, 2.0
STARTS_S = 2.0
POD_STARTS_S = 5.0
SCRAPE_S = 2.0
DOWN = ScalingRules(
    stabilization_window_s=15, policies=(ScalingPolicy(kind="Percent", value=100, period_s=15),)
)


@dataclass
class QueueMetrics:
    """What Prometheus would show of the system. ``pods``: it tells of those too, as on clusters:
    of the replicas that have these numbers."""

    target: FakeTarget
    engine: FakeLoadEngine
    forgot: bool = False
    pods: tuple[int, ...] = ()
    changes: tuple[Decision, ...] = ()

    def over(self, zones: Sequence[Zone], start_s: float, end_s: float) -> tuple[Series, ...]:
        if self.forgot:
            return ()
        times = tuple(start_s + SCRAPE_S * n for n in range(1, round((end_s - start_s) / SCRAPE_S)))
        load = next((one for one in self.engine.results if one.started_s == start_s), None)
        found = [
            _series(
                "startup_s",
                zone,
                times if number else (start_s, *times),  # the first one was there before
                STARTS_S + 0.1 * number,
                {"replica": f"{number}"},
            )
            for zone in zones
            for number in range(3)
        ]
        for zone in zones:
            for pod in self.pods:
                labels, made_s = {"pod": f"{pod}"}, start_s + 10 * pod
                found += [
                    _moment("pod_created_s", zone, times, made_s, labels),
                    _moment("pod_ready_s", zone, times, made_s + POD_STARTS_S + pod, labels),
                ]
        if load is None:
            return tuple(found)
        for zone in zones:
            count = len(zones) if load.base_url != zone.gateway_url else 1
            rate = load.offered_rps[0] / count
            replicas = replicas_of(self.target, rate)
            mib = IDLE_MIB + MIB_PER_RPS * rate / replicas
            found += [
                _series("replicas", zone, times, replicas),
                _series("memory_mean_mib", zone, times, mib),
                _series("latency_mean_ms", zone, times, _mean_ms(load) - QUEUE.overhead_ms),
            ]
        return tuple(found)

    def decisions(
        self, zones: Sequence[Zone], start_s: float, end_s: float
    ) -> tuple[Decision, ...]:
        return self.changes

    def warnings(self) -> tuple[str, ...]:
        return ()


def _series(
    name: str,
    zone: Zone,
    times: tuple[float, ...],
    value: float,
    labels: Mapping[str, str] | None = None,
) -> Series:
    return Series(
        name=name, zone=zone.name, service=SERVICE, labels=labels or {}, unit="1", query="q",
        times_s=times, values=(value,) * len(times),
    )  # fmt: skip


def _moment(
    name: str, zone: Zone, times: tuple[float, ...], at_s: float, labels: Mapping[str, str]
) -> Series:
    return replace(_series(name, zone, times, at_s, labels), service="")  # a pod names no service


def _mean_ms(load: LoadResult) -> float:
    counted = load.total.histogram
    return sum(value_of(one) * number for one, number in counted.items()) / load.total.count


def replicas_of(target: FakeTarget, zone_rps: float) -> int:
    return steady_replicas(target.deployment().tuning.of(SERVICE), zone_rps)


@dataclass
class FakeSystem:
    """Every port of a World, each to be looked at and changed by a test."""

    folder: Path
    clock: FakeClock = field(default_factory=FakeClock)
    progress: ListProgress = field(default_factory=ListProgress)
    renderer: FakeRenderer = field(default_factory=FakeRenderer)

    def __post_init__(self) -> None:
        self.target = FakeTarget(self.clock)
        self.engine = FakeLoadEngine(self.clock, latencies_ms=self._latencies)
        self.metrics = QueueMetrics(self.target, self.engine)
        self.runs = RunFolder(self.folder / "reports")
        self.probe = FakeProbe(self.clock, self.target.journal)

    @property
    def world(self) -> World:
        return World(
            target=self.target,
            engine=self.engine,
            metrics=self.metrics,
            runs=self.runs,
            probe=self.probe,
            renderer=self.renderer,
            clock=self.clock,
            progress=self.progress,
            settings={"name": "default"},
            scrape_interval_s=SCRAPE_S,
        )

    def deploy(self) -> "FakeSystem":
        self.target.deploy(DeployPlan(name="default"), self.progress)
        return self

    def run_id(self) -> str:
        """The only run that there is at the top."""
        (found,) = (self.folder / "reports").iterdir()
        return found.name

    def _latencies(self, job: LoadJob, due: Sequence[float]) -> list[float]:
        """Each zone gets every n-th arrival; within it, each replica is as likely."""
        up, rng = self.target.up, Random(job.seed)
        if up is None:
            return [10.0] * len(due)
        zones = 1 if job.base_url in {zone.gateway_url for zone in up.zones} else len(up.zones)
        count = replicas_of(self.target, job.rates[0] / zones)
        free = [[0.0] * QUEUE.servers for _ in range(zones * count)]
        shape = 1 / QUEUE.service_cv**2
        found = []
        for number, at_s in enumerate(due):
            replica = free[number % zones * count + rng.randrange(count)]
            took_s = rng.gammavariate(shape, QUEUE.service_ms / 1000 / shape)
            end_s = max(at_s, heapq.heappop(replica)) + took_s
            heapq.heappush(replica, end_s)
            found.append(1000 * (end_s - at_s) + QUEUE.overhead_ms)
        return found


Files = Callable[[FakeSystem], set[str]]


def autoscaled(low: int = 1, high: int = 6) -> ServiceTuning:
    return ServiceTuning(
        service=SERVICE,
        replicas=low,
        memory_request_mib=192.0,
        memory_limit_mib=320.0,
        autoscaling=Autoscaling(
            min_replicas=low,
            max_replicas=high,
            metrics=(MetricTarget(kind="Resource", name="memory", utilization_percent=80),),
            scale_up=replace(DOWN, stabilization_window_s=0),
            scale_down=DOWN,
            sync_period_s=5.0,
        ),
    )


def loop() -> Scenario:
    """The whole loop over a minute of steady traffic that two replicas a zone take."""
    return small(
        name="loop",
        plan="loop",
        arrivals="poisson",
        stages=(Stage(duration_s=60, start=30, end=30),),
        services=(autoscaled(),),
        calibration=CalibrationPlan(
            service=SERVICE,
            slo_quantile=0.95,
            slo_ms=800,
            start_rps=5,
            max_rps=40,
            step_s=10,
            search_steps=5,
            around_repeats=1,
        ),
        data={"partners": 50},
    )
