"""What happened under load: the picture, requests, thresholds, the autoscaler, a zone lost."""

from collections.abc import Sequence

from insurectl.records import (
    Decision,
    FailoverResult,
    LoadResult,
    Outcome,
    RequestStats,
    RunRecords,
    Series,
    ThresholdResult,
)
from insurectl.render.charts import minutes
from insurectl.render.figures import clock, count, limit, measure, metric_unit, number, percent
from insurectl.render.lag_tables import lag_tables
from insurectl.render.picture import Picture, service_of, shown
from insurectl.render.story import Cell, Chart, Mark, Section, Table, code, yes

UNUSABLE = "The measurement is invalid: none of these figures must be used."
SHOWN_SERIES = ("replicas", "ready_replicas", "wanted_replicas", "memory_mib", "memory_mean_mib")
SERVER_SERIES = ("served_rps", "latency_p50_ms", "latency_p95_ms", "latency_p99_ms")


def picture_section(records: RunRecords, picture: Picture) -> Section:
    """Load, replicas, latency and memory on one time axis."""
    run = shown(records)
    assert run is not None  # there is a picture of it
    missing = () if run.timeline else ("No server metrics were kept; this is the client's side.",)
    return Section(
        anchor="picture",
        title="What happened",
        lead=_what_happened(picture),
        warnings=(*_unusable(records, run.load), *missing),
        points=run.timeline.warnings if run.timeline else (),
        charts=(Chart(name="timeline", caption=_picture_caption(picture)),),
        tables=_line_sources(run, picture),
        source=f"run {picture.run_id}",
    )


def _what_happened(picture: Picture) -> str:
    said = []
    load = {line.role: line for line in picture.load}
    if "achieved" in load:
        word = "answered" if "offered" in load else "served"
        said.append(f"at most {number(_most(load['achieved'].points))} requests/s {word}")
    ready = [line for line in picture.replicas if not line.role.endswith("wanted")]
    if ready:
        counts = [[value for _, value in line.points] for line in ready]
        least, most = min(map(min, counts)), max(map(max, counts))
        span = f"{least:.0f} to {most:.0f}" if most > least else f"{most:.0f}"
        said.append(f"{span} replicas of {picture.service} a zone")
    said.append(f"{count(len(picture.marks), 'decision')} of the autoscaler on it")
    lasted = f"In {number(picture.lasted_s)} s: "
    return lasted + ", ".join(said) + "."


def _most(points: Sequence[tuple[float, float]]) -> float:
    return max((value for _, value in points), default=0.0)


def _picture_caption(picture: Picture) -> str:
    said = ["All panels share one clock."]
    if picture.marks:
        said.append("A vertical line and a triangle: the autoscaler decided.")
    roles = {span.role for span in picture.spans}
    if "warmup" in roles:
        said.append("Pale stretch: warm-up, not judged.")
    if "fault" in roles:
        said.append("Red stretch: a zone was away.")
    for far in picture.far_limits:
        said.append(f"Not drawn, far above: memory {far.name}, {measure(far.level, 'MiB')}.")
    return " ".join(said)


def _line_sources(run: RunRecords, picture: Picture) -> tuple[Table, ...]:
    """Every line of the picture with the query that gave it."""
    rows: list[tuple[Cell, ...]] = []
    if run.load is not None:
        said = "counted by the load generator, second by second (load record)"
        rows += [("load", code(run.info.run_id), said), ("latency", code(run.info.run_id), said)]
    wanted = SHOWN_SERIES if run.load is not None else (*SERVER_SERIES, *SHOWN_SERIES)
    for one in distinct(run.timeline.series if run.timeline else ()):
        if one.name in wanted and one.service == picture.service:
            rows.append((one.name, code(run.info.run_id), code(one.query)))
    table = Table(header=("line", "run", "where it comes from"), rows=tuple(rows), align="lll",
                  title="Where each line comes from", folded=True)  # fmt: skip
    return (table,) if rows else ()


def distinct(series: Sequence[Series]) -> tuple[Series, ...]:
    """One series a query and service; the others differ in zone and labels only."""
    return tuple({(one.name, one.query, one.service): one for one in series}.values())


def _unusable(records: RunRecords, load: LoadResult | None) -> tuple[str, ...]:
    """Who looks at a picture may not have read the first line."""
    for one in (load, records.verdict):
        if one is not None and one.outcome is Outcome.INVALID:
            return (UNUSABLE, *one.reasons)
    return ()


def failover_section(records: RunRecords) -> Section | None:
    """What a lost zone cost."""
    found = records.failover
    if found is None:
        return None
    loss = (
        f"{found.lost:,} lost and {found.doubled:,} doubled"
        if found.lost or found.doubled
        else "none lost, none doubled"
    )
    return Section(
        anchor="failover",
        title=f"Zone {found.fault.zone} taken away",
        lead=f"No write succeeded for {number(found.gap_s)} s at the longest; of "
        f"{count(found.acknowledged, 'acknowledged write')}, {loss}.",
        points=found.notes,
        warnings=found.reasons,
        tables=(_failover_table(found), *_failed_table(found)),
        source=f"run {found.run_id}: the probe (one write at a time through the edge, each read "
        "and repeated afterwards) and the load record",
    )


def _failover_table(found: FailoverResult) -> Table:
    fault = found.fault
    back = f"given back at {clock(fault.ended_s)} UTC" if fault.ended_s else "not given back"
    rows: tuple[tuple[Cell, ...], ...] = (
        ("fault", f"{fault.kind} of zone {fault.zone} at {clock(fault.began_s)} UTC, {back}"
         + (f" ({fault.detail})" if fault.detail else ""), ""),
        ("longest time without a success", measure(found.gap_s, "s"), ""),
        ("writes acknowledged", f"{found.acknowledged:,} of {found.probes:,} tried", ""),
        ("acknowledged writes lost", f"{found.lost:,}", yes(not found.lost)),
        ("acknowledged writes doubled", f"{found.doubled:,}", yes(not found.doubled)),
        ("steady before the fault", _said(found.steady_before), yes(found.steady_before)),
        ("steady after the fault", _said(found.steady_after), yes(found.steady_after)),
        ("month's error budget spent (99.9 % over 30 days)", percent(found.budget_spent), ""),
    )  # fmt: skip
    return Table(header=("what", "measured", ""), rows=rows, align="lll")


def _failed_table(found: FailoverResult) -> tuple[Table, ...]:
    if not found.failed_by_class:
        return ()
    rows = tuple(
        (kind, f"{amount:,}", percent(amount / found.requests) if found.requests else "-")
        for kind, amount in sorted(found.failed_by_class.items(), key=lambda one: -one[1])
    )
    title = f"Failed requests by class, of {found.requests:,}"
    return (Table(header=("class", "failed", "share"), rows=rows, align="lrr", title=title),)


def _said(steady: bool) -> str:
    return "yes" if steady else "no"


def load_section(records: RunRecords) -> Section | None:
    """Every request name's figures."""
    run = shown(records)
    load = run.load if run is not None else None
    if load is None:
        return None
    counted = (
        "Latency counts from the moment a request was due, so a stall can't hide."
        if load.model == "open"
        else "Latency counts from the moment a user began a request."
    )
    names = (*load.requests, load.total)
    return Section(
        anchor="load",
        title="Requests",
        lead=f"{load.sent:,} of {count(load.scheduled, 'due arrival')} sent, shortfall "
        f"{percent(load.shortfall)}. {counted}",
        warnings=(
            *_unusable(records, load),
            *((f"Ended early: {load.aborted}.",) if load.aborted else ()),
        ),
        charts=(Chart(name="quantiles", caption="How slow the slowest share of the requests is."),)
        if load.total.histogram
        else (),
        tables=(_requests_table(names), _status_table(names)),
        source=f"run {load.run_id}: load record, warm-up of {load.warmup_s:g} s left out",
    )


def _aborted(load: LoadResult) -> tuple[str, ...]:
    return (f"Ended early: {load.aborted}.",) if load.aborted else ()


def _requests_table(names: Sequence[RequestStats]) -> Table:
    rows = tuple(
        (one.name, f"{one.count:,}", f"{one.failed:,}",
         percent(one.failed / one.count) if one.count else "-",
         *(number(value) for value in (one.p50_ms, one.p90_ms, one.p95_ms, one.p99_ms, one.max_ms)))
        for one in names
    )  # fmt: skip
    header = ("request", "count", "failed", "share", "p50, ms", "p90", "p95", "p99", "max")
    return Table(header=header, rows=rows, align="lrrrrrrrr")


def _status_table(names: Sequence[RequestStats]) -> Table:
    rows = tuple(
        (one.name, ", ".join(f"{status}: {amount:,}" for status, amount
                             in sorted(one.status_counts.items())) or "-")
        for one in names
    )  # fmt: skip
    return Table(header=("request", "answers by status"), rows=rows, align="ll",
                 title="Answers by status", folded=True)  # fmt: skip


def thresholds_section(records: RunRecords) -> Section | None:
    """The scenario's own limits."""
    results, run_id = thresholds(records)
    if not results:
        return None
    missed = sum(not one.met for one in results)
    lead = f"{missed} of {len(results)} missed." if missed else "All met."
    rows = tuple(
        (one.metric, one.request, limit(one), measure(one.measured, metric_unit(one.metric)),
         yes(one.met))
        for one in results
    )  # fmt: skip
    return Section(
        anchor="thresholds",
        title="Thresholds",
        lead=lead,
        tables=(Table(header=("metric", "request", "limit", "measured", ""), rows=rows,
                      align="llrrl"),),
        source=f"run {run_id}: load record",
    )  # fmt: skip


def thresholds(records: RunRecords) -> tuple[tuple[ThresholdResult, ...], str]:
    """The thresholds that judge the run, and the run they were measured in."""
    if records.verdict is not None:
        return records.verdict.thresholds, records.verdict.load_run_id
    if records.load is not None:
        return records.load.thresholds, records.load.run_id
    return (), ""


def decisions_section(records: RunRecords) -> Section | None:
    """What the autoscaler did, and why."""
    run = shown(records)
    if run is None or run.timeline is None:
        return None
    found = run.timeline.decisions
    began_s = (run.load or run.timeline).started_s
    return Section(
        anchor="decisions",
        title="The autoscaler's decisions",
        lead=f"{count(len(found), 'change')} of a replica count."
        if found
        else "It changed no replica count in this window.",
        tables=(_decisions_table(found, began_s), *lag_tables(run, service_of(records)))
        if found
        else (),
        source=f"run {run.info.run_id}: observe record (the autoscaler's own metrics and events)",
    )


def _decisions_table(found: Sequence[Decision], began_s: float) -> Table:
    rows = tuple(
        (
            minutes(one.at_s - began_s),
            clock(one.at_s),
            one.zone,
            one.service,
            _step(one),
            one.reason,
        )
        for one in found
    )
    header = ("after", "UTC", "zone", "service", "replicas", "why")
    return Table(header=header, rows=rows, align="rlllll")


def _step(one: Decision) -> Mark:
    arrow = "↑" if one.after > one.before else "↓"
    return Mark(text=f"{one.before} → {one.after} {arrow}", tone="plain")
