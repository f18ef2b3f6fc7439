"""Which lines the picture that matters first has: client, servers and autoscaler on one clock.

Times are seconds from the start of the run that is shown.
"""

import math
import statistics
from collections import Counter, defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

from insurectl.records import (
    Decision,
    LoadResult,
    LoadSecond,
    RunRecords,
    Series,
    ServiceTuning,
    Timeline,
)

FAR = 1.8  # times the highest point of a line
MOST_POINTS = 900  # more than a wide screen can show apart
Reduce = Callable[[Sequence[float]], float]


@dataclass(frozen=True, kw_only=True)
class Line:
    """One line; ``role`` names its colour."""

    name: str
    role: str
    points: tuple[tuple[float, float], ...]


@dataclass(frozen=True, kw_only=True)
class Limit:
    """A level that something is held against."""

    name: str
    level: float


@dataclass(frozen=True, kw_only=True)
class Span:
    """A stretch of time that is shaded."""

    name: str
    role: str
    from_s: float
    to_s: float


@dataclass(frozen=True, kw_only=True)
class Mark:
    """The autoscaler decided."""

    at_s: float
    zone: str
    before: int
    after: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Picture:
    """One run on one time axis. ``far_limits``: memory limits so far above the lines that they
    would flatten them; they are named, not drawn."""

    run_id: str
    service: str
    lasted_s: float
    load: tuple[Line, ...]
    replicas: tuple[Line, ...]
    latency: tuple[Line, ...]
    memory: tuple[Line, ...]
    latency_limits: tuple[Limit, ...]
    memory_limits: tuple[Limit, ...]
    far_limits: tuple[Limit, ...]
    spans: tuple[Span, ...]
    marks: tuple[Mark, ...]


def shown(records: RunRecords) -> RunRecords | None:
    """The run whose load is looked at: the verification, else its own, else the last child's."""
    children = [child for child in records.children if child.load or child.timeline]
    if records.verdict is not None:
        for child in children:
            if child.info.run_id == records.verdict.load_run_id:
                return child
    if records.load is not None or records.timeline is not None:
        return records
    return children[-1] if children else None


def service_of(records: RunRecords) -> str:
    """The service that the run is about: calibrated, else scaled, else the first autoscaled."""
    for record in (records.model, records.recommendation, records.calibration):
        if record is not None:
            return record.service
    run = shown(records)
    decisions = run.timeline.decisions if run is not None and run.timeline is not None else ()
    if decisions:
        return Counter(one.service for one in decisions).most_common(1)[0][0]
    deployment = records.deployment
    if deployment is not None and deployment.tuning.services:
        services = deployment.tuning.services
        return next((one for one in services if one.autoscaling), services[0]).service
    series = run.timeline.series if run is not None and run.timeline is not None else ()
    return next((one.service for one in series if one.name == "replicas"), "")


def tuning_of(records: RunRecords, service: str) -> ServiceTuning | None:
    """How the service was set while the run that is shown was played."""
    if records.verdict is not None and records.recommendation is not None:
        tuning = records.recommendation.after
    elif records.deployment is not None:
        tuning = records.deployment.tuning
    else:
        return None
    return next((one for one in tuning.services if one.service == service), None)


def draw(records: RunRecords) -> Picture | None:
    """The picture; None when no load was played and nothing was observed."""
    run = shown(records)
    if run is None:
        return None
    head = run.load or run.timeline
    assert head is not None  # that is what shown() looks for
    service, began_s = service_of(records), head.started_s
    lasted_s = max(head.ended_s - began_s, 1.0)
    series = run.timeline.series if run.timeline is not None else ()
    mine = [one for one in series if one.service == service]
    memory = _memory(mine, began_s)
    near, far = _near_and_far(_memory_limits(tuning_of(records, service)), memory)
    return Picture(
        run_id=run.info.run_id,
        service=service,
        lasted_s=lasted_s,
        load=_load(run.load) if run.load else _served(mine, began_s),
        replicas=_replicas(mine, began_s),
        latency=_latency(run.load) if run.load else _server_latency(mine, began_s),
        memory=memory,
        latency_limits=_latency_limits(records, run.load),
        memory_limits=near,
        far_limits=far,
        spans=_spans(run.load, run.timeline, began_s, lasted_s),
        marks=_marks(run.timeline.decisions if run.timeline else (), service, began_s),
    )


def _load(load: LoadResult) -> tuple[Line, ...]:
    offered: Iterable[tuple[float, float]]
    if load.offered_rps and load.model == "open":
        name, offered = "offered", enumerate(load.offered_rps)
    elif load.model == "open":
        name = "due"
        offered = ((one.at_s - load.started_s, one.scheduled) for one in load.seconds)
    else:  # closed: what its users began is what is offered
        name, offered = "begun", ((one.at_s - load.started_s, one.sent) for one in load.seconds)
    ok = [(one.at_s - load.started_s, float(one.ok)) for one in load.seconds]
    failed = [(one.at_s - load.started_s, float(one.failed)) for one in load.seconds]
    lines = [
        Line(name="achieved", role="achieved", points=_thin(ok)),
        Line(name=name, role="offered", points=_thin([(at, float(rate)) for at, rate in offered])),
    ]
    if any(value for _, value in failed):
        lines.append(Line(name="failed", role="failed", points=_thin(failed)))
    return tuple(lines)


def _served(series: Sequence[Series], began_s: float) -> tuple[Line, ...]:
    points = _across(series, "served_rps", began_s, sum)
    return (Line(name="served", role="achieved", points=points),) if points else ()


def _replicas(series: Sequence[Series], began_s: float) -> tuple[Line, ...]:
    """Ready ones a zone where that is known, and dotted what the autoscaler wants."""
    names = {one.name for one in series}
    ready = "ready_replicas" if "ready_replicas" in names else "replicas"
    word = "ready" if ready == "ready_replicas" else "replicas"
    lines = []
    for number, zone in enumerate(sorted({one.zone for one in series if one.name == ready})):
        here = [one for one in series if one.zone == zone]
        role = f"zone{number % 3}"
        wanted = _across(here, "wanted_replicas", began_s, max)
        if wanted:
            lines.append(Line(name=f"wanted {zone}", role=f"{role} wanted", points=wanted))
        points = _across(here, ready, began_s, max)
        lines.append(Line(name=f"zone {zone} {word}", role=role, points=points))
    return tuple(lines)


def _latency(load: LoadResult) -> tuple[Line, ...]:
    def line(name: str, value: Callable[[LoadSecond], float | None]) -> Line:
        points = [
            (one.at_s - load.started_s, found)
            for one in load.seconds
            if (found := value(one)) is not None
        ]
        return Line(name=name, role=name, points=_thin(points, max))

    return (
        line("p99", lambda one: one.p99_ms),
        line("p95", lambda one: one.p95_ms),
        line("p50", lambda one: one.p50_ms),
    )


def _server_latency(series: Sequence[Series], began_s: float) -> tuple[Line, ...]:
    lines = [
        Line(name=name, role=name, points=_across(series, f"latency_{name}_ms", began_s, max))
        for name in ("p99", "p95", "p50")
    ]
    return tuple(line for line in lines if line.points)


def _memory(series: Sequence[Series], began_s: float) -> tuple[Line, ...]:
    most = _across(series, "memory_mib", began_s, max)
    mean = _across(series, "memory_mib", began_s, statistics.fmean) or _across(
        series, "memory_mean_mib", began_s, statistics.fmean
    )
    lines = (
        Line(name="largest replica", role="most", points=most),
        Line(name="mean", role="mean", points=mean),
    )
    return tuple(line for line in lines if line.points)


def _latency_limits(records: RunRecords, load: LoadResult | None) -> tuple[Limit, ...]:
    for record in (records.model, records.calibration):
        if record is not None:
            name = f"SLO p{record.slo_quantile * 100:g}"
            return (Limit(name=name, level=record.slo_ms),)
    found = [
        Limit(name=f"SLO {one.metric.split('_')[1]}", level=one.limit)
        for one in (load.thresholds if load is not None else ())
        if one.metric.startswith("latency_") and one.sense == "max"
    ]
    return tuple(found[:2])


def _memory_limits(tuning: ServiceTuning | None) -> tuple[Limit, ...]:
    if tuning is None:
        return ()
    limits = [
        Limit(name="limit", level=tuning.memory_limit_mib),
        Limit(name="request", level=tuning.memory_request_mib),
    ]
    for metric in tuning.autoscaling.metrics if tuning.autoscaling else ():
        if metric.name == "memory" and metric.utilization_percent:
            level = tuning.memory_request_mib * metric.utilization_percent / 100
            limits.append(Limit(name=f"target {metric.utilization_percent} %", level=level))
    return tuple(limits)


def _near_and_far(
    limits: Sequence[Limit], lines: Sequence[Line]
) -> tuple[tuple[Limit, ...], tuple[Limit, ...]]:
    far_mib = FAR * max((value for line in lines for _, value in line.points), default=math.inf)
    return (
        tuple(one for one in limits if one.level <= far_mib),
        tuple(one for one in limits if one.level > far_mib),
    )


def _spans(
    load: LoadResult | None, timeline: Timeline | None, began_s: float, lasted_s: float
) -> tuple[Span, ...]:
    spans = []
    if load is not None and load.warmup_s > 0:
        spans.append(Span(name="warm-up", role="warmup", from_s=0, to_s=load.warmup_s))
    for fault in timeline.faults if timeline is not None else ():
        from_s = max(fault.began_s - began_s, 0.0)
        to_s = min(fault.ended_s - began_s if fault.ended_s is not None else lasted_s, lasted_s)
        if from_s < to_s:
            name = f"zone {fault.zone}: {fault.kind}"
            spans.append(Span(name=name, role="fault", from_s=from_s, to_s=to_s))
    return tuple(spans)


def _marks(decisions: Sequence[Decision], service: str, began_s: float) -> tuple[Mark, ...]:
    return tuple(
        Mark(
            at_s=one.at_s - began_s,
            zone=one.zone,
            before=one.before,
            after=one.after,
            reason=one.reason,
        )
        for one in decisions
        if one.service == service
    )


def _across(
    series: Sequence[Series], name: str, began_s: float, reduce: Reduce
) -> tuple[tuple[float, float], ...]:
    """All series of one name as one line: their values at the same time, reduced."""
    found: dict[float, list[float]] = defaultdict(list)
    for one in series:
        if one.name == name:
            for at_s, value in zip(one.times_s, one.values, strict=True):
                found[round(at_s - began_s, 1)].append(value)
    return _thin([(at_s, reduce(found[at_s])) for at_s in sorted(found)])


def _thin(
    points: Sequence[tuple[float, float]], reduce: Reduce = statistics.fmean
) -> tuple[tuple[float, float], ...]:
    """At most as many points as a screen can show; latency keeps its peaks."""
    width = math.ceil(len(points) / MOST_POINTS)
    if width <= 1:
        return tuple(points)
    buckets = [points[at : at + width] for at in range(0, len(points), width)]
    return tuple((part[0][0], reduce([value for _, value in part])) for part in buckets)
