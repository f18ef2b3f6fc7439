"""Record -> what a terminal shows: a headline, then tables. Rich only; no colour is needed
to understand it."""

from collections.abc import Callable, Iterable, Sequence
from datetime import UTC, datetime
from functools import singledispatch

from rich.console import Group, RenderableType
from rich.table import Table
from rich.text import Text

from insurectl.records import (
    Calibration,
    CapacityModel,
    Change,
    Comparison,
    Deployment,
    Estimate,
    FailoverResult,
    Fault,
    LoadResult,
    Outcome,
    Plan,
    Playbacks,
    Recommendation,
    RunRecords,
    Simulation,
    SystemStatus,
    ThresholdResult,
    Timeline,
    Verdict,
)
from insurectl.render import playback_table
from insurectl.render.headline import headline
from insurectl.render.html import cell_text
from insurectl.render.json import plain
from insurectl.render.plan_section import points, sentence, warnings
from insurectl.render.plan_tables import tables
from insurectl.render.story import Tone

STYLES = {
    Outcome.PASS: "bold green",
    Outcome.FAIL: "bold red",
    Outcome.INVALID: "bold yellow",
    Outcome.INTERRUPTED: "bold yellow",
}

TONES: dict[Tone, str] = {
    "good": "bold green",
    "bad": "bold red",
    "warn": "bold yellow",
    "plain": "bold",
    "code": "bold",
}


@singledispatch
def text(record: object) -> RenderableType:
    """What has no picture of its own: its fields, one a row."""
    content = plain(record)
    if not isinstance(content, dict):
        return Text(str(content))
    rows = [(key, _flat(value)) for key, value in content.items() if key != "schema"]
    return _table(("", ""), rows)


@text.register
def _(record: Deployment) -> RenderableType:
    head = Text(f"{record.name} is up on {record.target} ({record.took_s:.1f} s)", style="bold")
    rows = [("edge", record.edge_url)]
    rows += [(f"zone {zone.name}", zone.gateway_url) for zone in record.zones]
    rows += [(f"Prometheus {zone.name}", zone.prometheus_url) for zone in record.zones]
    services = [
        (
            one.service,
            str(one.replicas)
            if one.autoscaling is None
            else f"{one.autoscaling.min_replicas} to {one.autoscaling.max_replicas} (autoscaled)",
            f"{one.memory_request_mib:g}",
            f"{one.memory_limit_mib:g}",
        )
        for one in record.tuning.services
    ]
    header = ("service", "replicas a zone", "memory request MiB", "limit MiB")
    return Group(head, _table(("what", "where"), rows), _table(header, services), *_notes(record))


@text.register
def _(record: SystemStatus) -> RenderableType:
    word = "healthy" if record.healthy else "not healthy"
    head = Text(f"{record.name} on {record.target}: {word}", style="bold")
    rows = [
        (
            one.zone or "-",
            one.name,
            one.state,
            _number(one.pid, "d"),
            one.address or "-",
            _number(one.memory_mib, ".0f"),
            str(one.restarts),
            str(one.oom_kills),
            one.detail,
        )
        for one in record.processes
    ]
    header = ("zone", "process", "state", "pid", "address", "MiB", "restarts", "oom", "detail")
    return Group(head, Text(f"edge: {record.edge_url}"), _table(header, rows), *_notes(record))


@text.register
def _(record: LoadResult) -> RenderableType:
    said = (
        f"sent {record.sent} of {record.scheduled} arrivals due, shortfall {record.shortfall:.2%}, "
        f"generator CPU {record.generator_cpu:.0%}, host CPU {record.host_cpu:.0%}"
    )
    rows = [
        (
            one.name,
            str(one.count),
            str(one.failed),
            *(_number(value, ".0f") for value in (one.p50_ms, one.p95_ms, one.p99_ms, one.max_ms)),
            " ".join(f"{status}:{count}" for status, count in one.status_counts.items()),
        )
        for one in (*record.requests, record.total)
    ]
    header = ("request", "count", "failed", "p50 ms", "p95 ms", "p99 ms", "max ms", "statuses")
    return Group(
        _head(record.run_id, record.outcome, record.reasons),
        Text(said),
        _table(header, rows),
        *_thresholds(record.thresholds),
    )


@text.register
def _(record: Timeline) -> RenderableType:
    rows = [
        (
            one.zone,
            one.service or "-",
            one.name,
            one.unit,
            *(_number(pick(one.values), ".4g") for pick in PICKS if one.values),
        )
        for one in record.series
    ]
    decisions = [
        (_clock(one.at_s), one.zone, one.service, f"{one.before} -> {one.after}", one.reason)
        for one in record.decisions
    ]
    return Group(
        Text(f"{record.run_id}: {_clock(record.started_s)} to {_clock(record.ended_s)} UTC"),
        _table(("zone", "service", "series", "unit", "least", "mean", "most", "last"), rows),
        *_maybe(("at", "zone", "service", "replicas", "reason"), decisions),
        *(Text(f"warning: {one}") for one in record.warnings),
    )


@text.register
def _(record: Calibration) -> RenderableType:
    rows = [
        (
            one.phase,
            f"{one.rate_rps:.1f}",
            f"{one.achieved_rps:.1f}",
            _number(one.quantile_ms, ".0f"),
            "within" if one.within_slo else "beyond",
            _number(one.memory_mib, ".0f"),
            f"{one.host_cpu:.0%}",
            one.outcome.value,
        )
        for one in record.steps
    ]
    quantile = f"p{record.slo_quantile * 100:g} ms"
    header = ("phase", "rate 1/s", "achieved", quantile, "SLO", "MiB", "host CPU", "outcome")
    head = f"{record.run_id}: {record.service}, SLO {quantile} <= {record.slo_ms:g}"
    return Group(Text(head, style="bold"), _table(header, rows), *_notes(record))


@text.register
def _(record: CapacityModel) -> RenderableType:
    sign = ">= " if record.lower_bound else ""
    rows = [
        (name, sign + _estimate(one) if name == "requests/s a replica" else _estimate(one))
        for name, one in (
            ("requests/s a replica", record.rps_per_replica),
            ("memory when idle", record.memory_floor_mib),
            ("memory a request/s", record.memory_per_rps_mib),
            ("start-up", record.startup_s),
            ("host CPU without load", record.host_cpu_idle),
            ("host CPU a request", record.host_cpu_s_per_request),
        )
    ]
    head = f"{record.run_id}: {record.service}, p{record.slo_quantile * 100:g} <= {record.slo_ms:g}"
    return Group(Text(f"{head} ms", style="bold"), _table(("what", "95 % interval"), rows),
                 *_notes(record))  # fmt: skip


@text.register
def _(record: Recommendation) -> RenderableType:
    effect = record.effect
    rows = [
        ("replicas, mean", _estimate(effect.replicas_mean)),
        ("replicas, most", _estimate(effect.replicas_max)),
        ("latency", _estimate(effect.quantile_ms)),
        ("share beyond the SLO", _estimate(effect.miss_ratio)),
        ("replica-seconds", _estimate(effect.replica_seconds)),
    ]
    return Group(
        Text(f"{record.run_id}: {record.service}, {record.searched} settings searched", "bold"),
        Text(record.rule),
        *(Text(f"- {reason}") for reason in record.reasons),
        *(Text(f"warning: {one}", style="yellow") for one in record.warnings),
        _table(("foreseen", "95 % interval"), rows),
    )


@text.register
def _(record: Change) -> RenderableType:
    if record.rolled_back_at_s is not None:
        word = f"rolled back at {_clock(record.rolled_back_at_s)} UTC"
    elif record.applied_at_s is not None:
        word = f"in force since {_clock(record.applied_at_s)} UTC"
    else:
        word = "not in force"
    return Group(
        Text(f"{record.run_id}: settings of {record.deployment}, {word}", style="bold"),
        Text(record.diff or "no difference"),
    )


@text.register
def _(record: Verdict) -> RenderableType:
    return Group(
        _head(record.run_id, record.outcome, record.reasons),
        Text(record.window),
        _table(
            ("what", "unit", "predicted", "allowed", "measured", "met"),
            [_comparison(one) for one in record.comparisons],
        ),
        *_thresholds(record.thresholds),
    )


@text.register
def _(record: Simulation) -> RenderableType:
    head = (
        f"simulated: {record.lasted_s} s of traffic on {record.service} in {record.zones} zones, "
        f"{record.miss_ratio:.2%} of the requests beyond {record.slo_ms:g} ms"
    )
    rows = [
        ("requests", str(record.requests)),
        ("of them refused", str(record.failed)),
        ("latency at the SLO's quantile", f"{_number(record.quantile_ms, '.0f')} ms"),
        ("replicas, mean", f"{record.replicas_mean:.2f}"),
        ("replicas, most", str(record.replicas_max)),
        ("replica-seconds", f"{record.replica_seconds:.0f}"),
    ]
    decisions = [
        (f"{one.at_s:.0f} s", one.zone, f"{one.before} -> {one.after}", one.reason)
        for one in record.decisions
    ]
    return Group(
        Text(head, style="bold"),
        _table(("what", "simulated"), rows),
        *_maybe(("at", "zone", "replicas", "reason"), decisions),
        *_notes(record),
    )


@text.register
def _(record: Playbacks) -> RenderableType:
    return Group(
        Text(playback_table.headline(record), style="bold"),
        _table(playback_table.HEADER, playback_table.rows(record)),
        *_notes(record),
    )


@text.register
def _(record: FailoverResult) -> RenderableType:
    rows = [
        ("zone, fault", f"{record.fault.zone}, {record.fault.kind}"),
        ("longest gap", f"{record.gap_s:.2f} s"),
        ("writes acknowledged", f"{record.acknowledged} of {record.probes}"),
        ("lost", str(record.lost)),
        ("doubled", str(record.doubled)),
        ("steady before, after", f"{record.steady_before}, {record.steady_after}"),
        *((f"failed: {kind}", str(count)) for kind, count in record.failed_by_class.items()),
        ("of requests", str(record.requests)),
        ("month's error budget spent", f"{record.budget_spent:.2%}"),
    ]
    head = _head(record.run_id, record.outcome, record.reasons)
    return Group(head, _table(("what", "measured"), rows), *_notes(record))


@text.register
def _(record: Plan) -> RenderableType:
    parts: list[RenderableType] = [Text(f"{record.run_id}: {sentence(record)}", style="bold")]
    parts += [Text(f"- {one}") for one in points(record)]
    parts += [Text(f"warning: {one}", style="yellow") for one in warnings(record)]
    parts += [Text(f"note: {one}") for one in record.notes]
    for one in tables(record):
        rows = [[cell_text(cell) for cell in row] for row in one.rows]
        parts += [Text(), Text(one.title, style="bold"), _table(one.header, rows)]
    return Group(*parts)


@text.register
def _(record: Fault) -> RenderableType:
    if record.ended_s is None:
        return Text(f"zone {record.zone}: {record.kind} since {_clock(record.began_s)} UTC")
    took_s = record.ended_s - record.began_s
    return Text(f"zone {record.zone} is back; it was away for {took_s:.1f} s ({record.kind})")


@text.register
def _(record: RunRecords) -> RenderableType:
    parts = (record.model, record.recommendation, record.failover)
    shown = [text(part) for part in parts if part is not None]
    last = record.verdict or record.load
    head = headline(record)
    verdict = Text(head.sentence, style=TONES[head.tone])
    return Group(*shown, *([text(last)] if last is not None else []), Text(), verdict)


PICKS: tuple[Callable[[Sequence[float]], float], ...] = (
    min,
    lambda values: sum(values) / len(values),
    max,
    lambda values: values[-1],
)


def _comparison(one: Comparison) -> tuple[str, ...]:
    allowed = f"{one.allowed_low:.4g} to {one.allowed_high:.4g}"
    measured = _number(one.measured, ".4g")
    return one.what, one.unit, f"{one.predicted.value:.4g}", allowed, measured, _yes(one.met)


def _head(run_id: str, outcome: Outcome, reasons: Iterable[str]) -> RenderableType:
    line = Text.assemble(f"{run_id}: ", (outcome.value.upper(), STYLES[outcome]))
    return Group(line, *(Text(f"- {reason}") for reason in reasons))


def _thresholds(results: Sequence[ThresholdResult]) -> list[RenderableType]:
    rows = [
        (
            one.metric,
            one.request,
            f"{'<=' if one.sense == 'max' else '>='} {one.limit:g}",
            _number(one.measured, ".4g"),
            _yes(one.met),
        )
        for one in results
    ]
    return _maybe(("threshold", "request", "limit", "measured", "met"), rows)


def _maybe(header: Sequence[str], rows: Sequence[Sequence[str]]) -> list[RenderableType]:
    return [_table(header, rows)] if rows else []


def _table(header: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(box=None, show_header=any(header), pad_edge=False, header_style="bold")
    for name in header:
        table.add_column(name, overflow="fold")
    for row in rows:
        table.add_row(*(Text(cell) for cell in row))
    return table


def _notes(
    record: Deployment
    | SystemStatus
    | Calibration
    | CapacityModel
    | Simulation
    | Playbacks
    | FailoverResult,
) -> list[RenderableType]:
    return [Text(f"note: {note}") for note in record.notes]


def _estimate(one: Estimate) -> str:
    return f"{one.value:.4g} ({one.low:.4g} to {one.high:.4g}) {one.unit}"


def _number(value: float | None, form: str) -> str:
    return "-" if value is None else format(value, form)


def _yes(met: bool) -> str:
    return "yes" if met else "NO"


def _clock(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%H:%M:%S")


def _flat(value: object) -> str:
    if isinstance(value, list):
        return f"{len(value)} values" if len(value) > 8 else ", ".join(_flat(one) for one in value)
    if isinstance(value, dict):
        return ", ".join(f"{key}: {_flat(one)}" for key, one in value.items())
    return f"{value:.4g}" if isinstance(value, float) else str(value)
