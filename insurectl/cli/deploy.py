"""``insurectl deploy``: bring the system up."""

from dataclasses import replace
from typing import Annotated

import typer

from insurectl.cli.options import DryRunOption, Session
from insurectl.errors import BadInput


def deploy(
    session: Session,
    zones: Annotated[str, typer.Option(help="Zones, separated by commas.")] = "a,b",
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
    from insurectl.ports import DeployPlan
    from insurectl.stages import deploy as stage

    names = tuple(zone.strip() for zone in zones.split(",") if zone.strip())
    if not names:
        raise BadInput(f"--zones {zones!r} names no zone; such as --zones a,b")
    plan = DeployPlan(
        name=session.settings.name,
        zones=names,
        clients=session.settings.clients if clients is None else clients,
        seed=session.settings.seed if seed is None else seed,
        timeout_s=timeout,
    )
    if registry is not None:
        session.settings = replace(session.settings, registry=registry)
    world = session.world()
    if dry_run:
        session.console.show(plan)
        told = session.console
        for line in world.target.preview(plan):
            if told.output == "table":
                told.line(line)
            else:
                told.say(line)
        return
    session.console.show(stage.deploy(world, plan))
