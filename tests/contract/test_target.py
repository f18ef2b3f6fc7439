"""What every target keeps to, and what is the local target's own."""

import os
import signal
import time
import urllib.request
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import httpx
import psutil
import pytest

from insurectl.adapters import process
from insurectl.adapters.clock import SystemClock
from insurectl.adapters.cluster import ClusterTarget
from insurectl.adapters.load_credentials import LoadCredentials, Minter
from insurectl.adapters.local import LocalTarget
from insurectl.adapters.local_state import LocalState
from insurectl.errors import BadInput, TargetNotReady
from insurectl.ports import DeployPlan, Target
from insurectl.records import SystemStatus
from system.shared.ids import seeded_client
from tests.fakes import FakeTarget, ListProgress
from tests.system.replicas import until
from tests.system.web.conftest import PATIENCE_MS, Visitor, chromium

pytestmark = pytest.mark.timeout(900)  # the first test on a cluster makes the cluster
PORT_BASE = 24000  # away from a system that a user may have deployed
PLAN = DeployPlan(name="contract", clients=50)


@pytest.fixture(scope="module")
def local(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTarget]:
    root = tmp_path_factory.mktemp("state")
    target = LocalTarget("contract", root, SystemClock(), 1.0, PORT_BASE)
    target.deploy(PLAN, ListProgress())
    yield target
    target.destroy(ListProgress())


@pytest.fixture(
    params=[
        "fake",
        pytest.param("local", marks=pytest.mark.system),
        pytest.param("kind_system", marks=pytest.mark.cluster, id="kind"),
        pytest.param(
            "kubeconfig_system", marks=[pytest.mark.cluster, pytest.mark.campaign], id="kubeconfig"
        ),
    ]
)
def target(request: pytest.FixtureRequest) -> Target:
    if request.param != "fake":
        found: Target = request.getfixturevalue(request.param)
        return found
    fake = FakeTarget()
    fake.deploy(PLAN, ListProgress())
    return fake


def ill(status: SystemStatus) -> set[str]:
    return {f"{p.zone}/{p.name}" for p in status.processes if p.state != "healthy"}


def pid_of(target: LocalTarget, zone: str, name: str) -> int:
    found = [p.pid for p in target.status().processes if (p.zone, p.name) == (zone, name)]
    assert found[0] is not None
    return found[0]


def kill(pid: int) -> None:
    with suppress(psutil.NoSuchProcess):
        process.kill([psutil.Process(pid)])


def test_a_deployed_system_is_healthy_in_both_zones(target: Target) -> None:
    status = target.status()
    assert (status.healthy, ill(status)) == (True, set())
    assert {p.zone for p in status.processes} >= {"a", "b"}


def test_a_second_deploy_changes_nothing(target: Target) -> None:
    before = target.deployment()
    zones = tuple(zone.name for zone in before.zones)
    target.deploy(DeployPlan(name=before.name, zones=zones, clients=50), ListProgress())
    after = target.deployment()
    assert (after.tuning, after.costs, after.zones) == (before.tuning, before.costs, before.zones)


def test_every_replica_says_what_it_does(target: Target) -> None:
    lines = list(target.logs("core-app", zone="a", lines=1, follow=False))
    assert len(lines) >= 1


def test_a_fault_that_it_cannot_do_is_refused_with_those_that_it_can(target: Target) -> None:
    with pytest.raises(BadInput, match="kill"):
        target.inject("partition", "a", ListProgress())


def test_a_zone_that_there_is_not_is_refused(target: Target) -> None:
    with pytest.raises(BadInput, match="zone"):
        target.inject("kill", "z", ListProgress())


def test_what_was_tuned_is_what_is_deployed(target: Target) -> None:
    before = target.deployment().tuning
    target.tune(replace(before, zone_rps=50.0), ListProgress())
    assert target.deployment().tuning.zone_rps == 50.0
    target.tune(before, ListProgress())


def test_a_zone_taken_away_is_seen_and_comes_back(target: Target) -> None:
    target.inject("kill", "a", ListProgress())
    assert not target.status().healthy
    fault = target.restore("a", ListProgress())
    assert fault.ended_s is not None
    assert target.status().healthy
    assert fault in target.faults(fault.began_s, fault.ended_s)


@pytest.mark.parametrize(
    "fixture",
    [
        pytest.param("local", marks=pytest.mark.system),
        pytest.param("kind_system", marks=pytest.mark.cluster, id="kind"),
    ],
)
def test_a_person_gets_from_the_form_to_the_register(
    fixture: str, request: pytest.FixtureRequest
) -> None:
    deployed: LocalTarget | ClusterTarget = request.getfixturevalue(fixture)
    url, state = deployed.deployment().edge_url, deployed.state
    minter = Minter(LoadCredentials.read(state.credentials).token_private_pem)
    before = register(url, minter)
    with chromium() as browser:
        context = browser.new_context(locale="en-GB")
        context.set_default_timeout(PATIENCE_MS)
        key = (state.secrets / "login-key").read_bytes().strip()
        person = Visitor(context.new_page(), url, key)
        person.sign_in(str(seeded_client(state.seed(), 1)))
        person.apply()
        until(lambda: 0 < len(person.insurers()) < 6, "some offers are seen before the others")
        until(lambda: len(person.insurers()) >= 6, "the others come, too")
        insurers = person.insurers()
        person.buy_best()
        assert person.faults == []
    until(lambda: len(register(url, minter)) > len(before), "the policy is in the register")
    [policy] = register(url, minter).keys() - before.keys()
    assert register(url, minter)[policy] in insurers


def register(url: str, minter: Minter) -> dict[str, str]:
    """Policy -> insurer, as an operator reads it."""
    headers = {"Authorization": f"Bearer {minter.token('auditor', 'operator')}"}
    answer = httpx.get(f"{url}/settlement/v1/register", headers=headers, trust_env=False)
    return {item["policyId"]: item["insurer"] for item in answer.json()["items"]}


@pytest.mark.system
@pytest.mark.parametrize("name", ["gateway", "core-app-0", "prometheus"])
def test_a_killed_process_is_started_again_and_counted(local: LocalTarget, name: str) -> None:
    kill(pid_of(local, "b", name))
    local.deploy(PLAN, ListProgress())
    status = local.status()
    assert ill(status) == set()
    restarts = [p.restarts for p in status.processes if (p.zone, p.name) == ("b", name)]
    assert restarts == [1]


@pytest.mark.system
@pytest.mark.parametrize("zone", ["a", None], ids=["of a zone", "outside the zones"])
def test_a_killed_supervisor_is_seen_and_mended(local: LocalTarget, zone: str | None) -> None:
    kill(int((local.state.place(zone) / "supervisord.pid").read_text()))
    assert f"{zone or ''}/supervisor" in ill(local.status())
    local.deploy(PLAN, ListProgress())
    assert ill(local.status()) == set()


@pytest.mark.system
@pytest.mark.parametrize("fault", ["kill", "freeze", "drain"])
def test_people_are_served_while_a_zone_is_away(local: LocalTarget, fault: str) -> None:
    local.inject(fault, "b", ListProgress())
    time.sleep(3)  # the edge tells a hanging zone from a slow one within 2.3 s
    url = f"{local.deployment().edge_url}/health/zone"
    answers = []
    for _ in range(10):
        with urllib.request.urlopen(url, timeout=2) as answer:
            answers.append(answer.status)
    local.restore("b", ListProgress())
    assert answers == [200] * 10


@pytest.mark.system
def test_an_unknown_fault_is_refused(local: LocalTarget) -> None:
    with pytest.raises(BadInput, match="kill, freeze, drain"):
        local.inject("partition", "a", ListProgress())


@pytest.mark.system
def test_destroy_leaves_nothing(tmp_path: Path) -> None:
    target = LocalTarget("gone", tmp_path, SystemClock(), 1.0, PORT_BASE)
    target.deploy(PLAN, ListProgress())
    os.kill(int((target.state.zone("a") / "supervisord.pid").read_text()), signal.SIGKILL)
    target.destroy(ListProgress())
    state = LocalState(tmp_path / "gone")
    assert not state.folder.exists()
    assert not state.runtime.exists()
    assert process.below(state.folder, state.runtime) == []
    with pytest.raises(TargetNotReady):
        target.status()
    target.destroy(ListProgress())  # fine when nothing is there
