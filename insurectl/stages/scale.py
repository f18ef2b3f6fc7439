"""Deployment -> Deployment: set one service's replicas by hand."""

from dataclasses import replace

from insurectl.errors import BadInput
from insurectl.ports import World
from insurectl.records import Deployment


def scale(world: World, service: str, replicas: int) -> Deployment:
    """Set the replicas (a zone) and switch the service's autoscaler off, which would undo it."""
    tuning = world.target.deployment().tuning
    known = [one.service for one in tuning.services]
    if service not in known:
        raise BadInput(f"there is no service {service!r}; there are: {', '.join(known)}")
    if replicas < 0:
        raise BadInput(f"replicas: {replicas} is below 0")
    fixed = replace(tuning.of(service), replicas=replicas, autoscaling=None)
    return world.target.tune(tuning.replacing(fixed), world.progress)
