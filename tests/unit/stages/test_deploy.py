"""Up, and as the scenario wants it."""

from dataclasses import replace

import pytest

from insurectl.errors import TargetNotReady
from insurectl.ports import DeployPlan
from insurectl.records import Cost
from insurectl.stages.deploy import deploy, foreseen, settle, wanted_tuning
from tests.fake_system import FakeSystem, autoscaled
from tests.fakes import scenario, tuning


def test_deploy_brings_up_what_was_asked_for(system: FakeSystem) -> None:
    deployment = deploy(system.world, DeployPlan(name="peak", zones=("a", "b", "c"), clients=9))
    assert (deployment.name, deployment.clients) == ("peak", 9)
    assert [zone.name for zone in deployment.zones] == ["a", "b", "c"]


def test_a_plan_that_leaves_out_zones_and_clients_keeps_them(system: FakeSystem) -> None:
    deploy(system.world, DeployPlan(name="peak", zones=("eu-1a",), clients=9))
    deployment = deploy(system.world, DeployPlan(name="peak"))
    assert ([zone.name for zone in deployment.zones], deployment.clients) == (["eu-1a"], 9)


def test_what_is_foreseen_is_what_stands_or_the_defaults(system: FakeSystem) -> None:
    plan = DeployPlan(name="peak")
    new = foreseen(system.world, plan)
    assert (new.zones, new.clients, new.seed) == (("a", "b"), 5000, 7)
    deploy(system.world, replace(plan, zones=("c",), clients=9, seed=42))
    there = foreseen(system.world, plan)
    assert (there.zones, there.clients, there.seed) == (("c",), 9, None)
    assert foreseen(system.world, replace(plan, clients=3)).clients == 3


def test_a_scenario_that_asks_for_nothing_changes_nothing(system: FakeSystem) -> None:
    before = system.deploy().target.deployment()
    assert settle(system.world, scenario()) == before
    assert system.target.tuned == []


def test_settings_are_put_in_force_once(system: FakeSystem) -> None:
    system.deploy()
    asked = scenario(services=(autoscaled(),))
    assert settle(system.world, asked).tuning.of("core-app") == autoscaled()
    settle(system.world, asked)
    assert len(system.target.tuned) == 1


def test_other_costs_are_deployed_with_the_data_and_zones_that_are_there(
    system: FakeSystem,
) -> None:
    deploy(system.world, DeployPlan(name="peak", zones=("a",), clients=9))
    deployment = settle(
        system.world, scenario(costs={"client-info": Cost(cpu_ms=3)}, services=(autoscaled(),))
    )
    assert deployment.costs == {"core-app": Cost(worker_ms=120), "client-info": Cost(cpu_ms=3)}
    assert (deployment.name, deployment.clients) == ("peak", 9)
    assert [zone.name for zone in deployment.zones] == ["a"]
    assert deployment.tuning.of("core-app") == autoscaled()


def test_services_that_the_scenario_leaves_out_stay_as_they_are() -> None:
    wanted = wanted_tuning(tuning(replicas=3), scenario(services=(autoscaled(),)))
    assert wanted.of("core-app") == autoscaled()
    assert wanted.of("client-info") == tuning(replicas=3).of("client-info")


def test_of_many_that_are_down_it_names_a_few(system: FakeSystem) -> None:
    system.deploy().target.ill.update({"core-app-0": "gone", "client-info-0": "unhealthy"})
    with pytest.raises(TargetNotReady) as told:
        settle(system.world, scenario())
    assert str(told.value) == (
        "core-app-0 in zone a is gone; client-info-0 in zone a is unhealthy; core-app-0 in zone b "
        "is gone (and 1 more): `insurectl deploy` mends it"
    )


def test_settings_that_are_half_in_force_are_not_measured(system: FakeSystem) -> None:
    system.deploy().target.half_done = True
    with pytest.raises(TargetNotReady, match=r"half in force: `insurectl deploy` ends it"):
        settle(system.world, scenario())
    settle(system.world, scenario(services=(autoscaled(),)))  # which puts all in force
