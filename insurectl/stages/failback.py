"""Fault -> nothing: give a zone back that was taken away."""

from insurectl.ports import World
from insurectl.records import Fault


def failback(world: World, zone: str) -> Fault:
    """Bring everything of the zone up again; returns when it serves."""
    with world.progress.step(f"bring zone {zone} back"):
        return world.target.restore(zone, world.progress)
