"""``insurectl version``."""

import platform

from insurectl import __version__
from insurectl.cli.options import Session


def version(session: Session) -> None:
    """Show the versions of insurectl and of what it runs on."""
    if session.console.output == "table":
        session.console.line(f"insurectl {__version__}")
        return
    session.console.show(
        {
            "schema": "insurectl/version/v1",
            "insurectl": __version__,
            "python": platform.python_version(),
            "platform": platform.platform(),
        }
    )
