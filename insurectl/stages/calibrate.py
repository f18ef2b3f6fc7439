"""A plan of small load runs against one replica, each a child run (load, observe)."""

import random
import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

from insurectl.errors import BadInput
from insurectl.planning.histogram import percentile
from insurectl.ports import World
from insurectl.records import (
    Calibration,
    CalibrationPlan,
    CalibrationStep,
    Deployment,
    LoadResult,
    Outcome,
    Scenario,
    ServiceTuning,
    Timeline,
    Tuning,
)
from insurectl.stages.deploy import settle
from insurectl.stages.load import play
from insurectl.stages.observe import observe
from insurectl.stages.recording import recorded

DEPENDENCY_REPLICAS = 2  # what is not calibrated must not be what limits
GROWTH = 1.6
AROUND = (0.75, 0.9, 1.0)
WARMUP_S = 2.0
Phase = Literal["search", "around", "memory"]


def calibrate(
    world: World, scenario: Scenario, run_id: str | None = None, *, processes: int = 1
) -> Calibration:
    """Find the neighbourhood of one replica's knee, then measure around it in random order."""
    plan = scenario.calibration
    if plan is None:
        raise BadInput(f"{scenario.path}: it has no `calibrate:` section; add one, or use `load`")
    if run_id is None:
        with recorded(world, "calibrate", scenario.name, seed=scenario.seed) as recording:
            calibration = _calibrate(world, scenario, plan, recording.run_id, processes)
            recording.outcome = Outcome.PASS
            return calibration
    return _calibrate(world, scenario, plan, run_id, processes)


def _calibrate(
    world: World, scenario: Scenario, plan: CalibrationPlan, run_id: str, processes: int
) -> Calibration:
    deployment = settle(world, scenario)
    before = deployment.tuning
    try:
        with world.progress.step(f"measure the start-up of {plan.service}"):
            startup_s = _startup(world, before, plan.service)
        deployment = world.target.tune(calibration_tuning(before, plan.service, 1), world.progress)
        bench = _Bench(world, scenario, plan, run_id, deployment, processes)
        idle_mib = _memory_mib(world, deployment.zones[0].name, plan.service)
        bench.search()
        bench.around(random.Random(scenario.seed))
    finally:
        world.target.tune(before, world.progress)
    calibration = Calibration(
        run_id=run_id,
        scenario=scenario.name,
        service=plan.service,
        slo_quantile=plan.slo_quantile,
        slo_ms=plan.slo_ms,
        replicas=1,
        steps=tuple(bench.steps),
        startup_s=startup_s,
        idle_memory_mib=idle_mib,
        notes=(
            f"Each step went straight to the gateway of zone {deployment.zones[0].name}, with one "
            f"replica of {plan.service} there and {DEPENDENCY_REPLICAS} of every other service; "
            "the autoscaler was off.",
        ),
    )
    world.runs.write(run_id, calibration)
    return calibration


def calibration_tuning(tuning: Tuning, service: str, replicas: int) -> Tuning:
    """Autoscaling off, ``replicas`` of the service, enough of the others, no zone limit."""

    def fixed(one: ServiceTuning) -> ServiceTuning:
        count = replicas if one.service == service else DEPENDENCY_REPLICAS
        return replace(one, autoscaling=None, replicas=count)

    return replace(tuning, services=tuple(fixed(one) for one in tuning.services), zone_rps=None)


def _startup(world: World, tuning: Tuning, service: str) -> tuple[float, ...]:
    """From the order to a ready replica, in seconds; three replicas one after the other."""
    world.target.tune(calibration_tuning(tuning, service, 1), world.progress)
    took: list[float] = []
    for replicas in (2, 3, 4):
        began_s = world.clock.now()
        world.target.tune(calibration_tuning(tuning, service, replicas), world.progress)
        took.append(world.clock.now() - began_s)
    return tuple(took)


def _memory_mib(world: World, zone: str, service: str) -> float:
    found = [
        process.memory_mib
        for process in world.target.status().processes
        if process.zone == zone
        and process.name.startswith(f"{service}-")
        and process.memory_mib is not None
    ]
    return max(found, default=0.0)


@dataclass
class _Bench:
    world: World
    scenario: Scenario
    plan: CalibrationPlan
    run_id: str
    deployment: Deployment
    processes: int
    steps: list[CalibrationStep] = field(default_factory=list)

    def search(self) -> None:
        """Grow until the SLO is missed, then halve the gap, within the plan's steps."""
        plan, low, high = self.plan, 0.0, None
        rate = plan.start_rps
        for _ in range(plan.search_steps):
            step = self._step("search", rate)
            if step.outcome is Outcome.INVALID:
                return  # this machine makes no more; the model will say: a lower bound
            if step.within_slo:
                low = rate
            else:
                high = rate
            if high is None and low >= plan.max_rps:
                return
            rate = min(low * GROWTH, plan.max_rps) if high is None else _between(low, high)

    def around(self, rng: random.Random) -> None:
        """Levels around the knee's neighbourhood, repeated, in random order."""
        within = [step.rate_rps for step in self.steps if step.within_slo]
        if not within:
            return
        levels = [max(within) * share for share in AROUND] * self.plan.around_repeats
        rng.shuffle(levels)
        for rate in levels:
            self._step("around", rate)

    def _step(self, phase: Phase, rate_rps: float) -> CalibrationStep:
        number = len(self.steps) + 1
        text = f"calibrate {self.plan.service}: step {number}, {rate_rps:.1f} requests/s"
        with (
            self.world.progress.step(text),
            recorded(
                self.world,
                "load",
                self.scenario.name,
                seed=self.scenario.seed + number,
                parent=self.run_id,
                label=f"{number:02d}-{phase}",
            ) as recording,
        ):
            load = self._play(recording.run_id, rate_rps, self.scenario.seed + number)
            recording.outcome = load.outcome
            if load.outcome is Outcome.INTERRUPTED:
                raise KeyboardInterrupt
            timeline = observe(self.world, recording.run_id)
            step = self._judge(phase, rate_rps, load, timeline)
        self.steps.append(step)
        self.world.progress.say(_said(step, self.plan))
        return step

    def _play(self, run_id: str, rate_rps: float, seed: int) -> LoadResult:
        quiet = replace(
            self.scenario, warmup_s=WARMUP_S, thresholds=(), aborts=(), faults=(), model="open"
        )
        return play(
            self.world,
            quiet,
            run_id,
            base_url=self.deployment.zones[0].gateway_url,
            rates=[rate_rps] * round(WARMUP_S + self.plan.step_s),
            seed=seed,
            processes=self.processes,
            partner_keys_file=self.deployment.partner_keys_file,
        )

    def _judge(
        self, phase: Phase, rate_rps: float, load: LoadResult, timeline: Timeline
    ) -> CalibrationStep:
        quantile_ms = percentile(load.total.histogram, self.plan.slo_quantile)
        lasted_s = max(load.ended_s - load.started_s - load.warmup_s, 1.0)
        return CalibrationStep(
            run_id=load.run_id,
            phase=phase,
            rate_rps=rate_rps,
            replicas=1,
            outcome=load.outcome,
            within_slo=(
                load.outcome is Outcome.PASS
                and quantile_ms is not None
                and quantile_ms <= self.plan.slo_ms
                and load.total.failed == 0
            ),
            achieved_rps=(load.total.count - load.total.failed) / lasted_s,
            quantile_ms=quantile_ms,
            memory_mib=_peak(timeline, self.plan.service, self.deployment.zones[0].name),
            host_cpu=load.host_cpu,
            reasons=load.reasons,
        )


def _peak(timeline: Timeline, service: str, zone: str) -> float | None:
    """Median over the window of the one replica's memory, once it has risen (MiB)."""
    values: Sequence[float] = [
        value
        for series in timeline.series
        if series.name == "memory_mean_mib" and series.service == service and series.zone == zone
        for value in series.values
    ]
    return statistics.median(values[len(values) // 2 :]) if values else None


def _between(low: float, high: float) -> float:
    return (low + high) / 2 if low else high / 2


def _said(step: CalibrationStep, plan: CalibrationPlan) -> str:
    if step.outcome is Outcome.INVALID:
        return f"  {step.rate_rps:.1f}/s: invalid: {'; '.join(step.reasons)}"
    quantile = "-" if step.quantile_ms is None else f"{step.quantile_ms:.0f} ms"
    word = "within" if step.within_slo else "beyond"
    return (
        f"  {step.rate_rps:.1f}/s: p{plan.slo_quantile * 100:g} {quantile}, "
        f"{word} {plan.slo_ms:g} ms"
    )
