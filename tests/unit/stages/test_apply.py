"""The way there, and the way back."""

from dataclasses import replace

import pytest

from insurectl.errors import BadInput, TargetNotReady
from insurectl.ports import Progress
from insurectl.records import Change, Deployment, Recommendation, Tuning
from insurectl.stages.apply import apply, rollback
from tests.fake_system import FakeSystem
from tests.fakes import FakeTarget


@pytest.fixture
def advised(looped: FakeSystem) -> FakeSystem:
    """Recommended, and not applied."""
    (looped.runs.folder(looped.run_id()) / "60-apply.json").unlink()
    looped.target.tune(advice(looped).before, looped.progress)
    looped.target.tuned.clear()
    return looped


def advice(system: FakeSystem) -> Recommendation:
    return system.runs.read(system.run_id(), Recommendation)


def in_force(system: FakeSystem) -> Tuning:
    return system.target.deployment().tuning


def test_a_dry_run_says_all_and_moves_nothing(advised: FakeSystem) -> None:
    change = apply(advised.world, advised.run_id(), dry_run=True)
    assert "core-app.autoscaling.min_replicas: 1 -> 2" in change.diff
    assert change.applied_at_s is None
    assert advised.target.tuned == []
    assert not advised.runs.has(advised.run_id(), Change)


def test_it_puts_the_recommended_settings_in_force(advised: FakeSystem) -> None:
    change = apply(advised.world, advised.run_id())
    assert in_force(advised) == advice(advised).after == change.after
    assert change.applied_at_s == advised.clock.now()
    assert advised.runs.read(advised.run_id(), Change) == change


def test_the_way_back_is_what_was_really_in_force(advised: FakeSystem) -> None:
    mine = replace(in_force(advised), partner_per_minute=5)
    advised.target.tune(mine, advised.progress)
    assert apply(advised.world, advised.run_id()).before == mine


class Stubborn(FakeTarget):
    """Takes settings, and does not get them to work."""

    def tune(self, tuning: Tuning, progress: Progress) -> Deployment:
        super().tune(tuning, progress)
        raise TargetNotReady("core-app: 0 of 2 replicas ready after 60 s")


def test_the_way_back_is_kept_before_anything_moves(advised: FakeSystem) -> None:
    good = advised.target
    advised.target = Stubborn(advised.clock, good.up)
    with pytest.raises(TargetNotReady):
        apply(advised.world, advised.run_id())
    assert advised.runs.read(advised.run_id(), Change).applied_at_s is None
    good.up, advised.target = advised.target.up, good
    rollback(advised.world, advised.run_id())
    assert in_force(advised) == advice(advised).before


def test_applied_twice_the_way_back_is_still_the_first_one(advised: FakeSystem) -> None:
    first = apply(advised.world, advised.run_id())
    again = apply(advised.world, advised.run_id())
    assert (again.before, again.diff) == (first.before, first.diff)
    rollback(advised.world, advised.run_id())
    assert in_force(advised) == first.before


def test_rollback_restores_exactly_and_says_when(advised: FakeSystem) -> None:
    before = in_force(advised)
    apply(advised.world, advised.run_id())
    advised.clock.sleep(60)
    change = rollback(advised.world)
    assert in_force(advised) == before
    assert change.rolled_back_at_s == advised.clock.now()
    assert advised.runs.read(advised.run_id(), Change) == change


def test_a_dry_run_of_a_rollback_moves_nothing(advised: FakeSystem) -> None:
    apply(advised.world, advised.run_id())
    assert rollback(advised.world, dry_run=True).rolled_back_at_s is None
    assert in_force(advised) == advice(advised).after


def test_rollback_refuses_when_somebody_else_changed_the_settings(advised: FakeSystem) -> None:
    apply(advised.world, advised.run_id())
    theirs = replace(in_force(advised), zone_rps=7.0)
    advised.target.tune(theirs, advised.progress)
    with pytest.raises(BadInput, match=r"zone_rps: [\d.]+ -> 7\.0"):
        rollback(advised.world, advised.run_id())
    assert in_force(advised) == theirs


def test_rollback_refuses_another_system(advised: FakeSystem) -> None:
    apply(advised.world, advised.run_id())
    advised.target.up = replace(advised.target.deployment(), name="other")
    with pytest.raises(BadInput, match="with --name default"):
        rollback(advised.world, advised.run_id())
    assert in_force(advised) == advice(advised).after


def test_rollback_happens_once(advised: FakeSystem) -> None:
    apply(advised.world, advised.run_id())
    rollback(advised.world, advised.run_id())
    with pytest.raises(BadInput, match="was rolled back already"):
        rollback(advised.world, advised.run_id())


def test_after_a_rollback_it_can_be_applied_anew(advised: FakeSystem) -> None:
    apply(advised.world, advised.run_id())
    rollback(advised.world, advised.run_id())
    change = apply(advised.world, advised.run_id())
    assert change.rolled_back_at_s is None
    assert in_force(advised) == change.after
