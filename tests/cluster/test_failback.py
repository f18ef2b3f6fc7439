"""The way back of a zone, on a real API server: what it had, what it gets, what can be repeated.
KEDA is its definitions only, so what is tested is that it is told to leave the zone alone."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

import pytest

from insurectl.adapters import (
    cluster_data,
    cluster_faults,
    cluster_record,
    cluster_zone,
    fault_journal,
)
from insurectl.adapters.clock import SystemClock
from insurectl.adapters.cluster import ClusterTarget
from insurectl.adapters.cluster_faults import KEPT, PAUSED, SCALED_OBJECT
from insurectl.adapters.cluster_ground import Ground, Site
from insurectl.adapters.kubernetes_api import ClusterApi
from insurectl.errors import BadInput, TargetNotReady
from insurectl.ports import DeployPlan
from insurectl.records import Fault, Tuning
from tests.cluster.conftest import ControlPlane
from tests.cluster.plane_ground import PlaneGroundwork
from tests.fakes import ListProgress

pytestmark = pytest.mark.cluster
NAME = "back"
PLAN = DeployPlan(name=NAME, clients=10, timeout_s=60.0)
DEPLOYMENT = ("apps/v1", "Deployment")


@dataclass
class Faults(PlaneGroundwork):
    """``limits``: what core-app's limit was in the zone at the moment it was given back."""

    limits: list[str] = field(default_factory=list)

    def fault_kinds(self) -> Mapping[str, str]:
        return {"kill": "no pods", "drain": "no people"}

    def take_away(self, ground: Ground, kind: str, zone: str) -> None:
        if kind == "kill":
            cluster_faults.kill_pods(self._of(zone))

    def give_back(self, ground: Ground, fault: Fault) -> None:
        site = self._of(fault.zone)
        self.limits.append(limit(cluster_zone.api(site), site.namespace))
        if fault.kind == "kill":
            cluster_faults.start_again(site)

    def _of(self, zone: str) -> Site:
        return next(site for site in self.sites() if site.zone == zone)


def limit(cluster: ClusterApi, namespace: str) -> str:
    found = cluster.get(*DEPLOYMENT, namespace, "core-app")
    assert found is not None
    (container,) = found["spec"]["template"]["spec"]["containers"]
    return str(container["resources"]["limits"]["memory"])


@pytest.fixture(scope="module")
def deployed(
    control_plane: ControlPlane,
    cluster: ClusterApi,
    node: str,
    keda: None,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[ClusterTarget]:
    groundwork = Faults(NAME, control_plane)
    found = ClusterTarget(NAME, tmp_path_factory.mktemp("state"), SystemClock(), groundwork)
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster_data, "fill", lambda *_: None)  # kwok's pods run no command
        found.deploy(PLAN, ListProgress())
        yield found
    for site in groundwork.sites():
        cluster.delete("v1", "Namespace", "", site.namespace)


@pytest.fixture
def system(deployed: ClusterTarget) -> Iterator[ClusterTarget]:
    """Well before and after each test, with nothing away."""
    work(deployed).limits.clear()
    yield deployed
    if fault_journal.current(deployed.state.folder, "b"):
        deployed.restore("b", ListProgress())
    deployed.deploy(PLAN, ListProgress())
    assert deployed.status().healthy


def work(system: ClusterTarget) -> Faults:
    assert isinstance(system.groundwork, Faults)
    return system.groundwork


@pytest.fixture
def zone_b(system: ClusterTarget) -> Site:
    return work(system).sites()[1]


def larger(system: ClusterTarget, mib: int = 8) -> Tuning:
    before = system.deployment().tuning
    core = before.of("core-app")
    return before.replacing(replace(core, memory_limit_mib=core.memory_limit_mib + mib))


def annotations(cluster: ClusterApi, site: Site) -> dict[str, Any]:
    found = cluster.list_objects(*SCALED_OBJECT, site.namespace)
    return {one["metadata"]["name"]: one["metadata"].get("annotations") or {} for one in found}


def counts(cluster: ClusterApi, site: Site) -> dict[str, int]:
    return {one.name: one.wanted for one in cluster.deployments(site.namespace)}


# ---- kill, where the nodes are not ours ----


def test_a_killed_zones_autoscalers_are_paused_and_let_go_as_they_were(
    system: ClusterTarget, zone_b: Site, cluster: ClusterApi
) -> None:
    theirs = cluster.get(*SCALED_OBJECT, zone_b.namespace, "client-info")
    assert theirs is not None
    cluster.merge(theirs, {"metadata": {"annotations": {PAUSED: "true", "x": "y"}}})
    before, there = annotations(cluster, zone_b), counts(cluster, zone_b)
    system.inject("kill", "b", ListProgress())
    assert set(counts(cluster, zone_b).values()) == {0}
    paused = {name: told[PAUSED] for name, told in annotations(cluster, zone_b).items()}
    assert paused == dict.fromkeys(before, "true")
    cluster_faults.start_again(zone_b)
    assert (annotations(cluster, zone_b), counts(cluster, zone_b)) == (before, there)
    assert cluster.get("v1", "ConfigMap", zone_b.namespace, KEPT) is None
    cluster.merge(theirs, {"metadata": {"annotations": {PAUSED: None, "x": None}}})


def test_giving_back_twice_does_nothing(
    system: ClusterTarget, zone_b: Site, cluster: ClusterApi
) -> None:
    there = counts(cluster, zone_b)
    system.inject("kill", "b", ListProgress())
    for _ in range(2):
        cluster_faults.start_again(zone_b)
        assert counts(cluster, zone_b) == there


def test_numbers_that_somebody_deleted_are_told_with_the_way_out(
    system: ClusterTarget, zone_b: Site, cluster: ClusterApi
) -> None:
    there = counts(cluster, zone_b)
    system.inject("kill", "b", ListProgress())
    kept = cluster.get("v1", "ConfigMap", zone_b.namespace, KEPT)
    assert kept is not None
    cluster.delete("v1", "ConfigMap", zone_b.namespace, KEPT)
    with pytest.raises(TargetNotReady, match=r"(?s)not kept how many.*core-app.*kubectl"):
        system.restore("b", ListProgress())
    for name, count in there.items():
        cluster.scale(zone_b.namespace, name, count)
    system.restore("b", ListProgress())


# ---- up to date again ----


def test_what_was_put_in_force_meanwhile_is_in_the_zone_and_the_fault_ended_before(
    system: ClusterTarget, zone_b: Site, cluster: ClusterApi
) -> None:
    system.inject("kill", "b", ListProgress())
    wanted = larger(system)
    system.tune(wanted, ListProgress())
    old, begun_s = limit(cluster, zone_b.namespace), []

    class Timed(ListProgress):
        def _heard(self, kind: str, text: str) -> None:
            super()._heard(kind, text)
            if "the chart in" in text:
                begun_s.append(system.clock.now())

    ended = system.restore("b", Timed())
    assert limit(cluster, zone_b.namespace) != old
    assert ended.ended_s is not None
    assert ended.ended_s <= begun_s[0]
    assert system.status().healthy
    assert cluster_record.left(system.state.folder, "b") == ()


@pytest.mark.parametrize("at", ["the chart in", "pods"])
def test_a_failback_that_dies_once_the_zone_serves_is_ended_by_a_deploy(
    at: str, system: ClusterTarget, zone_b: Site, cluster: ClusterApi
) -> None:
    system.inject("kill", "b", ListProgress())
    system.tune(larger(system), ListProgress())
    with pytest.raises(KeyboardInterrupt):
        system.restore("b", ListProgress(raise_at=at))
    assert fault_journal.current(system.state.folder, "b") is None
    assert system.status().half_done
    system.deploy(PLAN, ListProgress())
    assert system.status().healthy
    assert limit(cluster, zone_b.namespace) == limit(cluster, work(system).sites()[0].namespace)


def test_what_is_half_done_in_other_zones_stays_so(system: ClusterTarget) -> None:
    system.inject("kill", "b", ListProgress())
    wanted = larger(system)
    with pytest.raises(KeyboardInterrupt):
        system.tune(wanted, ListProgress(raise_at="pods"))
    system.restore("b", ListProgress())
    assert cluster_record.intended(system.state.folder) == wanted
    assert system.status().half_done


def test_what_others_changed_in_the_zone_is_not_overwritten(
    system: ClusterTarget, zone_b: Site, cluster: ClusterApi
) -> None:
    system.inject("kill", "b", ListProgress())
    system.tune(larger(system), ListProgress())
    found = cluster.get(*SCALED_OBJECT, zone_b.namespace, "core-app")
    assert found is not None
    cluster.merge(found, {"spec": {"maxReplicaCount": 30}})
    with pytest.raises(BadInput, match=r"(?s)zone b can't be .*max is 30.*or `insurectl deploy`"):
        system.restore("b", ListProgress())
    found = cluster.get(*SCALED_OBJECT, zone_b.namespace, "core-app")
    assert found is not None
    assert found["spec"]["maxReplicaCount"] == 30
    assert system.status().half_done


def test_a_drained_zone_is_up_to_date_before_people_come(
    system: ClusterTarget, zone_b: Site, cluster: ClusterApi
) -> None:
    system.inject("drain", "b", ListProgress())
    system.tune(larger(system), ListProgress())
    old = limit(cluster, zone_b.namespace)
    with pytest.raises(KeyboardInterrupt):
        system.restore("b", ListProgress(raise_at="pods"))
    assert work(system).limits == []
    assert fault_journal.current(system.state.folder, "b") is not None
    system.restore("b", ListProgress())
    assert work(system).limits == [limit(cluster, zone_b.namespace)]
    assert work(system).limits != [old]
    assert not system.status().half_done
