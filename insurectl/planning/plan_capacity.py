"""What one replica of each service takes, and how much that is to be believed."""

from collections.abc import Iterable, Mapping

from insurectl.planning.queueing import rate_within
from insurectl.records import CapacityModel, Cost, Queue
from insurectl.records.plan import PlanInputs, PlanService, Sourced

QUANTILE = 0.95
UNIT = "requests/s"


def measured(model: CapacityModel, replicas: int) -> Sourced:
    """From a run's model; ``replicas``: how many it was measured with."""
    one = model.rps_per_replica
    return Sourced(
        value=one.value,
        low=one.low,
        high=one.high,
        unit=UNIT,
        basis="measured",
        source=f"run {model.run_id}, p{model.slo_quantile * 100:g} <= {model.slo_ms:g} ms",
        at_least=model.lower_bound,
        replicas=replicas,
    )


def from_cost(cost: Cost, slo_ms: float) -> Sourced | None:
    """What a replica would take if its cost settings were all that it costs (an M/G/c queue, see
    ``queueing``); None where there are none. An assumption: the real work comes on top."""
    if cost.worker_ms <= 0:
        return None
    queue = Queue(
        servers=cost.workers, service_ms=cost.worker_ms, service_cv=cost.worker_cv, overhead_ms=0.0
    )
    rate = rate_within(queue, QUANTILE, slo_ms)
    told = f"cost settings alone, p{QUANTILE * 100:g} <= {slo_ms:g} ms; the real work is not in it"
    return Sourced(value=rate, low=rate, high=rate, unit=UNIT, basis="assumed", source=told)


def known(
    services: Iterable[PlanService],
    models: Mapping[str, Sourced],
    inputs: PlanInputs,
    slo_ms: float | None,
) -> dict[str, Sourced]:
    """Service -> what one replica takes: what was given goes before what was measured, and that
    before the cost settings (``slo_ms`` None: those are not used)."""
    found: dict[str, Sourced] = {}
    for service in services:
        one = models.get(service.name)
        if one is None and slo_ms is not None:
            one = from_cost(service.cost, slo_ms)
        if service.name in inputs.capacity_rps:
            one = given(inputs.capacity_rps[service.name])
        if one is not None and one.low > 0:
            found[service.name] = one
    return found


def given(rps: float) -> Sourced:
    """What somebody assumed, with no interval."""
    return Sourced(
        value=rps, low=rps, high=rps, unit=UNIT, basis="assumed", source="given with --assume"
    )


def extrapolated(one: Sourced, replicas: int) -> str:
    """How the plan goes beyond what was measured; "" where it does not."""
    if one.basis != "measured":
        return "not measured"
    if one.replicas and replicas > one.replicas:
        return (
            f"measured with {one.replicas}, planned with {replicas}: right only if replicas share "
            "nothing that gets busy"
        )
    return ""
