"""``insurectl simulate --hpa``: what was typed -> an application, candidates and a trace."""

import os
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from insurectl.cli.options import Session
from insurectl.errors import BadInput

if TYPE_CHECKING:
    from insurectl.planning.application import Application, Candidate, Course, Watch
    from insurectl.records import Playbacks

PICTURES = (".png", ".svg")
MOST_FILES = 6  # more lines nobody can tell apart


@dataclass(frozen=True, kw_only=True)
class Asked:
    """As typed; durations and quantities are texts still."""

    hpa: tuple[Path, ...]
    trace: Path | None
    step: str | None
    scale: float
    rps_metrics: tuple[str, ...]
    picture: Path | None
    cpu_ms: float
    service_ms: float | None
    service_cv: float
    workers: int
    cpu_request: str
    cpu_limit: str | None
    memory_request: str
    memory_floor: str
    memory_per_rps: str
    memory_per_request: str
    memory_release: str
    pending: str
    startup: str
    slo_ms: float
    slo_quantile: float
    scrape: str
    rate_window: str
    metric_lag: str
    sync: str


def simulate_hpa(session: Session, run: str | None, asked: Asked) -> None:
    """Each autoscaler on the same trace, side by side."""
    trace, picture = _complete(asked)
    from insurectl.adapters import rate_trace

    step_s = None if asked.step is None else _whole("--step", asked.step)
    read = rate_trace.read(trace, step_s=step_s, scale=asked.scale)
    candidates = _candidates(asked)
    application = _application(session, run, asked)
    watch = _watch(asked)

    from insurectl.planning.application import Plant, Traffic
    from insurectl.stages import play as stage

    plant = Plant(application=application, watch=watch)
    session.console.say("playing (the first time on a machine, the simulator is compiled) ...")
    record, courses = stage.play_side_by_side(
        plant, candidates, Traffic(rates=read.rates), trace=f"{trace}", now_s=time.perf_counter
    )
    session.console.show(record)
    if picture is not None:
        _draw(session, picture, record, courses, candidates)


def _complete(asked: Asked) -> tuple[Path, Path | None]:
    if not asked.hpa:
        raise BadInput("--trace is played by an autoscaler; give its file with --hpa")
    if asked.trace is None:
        raise BadInput("--hpa needs traffic to play; give a file of rates with --trace")
    if len(asked.hpa) > MOST_FILES:
        raise BadInput(f"--hpa is given {len(asked.hpa)} times; at most {MOST_FILES}")
    if asked.picture is not None and asked.picture.suffix.lower() not in PICTURES:
        raise BadInput(f"--picture {asked.picture}: give a name that ends with .png or .svg")
    return asked.trace, asked.picture


def _candidates(asked: Asked) -> "list[Candidate]":
    """Files whose autoscalers are called alike are told apart by the files' names."""
    from insurectl.adapters import hpa_manifest
    from insurectl.planning.application import Candidate

    read = [hpa_manifest.read(path, asked.rps_metrics) for path in asked.hpa]
    names = [one.name for one in read]
    if len(set(names)) < len(names):
        names = [path.stem for path in asked.hpa]
    if len(set(names)) < len(names):
        names = [f"{path}" for path in asked.hpa]
    return [
        Candidate(
            name=name,
            spec=one.spec,
            cpu_request_milli=round(1000 * _quantity("--cpu-request", asked.cpu_request)),
            memory_request_mib=_mib("--memory-request", asked.memory_request),
        )
        for name, one in zip(names, read, strict=True)
    ]


def _application(session: Session, run: str | None, asked: Asked) -> "Application":
    """A run's model says what it knows, where a run is named; the rest is as typed."""
    from insurectl.planning.application import NEVER, Application
    from insurectl.records import CapacityModel, Queue

    if not 1 <= asked.workers <= 1000:
        raise BadInput(f"--workers is {asked.workers}; give 1 to 1000")
    if not 0 <= asked.service_cv <= 10:
        raise BadInput(f"--service-cv is {asked.service_cv:g}; give 0 to 10")
    release = asked.memory_release
    limit = asked.cpu_limit
    typed = Application(
        queue=Queue(
            servers=asked.workers,
            service_ms=asked.cpu_ms if asked.service_ms is None else asked.service_ms,
            service_cv=asked.service_cv,
            overhead_ms=0.0,
        ),
        cpu_ms=asked.cpu_ms,
        cpu_limit_milli=None if limit is None else round(1000 * _quantity("--cpu-limit", limit)),
        slo_ms=asked.slo_ms,
        slo_quantile=asked.slo_quantile,
        memory_floor_mib=_mib("--memory-floor", asked.memory_floor),
        memory_per_rps_mib=_mib("--memory-per-rps", asked.memory_per_rps),
        memory_per_request_mib=_mib("--memory-per-request", asked.memory_per_request),
        memory_release_s=NEVER if release == "never" else _seconds("--memory-release", release),
        pending_s=_whole("--pending", asked.pending),
        startup_s=_whole("--startup", asked.startup),
    )
    if run is None:
        return typed
    from insurectl.stages.play import application_of

    known = application_of(session.world().runs.read(run, CapacityModel), asked.cpu_ms)
    kept = ("queue", "slo_ms", "slo_quantile", "startup_s", "memory_floor_mib",
            "memory_per_rps_mib")  # fmt: skip
    return replace(typed, **{name: getattr(known, name) for name in kept})


def _watch(asked: Asked) -> "Watch":
    from insurectl.planning.application import Watch

    return Watch(
        scrape_s=_whole("--scrape", asked.scrape),
        window_s=_whole("--rate-window", asked.rate_window),
        lag_s=_whole("--metric-lag", asked.metric_lag),
        sync_s=_whole("--sync", asked.sync),
    )


def _draw(
    session: Session,
    path: Path,
    record: "Playbacks",
    courses: "tuple[Course, ...]",
    candidates: "list[Candidate]",
) -> None:
    from insurectl.render.playback_chart import playback

    form: Literal["png", "svg"] = "png" if path.suffix.lower() == ".png" else "svg"
    content = playback(record, courses, candidates, form=form)
    partly = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        partly.write_bytes(content)
        partly.replace(path)
    except OSError as error:
        partly.unlink(missing_ok=True)
        raise BadInput(f"--picture {path} can't be written: {error.strerror}") from None
    session.console.say(f"drawn: {path}")


def _seconds(option: str, text: str) -> float:
    from insurectl.adapters.located_yaml import DURATION, UNITS_S

    match = DURATION.fullmatch(text)
    if match is None:
        raise BadInput(f"{option} {text!r} is no duration; write it as 500ms, 30s, 2m or 1h")
    return float(match[1]) * UNITS_S[match[2]]


def _whole(option: str, text: str) -> int:
    """The simulator's clock has whole seconds."""
    seconds = _seconds(option, text)
    if seconds % 1:
        raise BadInput(f"{option} {text!r} can't be used; give whole seconds")
    return int(seconds)


def _quantity(option: str, text: str) -> float:
    from insurectl.adapters.kubernetes_values import milli

    return _named(option, lambda: milli(text)) / 1000


def _mib(option: str, text: str) -> float:
    return _quantity(option, text) / 2**20


def _named(option: str, read: Callable[[], int]) -> int:
    try:
        return read()
    except BadInput as error:
        raise BadInput(f"{option}: {error}") from None
