"""CapacityModels of earlier runs + what is asked -> Plan; asks nothing of the system."""

from collections.abc import Mapping
from dataclasses import dataclass, replace

from insurectl.errors import BadFile
from insurectl.planning.plan import figures
from insurectl.planning.plan_capacity import given, known, measured
from insurectl.planning.plan_changes import Answer, quarters, sensitivity, what_if
from insurectl.planning.plan_limits import Asked
from insurectl.ports import World
from insurectl.records import Calibration, CapacityModel, Outcome, Plan
from insurectl.records.plan import PlanFigures, PlanInputs, PlanSystem, Sourced
from insurectl.stages.recording import recorded


@dataclass(frozen=True, kw_only=True)
class PlanRequest:
    """What is asked. ``origins``: input -> where its value comes from; ``what_ifs``: each as it
    was typed, with its inputs; ``slo_ms``: where nothing was measured the cost settings are
    assumed, with their p95 within it; None: they are not. ``local``: slots of a machine count."""

    inputs: PlanInputs
    currency: str
    system: PlanSystem
    origins: Mapping[str, Sourced]
    what_ifs: tuple[tuple[str, PlanInputs], ...] = ()
    slo_ms: float | None = None
    local: bool = False


def plan(world: World, request: PlanRequest) -> Plan:
    """Keep the plan as a run of its own. It FAILs where a limit that is set is passed."""
    with recorded(world, "plan", f"people-{request.inputs.people}") as recording:
        record = _plan(world, request, recording.run_id)
        world.runs.write(recording.run_id, record)
        passed = any(
            not one.bought and one.used > one.allowed * (1 + 1e-9) for one in record.figures.limits
        )
        recording.outcome = Outcome.FAIL if passed else Outcome.PASS
    return record


def _plan(world: World, request: PlanRequest, run_id: str) -> Plan:
    models = _models(world)
    request = _started(request, models)
    by_runs = {name: one for name, (one, _) in models.items()}
    capacity = known(request.system.services, by_runs, request.inputs, request.slo_ms)
    answer = _answer(request)
    base = answer(request.inputs, capacity)
    return Plan(
        run_id=run_id,
        inputs=request.inputs,
        currency=request.currency,
        system=request.system,
        capacity=capacity,
        origins=request.origins,
        figures=base,
        what_ifs=tuple(
            what_if(answer, inputs, capacity, change) for change, inputs in request.what_ifs
        ),
        sensitivity=sensitivity(answer, request.inputs, capacity, base),
        quarters=quarters(answer, request.inputs, capacity, base),
        notes=_notes(request, base),
    )


def _answer(request: PlanRequest) -> Answer:
    def answer(inputs: PlanInputs, capacity: Mapping[str, Sourced]) -> PlanFigures:
        own = {name: given(rps) for name, rps in inputs.capacity_rps.items()}
        asked = Asked(
            system=request.system,
            inputs=inputs,
            capacity={**capacity, **own},
            origins=dict(request.origins),
            local=request.local,
        )
        return figures(asked, request.currency)

    return answer


def _models(world: World) -> dict[str, tuple[Sourced, CapacityModel]]:
    """Service -> what its newest model says. A damaged run must not hide the others."""
    found: dict[str, tuple[Sourced, CapacityModel]] = {}
    for run_id in world.runs.having(CapacityModel):
        try:
            model = world.runs.read(run_id, CapacityModel)
            with_replicas = 0
            if world.runs.has(run_id, Calibration):
                with_replicas = world.runs.read(run_id, Calibration).replicas
        except BadFile as error:
            world.progress.warn(f"left out of the plan: {error}")
            continue
        found.setdefault(model.service, (measured(model, with_replicas), model))
    return found


def _started(
    request: PlanRequest, models: Mapping[str, tuple[Sourced, CapacityModel]]
) -> PlanRequest:
    """The slowest start that was measured, at the high end, unless somebody gave another."""
    driven = {one.name for one in request.system.services if one.calls}
    starts = [model for name, (_, model) in models.items() if name in driven]
    if not starts or request.origins["pod-start"].basis == "given":
        return request
    slowest = max(starts, key=lambda one: one.startup_s.high)
    one = slowest.startup_s
    origin = Sourced(
        value=one.high,
        low=one.low,
        high=one.high,
        unit="s",
        basis="measured",
        source=f"run {slowest.run_id}, {slowest.service}: high end of {one.evidence}",
    )
    return replace(
        request,
        inputs=replace(request.inputs, pod_start_s=one.high),
        origins={**request.origins, "pod-start": origin},
    )


def _notes(request: PlanRequest, base: PlanFigures) -> tuple[str, ...]:
    missing = [one.service for one in base.services if one.driven and one.capacity is None]
    notes = [
        f"{name}: not measured, no number. Its replicas here are only those that it keeps anyway; "
        f"calibrate and fit it, or say --assume {name}=RPS."
        for name in missing
    ]
    notes += [
        f"{one.service}: its number is a lower bound, the knee was not reached."
        for one in base.services
        if one.driven and one.capacity is not None and one.capacity.at_least
    ]
    stubs = [one.name for one in request.system.services if one.stands_in]
    if stubs:
        notes.append(f"{', '.join(stubs)} stands for the insurers and is not bought.")
    notes += [
        "Not known, so no limit here: what PostgreSQL itself takes a second, what Redis holds for "
        "one application, and what ins-comp-settlement takes of events.",
        "Requests in flight are means (Little's law); chance goes above them.",
        "What one replica takes was measured with its scenario's requests; those of this peak may "
        "cost another amount.",
    ]
    return tuple(notes)
