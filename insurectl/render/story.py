"""What a report says and in which order, before it is HTML or Markdown."""

from dataclasses import dataclass
from typing import Literal

Tone = Literal["good", "bad", "warn", "plain", "code"]


@dataclass(frozen=True, kw_only=True)
class Mark:
    """Text in a cell that is more than text. The words say it; the tone only adds colour."""

    text: str
    tone: Tone


Cell = str | Mark


@dataclass(frozen=True, kw_only=True)
class Table:
    """``align``: one letter a column, ``l`` or ``r``. ``folded``: shown on demand."""

    header: tuple[str, ...]
    rows: tuple[tuple[Cell, ...], ...]
    align: str
    title: str = ""
    folded: bool = False


@dataclass(frozen=True, kw_only=True)
class Tile:
    """One figure that is read first."""

    name: str
    value: str
    unit: str = ""
    note: str = ""


@dataclass(frozen=True, kw_only=True)
class Chart:
    """A picture by its name (drawing.py knows how) and what is to be seen in it."""

    name: str
    caption: str = ""


@dataclass(frozen=True, kw_only=True)
class Section:
    """One part of a report. ``source``: the run (and query) its figures come from. ``text`` is
    shown as it stands (a scenario file)."""

    anchor: str
    title: str
    lead: str = ""
    points: tuple[str, ...] = ()
    warnings: tuple[str, ...] = ()
    charts: tuple[Chart, ...] = ()
    tables: tuple[Table, ...] = ()
    text: str = ""
    source: str = ""


@dataclass(frozen=True, kw_only=True)
class Headline:
    """The verdict: a word, and one sentence that begins with it."""

    word: str
    tone: Tone
    sentence: str
    reasons: tuple[str, ...] = ()


@dataclass(frozen=True, kw_only=True)
class Story:
    """The whole report, in the order it is read."""

    title: str
    facts: tuple[tuple[str, str], ...]
    headline: Headline
    tiles: tuple[Tile, ...]
    sections: tuple[Section, ...]


def yes(met: bool) -> Mark:
    """Whether something was met."""
    return Mark(text="met", tone="good") if met else Mark(text="missed", tone="bad")


def code(text: str) -> Mark:
    """A query, a run id, an address: as it is typed."""
    return Mark(text=text, tone="code")
