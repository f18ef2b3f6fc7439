"""A zone taken away under load, and given back."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from insurectl.errors import BadInput, NothingMeasured, TargetNotReady
from insurectl.ports import LoadJob
from insurectl.records import (
    FailoverResult,
    LoadResult,
    LoadSecond,
    Outcome,
    Scenario,
    Timeline,
)
from insurectl.stages.failback import failback
from insurectl.stages.failover import failover
from tests.fake_system import FakeSystem
from tests.fakes import FakeLoadEngine, scenario

LONG = scenario(stages=(replace(scenario().stages[0], duration_s=60.0),))


def test_a_third_into_the_load_the_zone_goes_and_stays_away(system: FakeSystem) -> None:
    result = failover(system.deploy().world, LONG, "a", "kill")
    assert (result.fault.zone, result.fault.kind, result.fault.ended_s) == ("a", "kill", None)
    load = system.runs.read(result.run_id, LoadResult)
    assert result.fault.began_s >= load.started_s + 20
    assert not system.target.status().healthy


def test_the_probe_says_what_it_cost(system: FakeSystem) -> None:
    system.probe.gap_s = 2.0
    result = failover(system.deploy().world, LONG, "a", "kill")
    assert system.probe.finished
    assert 2.0 <= result.gap_s <= 2.5
    assert (result.outcome, result.lost) == (Outcome.PASS, 0)
    assert result.requests == system.runs.read(result.run_id, LoadResult).total.count


def test_what_was_acknowledged_and_is_gone_fails_it(system: FakeSystem) -> None:
    system.probe.lost = 3
    result = failover(system.deploy().world, LONG, "a", "kill")
    assert (result.outcome, result.lost) == (Outcome.FAIL, 3)


def test_it_is_a_run_with_all_its_records(system: FakeSystem) -> None:
    run_id = failover(system.deploy().world, LONG, "b", "kill").run_id
    info = system.runs.info(run_id)
    assert (info.kind, info.status, info.outcome) == ("failover", "finished", Outcome.PASS)
    assert all(system.runs.has(run_id, kind) for kind in (Scenario, FailoverResult, Timeline))


def test_another_load_is_left_alone(system: FakeSystem) -> None:
    result = failover(system.deploy().world, LONG, "a", "freeze", play_load=False)
    assert system.engine.jobs == []
    assert (result.fault.kind, result.requests) == ("freeze", result.probes)
    assert not system.runs.has(result.run_id, LoadResult)


def test_a_zone_that_there_is_not_is_refused_at_once(system: FakeSystem) -> None:
    with pytest.raises(BadInput, match="default has no zone 'x'; it has: a, b"):
        failover(system.deploy().world, LONG, "x", "kill")
    assert not (system.folder / "reports").exists()


def test_a_system_that_is_not_well_is_refused(system: FakeSystem) -> None:
    system.deploy().target.ill["core-app-0"] = "unhealthy"
    with pytest.raises(TargetNotReady, match="core-app-0 in zone a is unhealthy"):
        failover(system.world, LONG, "a", "kill")


class Aborting(FakeLoadEngine):
    """Ends after five seconds."""

    def play(self, job: LoadJob, on_second: Callable[[LoadSecond], None]) -> LoadResult:
        return super().play(replace(job, rates=job.rates[:5]), on_second)


def test_a_load_that_ended_before_the_fault_proves_nothing(system: FakeSystem) -> None:
    system.engine = Aborting(system.clock)
    with pytest.raises(NothingMeasured, match="over before zone a was taken away"):
        failover(system.deploy().world, LONG, "a", "kill")
    assert system.probe.finished
    assert system.target.journal == []


def test_interrupted_it_is_kept_and_the_probe_is_stopped(system: FakeSystem) -> None:
    system.progress.raise_at = "small    25 s"
    with pytest.raises(KeyboardInterrupt):
        failover(system.deploy().world, LONG, "a", "kill")
    assert system.probe.finished
    assert system.runs.info(system.run_id()).status == "interrupted"


def test_failback_gives_the_zone_back(system: FakeSystem) -> None:
    failover(system.deploy().world, LONG, "a", "kill")
    system.clock.sleep(5)
    fault = failback(system.world, "a")
    assert fault.ended_s == system.clock.now()
    assert system.target.status().healthy
    with pytest.raises(TargetNotReady, match="zone a is not away"):
        failback(system.world, "a")
