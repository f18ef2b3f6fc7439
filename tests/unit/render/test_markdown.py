"""Markdown that stays what it says."""

import re

import pytest

from insurectl.records import RunRecords
from insurectl.render.markdown import escaped, markdown
from insurectl.render.picture import draw
from insurectl.render.story import Headline, Section, Story, Table, code
from insurectl.render.telling import tell
from tests.unit.render import samples


@pytest.mark.parametrize(
    ("text", "written"),
    [
        pytest.param("latency_p95_ms", "latency_p95_ms", id="an underscore within a word"),
        pytest.param("_it_", r"\_it\_", id="underscores at a word's edges"),
        pytest.param("<b>$x&", r"\<b\>\$x\&", id="a tag"),
        pytest.param("a | b", r"a \| b", id="a bar"),
        pytest.param("one\n# two", r"one \# two", id="a line break"),
        pytest.param("[a](b)", r"\[a\](b)", id="a link"),
    ],
)
def test_text_stays_text(text: str, written: str) -> None:
    assert escaped(text) == written


@pytest.mark.parametrize("records", samples.SUBSETS.values(), ids=samples.SUBSETS)
def test_every_row_has_as_many_cells_as_its_header(records: RunRecords) -> None:
    picture = draw(records)
    text = markdown(tell(records, picture), picture)
    for block in re.findall(r"(?:^\|.*\n)+", text, flags=re.MULTILINE):
        cells = {len(re.findall(r"(?<!\\)\|", line)) for line in block.splitlines()}
        assert len(cells) == 1, block


def test_a_query_with_bars_and_backticks_stays_in_its_cell() -> None:
    table = Table(header=("query",), rows=((code('a{route!~"x|y`"}'),),), align="l")
    section = Section(anchor="a", title="A", tables=(table,))
    story = Story(title="t", facts=(), tiles=(), sections=(section,),
                  headline=Headline(word="Pass", tone="good", sentence="Pass: it is."))  # fmt: skip
    assert r'| `` a{route!~"x\|y`"} `` |' in markdown(story, None)


def test_the_picture_is_drawn_in_blocks_with_its_extremes() -> None:
    records = samples.loop(fault=True)
    picture = draw(records)
    text = markdown(tell(records, picture), picture)
    line = next(line for line in text.splitlines() if line.startswith("zone a ready"))
    assert "█" in line
    assert "   " in line.removeprefix("zone a ready").strip()  # the zone was away: a gap
    assert line.endswith("2 to 6")
