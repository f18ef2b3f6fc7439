"""Settings -> Deployment: bring the system up on a Target, wait until it serves."""

from dataclasses import replace

from insurectl.ports import DeployPlan, World
from insurectl.records import Deployment, Scenario, ServiceTuning, Tuning


def deploy(world: World, plan: DeployPlan) -> Deployment:
    """Bring up what is not there, mend what is broken; returns when every zone serves."""
    return world.target.deploy(plan, world.progress)


def settle(world: World, scenario: Scenario) -> Deployment:
    """Put in force what the scenario asks of the system; does nothing when it already is."""
    deployment = world.target.deployment()
    tuning = wanted_tuning(deployment.tuning, scenario)
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
    return deployment


def wanted_tuning(current: Tuning, scenario: Scenario) -> Tuning:
    """The tuning in force, with the scenario's services in place of those named alike."""
    asked: dict[str, ServiceTuning] = {tuning.service: tuning for tuning in scenario.services}
    services = tuple(asked.get(tuning.service, tuning) for tuning in current.services)
    return replace(current, services=services)
