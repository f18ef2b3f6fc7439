"""Settings -> Deployment: bring the system up on a Target, wait until it serves."""

from dataclasses import replace

from insurectl.errors import TargetNotReady
from insurectl.ports import DEFAULT_SEED, DeployPlan, World
from insurectl.records import Deployment, Scenario, ServiceTuning, Tuning


def deploy(world: World, plan: DeployPlan) -> Deployment:
    """Bring up what is not there, mend what is broken; returns when every zone serves."""
    return world.target.deploy(plan, world.progress)


def foreseen(world: World, plan: DeployPlan) -> DeployPlan:
    """What the plan leaves out, as it would be. A seed that stays is not known here: None."""
    try:
        before = world.target.deployment()
    except TargetNotReady:
        before = None
    return replace(
        plan,
        zones=plan.zones_over(before),
        clients=plan.clients_over(before),
        seed=DEFAULT_SEED if plan.seed is None and before is None else plan.seed,
    )


def settle(world: World, scenario: Scenario) -> Deployment:
    """Put in force what the scenario asks of the system; when it already is, only look whether
    the system is well (to put something in force ends with that anyway)."""
    deployment = world.target.deployment()
    if deployment.adopted:
        return _left_alone(world, deployment, scenario)
    tuning = world.target.as_set(wanted_tuning(deployment.tuning, scenario))
    if {**deployment.costs, **scenario.costs} != dict(deployment.costs):
        plan = DeployPlan(
            name=deployment.name,
            zones=tuple(zone.name for zone in deployment.zones),
            tuning=tuning,
            costs={**deployment.costs, **scenario.costs},
            clients=deployment.clients,
        )
        return world.target.deploy(plan, world.progress)
    if tuning != deployment.tuning:
        return world.target.tune(tuning, world.progress)
    _look(world)
    return deployment


def _left_alone(world: World, deployment: Deployment, scenario: Scenario) -> Deployment:
    """Of a system that others deployed only ``apply`` changes settings: what is played meets it
    as it is."""
    if scenario.services:
        names = ", ".join(one.service for one in scenario.services)
        world.progress.warn(
            f"{deployment.name} was deployed by others: the settings that {scenario.path} has for "
            f"{names} are not put in force"
        )
    _look(world)
    return deployment


def _look(world: World) -> None:
    """TargetNotReady when something is down that no fault has taken away, or settings are half in
    force: what is measured then is not the system that was deployed."""
    now_s = world.clock.now()
    away = {fault.zone for fault in world.target.faults(now_s, now_s) if fault.ended_s is None}
    status = world.target.status()
    if status.half_done:
        raise TargetNotReady("; ".join(status.notes))
    down = [
        f"{one.name}{f' in zone {one.zone}' if one.zone else ''} is {one.state}"
        for one in status.processes
        if one.state not in ("healthy", "starting") and one.zone not in away
    ]
    if down:
        more = f" (and {len(down) - 3} more)" if len(down) > 3 else ""
        raise TargetNotReady(f"{'; '.join(down[:3])}{more}: `insurectl deploy` mends it")
    for zone in sorted(away):
        world.progress.warn(f"zone {zone} is away; `insurectl failback --zone {zone}` ends that")


def wanted_tuning(current: Tuning, scenario: Scenario) -> Tuning:
    """The tuning in force, with the scenario's services in place of those named alike."""
    asked: dict[str, ServiceTuning] = {tuning.service: tuning for tuning in scenario.services}
    services = tuple(asked.get(tuning.service, tuning) for tuning in current.services)
    return replace(current, services=services)
