"""How it was measured: what was played, against what, on which machine, and what is made up."""

from collections.abc import Sequence

from insurectl.records import Cost, Deployment, LoadResult, RunRecords, ServiceTuning, Zone
from insurectl.render.figures import measure, moment, number, percent
from insurectl.render.load_sections import distinct
from insurectl.render.picture import shown
from insurectl.render.story import Cell, Section, Table, code


def method_section(records: RunRecords) -> Section:
    """Everything that somebody needs to repeat the run, or to doubt it."""
    deployment = records.deployment
    run = shown(records)
    load = run.load if run is not None else None
    return Section(
        anchor="method",
        title="How it was measured",
        points=(*_played(load), *_simulated(records), *(deployment.notes if deployment else ())),
        tables=(
            *((_load_table(load),) if load is not None else ()),
            *((_deployment_table(deployment),) if deployment is not None else ()),
            *_cost_table(deployment),
            *_children_table(records),
            *_settings(records),
        ),
        source=f"run {records.info.run_id}"
        + (f"; load: run {load.run_id}" if load is not None else ""),
    )


def _played(load: LoadResult | None) -> tuple[str, ...]:
    if load is None:
        return ("No load record was kept.",)
    scaled = (
        "Rates were played as the scenario has them (scale 1)."
        if load.scale == 1
        else f"The scenario's rates were multiplied by {number(load.scale)} to fit this machine; "
        "figures are those of the scaled traffic."
    )
    arrivals = "open arrivals" if load.model == "open" else "closed users"
    return (f"Scenario {load.scenario}, {arrivals}, seed {load.seed}.", scaled)


def _simulated(records: RunRecords) -> tuple[str, ...]:
    said = []
    if records.recommendation is not None or records.verdict is not None:
        said.append(FORESEEN)
    if records.deployment is not None and records.deployment.target == "local":
        said.append(LOCAL)
    costs = records.deployment.costs if records.deployment is not None else {}
    if any(cost != Cost() for cost in costs.values()):
        said.append(COSTS)
    return tuple(said)


FORESEEN = (
    "Simulated: every figure called predicted or foreseen, and every point of the front; they "
    "come from the autoscaler's algorithm run on a traffic trace."
)
LOCAL = (
    "Simulated: there is no Kubernetes on the local target; its autoscaler is insurectl's own "
    "controller with the same algorithm, and its zones are addresses of one machine."
)
COSTS = (
    "Simulated: part of a request's work is a known cost that was set (listed below), so that "
    "the planner can be judged."
)


def _load_table(load: LoadResult) -> Table:
    rows: tuple[tuple[Cell, ...], ...] = (
        ("began", moment(load.started_s)),
        ("lasted", measure(load.ended_s - load.started_s, "s")),
        ("warm-up, left out of the figures", measure(load.warmup_s, "s")),
        ("through", code(load.base_url)),
        ("arrivals due", f"{load.scheduled:,}"),
        ("arrivals sent", f"{load.sent:,}"),
        ("shortfall (not begun, or more than 100 ms late)", percent(load.shortfall)),
        ("lateness of a start, p99", measure(load.late_p99_ms, "ms")),
        ("load generator's CPU", percent(load.generator_cpu)),
        ("this machine's CPU", percent(load.host_cpu)),
    )
    return Table(header=("the load", ""), rows=rows, align="ll")


def _deployment_table(deployment: Deployment) -> Table:
    rows = tuple(
        (one.service, _replicas(one), number(one.memory_request_mib), number(one.memory_limit_mib))
        for one in deployment.tuning.services
    )
    zones = ", ".join(zone.name for zone in deployment.zones)
    return Table(
        header=("service", "replicas a zone", "memory request, MiB", "limit, MiB"),
        rows=rows,
        align="llrr",
        title=f"The system: {deployment.name} on {deployment.target}, zones {zones}, "
        f"{deployment.clients:,} clients",
    )


def _replicas(one: ServiceTuning) -> str:
    if one.autoscaling is None:
        return str(one.replicas)
    hpa = one.autoscaling
    targets = ", ".join(
        f"{metric.name} {metric.utilization_percent} %"
        if metric.utilization_percent is not None
        else f"{metric.name} {number(metric.average_value)}"
        for metric in hpa.metrics
    )
    return f"{hpa.min_replicas} to {hpa.max_replicas}, autoscaled on {targets}"


def _cost_table(deployment: Deployment | None) -> tuple[Table, ...]:
    rows = tuple(
        (service, str(cost.workers), number(cost.worker_ms), number(cost.lock_ms),
         number(cost.cpu_ms), number(cost.memory_mib), number(cost.memory_hold_ms),
         number(cost.start_s))
        for service, cost in (deployment.costs.items() if deployment is not None else ())
    )  # fmt: skip
    if not rows:
        return ()
    header = ("service", "workers", "worker, ms", "lock, ms", "CPU, ms", "memory, MiB", "held, ms",
              "start, s")  # fmt: skip
    return (Table(header=header, rows=rows, align="lrrrrrrr", title="Costs that were set",
                  folded=True),)  # fmt: skip


def _children_table(records: RunRecords) -> tuple[Table, ...]:
    rows = tuple(
        (code(child.info.run_id), child.info.kind, child.info.status,
         child.info.outcome.value if child.info.outcome else "-",
         f"{child.load.total.count:,}" if child.load else "-",
         number(child.load.total.p95_ms) if child.load else "-")
        for child in records.children
    )  # fmt: skip
    if not rows:
        return ()
    header = ("run", "command", "status", "outcome", "requests", "p95, ms")
    return (Table(header=header, rows=rows, align="llllrr", title="Load runs within this one",
                  folded=True),)  # fmt: skip


def _settings(records: RunRecords) -> tuple[Table, ...]:
    rows: tuple[tuple[Cell, ...], ...] = tuple(records.info.settings.items())
    table = Table(header=("setting", "value"), rows=rows, align="ll",
                  title="insurectl's settings", folded=True)  # fmt: skip
    return (table,) if rows else ()


def scenario_section(records: RunRecords) -> Section | None:
    """The scenario's own text."""
    if records.scenario_text is None:
        return None
    return Section(anchor="scenario", title="The scenario as it was played",
                   text=records.scenario_text, source=f"run {records.info.run_id}")  # fmt: skip


def sources_section(records: RunRecords) -> Section | None:
    """Every query that was asked."""
    run = shown(records)
    series = distinct(run.timeline.series) if run is not None and run.timeline is not None else ()
    if run is None or not series:
        return None
    queries = {(one.name, one.unit, one.query): one for one in series}
    rows = tuple((name, unit, code(query)) for name, unit, query in queries)
    table = Table(header=("series", "unit", "PromQL"), rows=rows, align="lll",
                  title=f"{len(rows)} queries", folded=True)  # fmt: skip
    zones = _zones(records.deployment.zones if records.deployment is not None else ())
    return Section(anchor="queries", title="Queries", tables=(table,),
                   lead=f"Asked of {zones}, over the window of run {run.info.run_id}.",
                   source=f"run {run.info.run_id}: observe record")  # fmt: skip


def _zones(zones: Sequence[Zone]) -> str:
    asked = ", ".join(f"zone {zone.name} ({zone.prometheus_url})" for zone in zones)
    return f"Prometheus of {asked}" if asked else "each zone's Prometheus"
