"""One replica, measured in steps; whatever happens, the system is put back."""

import errno
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import pytest

from insurectl.adapters.run_folder import RunFolder
from insurectl.errors import BadInput, TargetNotReady
from insurectl.records import (
    Calibration,
    Deployment,
    LoadResult,
    Outcome,
    Scenario,
    SystemStatus,
)
from insurectl.stages.calibrate import calibrate, calibration_tuning
from tests.fake_system import POD_STARTS_S, SERVICE, STARTS_S, FakeSystem, autoscaled, loop
from tests.fakes import FakeTarget, constant, scenario, tuning


def rates(calibration: Calibration, phase: str) -> list[float]:
    return [round(step.rate_rps, 2) for step in calibration.steps if step.phase == phase]


def test_it_grows_until_the_slo_is_missed_and_then_halves_the_gap(system: FakeSystem) -> None:
    calibration = calibrate(system.deploy().world, loop())
    assert rates(calibration, "search") == [5.0, 8.0, 12.8, 10.4, 11.6]
    assert [step.within_slo for step in calibration.steps[:5]] == [True, True, False, True, True]


def test_then_it_measures_around_the_highest_good_rate_in_an_order_of_its_seed(
    system: FakeSystem,
) -> None:
    around = rates(calibrate(system.deploy().world, loop()), "around")
    assert sorted(around) == [8.7, 10.44, 11.6]
    assert around != sorted(around)


def test_it_stops_at_the_most_that_it_may_play(system: FakeSystem) -> None:
    system.engine.latencies_ms = constant(50.0)
    assert rates(calibrate(system.deploy().world, loop()), "search") == [5, 8, 12.8, 20.48, 32.77]


def test_a_rate_that_this_machine_cannot_play_ends_the_search(system: FakeSystem) -> None:
    system.engine.outcome = lambda job: Outcome.INVALID if job.rates[0] > 6 else Outcome.PASS
    calibration = calibrate(system.deploy().world, loop())
    assert rates(calibration, "search") == [5, 8]
    assert calibration.steps[1].outcome is Outcome.INVALID


def test_without_any_good_rate_there_is_nothing_to_look_around(system: FakeSystem) -> None:
    system.engine.latencies_ms = constant(900.0)
    calibration = calibrate(system.deploy().world, loop())
    assert rates(calibration, "search") == [5.0, 2.5, 1.25, 0.62, 0.31]
    assert rates(calibration, "around") == []


def test_each_step_is_played_at_one_replica_of_one_zone(system: FakeSystem) -> None:
    calibration = calibrate(system.deploy().world, loop())
    jobs = system.engine.jobs
    assert {job.base_url for job in jobs} == {"http://gateway.a"}
    assert [job.seed for job in jobs] == [7 + n for n in range(1, len(jobs) + 1)]
    assert {step.replicas for step in calibration.steps} == {1}
    assert all(job.scenario.thresholds == () for job in jobs)


def test_start_up_and_idle_memory_are_those_of_the_replicas(system: FakeSystem) -> None:
    calibration = calibrate(system.deploy().world, loop())
    assert calibration.startup_s == (STARTS_S + 0.1, STARTS_S + 0.2) * 2  # two in each zone
    assert calibration.idle_memory_mib == 64.0
    assert any("as it says itself" in note for note in calibration.notes)


@pytest.mark.parametrize(
    ("told", "starts_s"),
    [
        pytest.param((0, 1, 2), (POD_STARTS_S + 1, POD_STARTS_S + 2) * 2, id="of each new one"),
        pytest.param((0, 2), (POD_STARTS_S + 2,) * 2, id="those alone that are told whole"),
        pytest.param((0,), (STARTS_S + 0.1, STARTS_S + 0.2) * 2, id="of none, then by itself"),
    ],
)
def test_on_clusters_a_start_up_is_the_pods(
    system: FakeSystem, told: tuple[int, ...], starts_s: tuple[float, ...]
) -> None:
    system.metrics.pods = told
    calibration = calibrate(system.deploy().world, loop())
    assert calibration.startup_s == starts_s
    whole = any("in whole seconds" in note for note in calibration.notes)
    assert whole is (starts_s[0] > STARTS_S + 1)


@dataclass
class LateTarget(FakeTarget):
    """Its metrics know nothing of a pod until ``after_s`` since it was set so."""

    after_s: float = 0.0

    def status(self) -> SystemStatus:
        status, up = super().status(), self.deployment()
        if self.clock.now() < up.deployed_at_s + self.after_s:
            unseen = tuple(replace(one, memory_mib=None) for one in status.processes)
            return replace(status, processes=unseen)
        return status


def late(system: FakeSystem, after_s: float) -> FakeSystem:
    system.target = LateTarget(system.clock, after_s=after_s)
    system.metrics.target = system.target
    return system.deploy()


def test_idle_memory_that_comes_late_is_waited_for(system: FakeSystem) -> None:
    assert calibrate(late(system, 60).world, loop()).idle_memory_mib == 64.0


def test_idle_memory_that_nobody_tells_is_said_to_be_unknown(system: FakeSystem) -> None:
    calibration = calibrate(late(system, 1e6).world, loop())
    assert calibration.idle_memory_mib == 0.0
    assert "from the steps alone" in calibration.notes[-1]
    assert calibration.notes[-1] in system.progress.of("warn")


def test_it_leaves_the_settings_that_it_found(system: FakeSystem) -> None:
    calibrate(system.deploy().world, loop())
    used = [one.of(SERVICE) for one in system.target.tuned]
    assert [one.replicas for one in used] == [1, 1, 2, 3, 1, 1]
    assert [one.autoscaling is None for one in used] == [False, True, True, True, True, False]
    assert used[0] == used[-1] == autoscaled()


def test_while_it_measures_nothing_else_limits() -> None:
    fixed = tuning()
    scaled = replace(
        fixed,
        services=tuple(
            replace(one, autoscaling=autoscaled().autoscaling) for one in fixed.services
        ),
        zone_rps=5.0,
    )
    for before, others in ((scaled, 2), (fixed, 1)):
        quiet = calibration_tuning(before, SERVICE, 3)
        counts = {one.service: one.replicas for one in quiet.services}
        assert counts == {SERVICE: 3, "client-info": others}
        assert quiet.zone_rps is None


def test_alone_it_is_a_run_that_says_what_it_was_made_of(system: FakeSystem) -> None:
    run_id = calibrate(system.deploy().world, loop()).run_id
    assert run_id == system.run_id()
    info = system.runs.info(run_id)
    assert (info.kind, info.status, info.outcome) == ("calibrate", "finished", Outcome.PASS)
    assert system.runs.read(run_id, Scenario) == loop()
    assert system.runs.has(run_id, Deployment)
    assert all(system.runs.has(child, LoadResult) for child in system.runs.children(run_id))


def test_a_scenario_without_a_plan_is_refused_before_anything_moves(system: FakeSystem) -> None:
    with pytest.raises(BadInput, match=r"small\.yaml: it has no `calibrate:` section"):
        calibrate(system.deploy().world, scenario())
    assert system.target.tuned == []
    assert not (system.folder / "reports").exists()


def test_a_step_that_fails_leaves_the_settings_and_the_steps_before_it(system: FakeSystem) -> None:
    system.progress.raise_at = "step 3"
    system.progress.error = TargetNotReady("gone")
    with pytest.raises(TargetNotReady):
        calibrate(system.deploy().world, loop())
    assert system.target.deployment().tuning.of(SERVICE) == autoscaled()
    assert len(system.runs.read(system.run_id(), Calibration).steps) == 2


class FullDisk(RunFolder):
    """Has no space for a Calibration."""

    def write(self, run_id: str, record: Any) -> Path:
        if isinstance(record, Calibration):
            raise OSError(errno.ENOSPC, "No space left on device")
        return super().write(run_id, record)


def test_a_full_disk_keeps_no_record_but_the_settings_are_put_back(system: FakeSystem) -> None:
    system.runs = FullDisk(system.folder / "reports")
    with pytest.raises(OSError, match="No space"):
        calibrate(system.deploy().world, loop())
    assert system.target.deployment().tuning.of(SERVICE) == autoscaled()
