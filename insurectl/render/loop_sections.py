"""What the system can take, what was recommended, and whether it held: calibrate to verify."""

from insurectl.records import (
    Calibration,
    CalibrationStep,
    CapacityModel,
    Change,
    Comparison,
    Estimate,
    Outcome,
    Recommendation,
    RunRecords,
    Verdict,
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
from insurectl.render.settings_diff import chosen, settings_table
from insurectl.render.story import Cell, Chart, Mark, Section, Table, code, yes

SIMULATED = "Simulated, not measured."


def capacity_section(records: RunRecords) -> Section | None:
    """What one replica takes, with the measurements it rests on."""
    model, calibration = records.model, records.calibration
    head = model or calibration
    if head is None:
        return None
    slo = f"with p{head.slo_quantile * 100:g} within {measure(head.slo_ms, 'ms')}"
    lead = f"Nothing was fitted yet; these are the steps of {head.service} as they were measured."
    if model is not None:
        sign = "at least " if model.lower_bound else ""
        lead = (
            f"One replica of {head.service} takes {sign}{measured_rate(model.rps_per_replica)} "
            f"{slo}."
        )
    charts = [Chart(name="capacity", caption=_capacity_caption(records))]
    if calibration is not None:
        charts.append(Chart(name="memory", caption="What memory does with the rate."))
    return Section(
        anchor="capacity",
        title="What the system can take",
        lead=lead,
        points=(_queue_text(model), *model.notes) if model is not None else (),
        warnings=(
            ("The knee was not reached: the rate is only what was shown to work.",)
            if model is not None and model.lower_bound
            else ()
        ),
        charts=tuple(charts),
        tables=_model_table(records),
        source=f"run {head.run_id}: its {_steps_kept(records)}",
    )


def measured_rate(one: Estimate) -> str:
    """A rate with its interval, said in full."""
    return f"{measure(one.value, one.unit)} (95 % interval {interval(one.low, one.high, one.unit)})"


def _queue_text(model: CapacityModel) -> str:
    queue = model.queue.best
    return (
        f"The queue that explains the latencies best: {count(queue.servers, 'request')} at a time, "
        f"{measure(queue.service_ms, 'ms')} each (coefficient of variation "
        f"{number(queue.service_cv)}) and {measure(queue.overhead_ms, 'ms')} on the way; misfit "
        f"{number(model.queue.misfit)} standard errors, where 1 is nothing but chance."
    )


def _capacity_caption(records: RunRecords) -> str:
    said = ["Each point is one load run against one replica"]
    if records.model is not None:
        said.append("the curve and the knee are fitted to those that were valid")
    return "; ".join(said) + "."


def _steps_kept(records: RunRecords) -> str:
    if records.calibration is None:
        evidence = records.model.evidence if records.model is not None else ()
        return f"capacity model, from {count(len(evidence), 'load run')}"
    return f"{count(len(records.calibration.steps), 'calibration step')} (listed below)"


def _model_table(records: RunRecords) -> tuple[Table, ...]:
    model = records.model
    if model is None:
        return ()
    rows = tuple(
        (name, quantity(one.value, one.unit), interval(one.low, one.high, one.unit),
         unit_name(one.unit), one.evidence)
        for name, one in (
            ("requests/s a replica within the SLO", model.rps_per_replica),
            ("memory when idle", model.memory_floor_mib),
            ("memory a request/s more", model.memory_per_rps_mib),
            ("start of a replica until it is ready", model.startup_s),
            ("this machine's CPU without load", model.host_cpu_idle),
            ("this machine's CPU a request", model.host_cpu_s_per_request),
        )
    )  # fmt: skip
    header = ("figure", "value", "95 % interval", "unit", "rests on")
    return (Table(header=header, rows=rows, align="lrrll"),)


def recommendation_section(records: RunRecords) -> Section | None:
    """The chosen settings, why, and what else there was."""
    found = records.recommendation
    if found is None:
        return None
    settings = settings_table(found.before, found.after)
    lead = found.rule if settings.rows else f"{found.rule} Nothing needs to change."
    return Section(
        anchor="recommendation",
        title=f"Recommended settings of {found.service}",
        lead=lead,
        points=(*found.reasons, *_in_force(records.change)),
        warnings=found.warnings,
        charts=(Chart(name="front", caption=_front_caption(found)),) if found.candidates else (),
        tables=(*((settings,) if settings.rows else ()), _effect_table(found)),
        source=f"run {found.run_id}: recommendation, seed {found.seed}; "
        f"{found.searched:,} settings tried in the simulator",
    )


def _in_force(change: Change | None) -> tuple[str, ...]:
    if change is None:
        return ("They have not been applied.",)
    if change.rolled_back_at_s is not None:
        return (f"They were in force and were rolled back at {moment(change.rolled_back_at_s)}.",)
    if change.applied_at_s is None:
        return ("They were shown but not put in force.",)
    return (f"In force on {change.deployment} since {moment(change.applied_at_s)}.",)


def _front_caption(found: Recommendation) -> str:
    kept = f"{len(found.candidates):,} of {found.searched:,} settings tried are drawn."
    if chosen(found) is None:
        kept += " The recommended point itself was not kept among them."
    return f"{SIMULATED} {kept}"


def _effect_table(found: Recommendation) -> Table:
    effect = found.effect
    rows = tuple(
        (name, *_estimate_cells(one), one.evidence)
        for name, one in (
            ("replicas, mean", effect.replicas_mean),
            ("replicas, most", effect.replicas_max),
            ("latency at the SLO's quantile", effect.quantile_ms),
            ("requests slower than the SLO", effect.miss_ratio),
            ("replica-seconds (cost)", effect.replica_seconds),
        )
    )
    return Table(
        header=("foreseen (simulated)", "value", "95 % interval", "rests on"),
        rows=rows,
        align="lrrl",
        title="What these settings will do, as the simulator has it",
    )


def _estimate_cells(one: Estimate) -> tuple[str, str]:
    return measure(one.value, one.unit), interval(one.low, one.high, one.unit)


def verdict_section(records: RunRecords) -> Section | None:
    """Predicted against measured."""
    verdict = records.verdict
    if verdict is None:
        return None
    missed = [one.what for one in verdict.comparisons if not one.met]
    lead = "Nothing was compared."
    if verdict.comparisons:
        lead = (
            f"Measured outside what was foreseen: {', '.join(missed)}."
            if missed
            else "Everything that was foreseen was measured within its allowed interval."
        )
    return Section(
        anchor="verdict",
        title="Predicted against measured",
        lead=lead,
        points=(f"Played for this: {verdict.window}.",),
        warnings=_unusable(verdict),
        charts=(Chart(name="comparison", caption=COMPARISON_CAPTION),)
        if verdict.comparisons
        else (),
        tables=(_comparison_table(verdict),) if verdict.comparisons else (),
        source=f"predicted: run {verdict.run_id}, recommendation (simulated); measured: run "
        f"{verdict.load_run_id}, its load and observe records",
    )


COMPARISON_CAPTION = (
    "Each row on its own scale: the pale band is the allowed interval, the line in it the "
    "predicted 95 % interval, the tick the prediction, the dot what was measured."
)


def _unusable(verdict: Verdict) -> tuple[str, ...]:
    if verdict.outcome is not Outcome.INVALID:
        return verdict.reasons if verdict.outcome is Outcome.FAIL else ()
    return ("The measurement is invalid: none of these figures must be used.", *verdict.reasons)


def _comparison_table(verdict: Verdict) -> Table:
    rows = tuple(_comparison_row(one) for one in verdict.comparisons)
    header = ("figure", "predicted (simulated)", "95 % interval", "allowed", "measured", "")
    return Table(header=header, rows=rows, align="lrrrrl")


def _comparison_row(one: Comparison) -> tuple[Cell, ...]:
    predicted = one.predicted
    return (
        one.what,
        measure(predicted.value, one.unit),
        interval(predicted.low, predicted.high, one.unit),
        interval(one.allowed_low, one.allowed_high, one.unit),
        measure(one.measured, one.unit),
        yes(one.met),
    )


def calibration_section(records: RunRecords) -> Section | None:
    """Every step, also those that were left out of the fit."""
    found = records.calibration
    if found is None:
        return None
    starts = ", ".join(f"{one:.1f}" for one in found.startup_s)
    return Section(
        anchor="calibration",
        title="Calibration, step by step",
        lead=f"{count(len(found.steps), 'load run')} against {count(found.replicas, 'replica')} of "
        f"{found.service}.",
        points=(
            *((f"Starts of a replica took {starts} s.",) if starts else ()),
            *(
                (f"Idle, a replica held {measure(found.idle_memory_mib, 'MiB')}.",)
                if found.idle_memory_mib
                else ()  # nobody knew; a note says so
            ),
            *found.notes,
        ),
        tables=(_steps_table(found),) if found.steps else (),
        source=f"run {found.run_id}: calibration; each step is a run of its own",
    )


def _steps_table(found: Calibration) -> Table:
    quantile = f"p{found.slo_quantile * 100:g}, ms"
    return Table(
        header=("run", "phase", "rate/s", "achieved/s", quantile, "SLO", "memory, MiB",
                "host CPU", "judged"),
        rows=tuple(_step_row(one) for one in found.steps),
        align="llrrrlrrl",
    )  # fmt: skip


def _step_row(one: CalibrationStep) -> tuple[Cell, ...]:
    invalid = one.outcome is Outcome.INVALID
    within = Mark(text="within", tone="good") if one.within_slo else Mark(text="beyond", tone="bad")
    judged = "; ".join((one.outcome.value, *one.reasons))
    return (
        code(one.run_id),
        one.phase,
        number(one.rate_rps),
        number(one.achieved_rps),
        number(one.quantile_ms),
        "-" if invalid else within,
        number(one.memory_mib),
        percent(one.host_cpu),
        Mark(text=judged, tone="warn") if invalid else judged,
    )
