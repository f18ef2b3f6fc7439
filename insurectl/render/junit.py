"""Records -> JUnit XML: what a pipeline gates on, as test cases."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Literal
from xml.etree.ElementTree import Element, SubElement, indent, tostring

from insurectl.records import FailoverResult, Outcome, Plan, RunInfo, RunRecords, Verdict
from insurectl.render.figures import interval, limit, measure, metric_unit, number
from insurectl.render.load_sections import thresholds

# what XML 1.0 has no way to write
UNWRITABLE = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
State = Literal["passed", "failure", "error", "skipped"]


@dataclass(frozen=True, kw_only=True)
class Case:
    """One test case; ``said``: what was measured, or why it has no answer."""

    name: str
    state: State
    said: str


def junit(records: RunRecords) -> str:
    """Suites: run, thresholds, predicted against measured, failover, plan. An invalid measurement
    is one error; its other cases are skipped, since nothing is known of them."""
    info = records.info
    suites = {
        "run": [_ended(info)],
        "thresholds": _of_load(records),
        "verify": _verdict(records.verdict),
        "failover": _failover(records.failover),
        "plan": _plan(records.plan),
    }
    root = Element("testsuites", name=_clean(info.run_id))
    for name, cases in suites.items():
        if cases:
            _suite(root, info, name, cases)
    _count(root, [case for cases in suites.values() for case in cases])
    indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + tostring(root, encoding="unicode") + "\n"


def _ended(info: RunInfo) -> Case:
    ended = info.status == "finished"
    return Case(name="the run came to its end", state="passed" if ended else "error",
                said=f"status: {info.status}")  # fmt: skip


def _of_load(records: RunRecords) -> list[Case]:
    """In the loop the verdict says, once and in its own suite, whether they can be judged."""
    cases = _thresholds(records)
    if records.verdict is not None:
        unknown = records.verdict.outcome in UNKNOWN
        return _skipped(records.verdict.outcome, cases) if unknown else cases
    load = records.load
    return _judged(load.outcome, load.reasons, cases) if load is not None else []


UNKNOWN = {Outcome.INVALID, Outcome.INTERRUPTED}
VALID = "the measurement is valid and passes"


def _judged(outcome: Outcome, reasons: Sequence[str], cases: list[Case]) -> list[Case]:
    """Before the cases the measurement itself; a failure that no case explains is its own."""
    said = "; ".join(reasons) or outcome.value
    if outcome in UNKNOWN:
        return [Case(name=VALID, state="error", said=said), *_skipped(outcome, cases)]
    unexplained = outcome is Outcome.FAIL and not any(one.state == "failure" for one in cases)
    head = [Case(name=VALID, state="failure", said=said)] if unexplained else []
    return [*head, *(cases or [Case(name=VALID, state="passed", said=said)][: not head])]


def _skipped(outcome: Outcome, cases: Sequence[Case]) -> list[Case]:
    return [Case(name=one.name, state="skipped", said=outcome.value) for one in cases]


def _thresholds(records: RunRecords) -> list[Case]:
    return [
        Case(
            name=f"{one.metric} of {one.request} {limit(one)}",
            state="passed" if one.met else "failure",
            said=f"measured {measure(one.measured, metric_unit(one.metric))}",
        )
        for one in thresholds(records)[0]
    ]


def _verdict(verdict: Verdict | None) -> list[Case]:
    if verdict is None:
        return []
    cases = [
        Case(
            name=f"{one.what} within {interval(one.allowed_low, one.allowed_high, one.unit)}",
            state="passed" if one.met else "failure",
            said=f"measured {measure(one.measured, one.unit)}, "
            f"predicted {measure(one.predicted.value, one.unit)} (simulated)",
        )
        for one in verdict.comparisons
    ]
    missed = any(not one.met for one in verdict.thresholds)  # counted among the thresholds
    outcome = Outcome.PASS if verdict.outcome is Outcome.FAIL and missed else verdict.outcome
    return _judged(outcome, verdict.reasons, cases)


def _failover(found: FailoverResult | None) -> list[Case]:
    if found is None:
        return []
    checks = (
        ("no acknowledged write was lost", not found.lost, f"{found.lost} lost"),
        ("no acknowledged write was doubled", not found.doubled, f"{found.doubled} doubled"),
        ("steady before the fault", found.steady_before, f"{found.requests} requests"),
        ("steady after the fault", found.steady_after, f"longest gap {number(found.gap_s)} s"),
    )
    cases = [
        Case(name=name, state="passed" if met else "failure", said=said)
        for name, met, said in checks
    ]
    return _judged(found.outcome, found.reasons, cases)


def _suite(root: Element, info: RunInfo, name: str, cases: Sequence[Case]) -> None:
    suite = SubElement(root, "testsuite", name=name)
    for case in cases:
        where = _clean(f"{info.scenario or info.run_id}.{name}")
        element = SubElement(suite, "testcase", classname=where, name=_clean(case.name))
        if case.state == "passed":
            SubElement(element, "system-out").text = _clean(case.said)
        else:
            SubElement(element, case.state, message=_clean(case.said))
    _count(suite, cases)


def _count(element: Element, cases: Sequence[Case]) -> None:
    element.set("tests", str(len(cases)))
    for name, state in (("failures", "failure"), ("errors", "error"), ("skipped", "skipped")):
        element.set(name, str(sum(case.state == state for case in cases)))


def _clean(text: str) -> str:
    return UNWRITABLE.sub("\N{REPLACEMENT CHARACTER}", text)


def _plan(plan: Plan | None) -> list[Case]:
    """What is set, at the people who are asked for; what is bought can't be too little."""
    found = plan.figures.limits if plan is not None else ()
    return [
        Case(name=one.name, state="failure" if one.used > one.allowed * (1 + 1e-9) else "passed",
             said=f"{number(one.used)} of {number(one.allowed)} {one.unit}, {one.basis}")
        for one in found
        if not one.bought
    ]  # fmt: skip
