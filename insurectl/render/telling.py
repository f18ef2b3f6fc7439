"""Records -> Story: which sections a report has, in the order a capacity planner reads them."""

from insurectl.records import (
    Comparison,
    FailoverResult,
    LoadResult,
    Outcome,
    RunInfo,
    RunRecords,
)
from insurectl.render.figures import (
    count,
    interval,
    measure,
    moment,
    number,
    percent,
    quantity,
    unit_name,
)
from insurectl.render.headline import headline
from insurectl.render.load_sections import (
    decisions_section,
    failover_section,
    load_section,
    picture_section,
    thresholds_section,
)
from insurectl.render.loop_sections import (
    calibration_section,
    capacity_section,
    recommendation_section,
    verdict_section,
)
from insurectl.render.method_sections import method_section, scenario_section, sources_section
from insurectl.render.picture import Picture, shown
from insurectl.render.plan_section import plan_section, plan_tiles
from insurectl.render.story import Section, Story, Tile


def tell(records: RunRecords, picture: Picture | None) -> Story:
    """The whole report of one run."""
    sections = (
        picture_section(records, picture) if picture is not None else None,
        plan_section(records),
        capacity_section(records),
        recommendation_section(records),
        verdict_section(records),
        failover_section(records),
        load_section(records),
        thresholds_section(records),
        decisions_section(records),
        calibration_section(records),
        method_section(records),
        scenario_section(records),
        sources_section(records),
    )
    return Story(
        title=f"{records.info.scenario or records.info.run_id}: {records.info.kind}",
        facts=_facts(records),
        headline=headline(records),
        tiles=_tiles(records),
        sections=tuple(one for one in sections if isinstance(one, Section)),
    )


def _facts(records: RunRecords) -> tuple[tuple[str, str], ...]:
    info, deployment = records.info, records.deployment
    facts = [("run", info.run_id), ("began", moment(info.started_s)), ("lasted", _lasted(info))]
    if deployment is not None:
        facts.append(("system", f"{deployment.name} on {deployment.target}, "
                      f"{count(len(deployment.zones), 'zone')}"))  # fmt: skip
    facts.append(("seed", str(info.seed)))
    if info.version:
        facts.append(("insurectl", info.version))
    return tuple(facts)


def _lasted(info: RunInfo) -> str:
    if info.ended_s is None:
        return "no end was kept"
    minutes, seconds = divmod(round(info.ended_s - info.started_s), 60)
    return f"{minutes} min {seconds} s" if minutes else f"{seconds} s"


def _tiles(records: RunRecords) -> tuple[Tile, ...]:
    """At most five figures; none of a measurement that must not be used."""
    run = shown(records)
    load = run.load if run is not None else None
    if Outcome.INVALID in _outcomes(records, load):
        return ()
    tiles = [*plan_tiles(records), *_model_tiles(records), *_verdict_tiles(records)]
    if records.failover is not None:
        tiles += _failover_tiles(records.failover)
    if load is not None and len(tiles) < MOST_TILES:
        tiles += _load_tiles(load)
    return tuple(tiles[:MOST_TILES])


MOST_TILES = 5


def _outcomes(records: RunRecords, load: LoadResult | None) -> set[Outcome | None]:
    found = {records.info.outcome}
    found |= {one.outcome for one in (records.verdict, records.failover, load) if one is not None}
    return found


def _model_tiles(records: RunRecords) -> list[Tile]:
    if records.model is None:
        return []
    one = records.model.rps_per_replica
    sign = "≥ " if records.model.lower_bound else ""
    return [Tile(name=f"one replica of {records.model.service} takes",
                 value=f"{sign}{number(one.value)}", unit=unit_name(one.unit),
                 note=f"95 %: {interval(one.low, one.high, one.unit)}")]  # fmt: skip


def _verdict_tiles(records: RunRecords) -> list[Tile]:
    found = records.verdict.comparisons if records.verdict is not None else ()
    return [_comparison_tile(one) for one in found]


def _comparison_tile(one: Comparison) -> Tile:
    return Tile(name=one.what, value=quantity(one.measured, one.unit), unit=unit_name(one.unit),
                note=f"predicted {measure(one.predicted.value, one.unit)}")  # fmt: skip


def _failover_tiles(found: FailoverResult) -> list[Tile]:
    failed = sum(found.failed_by_class.values())
    return [
        Tile(name="longest time without a success", value=number(found.gap_s), unit="s"),
        Tile(name="acknowledged writes lost, doubled", value=f"{found.lost}, {found.doubled}",
             note=f"of {found.acknowledged:,}"),
        Tile(name="failed requests", value=f"{failed:,}", note=f"of {found.requests:,}"),
        Tile(name="month's error budget spent", value=percent(found.budget_spent)),
    ]  # fmt: skip


def _load_tiles(load: LoadResult) -> list[Tile]:
    total, lasted_s = load.total, load.ended_s - load.started_s - load.warmup_s
    rate = (total.count - total.failed) / lasted_s if lasted_s > 0 else None
    return [
        Tile(name="latency p95", value=number(total.p95_ms), unit="ms",
             note=f"p50 {number(total.p50_ms)}, p99 {number(total.p99_ms)}"),
        Tile(name="answered", value=number(rate), unit="requests/s", note="mean after warm-up"),
        Tile(name="failed", value=f"{total.failed:,}", note=f"of {total.count:,} requests"),
        Tile(name="shortfall", value=percent(load.shortfall), note="due but not sent in time"),
    ]  # fmt: skip
