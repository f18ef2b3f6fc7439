"""``insurectl failback``: give a zone back."""

from typing import Annotated

import typer

from insurectl.cli.options import Session


def failback(
    session: Session, zone: Annotated[str, typer.Option(help="The zone to bring back.")]
) -> None:
    """Bring a zone back that was taken away; ends when it serves."""
    from insurectl.stages import failback as stage

    session.console.show(stage.failback(session.world(), zone))
