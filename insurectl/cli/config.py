"""``insurectl config``: every setting."""

from typing import Annotated, Any

import typer

from insurectl.cli.options import Session, command

app = typer.Typer(help="Every setting, its value and where it came from.", no_args_is_help=True)


def show(
    session: Session,
    origin: Annotated[bool, typer.Option("--origin", help="Say where each came from.")] = False,
) -> None:
    """Show every setting as it is in force."""
    from insurectl.settings import NAMES

    settings = session.settings
    values: dict[str, Any] = {name: getattr(settings, name) for name in NAMES}
    if session.console.output == "table":
        for name, value in values.items():
            shown = ", ".join(value) if isinstance(value, tuple) else value
            told = f"  ({settings.origins[name]})" if origin else ""
            session.console.line(f"{name} = {'' if shown is None else shown}{told}")
        return
    origins = {"origins": dict(settings.origins)} if origin else {}
    session.console.show({"schema": "insurectl/config/v1", "settings": values, **origins})


app.command("show")(command(show))
