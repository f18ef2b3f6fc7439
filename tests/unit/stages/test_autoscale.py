"""When the controller looks, what it remembers, and what it does when nobody answers."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace

import pytest

from insurectl.errors import TargetNotReady
from insurectl.planning import hpa
from insurectl.records import ServiceTuning, Tuning
from insurectl.stages.autoscale import Controller
from tests.fake_system import SERVICE, autoscaled
from tests.fakes import FakeClock, tuning

MIB = 1024 * 1024


@dataclass
class FakeNode:
    """Replicas that use so much memory each; ``error`` is raised at the next look."""

    settings: Tuning
    clock: FakeClock
    replicas: int = 1
    used_mib: float = 100.0
    looks: int = 0
    decisions: list[tuple[float, int]] = field(default_factory=list)
    errors: list[BaseException] = field(default_factory=list)
    told: list[str] = field(default_factory=list)

    def tuning(self) -> Tuning:
        return self.settings

    def look(self, tuning: Tuning) -> None:
        self.looks += 1
        if self.errors:
            raise self.errors.pop(0)

    def pods(self, service: ServiceTuning) -> Sequence[hpa.Pod]:
        request = {"memory": round(service.memory_request_mib * MIB)}
        return [hpa.Pod(name=f"{number}", requests=request) for number in range(self.replicas)]

    def samples(self, service: ServiceTuning) -> Mapping[str, Mapping[str, hpa.Sample]]:
        used = hpa.Sample(value=round(self.used_mib * MIB))
        return {"memory": {f"{number}": used for number in range(self.replicas)}}

    def decided(self, service: ServiceTuning, current: int, decision: hpa.Decision) -> None:
        self.decisions.append((self.clock.now(), decision.desired))
        self.replicas = decision.desired

    def wanted(self, service: str) -> int:
        return self.replicas

    def away(self, error: TargetNotReady) -> None:
        self.told.append(str(error))


@pytest.fixture
def node() -> FakeNode:
    one = tuning()
    return FakeNode(replace(one, services=(autoscaled(), *one.services[1:])), FakeClock())


def looked(node: FakeNode, seconds: int) -> Controller:
    controller = Controller(node, node.clock)
    for _ in range(seconds):
        controller.look()
        node.clock.sleep(1)
    return controller


def test_it_looks_each_second_and_decides_each_sync_period(node: FakeNode) -> None:
    began_s = node.clock.now()
    looked(node, 11)
    assert node.looks == 11
    assert [at_s - began_s for at_s, _ in node.decisions] == [0, 5, 10]


def test_a_decision_is_put_in_force(node: FakeNode) -> None:
    node.used_mib = 300.0  # of 192 asked for, at 80 %: twice as many
    looked(node, 1)
    assert node.replicas == 2


def test_what_was_advised_before_holds_a_scale_in_back(node: FakeNode) -> None:
    node.replicas, node.used_mib = 4, 153.6  # exactly at the target
    controller = looked(node, 1)
    node.used_mib = 20.0
    for _ in range(14):
        controller.look()
        node.clock.sleep(1)
    assert node.replicas == 4  # its window is 15 s
    for _ in range(6):
        controller.look()
        node.clock.sleep(1)
    assert node.replicas == 1


def test_an_autoscaler_that_is_switched_off_forgets(node: FakeNode) -> None:
    node.replicas, node.used_mib = 4, 153.6
    on = node.settings
    controller = looked(node, 1)
    node.settings = tuning()
    controller.look()
    node.clock.sleep(13)
    node.settings, node.used_mib = on, 20.0
    for _ in range(7):
        controller.look()
        node.clock.sleep(1)
    assert node.replicas == 4  # its window of 15 s begins anew; the old one would be over


def test_without_autoscaling_it_decides_nothing(node: FakeNode) -> None:
    node.settings = tuning()
    looked(node, 20)
    assert (node.looks, node.decisions) == (20, [])


def test_it_goes_on_when_the_zone_does_not_answer(node: FakeNode) -> None:
    node.errors = [TargetNotReady("no answer"), TargetNotReady("still none"), KeyboardInterrupt()]
    with pytest.raises(KeyboardInterrupt):
        Controller(node, node.clock).run()
    assert node.told == ["no answer", "still none"]


def test_a_decision_that_was_not_put_in_force_is_not_remembered(node: FakeNode) -> None:
    node.used_mib = 300.0
    controller = Controller(Failing(node.settings, node.clock, used_mib=300.0), node.clock)
    with pytest.raises(TargetNotReady):
        controller.look()
    assert SERVICE not in controller._states  # nothing of it is to be seen from outside


class Failing(FakeNode):
    def decided(self, service: ServiceTuning, current: int, decision: hpa.Decision) -> None:
        raise TargetNotReady("its supervisor does not answer")
