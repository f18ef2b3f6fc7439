"""The verdict in one sentence."""

from dataclasses import replace
from typing import Literal

import pytest

from insurectl.records import Outcome, RunRecords
from insurectl.render.headline import headline
from tests.unit.render import samples

LATE = samples.verdict(Outcome.FAIL)


@pytest.mark.parametrize(
    ("records", "sentence"),
    [
        pytest.param(
            samples.loop(),
            "Pass: under the recommended settings, on traffic that was not used for tuning, all 5 "
            "predicted figures were measured within the allowed interval and both thresholds "
            "were met.",
            id="the loop",
        ),
        pytest.param(
            replace(samples.loop(Outcome.FAIL), verdict=LATE),
            "Fail: under the recommended settings, on traffic that was not used for tuning, 1 of 5 "
            "predicted figures was measured outside the allowed interval (latency p95) and both "
            "thresholds were met.",
            id="one figure outside",
        ),
        pytest.param(
            samples.load_only(),
            "Pass: 3,104 requests of trace; both thresholds were met.",
            id="a load",
        ),
        pytest.param(
            samples.load_only(Outcome.INVALID),
            "Invalid: do not use these figures, they say nothing about the system: no reason was "
            "kept.",
            id="invalid without a reason",
        ),
        pytest.param(
            samples.failover(Outcome.FAIL, lost=3),
            "Fail: with zone a taken away (kill), no write succeeded for 1.84 s at the longest; of "
            "1,604 acknowledged writes 3 lost and 0 doubled.",
            id="lost data",
        ),
        pytest.param(
            RunRecords(info=samples.info("fit"), model=replace(samples.MODEL, lower_bound=True)),
            "No verdict: one replica of core-app takes at least 21.4 requests/s (19.8 to 22.9) "
            "within its SLO.",
            id="a lower bound",
        ),
        pytest.param(
            RunRecords(info=samples.info("calibrate"), calibration=samples.CALIBRATION),
            "No verdict: 13 steps of calibration, nothing fitted yet.",
            id="a calibration alone",
        ),
        pytest.param(
            replace(samples.load_only(), load=None),
            "No verdict: the run only looked at the servers; it judged nothing.",
            id="a timeline alone",
        ),
    ],
)
def test_the_furthest_stage_speaks(records: RunRecords, sentence: str) -> None:
    assert headline(records).sentence == sentence


@pytest.mark.parametrize(
    ("status", "word"),
    [
        pytest.param("interrupted", "Interrupted", id="Ctrl-C"),
        pytest.param("failed", "Failed", id="an error"),
        pytest.param("running", "No verdict", id="killed, or still playing"),
    ],
)
def test_a_run_without_an_end_says_so_before_what_it_had(
    status: Literal["running", "interrupted", "failed"], word: str
) -> None:
    records = samples.load_only()
    found = headline(replace(records, info=replace(records.info, status=status)))
    assert found.word == word
    assert found.reasons[0].startswith("before that: Pass: 3,104 requests")


def test_an_aborted_load_says_why() -> None:
    load = replace(samples.load(outcome=Outcome.FAIL), aborted="error_ratio above 0.5 for 5 s")
    found = headline(RunRecords(info=samples.info("load", outcome=Outcome.FAIL), load=load))
    assert "the load was ended early (error_ratio above 0.5 for 5 s)" in found.sentence
