"""A scenario's ``load:`` section and the trace it may play: how much, and for how long.

Every load is bounded in time, in rate and in count; whoever needs more plays it in parts.
"""

import math
from pathlib import Path

from insurectl.adapters.located_yaml import DAY_S, Fields, Located, read_text, shown
from insurectl.errors import BadFile
from insurectl.planning.workload import MAX_ARRIVALS, MAX_RPS, MAX_USERS, scenario_rates
from insurectl.records import Scenario, Stage, TraceWindow

KEYS = ("model", "arrivals", "seed", "warmup", "stages", "trace")
LEVELS = {"open": "rate", "closed": "users"}
TRACE_KEYS = ("file", "tune", "verify", "peak_rps")
MAX_LOAD_S = DAY_S
MAX_TRACE_BYTES = 16 * 1024 * 1024
MAX_TRACE_RPS = 1e12  # rates are scaled; beyond these they would no longer be numbers
MIN_TRACE_PEAK_RPS = 0.001


def stages(place: Located, model: str) -> tuple[Stage, ...]:
    """Levels over time; each begins where the one before it ended, or jumps."""
    found: list[Stage] = []
    lasts_s = 0
    for one in place.list():
        stage = _stage(one, model, found[-1].end if found else 0.0)
        lasts_s += math.ceil(stage.duration_s)
        if lasts_s > MAX_LOAD_S:
            raise one.error(f"with it the load lasts {lasts_s} s, the most is {MAX_LOAD_S} s (24h)")
        found.append(stage)
    if not any(stage.start or stage.end for stage in found):
        raise place.error(f"every {LEVELS[model]} is 0, so there is nothing to play")
    return tuple(found)


def _stage(place: Located, model: str, before: float) -> Stage:
    level = LEVELS[model]
    stage = place.fields(("duration", level, "ramp_to"), ("duration",))
    key = stage.just_one(level, "ramp_to")
    end = float(stage[key].whole(high=MAX_USERS)) if model == "closed" else (
        stage[key].number(high=MAX_RPS)
    )  # fmt: skip
    return Stage(
        duration_s=stage["duration"].seconds(positive=True),
        start=before if key == "ramp_to" else end,
        end=end,
    )


def trace(place: Located) -> TraceWindow:
    """Two windows of one file that have no second in common."""
    given = place.fields(TRACE_KEYS, TRACE_KEYS)
    rates = load_trace(beside(given["file"]))
    tune, verify = (_window(given[key], rates) for key in ("tune", "verify"))
    if tune[0] < verify[1] and verify[0] < tune[1]:
        raise given["verify"].error(
            f"seconds {verify[0]} to {verify[1]} overlap `tune` ({tune[0]} to {tune[1]}): what "
            "was used to tune can't verify"
        )
    return TraceWindow(
        file=given["file"].text(),
        rates=rates,
        from_s=tune[0],
        to_s=tune[1],
        verify_from_s=verify[0],
        verify_to_s=verify[1],
        peak_rps=given["peak_rps"].positive(high=MAX_RPS),
    )


def _window(place: Located, rates: tuple[float, ...]) -> tuple[int, int]:
    ends = [one.seconds(high_s=math.inf) for one in place.list()]
    if len(ends) != 2 or not ends[0] < ends[1] <= len(rates) or any(end % 1 for end in ends):
        raise place.error(
            f"wanted are two times in whole seconds, such as [600s, 700s], within the {len(rates)} "
            "s of the trace"
        )
    start, end = int(ends[0]), int(ends[1])
    if end - start > MAX_LOAD_S:
        raise place.error(f"it lasts {end - start} s, the most is {MAX_LOAD_S} s (24h)")
    if not any(rates[start:end]):
        raise place.error("every rate in it is 0, so there is nothing to play")
    return start, end


def trace_note(window: TraceWindow) -> str:
    """What a report has to say of it."""
    peak = max(window.rates)
    return (
        f"The load is a part of the trace {window.file}, played in real time: seconds "
        f"{window.from_s} to {window.to_s} for tuning, {window.verify_from_s} to "
        f"{window.verify_to_s} for verifying. Its rates are multiplied by "
        f"{window.peak_rps / peak:.3g}, so that the peak of the whole trace "
        f"({peak:g}/s) becomes {window.peak_rps:g}/s."
    )


def check(scenario: Scenario, load: Fields) -> int:
    """What no part can see alone; how long the load lasts (s), the shorter part if they differ."""
    if scenario.model == "closed":
        for key in ("arrivals", "trace"):
            if key in load:
                raise load[key].error("only the open model has it; users have `stages`")
    tune, verify = (scenario_rates(scenario, part=part) for part in ("tune", "verify"))
    count = max(sum(tune), sum(verify))
    if scenario.model == "open" and count > MAX_ARRIVALS:
        raise load.place.error(f"it has {count:,.0f} arrivals, the most is {MAX_ARRIVALS:,}")
    lasts_s = min(len(tune), len(verify))
    if scenario.warmup_s >= lasts_s:
        raise load["warmup"].error(f"nothing is left to measure: the load lasts {lasts_s} s")
    return lasts_s


# ---- files that a scenario names ----


def beside(place: Located) -> Path:
    """A file that is named by its path from the YAML."""
    path = place.path.parent / place.text()
    try:
        there = path.is_file()
    except OSError as error:  # such as a name that is too long
        raise place.error(f"{shown(str(path))} can't be read: {error.strerror}") from None
    if not there:
        raise place.error(f"there is no file {shown(str(path))}")
    return path


def load_trace(path: Path) -> tuple[float, ...]:
    """Requests a second, one value a line and second; BadFile with the line of a bad one."""
    lines = read_text(path, MAX_TRACE_BYTES).rstrip().split("\n")
    if lines == [""]:
        raise BadFile(path, "the trace is empty; wanted is one rate a line and second")
    rates = tuple(_rate(path, number, line.strip()) for number, line in enumerate(lines, start=1))
    if max(rates) < MIN_TRACE_PEAK_RPS:
        raise BadFile(path, f"the trace has no rate from {MIN_TRACE_PEAK_RPS:g} up")
    return rates


def _rate(path: Path, number: int, text: str) -> float:
    try:
        rate = float(text)
    except ValueError:
        raise BadFile(
            path, f"{shown(text)} is no rate; wanted is one number a line", line=number
        ) from None
    if not 0 <= rate <= MAX_TRACE_RPS:  # nan is in no range
        raise BadFile(path, f"{shown(text)} can't be a rate: it has to be 0 or more", line=number)
    return rate
