"""Story -> one HTML file that opens offline: styles and pictures inside, no script, no address."""

from collections.abc import Mapping
from pathlib import Path

from insurectl.render.story import Cell, Story

HERE = Path(__file__).parent


def html(story: Story, charts: Mapping[str, tuple[str, str]]) -> str:
    """The whole page. What is not a picture is escaped by the template."""
    from jinja2 import Environment, FileSystemLoader, StrictUndefined  # noqa: PLC0415 - heavy
    from markupsafe import Markup  # noqa: PLC0415 - the same

    environment = Environment(
        loader=FileSystemLoader(HERE),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    drawn = {name: tuple(Markup(svg) for svg in both) for name, both in charts.items()}
    return environment.get_template("page.html.j2").render(
        story=story,
        charts=drawn,
        css=Markup((HERE / "page.css").read_text(encoding="utf-8")),
        words=cell_text,
        tone=cell_tone,
    )


def cell_text(cell: Cell) -> str:
    """The words of a cell."""
    return cell if isinstance(cell, str) else cell.text


def cell_tone(cell: Cell) -> str:
    """The tone of a cell; plain where it is only text."""
    return "plain" if isinstance(cell, str) else cell.tone
