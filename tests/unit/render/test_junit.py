"""What a pipeline gates on."""

from dataclasses import replace
from xml.etree import ElementTree

import pytest

from insurectl.records import Outcome, RunRecords
from insurectl.render.junit import junit
from tests.unit.render import samples

SLOW = replace(samples.load().thresholds[0], measured=812.0, met=False)
EVERY = pytest.mark.parametrize("records", samples.SUBSETS.values(), ids=samples.SUBSETS)


def missed() -> RunRecords:
    records = samples.load_only(Outcome.FAIL)
    assert records.load is not None
    return replace(records, load=replace(records.load, thresholds=(SLOW,)))


def aborted() -> RunRecords:
    load = replace(samples.load(outcome=Outcome.FAIL, reasons=("ended early",)), aborted="errors")
    return replace(samples.load_only(Outcome.FAIL), load=load)


@pytest.mark.parametrize(
    ("records", "tests", "failures", "errors", "skipped"),
    [
        pytest.param(samples.load_only(), 3, 0, 0, 0, id="the run and two thresholds"),
        pytest.param(missed(), 2, 1, 0, 0, id="a threshold missed"),
        pytest.param(aborted(), 4, 1, 0, 0, id="aborted with its thresholds met"),
        pytest.param(samples.load_only(Outcome.INVALID), 4, 0, 1, 2, id="an invalid load"),
        pytest.param(samples.loop(), 8, 0, 0, 0, id="the loop: five figures more"),
        pytest.param(samples.loop(Outcome.FAIL), 8, 1, 0, 0, id="a figure outside"),
        pytest.param(samples.loop(Outcome.INVALID), 9, 0, 1, 7, id="an invalid verification"),
        pytest.param(samples.failover(), 7, 0, 0, 0, id="a failover: four checks more"),
        pytest.param(samples.failover(Outcome.FAIL, lost=3), 7, 1, 0, 0, id="data lost"),
        pytest.param(samples.interrupted(), 1, 0, 1, 0, id="interrupted"),
        pytest.param(samples.head_only(), 1, 0, 1, 0, id="an error"),
        pytest.param(
            RunRecords(info=samples.info("load"), load=replace(samples.load(), thresholds=())),
            2, 0, 0, 0, id="no threshold: the load itself",
        ),
    ],
)  # fmt: skip
def test_counts(records: RunRecords, tests: int, failures: int, errors: int, skipped: int) -> None:
    root = ElementTree.fromstring(junit(records))
    counts = [int(root.get(name, "")) for name in ("tests", "failures", "errors", "skipped")]
    assert counts == [tests, failures, errors, skipped]


@EVERY
def test_the_counts_are_those_of_the_cases(records: RunRecords) -> None:
    root = ElementTree.fromstring(junit(records))
    for element in (root, *root.findall("testsuite")):
        assert int(element.get("tests", "")) == len(list(element.iter("testcase")))
        for name, tag in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
            assert int(element.get(name, "")) == len(list(element.iter(tag)))


@EVERY
def test_no_name_stands_twice_in_a_suite(records: RunRecords) -> None:
    root = ElementTree.fromstring(junit(records))
    names = [(case.get("classname"), case.get("name")) for case in root.iter("testcase")]
    assert len(names) == len(set(names))


def test_a_failure_says_what_was_measured() -> None:
    failure = ElementTree.fromstring(junit(missed())).find(".//failure")
    assert failure is not None
    assert failure.get("message") == "measured 812 ms"


def test_an_invalid_measurement_says_why() -> None:
    records = samples.load_only(Outcome.INVALID, ("the generator was saturated",))
    error = ElementTree.fromstring(junit(records)).find(".//error")
    assert error is not None
    assert error.get("message") == "the generator was saturated"


def test_what_xml_cannot_write_is_replaced() -> None:
    records = samples.load_only(Outcome.INVALID, ("a bell \x07 and a null \x00",))
    error = ElementTree.fromstring(junit(records)).find(".//error")
    assert error is not None
    assert error.get("message") == "a bell \ufffd and a null \ufffd"
