"""Replicas by hand."""

from dataclasses import replace

import pytest

from insurectl.errors import BadInput, TargetNotReady
from insurectl.stages.scale import scale
from tests.fake_system import FakeSystem, autoscaled


def test_it_sets_the_replicas_and_switches_the_autoscaler_off(system: FakeSystem) -> None:
    before = system.deploy().target.deployment().tuning
    services = (autoscaled(), *before.services[1:])
    system.target.tune(replace(before, services=services), system.progress)
    after = scale(system.world, "core-app", 4).tuning
    assert (after.of("core-app").replicas, after.of("core-app").autoscaling) == (4, None)
    assert after.of("client-info") == before.of("client-info")


@pytest.mark.parametrize(
    ("service", "replicas", "said"),
    [
        pytest.param("core", 2, "no service 'core'; there are: core-app, client-info", id="typo"),
        pytest.param("core-app", -1, "-1 is below 0", id="negative"),
    ],
)
def test_what_can_not_be_scaled_is_refused(
    system: FakeSystem, service: str, replicas: int, said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        scale(system.deploy().world, service, replicas)
    assert system.target.tuned == []


def test_nothing_deployed_is_not_ready(system: FakeSystem) -> None:
    with pytest.raises(TargetNotReady):
        scale(system.world, "core-app", 2)
