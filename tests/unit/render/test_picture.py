"""Which run is shown, and its lines on one clock."""

from dataclasses import replace

import pytest

from insurectl.records import RunRecords, Timeline
from insurectl.render.picture import MOST_POINTS, Picture, draw, service_of, shown
from tests.unit.render import samples

SUBSETS = samples.SUBSETS


def picture(records: RunRecords) -> Picture:
    found = draw(records)
    assert found is not None
    return found


def test_the_verification_is_what_a_loop_shows() -> None:
    run = shown(samples.loop())
    assert run is not None
    assert run.info.run_id == f"{samples.RUN}.verify"


def test_without_its_verification_a_loop_shows_its_last_load() -> None:
    records = replace(samples.loop(), verdict=None)
    run = shown(records)
    assert run is records.children[-1]


@pytest.mark.parametrize("name", ["only a head", "only a model", "an interrupted loop"])
def test_a_run_without_load_has_no_picture(name: str) -> None:
    assert draw(SUBSETS[name]) is None


def test_times_count_from_the_start_of_the_load() -> None:
    found = picture(samples.loop(fault=True))
    assert found.load[0].points[0][0] == 0
    assert [(span.name, span.from_s, span.to_s) for span in found.spans] == [
        ("warm-up", 0, 5.0),
        ("zone a: kill", samples.FAULT_AT_S, samples.BACK_AT_S),
    ]
    assert all(0 <= mark.at_s <= found.lasted_s for mark in found.marks)


def test_a_fault_without_an_end_lasts_to_the_end() -> None:
    timeline = samples.timeline(fault=True)
    open_fault = replace(timeline.faults[0], ended_s=None)
    records = replace(samples.failover(), timeline=replace(timeline, faults=(open_fault,)))
    assert picture(records).spans[-1].to_s == 90


def test_the_limits_are_those_that_were_in_force() -> None:
    found = picture(samples.loop())
    assert [(one.name, one.level) for one in found.memory_limits] == [
        ("request", 176),
        ("target 72 %", pytest.approx(126.72)),
    ]
    assert [one.name for one in found.far_limits] == ["limit"]


def test_closed_users_show_what_they_began() -> None:
    load = replace(samples.load(), model="closed", offered_rps=())
    lines = picture(RunRecords(info=samples.info("load"), load=load)).load
    assert [line.name for line in lines] == ["achieved", "begun"]


def test_a_timeline_alone_shows_what_the_servers_served() -> None:
    served = replace(samples.timeline().series[0], name="served_rps", unit="1/s")
    timeline = replace(samples.timeline(), series=(*samples.timeline().series, served))
    found = picture(RunRecords(info=samples.info("observe"), timeline=timeline))
    assert [line.name for line in found.load] == ["served"]
    assert [line.name for line in found.latency] == ["p95"]


def test_a_day_is_thinned_and_keeps_its_latency_peaks() -> None:
    second = samples.load().seconds[0]
    seconds = tuple(
        replace(second, at_s=samples.START_S + at, p99_ms=9999.0 if at == 4321 else 100.0)
        for at in range(86_400)
    )
    load = replace(samples.load(), seconds=seconds, offered_rps=())
    p99 = picture(RunRecords(info=samples.info("load"), load=load)).latency[0]
    assert len(p99.points) <= MOST_POINTS
    assert max(value for _, value in p99.points) == 9999.0


def test_the_service_shown_is_the_one_that_was_scaled_when_nothing_else_says() -> None:
    decision = samples.timeline().decisions[0]
    timeline = Timeline(run_id="r", started_s=0, ended_s=9, series=(),
                        decisions=(replace(decision, service="client-info"),))  # fmt: skip
    assert service_of(RunRecords(info=samples.info("load"), timeline=timeline)) == "client-info"
