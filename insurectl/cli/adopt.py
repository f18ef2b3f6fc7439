"""``insurectl adopt``: take up a system that others deployed."""

from pathlib import Path
from typing import Annotated

import typer

from insurectl.cli.options import Session
from insurectl.errors import BadInput


def adopt(
    session: Session,
    zone: Annotated[
        list[str], typer.Option(metavar="ZONE=NAMESPACE", help="A zone and its namespace.")
    ],
    edge_url: Annotated[str, typer.Option(help="Where people reach the system.")],
    credentials: Annotated[
        Path | None, typer.Option(help="File (JSON) with what lets a load in.")
    ] = None,
) -> None:
    """Read the settings of a system that others deployed into a cluster; touches nothing."""
    from insurectl import wiring

    places = dict(_place(one) for one in zone)
    if len(places) < len(zone):
        raise BadInput("--zone: a zone is named twice")
    session.console.show(
        wiring.adopt(session.settings, places, edge_url=edge_url, credentials=credentials)
    )


def _place(text: str) -> tuple[str, str]:
    name, equals, namespace = text.partition("=")
    if not (name and equals and namespace):
        raise BadInput(f"--zone {text!r}: wanted is ZONE=NAMESPACE, such as a=osago-a")
    return name, namespace
