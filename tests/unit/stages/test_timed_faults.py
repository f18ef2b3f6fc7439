"""Zones that are taken away and given back while a load plays."""

import threading
from collections.abc import Callable
from dataclasses import dataclass, field

import pytest

from insurectl.errors import BadInput, TargetNotReady
from insurectl.ports import LoadJob, Progress
from insurectl.records import Fault, LoadResult, LoadSecond, PlannedFault, Timeline
from insurectl.stages.load import load
from tests.fake_system import FakeSystem
from tests.fakes import FakeLoadEngine, FakeTarget, scenario

REST = threading.Event()  # never set: a wait that is no sleep of the clock


@dataclass
class TellingTarget(FakeTarget):
    """Notes how far the load was when a fault came; fails to ``fail`` at."""

    engine: "SteppedEngine | None" = None
    told: list[tuple[str, str, int]] = field(default_factory=list)
    fail: str = ""

    def inject(self, fault: str, zone: str, progress: Progress) -> Fault:
        self._tell(fault, zone)
        return super().inject(fault, zone, progress)

    def restore(self, zone: str, progress: Progress) -> Fault:
        self._tell("restore", zone)
        return super().restore(zone, progress)

    def _tell(self, what: str, zone: str) -> None:
        assert self.engine is not None
        self.told.append((what, zone, self.engine.second))
        if self.fail == what:
            raise TargetNotReady(f"zone {zone} does not answer")


@dataclass
class SteppedEngine(FakeLoadEngine):
    """Between two seconds waits until the faults' threads rest: dead, or waiting to go back."""

    second: int = 0
    rested: Callable[[int], None] = lambda second: None

    def play(self, job: LoadJob, on_second: Callable[[LoadSecond], None]) -> LoadResult:
        def told(second: LoadSecond) -> None:
            self.second += 1
            on_second(second)
            self.rested(self.second)

        return super().play(job, told)


def stepped(system: FakeSystem, due: dict[int, int], fail: str = "") -> TellingTarget:
    """``due``: by the end of that second, so many things have been told of."""
    system.deploy()
    target = TellingTarget(system.clock, system.target.up, fail=fail)
    engine = SteppedEngine(system.clock)

    def rested(second: int) -> None:
        wanted = max((count for at, count in due.items() if at <= second), default=0)
        for _ in range(5000):
            if len(target.told) >= wanted:
                return
            REST.wait(0.001)
        raise AssertionError(f"second {second}: {target.told}, wanted are {wanted}")

    engine.rested, target.engine = rested, engine
    system.target, system.engine = target, engine
    return target


def away(zone: str, at_s: float, until_s: float | None = None) -> PlannedFault:
    return PlannedFault(at_s=at_s, until_s=until_s, zone=zone, kind="kill")


def test_faults_come_and_go_at_their_times(system: FakeSystem) -> None:
    target = stepped(system, {4: 1, 6: 2, 9: 3, 12: 4})
    result = load(system.world, scenario(faults=(away("a", 4, 9), away("b", 5.5, 12))))
    assert target.told == [("kill", "a", 4), ("kill", "b", 6), ("restore", "a", 9),
                           ("restore", "b", 12)]  # fmt: skip
    timeline = system.runs.read(result.run_id, Timeline)
    assert [fault.zone for fault in timeline.faults] == ["a", "b"]


def test_a_fault_without_an_end_stays(system: FakeSystem) -> None:
    target = stepped(system, {4: 1})
    load(system.world, scenario(faults=(away("a", 4),)))
    assert target.told == [("kill", "a", 4)]
    assert target.journal[0].ended_s is None


def test_a_load_that_ends_early_gives_back_what_it_took_and_takes_nothing_more(
    system: FakeSystem,
) -> None:
    target = stepped(system, {4: 1})
    system.progress.raise_at = "small     5 s"
    load(system.world, scenario(faults=(away("a", 4, 15), away("b", 10, 15))))
    assert [what[:2] for what in target.told] == [("kill", "a"), ("restore", "a")]


@pytest.mark.parametrize(
    ("fail", "seconds"),
    [
        pytest.param("kill", 5, id="taken away: the load ends at once"),
        pytest.param("restore", 10, id="given back"),
    ],
)
def test_a_fault_that_can_not_be_ends_the_run(system: FakeSystem, fail: str, seconds: int) -> None:
    stepped(system, {4: 1, 9: 2} if fail == "restore" else {4: 1}, fail)
    with pytest.raises(TargetNotReady, match="zone a does not answer"):
        load(system.world, scenario(faults=(away("a", 4, 9),)))
    info = system.runs.info(system.run_id())
    assert (info.status, info.error) == ("failed", "zone a does not answer")
    assert isinstance(system.engine, SteppedEngine)
    assert system.engine.second <= seconds + 1


def test_faults_are_for_what_insurectl_deployed(system: FakeSystem) -> None:
    with pytest.raises(BadInput, match="can't be played against another address"):
        load(
            system.deploy().world,
            scenario(faults=(away("a", 4),)),
            base_url="http://127.0.0.1:9999",
        )
    assert system.target.journal == []
