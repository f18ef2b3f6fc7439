"""The proof finds each fault, and nothing where there is none."""

from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from tests.checker.journal import Journal, Operation
from tests.checker.proof import Entry, Facts, Fault, Policy, faults

TEN = Decimal("10.00")


def policy(name: str, premium: str = "100.00") -> Policy:
    return Policy(id=name, insurer="alpha", premium=Decimal(premium))


def entry(name: str, **other: Any) -> Entry:
    told = {"insurer": "alpha", "premium": Decimal("100.00"), "percent": TEN}
    return Entry(policy_id=name, **{**told, "owed": Decimal("90.00"), **other})


def told(name: str, key: str = "k", outcome: Any = "ok") -> Operation:
    return Operation(kind="policy", key=key, id=name, outcome=outcome)


RIGHT = Facts(
    applications=frozenset({"a"}),
    policies=[policy("p"), policy("q")],
    entries=[entry("q"), entry("p")],
    products={"x": 2, "y": 1},
    applied=[("x", 1), ("y", 1), ("x", 2)],
    copies={"settlement": {"x": 2, "y": 1}},
    waiting={"settlement": 0},
    dead={"b": 0},
    journal=[told("p"), told("", "other", "unknown"), told("", "third", "fail")],
)


def test_where_all_is_right_nothing_is_found() -> None:
    assert faults(RIGHT) == []


@pytest.mark.parametrize(
    ("other", "kinds"),
    [
        pytest.param({"journal": [told("r")]}, ["acknowledged and gone"], id="lost"),
        pytest.param({"journal": [told("p"), told("q")]}, ["one key, two answers"], id="key"),
        pytest.param(
            {"entries": [entry("p"), entry("p"), entry("q")]},
            ["settled twice", "wrong sum"],
            id="doubled",
        ),
        pytest.param({"entries": [entry("p")]}, ["not settled", "wrong sum"], id="missing"),
        pytest.param(
            {"entries": [entry("p"), entry("p")]},
            ["not settled", "settled twice"],
            id="one twice for another: the sums alone would be equal",
        ),
        pytest.param(
            {"entries": [entry("p"), entry("q"), entry("r")]},
            ["settled and never issued", "wrong sum"],
            id="invented",
        ),
        pytest.param(
            {"entries": [entry("p"), entry("q", owed=Decimal("90.01"))]},
            ["settled otherwise than issued"],
            id="a cent",
        ),
        pytest.param(
            {"entries": [entry("p"), entry("q", insurer="beta")]},
            ["settled otherwise than issued", "wrong sum", "wrong sum"],
            id="another insurer",
        ),
        pytest.param(
            {"applied": [("x", 2), ("x", 1), ("y", 1)]}, ["order broken"], id="a step back"
        ),
        pytest.param({"applied": [("x", 2), ("y", 1)]}, ["order broken"], id="a gap"),
        pytest.param(
            {"applied": [("x", 1), ("x", 2), ("x", 2), ("y", 1)]}, ["order broken"], id="a repeat"
        ),
        pytest.param(
            {"copies": {"core-app": {"x": 1, "y": 1}}}, ["copy not as its source"], id="stale"
        ),
        pytest.param(
            {"copies": {"core-app": {"x": 2}}}, ["copy not as its source"], id="never heard of"
        ),
        pytest.param({"waiting": {"settlement": 3}}, ["still waiting"], id="waiting"),
        pytest.param({"dead": {"b": 1}}, ["dead letters"], id="dead"),
    ],
)
def test_each_fault_is_found(other: dict[str, Any], kinds: list[str]) -> None:
    found: list[Fault] = faults(replace(RIGHT, **other))
    assert [fault.kind for fault in found] == kinds


def test_a_line_of_the_journal_that_was_torn_was_never_told(tmp_path: Path) -> None:
    journal = Journal(tmp_path / "journal")
    journal.note(told("p"))
    journal.close()
    with (tmp_path / "journal").open("a") as file:
        file.write('{"kind": "policy", "key": "k2", "i')
    assert journal.read() == [told("p")]
