"""The steps of a calibration: one rate each, its load, what the servers saw, and its verdict."""

import statistics
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from random import Random
from typing import Literal

from insurectl.planning.histogram import percentile
from insurectl.ports import World
from insurectl.records import (
    CalibrationPlan,
    CalibrationStep,
    Deployment,
    LoadResult,
    Outcome,
    Scenario,
    Timeline,
)
from insurectl.stages.load import play
from insurectl.stages.observe import observe
from insurectl.stages.recording import recorded

GROWTH = 1.6
AROUND = (0.75, 0.9, 1.0)
WARMUP_S = 2.0
Phase = Literal["search", "around", "memory"]


@dataclass
class Bench:
    """One replica, ready to be measured; ``steps``: what was measured so far."""

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

    def around(self, rng: Random) -> None:
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
        text = f"calibrate {self.plan.service}: step {number}, {rate_rps:.1f} arrivals/s"
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
            credentials_file=self.deployment.credentials_file,
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
            memory_mib=self._settled(timeline, "memory_mean_mib"),
            host_cpu=load.host_cpu,
            server_mean_ms=self._settled(timeline, "latency_mean_ms"),
            reasons=load.reasons,
        )

    def _settled(self, timeline: Timeline, name: str) -> float | None:
        """Median of a series over the second half of the step, once it has risen."""
        values: Sequence[float] = [
            value
            for series in timeline.series
            if series.name == name
            and series.service == self.plan.service
            and series.zone == self.deployment.zones[0].name
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
