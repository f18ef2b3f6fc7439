"""``insurectl logs``: what a process wrote."""

from typing import Annotated

import typer

from insurectl.cli.options import Session


def logs(
    session: Session,
    process: Annotated[str, typer.Argument(help="A service or a process, as status names it.")],
    zone: Annotated[str | None, typer.Option(help="Only this zone.")] = None,
    lines: Annotated[int, typer.Option(min=0, help="How many of the last lines.")] = 50,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Go on until Ctrl-C.")] = False,
) -> None:
    """Show the last lines that a process, or all replicas of a service, wrote."""
    target = session.target()
    for line in target.logs(process, zone=zone, lines=lines, follow=follow):
        if not session.console.line(line):
            break
