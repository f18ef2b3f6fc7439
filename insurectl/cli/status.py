"""``insurectl status``: look at every process."""

from insurectl.cli.options import Session
from insurectl.errors import ExitCode


def status(session: Session) -> None:
    """Show every process of the system; ends with 4 when one of them is not healthy."""
    seen = session.target().status()
    session.finish(seen, ExitCode.PASS if seen.healthy else ExitCode.NOT_READY)
