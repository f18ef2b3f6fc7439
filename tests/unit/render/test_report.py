"""The four files of a report, drawn for real from every kind of run."""

import dataclasses
import functools
import json
import re
from collections import Counter
from collections.abc import Mapping
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import pytest

from insurectl.records import Outcome, RunRecords
from insurectl.render.report import ReportRenderer
from tests.unit.render import samples

HOSTILE = "<x-y>$x&\"'|`_"
VOID = {"meta", "link", "br", "img", "input", "hr"}
EVERY = pytest.mark.parametrize("kind", samples.SUBSETS)


class Page(HTMLParser):
    """What a browser would make of it: tags, attributes, words; unclosed tags are kept."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: Counter[str] = Counter()
        self.attributes: list[tuple[str, str, str]] = []
        self.words: list[str] = []
        self.open: list[str] = []
        self.feed(text)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags[tag] += 1
        self.attributes += [(tag, name, value or "") for name, value in attrs]

    def handle_endtag(self, tag: str) -> None:
        assert self.open[-1:] == [tag], f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()

    def handle_data(self, data: str) -> None:
        self.words.append(data)

    def values(self, *names: str) -> list[str]:
        return [value for _, name, value in self.attributes if name in names]


def files(records: RunRecords) -> Mapping[str, str]:
    return ReportRenderer().files(records)


@functools.cache
def drawn_as(kind: str) -> Mapping[str, str]:
    """Each kind is drawn once for all tests that look at it."""
    return files(samples.SUBSETS[kind])


def renamed(value: Any, old: str, new: str) -> Any:
    """The same records with one text in place of another, everywhere."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        fields = {one.name: renamed(getattr(value, one.name), old, new)
                  for one in dataclasses.fields(value)}  # fmt: skip
        return type(value)(**fields)
    if isinstance(value, tuple):
        return tuple(renamed(one, old, new) for one in value)
    if isinstance(value, dict):
        return {renamed(key, old, new): renamed(one, old, new) for key, one in value.items()}
    return value.replace(old, new) if type(value) is str else value


@EVERY
def test_every_kind_of_run_has_four_files(kind: str) -> None:
    drawn = drawn_as(kind)
    assert list(drawn) == ["report.html", "report.md", "report.json", "junit.xml"]
    assert all(drawn.values())


@EVERY
def test_the_page_is_whole_and_opens_offline(kind: str) -> None:
    text = drawn_as(kind)["report.html"]
    page = Page(text)
    assert page.open == []
    assert page.tags["script"] == page.tags["img"] == page.tags["iframe"] == 0
    local = [one for one in page.values("href", "src") if one.startswith(("#", "data:,"))]
    assert page.values("href", "src") == local
    assert not [one for name in ("srcset", "action", "data") for one in page.values(name)]
    assert "@import" not in text
    assert set(re.findall(r"url\(\s*['\"]?(.)", text)) <= {"#"}


@EVERY
def test_every_anchor_and_every_drawn_reference_is_there_once(kind: str) -> None:
    page = Page(drawn_as(kind)["report.html"])
    ids = page.values("id")
    assert [one for one, times in Counter(ids).items() if times > 1] == []
    targets = [one[1:] for one in page.values("href") if one.startswith("#")]
    clips = re.findall(r"url\(#([^)]+)\)", " ".join(page.values("clip-path", "style")))
    assert set(targets) | set(clips) <= set(ids)


@EVERY
def test_the_page_names_the_run_in_every_section(kind: str) -> None:
    page = Page(drawn_as(kind)["report.html"])
    sections = page.tags["section"]
    sources = [words for words in page.words if words.startswith("Source: ")]
    assert len(sources) == sections
    assert all(samples.RUN in words for words in sources)


@EVERY
def test_json_is_strict_and_has_the_records_but_no_picture(kind: str) -> None:
    text, records = drawn_as(kind)["report.json"], samples.SUBSETS[kind]

    def refuse(word: str) -> None:
        raise AssertionError(word)

    content = json.loads(text, parse_constant=refuse)
    assert content["schema"] == "insurectl/report/v1"
    assert content["records"]["info"]["run_id"] == records.info.run_id
    assert (content["records"]["verdict"] is None) == (records.verdict is None)
    assert "<svg" not in text


def test_json_has_null_for_what_is_no_number() -> None:
    load = dataclasses.replace(samples.load(), host_cpu=float("nan"), late_p99_ms=float("inf"))
    drawn = files(RunRecords(info=samples.info("load"), load=load))
    content = json.loads(drawn["report.json"])["records"]["load"]
    assert (content["host_cpu"], content["late_p99_ms"]) == (None, None)
    assert "no data" in drawn["report.html"]


@pytest.mark.parametrize(
    "records",
    [
        samples.loop(fault=True),
        samples.failover(),
        samples.SUBSETS["only a timeline"],
        samples.SUBSETS["a plan"],
    ],
    ids=["the loop", "a failover", "a timeline", "a plan"],
)
def test_names_are_text_wherever_they_stand(records: RunRecords) -> None:
    drawn = files(renamed(records, samples.SERVICE, HOSTILE))
    page = Page(drawn["report.html"])
    assert page.tags["x-y"] == 0
    assert page.open == []
    assert "<x-y>" not in re.sub(r"`+[^`]*`+", "", drawn["report.md"].replace(r"\<", ""))
    assert ElementTree.fromstring(drawn["junit.xml"]).tag == "testsuites"


def test_a_hostile_name_is_read_as_it_is() -> None:
    page = Page(files(renamed(samples.loop(), samples.SERVICE, HOSTILE))["report.html"])
    assert f"Recommended settings of {HOSTILE}" in page.words
    assert f"Replicas of {HOSTILE}" in [words.strip() for words in page.words]


def test_a_scenario_is_text_even_when_it_looks_like_a_page() -> None:
    text = "name: </pre><script>alert(1)</script>\n```\n# no heading\n"
    drawn = files(dataclasses.replace(samples.load_only(), scenario_text=text))
    page = Page(drawn["report.html"])
    assert page.tags["script"] == 0
    assert text in page.words
    assert f"````text\n{text.rstrip()}\n````" in drawn["report.md"]


@pytest.mark.parametrize(
    ("records", "first"),
    [
        pytest.param(samples.loop(), "Pass: under the recommended settings", id="the loop"),
        pytest.param(
            samples.loop(Outcome.INVALID, ("the generator was saturated",)),
            "Invalid: do not use these figures",
            id="an invalid verification",
        ),
        pytest.param(
            samples.load_only(Outcome.INVALID, ("the generator was saturated",)),
            "Invalid: do not use these figures",
            id="an invalid load",
        ),
        pytest.param(samples.interrupted(), "Interrupted: the run was ended by hand", id="Ctrl-C"),
        pytest.param(samples.head_only(), "Failed: the run ended on an error", id="an error"),
    ],
)
def test_what_kind_of_run_it_was_is_said_first(records: RunRecords, first: str) -> None:
    drawn = files(records)
    words = "".join(Page(drawn["report.html"]).words)
    # the title in the tab, then facts and heading, then the sentence before anything else
    assert words.index(first) < words.index("What happened" if records.load else "How it was")
    assert drawn["report.md"].splitlines()[2].startswith(f"**{first}")
    assert json.loads(drawn["report.json"])["sentence"].startswith(first)


def test_an_invalid_run_has_no_figure_above_its_picture_and_a_warning_at_it() -> None:
    page = Page(files(samples.load_only(Outcome.INVALID, ("saturated",)))["report.html"])
    assert "tiles" not in page.values("class")
    assert page.words.count("The measurement is invalid: none of these figures must be used.") == 2


def test_the_order_is_that_of_a_capacity_planner() -> None:
    page = Page(files(samples.loop(fault=True))["report.html"])
    anchors = [value for tag, name, value in page.attributes if (tag, name) == ("section", "id")]
    assert anchors == ["picture", "capacity", "recommendation", "verdict", "load", "thresholds",
                       "decisions", "calibration", "method", "scenario", "queries"]  # fmt: skip
