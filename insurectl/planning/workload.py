"""What is due and when: rates by the second, and seeded arrival times."""

import math
from collections.abc import Sequence
from random import Random
from typing import Literal

from insurectl.records import Scenario, Stage, TraceWindow

Part = Literal["tune", "verify"]
# every load is bounded; whoever needs more plays it in parts
MAX_RPS = 1_000_000
MAX_USERS = 100_000
MAX_ARRIVALS = 10_000_000  # each load process keeps a list of them


def scenario_rates(scenario: Scenario, *, part: Part, scale: float = 1.0) -> tuple[float, ...]:
    """Arrivals a second (open) or users (closed), one value a second.

    Stages serve both parts alike; a trace has a window for each.
    """
    if scenario.trace is not None:
        rates = trace_rates(scenario.trace, part)
    else:
        rates = stage_rates(scenario.stages)
    return tuple(rate * scale for rate in rates)


def stage_rates(stages: Sequence[Stage]) -> tuple[float, ...]:
    """Each second gets the level at its middle; a stage of part of a second rounds up."""
    rates: list[float] = []
    for stage in stages:
        seconds = math.ceil(stage.duration_s)
        slope = (stage.end - stage.start) / stage.duration_s
        rates += [stage.start + slope * min(n + 0.5, stage.duration_s) for n in range(seconds)]
    return tuple(rates)


def trace_rates(trace: TraceWindow, part: Part) -> tuple[float, ...]:
    """The window's rates, scaled so that the whole trace's peak becomes ``peak_rps``."""
    start, end = {
        "tune": (trace.from_s, trace.to_s),
        "verify": (trace.verify_from_s, trace.verify_to_s),
    }[part]
    factor = trace.peak_rps / max(trace.rates)
    return tuple(rate * factor for rate in trace.rates[start:end])


def arrivals(rates: Sequence[float], seed: int, kind: Literal["poisson", "even"]) -> list[float]:
    """Due times (s from the start), ascending.

    ``poisson``: a non-homogeneous Poisson process with a constant rate within each second, by
    the time-rescaling theorem: unit exponential gaps over the integrated rate. ``even``: one
    arrival each time the integrated rate passes a half.
    """
    rng = Random(seed)
    due: list[float] = []
    level = 0.0  # integrated rate at the second's begin
    goal = rng.expovariate(1.0) if kind == "poisson" else 0.5
    for second, rate in enumerate(rates):
        while rate > 0 and goal <= level + rate:
            due.append(second + (goal - level) / rate)
            goal += rng.expovariate(1.0) if kind == "poisson" else 1.0
        level += rate
    return due
