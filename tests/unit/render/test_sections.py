"""What stands in a report's sections."""

from dataclasses import replace

import pytest

from insurectl.records import Outcome, RunRecords
from insurectl.render.picture import draw
from insurectl.render.settings_diff import chosen, settings_table
from insurectl.render.story import Mark, Section, Story
from insurectl.render.telling import tell
from tests.unit.render import samples


def story(records: RunRecords) -> Story:
    return tell(records, draw(records))


def section(records: RunRecords, anchor: str) -> Section:
    return next(one for one in story(records).sections if one.anchor == anchor)


def said(part: Section) -> str:
    cells = [
        cell if isinstance(cell, str) else cell.text
        for table in part.tables
        for row in table.rows
        for cell in row
    ]
    captions = [chart.caption for chart in part.charts]
    return "\n".join([part.lead, *part.points, *part.warnings, *captions, *cells, part.source])


@pytest.mark.parametrize(
    ("anchor", "shown"),
    [
        pytest.param("capacity", "21.4 requests/s (95 % interval 19.8 to 22.9)", id="capacity"),
        pytest.param("capacity", "4 requests at a time", id="the queue behind it"),
        pytest.param("recommendation", "72 % of what one was shown to take", id="reasons"),
        pytest.param("recommendation", "The interval of the knee is 14 % wide", id="warnings"),
        pytest.param("recommendation", "memory target, % of the request", id="settings"),
        pytest.param("recommendation", "Simulated, not measured.", id="the front is simulated"),
        pytest.param("recommendation", "In force on default since", id="applied"),
        pytest.param("verdict", "201 to 346", id="allowed interval"),
        pytest.param("verdict", "seconds 1200 to 1290 in real time", id="the traffic"),
        pytest.param("load", "create_application", id="each request"),
        pytest.param("decisions", "http_requests_per_second", id="why it scaled"),
        pytest.param("calibration", "the generator's CPU was at 97 %", id="an invalid step's why"),
        pytest.param("method", "multiplied by 0.8", id="the scale, openly"),
        pytest.param("method", "seed 7", id="the seed"),
        pytest.param("method", "there is no Kubernetes on the local target", id="local"),
        pytest.param("method", "PostgreSQL stands outside", id="the deployment's notes"),
        pytest.param("method", "load generator's CPU", id="generator"),
        pytest.param("queries", 'sum by (service) (memory_mib{job="services"})', id="PromQL"),
        pytest.param("picture", "ready_replicas", id="the query of a line"),
    ],
)
def test_the_loop_tells(anchor: str, shown: str) -> None:
    assert shown in said(section(samples.loop(fault=True), anchor))


@pytest.mark.parametrize(
    ("shown"),
    ["1.84 s", "1,604 of 1,641 tried", "1.23 %", "503", "connection refused", "its loss was not"],
)
def test_a_failover_tells(shown: str) -> None:
    assert shown in said(section(samples.failover(), "failover"))


def test_lost_writes_are_told_and_marked() -> None:
    part = section(samples.failover(Outcome.FAIL, lost=3), "failover")
    assert "3 lost and 0 doubled" in part.lead
    assert Mark(text="missed", tone="bad") in part.tables[0].rows[3]


def test_an_unverified_recommendation_says_that_it_is_not_in_force() -> None:
    records = RunRecords(info=samples.info("recommend"), recommendation=samples.RECOMMENDATION)
    assert "They have not been applied." in section(records, "recommendation").points


def test_a_lower_bound_is_a_warning() -> None:
    records = RunRecords(info=samples.info("fit"), model=replace(samples.MODEL, lower_bound=True))
    assert section(records, "capacity").warnings == (
        "The knee was not reached: the rate is only what was shown to work.",
    )


def test_a_scale_of_one_is_said_too() -> None:
    records = RunRecords(info=samples.info("load"), load=samples.load(scale=1.0))
    assert (
        "Rates were played as the scenario has them (scale 1)." in section(records, "method").points
    )


def test_a_target_that_is_not_local_is_not_called_simulated() -> None:
    deployment = replace(samples.DEPLOYMENT, target="kind", costs={})
    records = replace(samples.load_only(), deployment=deployment)
    assert "Simulated" not in said(section(records, "method"))


def test_a_load_whose_requests_all_failed_has_no_latency_and_is_drawn() -> None:
    nothing = samples.stats("total", [], {"503": 0})
    seconds = tuple(
        replace(one, ok=0, failed=one.sent, p50_ms=None, p95_ms=None, p99_ms=None)
        for one in samples.load().seconds
    )
    load = replace(samples.load(outcome=Outcome.FAIL), total=nothing, requests=(), seconds=seconds)
    found = story(RunRecords(info=samples.info("load", outcome=Outcome.FAIL), load=load))
    assert found.tiles[0].value == "no data"


def test_settings_that_did_not_change_are_not_listed() -> None:
    same = samples.tuning(chosen=True)
    assert settings_table(same, same).rows == ()
    rows = settings_table(samples.tuning(chosen=False), same).rows
    assert ("core-app", "least replicas a zone", "1", "→", "2") in rows
    assert ("gateway", "requests/s let into a zone", "not set", "→", "90") in rows


def test_the_chosen_point_is_found_by_its_settings() -> None:
    found = chosen(samples.RECOMMENDATION)
    assert found is not None
    assert (found.memory_target_percent, found.rps_target, found.min_replicas) == (72, 15.5, 2)
    gone = tuple(one for one in samples.RECOMMENDATION.candidates if one != found)
    without = replace(samples.RECOMMENDATION, candidates=gone)
    assert chosen(without) is None
