"""``insurectl scale``: set a service's replicas by hand."""

from typing import Annotated

import typer

from insurectl.cli.options import Session


def scale(
    session: Session,
    service: Annotated[str, typer.Argument(help="A service, such as core-app.")],
    replicas: Annotated[int, typer.Argument(min=0, help="Replicas in each zone.")],
) -> None:
    """Set the replicas of a service in each zone; switches its autoscaler off."""
    from insurectl.stages import scale as stage

    session.console.show(stage.scale(session.world(), service, replicas))
