"""``insurectl deploy``: bring the system up."""

from typing import Annotated

import typer

from insurectl.cli.options import DryRunOption, Session, deploy_plan
from insurectl.errors import BadInput


def deploy(
    session: Session,
    zones: Annotated[
        str | None, typer.Option(help="Zones, separated by commas, or how many.")
    ] = None,
    clients: Annotated[
        int | None, typer.Option(min=1, max=10_000_000, help="Clients to seed.")
    ] = None,
    seed: Annotated[int | None, typer.Option(min=0, help="Seed of the generated data.")] = None,
    timeout: Annotated[
        float, typer.Option(min=1, max=3600, help="Seconds until it must serve.")
    ] = 120.0,
    registry: Annotated[
        str | None, typer.Option(help="Where a cluster pulls the images from; else they are built.")
    ] = None,
    dry_run: DryRunOption = False,
) -> None:
    """Bring the system up, or mend what is there; ends when every zone serves."""
    from insurectl.stages import deploy as stage

    settings = session.set(clients=clients, seed=seed, registry=registry)
    plan = deploy_plan(settings, None if zones is None else _names(zones), timeout)
    world = session.world()
    if dry_run:
        session.console.show(stage.foreseen(world, plan))
        told = session.console
        for line in world.target.preview(plan):
            if told.output == "table":
                told.line(line)
            else:
                told.say(line)
        return
    session.console.show(stage.deploy(world, plan))


def _names(zones: str) -> tuple[str, ...]:
    """A number alone: so many of the system's zones, the first."""
    names = tuple(zone.strip() for zone in zones.split(",") if zone.strip())
    if not names:
        raise BadInput(f"--zones {zones!r} names no zone; such as --zones a,b")
    if len(names) > 1 or not names[0].isdecimal():
        return names
    from insurectl.adapters import topology

    known, count = tuple(topology.bundled().zones), int(names[0])
    if not 1 <= count <= len(known):
        raise BadInput(
            f"--zones {zones}: the system has {len(known)} zones, {', '.join(known)}; others are "
            "named, such as --zones eu-1a,eu-1b,eu-1c"
        )
    return known[:count]
