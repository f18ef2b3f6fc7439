"""Story -> Markdown: for a pull request or a ticket. Pictures become one line of blocks each."""

import re
from collections.abc import Sequence

from insurectl.render.figures import number
from insurectl.render.picture import Line, Picture
from insurectl.render.story import Cell, Section, Story, Table

BLOCKS = "▁▂▃▄▅▆▇█"
WIDTH = 60
# an underscore within a word is text everywhere; at a word's edge it would make it italic
SPECIAL = re.compile(r"[\\`*<>\[\]|~&$#]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")


def markdown(story: Story, picture: Picture | None) -> str:
    """The whole report as text."""
    head = story.headline
    parts = [
        f"# {escaped(story.title)}",
        f"**{escaped(head.sentence)}**",
        _list(head.reasons),
        _tiles(story),
        " · ".join(f"{escaped(name)} {_code(value)}" for name, value in story.facts),
    ]
    for section in story.sections:
        parts += _section(section, picture)
    return "\n\n".join(part for part in parts if part) + "\n"


def escaped(text: str) -> str:
    """Text that stays text in Markdown, on one line."""
    return SPECIAL.sub(r"\\\g<0>", " ".join(text.split()))


def _section(section: Section, picture: Picture | None) -> list[str]:
    parts = [f"## {escaped(section.title)}", escaped(section.lead)]
    parts += ["\n".join(f"> **Warning:** {escaped(one)}  " for one in section.warnings)]
    if any(chart.name == "timeline" for chart in section.charts) and picture is not None:
        parts.append(_fenced(_sparklines(picture)))
    parts += [_list(section.points), *(_table(one) for one in section.tables)]
    parts.append(_fenced(section.text))
    parts.append(f"_Source: {escaped(section.source)}_" if section.source else "")
    return parts


def _tiles(story: Story) -> str:
    return "\n".join(
        f"- {escaped(tile.name)}: **{escaped(f'{tile.value} {tile.unit}'.strip())}**"
        + (f" ({escaped(tile.note)})" if tile.note else "")
        for tile in story.tiles
    )


def _list(points: Sequence[str]) -> str:
    return "\n".join(f"- {escaped(point)}" for point in points)


def _table(table: Table) -> str:
    rows = [_row(table.header), "|".join(["", *(RULES[one] for one in table.align), ""])]
    rows += [_row(row) for row in table.rows]
    title = [f"**{escaped(table.title)}**", ""] if table.title else []
    return "\n".join([*title, *rows])


RULES = {"l": "---", "r": "--:"}


def _row(cells: Sequence[Cell]) -> str:
    return "| " + " | ".join(_cell(cell) for cell in cells) + " |"


def _cell(cell: Cell) -> str:
    if isinstance(cell, str):
        return escaped(cell)
    return _code(cell.text) if cell.tone == "code" else escaped(cell.text)


def _code(text: str) -> str:
    """A code span; only the bar needs help, as tables are split before spans are read."""
    ticks = "`" * (_longest_run(text) + 1)
    pad = " " if "`" in text else ""
    line = " ".join(text.split()).replace("|", r"\|")
    return f"{ticks}{pad}{line}{pad}{ticks}" if line else ""


def _fenced(text: str) -> str:
    if not text:
        return ""
    ticks = "`" * max(_longest_run(text) + 1, 3)
    return f"{ticks}text\n{text.rstrip()}\n{ticks}"


def _longest_run(text: str) -> int:
    return max((len(run) for run in re.findall("`+", text)), default=0)


def _sparklines(picture: Picture) -> str:
    lines = [*picture.load, *picture.replicas, *picture.latency, *picture.memory]
    drawn = [(line.name, *_spark(line, picture.lasted_s)) for line in lines if line.points]
    width = max((len(name) for name, *_ in drawn), default=0)
    return "\n".join(
        f"{name:<{width}}  {blocks}  {number(least)} to {number(most)}"
        for name, blocks, least, most in drawn
    )


def _spark(line: Line, lasted_s: float) -> tuple[str, float, float]:
    """The largest value of each stretch as a block; a blank where there is none."""
    bins: list[list[float]] = [[] for _ in range(WIDTH)]
    for at_s, value in line.points:
        bins[min(max(int(at_s / lasted_s * WIDTH), 0), WIDTH - 1)].append(value)
    values = [value for _, value in line.points]
    least, most = min(values), max(values)
    return "".join(_block(max(found), most) if found else " " for found in bins), least, most


def _block(value: float, most: float) -> str:
    share = value / most if most > 0 else 0.0
    return BLOCKS[min(max(int(share * len(BLOCKS)), 0), len(BLOCKS) - 1)]
