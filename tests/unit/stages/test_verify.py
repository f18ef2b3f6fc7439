"""Predicted against measured, again and again, and only under the recommended settings."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from insurectl.ports import LoadJob
from insurectl.records import LoadResult, LoadSecond, Outcome, Recommendation, TraceWindow, Verdict
from insurectl.stages.verify import verify, window_text
from tests.fake_system import SERVICE, FakeSystem, loop
from tests.fakes import FakeLoadEngine, constant


def test_alone_it_measures_again_and_keeps_what_was_measured_before(looped: FakeSystem) -> None:
    run_id = looped.run_id()
    verdict = verify(looped.world, loop(), run_id)
    assert (verdict.outcome, verdict.load_run_id) == (Outcome.PASS, f"{run_id}.verify-2")
    assert verify(looped.world, loop(), run_id).load_run_id == f"{run_id}.verify-3"
    assert looped.runs.has(f"{run_id}.verify", LoadResult)
    assert looped.runs.read(run_id, Verdict).load_run_id == f"{run_id}.verify-3"


def test_it_plays_people_at_the_edge_with_other_chance_than_the_calibration(
    looped: FakeSystem,
) -> None:
    verify(looped.world, loop(), looped.run_id(), processes=2)
    (job,) = looped.engine.jobs
    assert (job.base_url, job.seed, job.processes) == ("http://127.0.0.1:1", 1007, 2)


def test_what_is_not_as_foreseen_fails(looped: FakeSystem) -> None:
    looped.engine.latencies_ms = constant(700.0)
    verdict = verify(looped.world, loop(), looped.run_id())
    assert verdict.outcome is Outcome.FAIL
    assert any("latency at the SLO's quantile: predicted" in one for one in verdict.reasons)


def test_under_other_settings_it_is_invalid(looped: FakeSystem) -> None:
    before = looped.runs.read(looped.run_id(), Recommendation).before
    looped.target.tune(before, looped.progress)
    verdict = verify(looped.world, loop(), looped.run_id())
    assert verdict.outcome is Outcome.INVALID
    assert "run `insurectl apply` first" in verdict.reasons[0]


class Meddled(FakeLoadEngine):
    """While it plays, ``meddle`` happens."""

    meddle: Callable[[], object]

    def play(self, job: LoadJob, on_second: Callable[[LoadSecond], None]) -> LoadResult:
        self.meddle()
        return super().play(job, on_second)


def test_settings_that_somebody_changes_meanwhile_make_it_invalid(looped: FakeSystem) -> None:
    engine = Meddled(looped.clock)
    other = replace(looped.target.deployment().tuning, zone_rps=1.0)
    engine.meddle = lambda: looped.target.tune(other, looped.progress)
    looped.engine = looped.metrics.engine = engine
    verdict = verify(looped.world, loop(), looped.run_id())
    assert verdict.outcome is Outcome.INVALID
    assert "the settings in force were not the recommended ones" in verdict.reasons[0]


def test_an_invalid_load_is_an_invalid_verdict(looped: FakeSystem) -> None:
    looped.engine.outcome = lambda job: Outcome.INVALID
    assert verify(looped.world, loop(), looped.run_id()).outcome is Outcome.INVALID


def test_without_metrics_it_is_invalid(looped: FakeSystem) -> None:
    looped.metrics.forgot = True
    verdict = verify(looped.world, loop(), looped.run_id())
    assert verdict.outcome is Outcome.INVALID
    assert any("not measured: replicas, mean" in one for one in verdict.reasons)


def test_interrupted_there_is_no_verdict_and_the_settings_stay(looped: FakeSystem) -> None:
    run_id = looped.run_id()
    (looped.runs.folder(run_id) / "70-verify.json").unlink()
    looped.progress.raise_at = "loop     9 s"
    with pytest.raises(KeyboardInterrupt):
        verify(looped.world, loop(), run_id)
    assert not looped.runs.has(run_id, Verdict)
    assert looped.runs.info(f"{run_id}.verify-2").status == "interrupted"
    after = looped.runs.read(run_id, Recommendation).after
    assert looped.target.deployment().tuning == after


def test_it_begins_with_the_replicas_that_its_traffic_would_have_had(looped: FakeSystem) -> None:
    verify(looped.world, loop(), looped.run_id())
    held, free = (one.of(SERVICE) for one in looped.target.tuned)
    assert (held.autoscaling, held.replicas) == (None, 2)
    assert free == looped.runs.read(looped.run_id(), Recommendation).after.of(SERVICE)


def test_the_window_says_what_was_done_to_the_traffic() -> None:
    assert window_text(loop(), 0.5) == "the scenario's own stages, times 0.50"
    trace = TraceWindow(
        file="t.txt", rates=(1.0, 400.0), from_s=0, to_s=1, verify_from_s=1, verify_to_s=2,
        peak_rps=75.0,
    )  # fmt: skip
    said = window_text(replace(loop(), trace=trace), 0.5)
    assert said.startswith("t.txt, seconds 1 to 2 in real time")
    assert said.endswith("peak of 37.5 requests/s (its own: 400)")
