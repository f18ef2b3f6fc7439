"""The whole story in its order, and how it ends when it can't go on."""

from dataclasses import replace

import pytest

from insurectl.errors import NothingMeasured, TargetNotReady
from insurectl.ports import DeployPlan
from insurectl.records import (
    Calibration,
    CapacityModel,
    Change,
    Cost,
    Deployment,
    LoadResult,
    Outcome,
    Recommendation,
    RunInfo,
    Scenario,
    Timeline,
    Verdict,
)
from insurectl.stages.run import run
from tests.fake_system import FakeSystem, Files, autoscaled, loop
from tests.fakes import scenario

PLAN = DeployPlan(name="default")
STAGES = (Deployment, Calibration, CapacityModel, Recommendation, Change, Verdict)


def ended(system: FakeSystem) -> RunInfo:
    return system.runs.info(system.run_id())


def report(system: FakeSystem) -> str:
    return (system.runs.folder(system.run_id()) / "report.html").read_text()


# ---- the story ----


def test_a_loop_goes_through_every_stage_in_order(looped_once: FakeSystem) -> None:
    steps = [text.split(":")[0] for text in looped_once.progress.of("step")]
    assert list(dict.fromkeys(steps)) == [
        "deploy default",
        "measure the start-up of core-app",
        "calibrate core-app",
        "fit the capacity model",
        "search settings in the simulator",
        "put the recommended settings in force",
        "verify",
    ]


def test_a_loop_keeps_one_record_a_stage(looped_once: FakeSystem) -> None:
    kept = {kind for kind in STAGES if looped_once.runs.has(looped_once.run_id(), kind)}
    assert kept == set(STAGES)


def test_each_load_of_a_loop_is_a_run_of_its_own(looped_once: FakeSystem) -> None:
    run_id = looped_once.run_id()
    children = looped_once.runs.children(run_id)
    assert children[0] == f"{run_id}.01-search"
    assert children[-1] == f"{run_id}.verify"
    for child in children:
        info = looped_once.runs.info(child)
        assert (info.kind, info.parent, info.status) == ("load", run_id, "finished")
        assert looped_once.runs.has(child, LoadResult)
        assert looped_once.runs.has(child, Timeline)


def test_a_loop_finds_what_the_queue_takes_and_proves_it(looped_once: FakeSystem) -> None:
    run_id = looped_once.run_id()
    model = looped_once.runs.read(run_id, CapacityModel)
    assert model.queue.best.servers == 3
    # 3 servers of 200 ms are saturated at 15/s; simulated exactly, p95 is 800 ms at 12.2/s
    assert model.rps_per_replica.low <= 12.2 <= model.rps_per_replica.high
    assert looped_once.runs.read(run_id, Verdict).outcome is Outcome.PASS


def test_a_loop_ends_with_its_settings_in_force(looped_once: FakeSystem) -> None:
    advice = looped_once.runs.read(looped_once.run_id(), Recommendation)
    assert looped_once.target.deployment().tuning == advice.after != advice.before


def test_a_loop_ends_with_a_report(looped_once: FakeSystem) -> None:
    assert report(looped_once) == "finished pass"
    path = looped_once.runs.folder(looped_once.run_id()) / "report.html"
    assert looped_once.progress.said[-1] == ("say", f"report: {path}")


def test_a_play_is_one_load_and_a_look(system: FakeSystem, files: Files) -> None:
    records = run(system.world, scenario(), PLAN)
    assert (records.info.outcome, records.children) == (Outcome.PASS, ())
    assert files(system) == {
        "00-run.json", "05-scenario.json", "10-deploy.json", "20-load.json", "30-observe.json",
        "report.html",
    }  # fmt: skip


def test_a_play_has_the_costs_of_its_own_scenario_and_not_of_the_last(system: FakeSystem) -> None:
    heavy = {"core-app": Cost(worker_ms=900)}
    run(system.world, scenario(costs=heavy), PLAN)
    assert system.target.deployment().costs == heavy
    records = run(system.world, scenario(), PLAN)
    assert records.deployment is not None
    assert records.deployment.costs["core-app"].worker_ms == 120  # as in the topology


def test_a_play_puts_the_scenarios_settings_in_force(system: FakeSystem) -> None:
    records = run(system.world, scenario(services=(autoscaled(high=4),)), PLAN)
    assert records.deployment is not None
    assert records.deployment.tuning.of("core-app") == autoscaled(high=4)
    assert records.deployment == system.target.deployment()


def test_the_processes_are_those_asked_for(system: FakeSystem) -> None:
    run(system.world, scenario(), PLAN, processes=3)
    assert [job.processes for job in system.engine.jobs] == [3]


# ---- Ctrl-C ----


@pytest.mark.parametrize(
    ("at", "kept", "steps"),
    [
        pytest.param("deploy default", {Scenario}, 0, id="deploy"),
        pytest.param("the start-up", {Deployment, Calibration}, 0, id="start-up"),
        pytest.param("step 1", {Calibration}, 0, id="before the first step"),
        pytest.param("loop     3 s", {Calibration}, 0, id="within the first step"),
        pytest.param("step 4", {Calibration}, 3, id="between steps"),
        pytest.param("fit the", {Calibration}, 8, id="fit"),
        pytest.param("search settings", {CapacityModel}, 8, id="recommend"),
        pytest.param("put the recommended", {Recommendation, Change}, 8, id="apply"),
    ],
)
def test_an_interrupted_run_is_kept_and_the_system_is_as_before(
    system: FakeSystem, at: str, kept: set[type], steps: int
) -> None:
    system.progress.raise_at = at
    with pytest.raises(KeyboardInterrupt):
        run(system.world, loop(), PLAN)
    info = ended(system)
    assert (info.status, info.outcome) == ("interrupted", Outcome.INTERRUPTED)
    assert info.ended_s == system.clock.now()
    assert report(system) == "interrupted interrupted"
    assert {kind for kind in kept if system.runs.has(info.run_id, kind)} == kept
    if Calibration in kept or steps:
        assert len(system.runs.read(info.run_id, Calibration).steps) == steps
        assert system.target.deployment().tuning.of("core-app") == autoscaled()


def test_the_load_that_was_interrupted_is_kept_too(system: FakeSystem) -> None:
    system.progress.raise_at = "loop     3 s"
    with pytest.raises(KeyboardInterrupt):
        run(system.world, loop(), PLAN)
    (child,) = system.runs.children(system.run_id())
    assert system.runs.info(child).status == "interrupted"
    assert system.runs.read(child, LoadResult).outcome is Outcome.INTERRUPTED


def test_an_interrupted_play_is_observed_as_far_as_it_came(system: FakeSystem) -> None:
    system.progress.raise_at = "small     5 s"
    records = run(system.world, scenario(), PLAN)
    assert records.info.status == "interrupted"
    assert records.load is not None
    assert records.load.outcome is Outcome.INTERRUPTED
    assert records.timeline is not None
    assert records.timeline.ended_s == records.load.started_s + 6


# ---- errors ----


@pytest.mark.parametrize(
    ("error", "told"),
    [
        pytest.param(TargetNotReady("zone b is gone"), "zone b is gone", id="ours"),
        pytest.param(ValueError("odd"), "ValueError('odd')", id="a bug"),
    ],
)
@pytest.mark.parametrize("at", ["deploy default", "step 2"])
def test_a_run_that_fails_says_why_and_has_its_report(
    system: FakeSystem, at: str, error: Exception, told: str
) -> None:
    system.progress.raise_at, system.progress.error = at, error
    with pytest.raises(type(error)):
        run(system.world, loop(), PLAN)
    info = ended(system)
    assert (info.status, info.error, info.outcome) == ("failed", told, None)
    assert report(system) == "failed None"


def test_a_calibration_without_a_valid_step_ends_the_run(system: FakeSystem) -> None:
    system.engine.outcome = lambda job: Outcome.INVALID
    with pytest.raises(NothingMeasured, match="0 of 1 calibration steps"):
        run(system.world, loop(), PLAN)
    assert ended(system).status == "failed"
    assert system.target.deployment().tuning.of("core-app") == autoscaled()


def test_a_failed_threshold_is_an_outcome_and_no_error(system: FakeSystem) -> None:
    system.engine.outcome = lambda job: Outcome.FAIL
    info = run(system.world, scenario(), replace(PLAN, name="peak")).info
    assert (info.status, info.outcome, info.error) == ("finished", Outcome.FAIL, "")
