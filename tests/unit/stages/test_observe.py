"""What the servers saw, on the clock of the load."""

from dataclasses import replace

import pytest

from insurectl.errors import BadInput, NothingMeasured, TargetNotReady
from insurectl.records import Decision, LoadResult, Timeline
from insurectl.stages.load import load
from insurectl.stages.observe import SETTLE_S, observe
from tests.fake_system import FakeSystem
from tests.fakes import scenario


@pytest.fixture
def played(system: FakeSystem) -> FakeSystem:
    load(system.deploy().world, scenario())
    return system


def test_the_window_is_that_of_the_load(played: FakeSystem) -> None:
    run_id = played.run_id()
    timeline, result = played.runs.read(run_id, Timeline), played.runs.read(run_id, LoadResult)
    assert (timeline.started_s, timeline.ended_s) == (result.started_s, result.ended_s)
    assert {series.name for series in timeline.series} >= {"replicas", "memory_mean_mib"}


def test_it_waits_for_the_last_scrapes_and_no_longer(played: FakeSystem) -> None:
    run_id = played.run_id()
    assert played.clock.now() == played.runs.read(run_id, LoadResult).ended_s + SETTLE_S
    before = played.clock.now()
    observe(played.world, run_id)
    assert played.clock.now() == before


def test_alone_it_looks_again(played: FakeSystem) -> None:
    decision = Decision(at_s=1.0, zone="a", service="core-app", before=1, after=2, reason="rps")
    played.metrics.changes = (decision,)
    played.target.inject("kill", "a", played.progress)
    timeline = observe(played.world, played.run_id())
    assert timeline.decisions == (decision,)
    assert timeline.faults == ()  # it came after the load
    assert played.runs.read(played.run_id(), Timeline) == timeline


def test_long_after_what_was_seen_then_is_kept(played: FakeSystem) -> None:
    before = played.runs.read(played.run_id(), Timeline)
    played.metrics.forgot = True
    with pytest.raises(NothingMeasured, match="knows nothing of that time any more"):
        observe(played.world, played.run_id())
    assert played.runs.read(played.run_id(), Timeline) == before


def test_a_load_on_another_system_is_not_in_our_metrics(played: FakeSystem) -> None:
    played.target.up = replace(played.target.deployment(), edge_url="http://127.0.0.9:1")
    with pytest.raises(BadInput, match=r"against http://127\.0\.0\.1:1, which is not the system"):
        observe(played.world, played.run_id())


def test_without_a_system_there_is_nothing_to_ask(played: FakeSystem) -> None:
    played.target.destroy(played.progress)
    with pytest.raises(TargetNotReady):
        observe(played.world, played.run_id())


def test_without_a_load_it_names_the_command_to_run_first(played: FakeSystem) -> None:
    (played.runs.folder(played.run_id()) / "20-load.json").unlink()
    with pytest.raises(BadInput, match="run `insurectl load` first"):
        observe(played.world, played.run_id())
