"""Reads a scenario: YAML in, a Scenario out, or what is wrong in which line."""

import re
from dataclasses import replace
from pathlib import Path
from typing import Literal, TypeVar, get_args

import insurectl
from insurectl.adapters import scenario_load, scenario_system, topology
from insurectl.adapters.local_faults import KINDS as FAULTS
from insurectl.adapters.located_yaml import Fields, Located, read, shown, unknown
from insurectl.errors import BadInput
from insurectl.planning.workload import MAX_RPS
from insurectl.records import Abort, CalibrationPlan, Metric, PlannedFault, Scenario, Threshold

SCHEMA = "insurectl/scenario/v1"
NAME = re.compile(r"[A-Za-z0-9][A-Za-z0-9_-]{0,39}")  # it stands in the ids of runs
Word = TypeVar("Word", bound=str)
METRICS: tuple[Metric, ...] = get_args(Metric)
REQUIRED = ("schema", "name", "title", "journey", "load")
KEYS = (*REQUIRED, "plan", "slo", "abort", "faults", "system", "calibrate", "data")
SLO_KEYS = ("metric", "max", "min", "request")
ABORT_KEYS = ("metric", "above", "for")
FAULT_KEYS = ("at", "until", "zone", "kind")
CALIBRATE_KEYS = ("service", "slo", "start_rps", "max_rps", "step", "search_steps",
                  "around_repeats")  # fmt: skip
CALIBRATE_SLO_KEYS = ("quantile", "ms")
MAX_CALIBRATE_STEPS = 100


def load_scenario(path_or_name: str) -> Scenario:
    """A scenario by its file or, of those bundled, by its name. BadInput when there is none,
    BadFile (with the line) when it can't be used."""
    path = _found(path_or_name)
    return _scenario(path, read(path).fields(KEYS, REQUIRED))


def _found(path_or_name: str) -> Path:
    path, names = Path(path_or_name), bundled_names()
    try:
        if path.is_file():
            return path
        if path.is_dir():
            raise BadInput(f"{path_or_name!r} is a folder; wanted is a scenario's file or name")
    except OSError as error:  # such as a name that is too long, or a folder that is closed to us
        raise BadInput(f"{shown(path_or_name)} can't be read: {error.strerror}") from None
    if path_or_name in names:
        return scenarios_folder() / f"{path_or_name}.yaml"
    if path.name == path_or_name and not path.suffix:
        raise BadInput(f"{unknown('scenario', path_or_name, names)}; or give the path of a file")
    raise BadInput(f"there is no file {path}. Bundled, {unknown('scenario', path.stem, names)}")


def scenarios_folder() -> Path:
    """Installed they are within the package, in a checkout beside it."""
    package = Path(insurectl.__file__).parent
    bundled = package / "bundled" / "scenarios"
    return bundled if bundled.is_dir() else package.parent / "scenarios"


def bundled_names() -> tuple[str, ...]:
    """The scenarios that come along; other kinds of file stand in the folder too."""
    mark = f"schema: {SCHEMA}".encode()
    files = sorted(scenarios_folder().glob("*.yaml"))
    return tuple(file.stem for file in files if mark in file.read_bytes())


# ---- the parts of a scenario ----


def _scenario(path: Path, top: Fields) -> Scenario:
    top["schema"].one_of((SCHEMA,), "schema")
    load = top["load"].fields(scenario_load.KEYS)
    model: Literal["open", "closed"] = _word(load, "model", ("open", "closed"))
    kind = load.just_one("stages", "trace")
    data = top["data"].items() if "data" in top else {}
    asked = scenario_system.read(top.get("system"))
    scenario = Scenario(
        name=_name(top["name"]),
        title=top["title"].text(),
        path=str(path),
        journey_file=str(_journey(top["journey"])),
        plan=_word(top, "plan", ("play", "loop")),
        model=model,
        arrivals=_word(load, "arrivals", ("poisson", "even")),
        seed=load["seed"].whole() if "seed" in load else 7,
        warmup_s=load["warmup"].seconds() if "warmup" in load else 0.0,
        stages=scenario_load.stages(load["stages"], model) if kind == "stages" else (),
        trace=scenario_load.trace(load["trace"]) if kind == "trace" else None,
        thresholds=tuple(_threshold(one) for one in _list(top, "slo")),
        aborts=tuple(_abort(one) for one in _list(top, "abort")),
        faults=(),
        services=asked.services,
        costs=asked.costs,
        calibration=_calibration(top["calibrate"]) if "calibrate" in top else None,
        data={key: one.scalar() for key, one in data.items()},
        notes=asked.notes,
    )
    return _checked(scenario, top, load)


def _checked(scenario: Scenario, top: Fields, load: Fields) -> Scenario:
    """What no part can see alone."""
    lasts_s = scenario_load.check(scenario, load)
    if scenario.plan == "loop" and scenario.calibration is None:
        raise top["plan"].error("a loop calibrates, so it needs a `calibrate:` section")
    if scenario.plan == "loop" and scenario.model == "closed":
        raise top["plan"].error("a loop plans for arrivals, so its load needs `model: open`")
    notes = scenario.notes
    if scenario.trace is not None:
        notes = (scenario_load.trace_note(scenario.trace), *notes)
    return replace(scenario, faults=_faults(_list(top, "faults"), lasts_s), notes=notes)


def _name(place: Located) -> str:
    text = place.text()
    if not NAME.fullmatch(text):
        raise place.error(
            f"{text!r} can't be a name: wanted are up to 40 letters, digits, `_` and `-`"
        )
    return text


def _journey(place: Located) -> Path:
    path = scenario_load.beside(place)
    if path.suffix != ".py":
        raise place.error("a journey has to be a Python file (.py)")
    return path


def _word(fields: Fields, key: str, words: tuple[Word, ...]) -> Word:
    """The first word is the one where nothing is said."""
    return fields[key].one_of(words, key) if key in fields else words[0]


def _list(fields: Fields, key: str) -> tuple[Located, ...]:
    return tuple(fields[key].list()) if key in fields else ()


def _threshold(place: Located) -> Threshold:
    slo = place.fields(SLO_KEYS, ("metric",))
    key = slo.just_one("max", "min")
    sense: Literal["max", "min"] = "max" if key == "max" else "min"
    return Threshold(
        metric=slo["metric"].one_of(METRICS, "metric"),
        request=slo["request"].text() if "request" in slo else "total",
        limit=slo[sense].number(),
        sense=sense,
    )


def _abort(place: Located) -> Abort:
    abort = place.fields(ABORT_KEYS, ABORT_KEYS)
    return Abort(
        metric=abort["metric"].one_of(METRICS, "metric"),
        above=abort["above"].number(),
        for_s=abort["for"].seconds(),
    )


def _faults(places: tuple[Located, ...], lasts_s: int) -> tuple[PlannedFault, ...]:
    found: list[PlannedFault] = []
    for place in places:
        fault = _fault(place, lasts_s)
        if any(_together(fault, other) for other in found):
            raise place.error(f"zone {fault.zone} is away at that time by a fault before it")
        found.append(fault)
    return tuple(found)


def _fault(place: Located, lasts_s: int) -> PlannedFault:
    fault = place.fields(FAULT_KEYS, ("at", "zone", "kind"))
    at_s = fault["at"].seconds()
    until_s = fault["until"].seconds() if "until" in fault else None
    if at_s >= lasts_s:
        raise fault["at"].error(f"the load is over by then, it lasts {lasts_s} s")
    if until_s is not None and until_s <= at_s:
        raise fault["until"].error("it has to come after `at`")
    if until_s is not None and until_s > lasts_s:
        raise fault["until"].error(
            f"the load is over by then, it lasts {lasts_s} s; without `until` the zone stays away"
        )
    return PlannedFault(
        at_s=at_s,
        until_s=until_s,
        zone=fault["zone"].one_of(tuple(topology.bundled().zones), "zone"),
        kind=fault["kind"].one_of(tuple(FAULTS), "kind of fault"),
    )


def _together(one: PlannedFault, other: PlannedFault) -> bool:
    """Whether both are on the same zone at some time."""
    if one.zone != other.zone:
        return False
    first, second = sorted((one, other), key=lambda fault: fault.at_s)
    return first.until_s is None or second.at_s <= first.until_s


def _calibration(place: Located) -> CalibrationPlan:
    plan = place.fields(CALIBRATE_KEYS, CALIBRATE_KEYS)
    slo = plan["slo"].fields(CALIBRATE_SLO_KEYS, CALIBRATE_SLO_KEYS)
    start_rps = plan["start_rps"].positive(high=MAX_RPS)
    max_rps = plan["max_rps"].positive(high=MAX_RPS)
    if max_rps < start_rps:
        raise plan["max_rps"].error(f"{max_rps:g} is less than start_rps ({start_rps:g})")
    return CalibrationPlan(
        service=_service(plan["service"]),
        slo_quantile=slo["quantile"].number(low=0.5, high=0.999),
        slo_ms=slo["ms"].positive(),
        start_rps=start_rps,
        max_rps=max_rps,
        step_s=plan["step"].whole_seconds(low_s=1, high_s=3600),
        search_steps=plan["search_steps"].whole(low=1, high=MAX_CALIBRATE_STEPS),
        around_repeats=plan["around_repeats"].whole(low=1, high=MAX_CALIBRATE_STEPS),
    )


def _service(place: Located) -> str:
    return place.one_of(tuple(topology.bundled().services), "service")
