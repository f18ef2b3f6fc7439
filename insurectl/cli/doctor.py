"""``insurectl doctor``: what is missing on this machine."""

import os

import typer

from insurectl.cli.options import Session
from insurectl.errors import ExitCode


def doctor(session: Session) -> None:
    """Say what this machine lacks and the one line that installs it; ends with 3 if anything."""
    from insurectl import wiring
    from insurectl.adapters.doctor import examine

    told = wiring.as_deployed(session.settings)
    found = examine(told.state, told.reports, os.environ, told.target)
    if session.console.output != "table":
        session.console.show(found)
    for check in found.checks if session.console.output == "table" else ():
        mark, hint = ("ok", "") if check.ok else ("MISSING", f"  -> {check.fix}")
        session.console.line(f"{mark:8}{check.what}: {check.found}{hint}")
    if not found.healthy:
        raise typer.Exit(ExitCode.MISSING)
