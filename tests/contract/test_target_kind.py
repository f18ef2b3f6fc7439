"""What the target ``kind`` does on real clusters, beyond the contract that every target keeps."""

import subprocess
import threading
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path

import httpx
import pytest

from insurectl import settings, wiring
from insurectl.adapters import (
    cluster_record,
    cluster_tuning,
    cluster_values,
    cluster_zone,
    docker_engine,
)
from insurectl.adapters.cluster import ClusterTarget
from insurectl.adapters.cluster_ground import RELEASE, Site
from insurectl.adapters.kind import KindGroundwork
from insurectl.adapters.kind_clusters import KindClusters
from insurectl.adapters.load_credentials import LoadCredentials, Minter
from insurectl.adapters.scenario_file import load_scenario
from insurectl.errors import BadInput, TargetNotReady
from insurectl.planning.failover import MOST_GAP_S
from insurectl.ports import DeployPlan
from insurectl.records import RPS, Autoscaling, Deployment, MetricTarget
from insurectl.records.tuning import KUBERNETES_SCALE_DOWN, KUBERNETES_SCALE_UP
from insurectl.stages.failover import failover
from tests.cluster_systems import kind_target, need_docker
from tests.fakes import ListProgress

pytestmark = [pytest.mark.cluster, pytest.mark.timeout(900)]  # the first one makes the clusters
EVERY_S = 0.05
PEAK = Path(__file__).parents[1] / "e2e" / "scenarios" / "short_peak.yaml"


@dataclass
class People:
    """Asks through the edge at an even rate; ``failed``: what was no good answer."""

    asked: int = 0
    failed: list[str] = field(default_factory=list)


@contextmanager
def people(deployment: Deployment) -> Iterator[People]:
    """Four at a time, each a few times a second until the block ends; through the gateway to
    core-app."""
    seen, over = People(), threading.Event()
    body = {"query": "{ __typename }"}
    credentials = LoadCredentials.read(Path(deployment.credentials_file))
    token = Minter(credentials.token_private_pem).token(f"{uuid.uuid4()}", "customer")
    headers = {"Authorization": f"Bearer {token}"}

    def ask() -> None:
        url = deployment.edge_url
        with httpx.Client(base_url=url, headers=headers, timeout=10, trust_env=False) as http:
            while not over.wait(EVERY_S):
                try:
                    answer = http.post("/graphql", json=body)
                    if answer.status_code != httpx.codes.OK:
                        seen.failed.append(f"{answer.status_code}")
                except httpx.HTTPError as error:
                    seen.failed.append(f"{error!r}")
                seen.asked += 1

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()


def sites(target: ClusterTarget) -> tuple[Site, ...]:
    return cluster_record.ground(target.state.folder).sites


def edge_rows(target: ClusterTarget) -> list[dict[str, str]]:
    """What the edge counts of each zone it sends people to; empty counts left out."""
    stats = cluster_record.ground(target.state.folder).edge_stats
    lines = httpx.get(f"{stats}/;csv", trust_env=False).text.splitlines()
    columns = lines[0].lstrip("# ").split(",")
    rows = [dict(zip(columns, line.split(","), strict=False)) for line in lines[1:]]
    zones = [row for row in rows if row["pxname"] == "people" and "zone" in row["svname"]]
    return [{key: value for key, value in row.items() if value not in ("", "0")} for row in zones]


def test_the_edge_serves_from_every_zone(kind_system: ClusterTarget) -> None:
    with people(kind_system.deployment()) as seen:
        time.sleep(3)
    assert (seen.failed, seen.asked > 20) == ([], True)
    served = {row["svname"]: int(row.get("stot", 0)) for row in edge_rows(kind_system)}
    assert min(served.values()) > 5, served


def test_scaling_and_upgrading_under_load_fails_no_request(kind_system: ClusterTarget) -> None:
    before = kind_system.deployment().tuning
    core = before.of("core-app")
    with people(kind_system.deployment()) as seen:
        three = replace(core, replicas=3, autoscaling=None)
        kind_system.tune(before.replacing(three), ListProgress())
        assert _ready(kind_system, "core-app") == [3, 3]
        # another limit: every pod is made anew, the gateway too
        larger = replace(three, memory_limit_mib=core.memory_limit_mib + 16)
        kind_system.tune(replace(before.replacing(larger), partner_per_minute=12), ListProgress())
        kind_system.tune(before.replacing(replace(core, replicas=1)), ListProgress())
    assert seen.failed == [], edge_rows(kind_system)
    assert seen.asked > 200


def test_a_release_rolled_back_by_helm_under_load_fails_no_request(
    kind_system: ClusterTarget,
) -> None:
    before = kind_system.deployment().tuning
    core = before.of("core-app")
    after = before.replacing(replace(core, memory_limit_mib=core.memory_limit_mib + 8))
    with people(kind_system.deployment()) as seen:
        kind_system.tune(after, ListProgress())
        for site in sites(kind_system):
            helm(site, "rollback", RELEASE, "--wait", "--timeout", "120s", "--no-hooks")
    assert (seen.failed, seen.asked > 100) == ([], True), edge_rows(kind_system)
    with pytest.raises(BadInput, match="limitMib"):  # changed by others: said, not overwritten
        kind_system.tune(before, ListProgress())
    for site in sites(kind_system):
        helm(site, "rollback", RELEASE, "--wait", "--timeout", "120s", "--no-hooks")
    kind_system.tune(before, ListProgress())


def test_the_overlay_keeps_the_tuning_through_an_upgrade_by_others(
    kind_system: ClusterTarget,
) -> None:
    before = kind_system.deployment().tuning
    rps = MetricTarget(kind="Pods", name=RPS, average_value=9.5)
    memory = MetricTarget(kind="Resource", name="memory", utilization_percent=71)
    scaler = Autoscaling(
        min_replicas=1, max_replicas=5, metrics=(memory, rps),
        scale_up=KUBERNETES_SCALE_UP, scale_down=KUBERNETES_SCALE_DOWN,
    )  # fmt: skip
    after = before.replacing(replace(before.of("core-app"), autoscaling=scaler))
    kind_system.tune(after, ListProgress())
    site = sites(kind_system)[0]
    chart = f"{cluster_values.chart_folder()}"
    overlay = f"{kind_system.state.folder / cluster_record.OVERLAY}"
    helm(site, "upgrade", RELEASE, chart, "--reuse-values", "-f", overlay, "--no-hooks")
    cluster_tuning.refuse_others([site], [after])
    live = cluster_tuning.in_force(cluster_zone.api(site), site.namespace, after)
    found = live["services"]["core-app"]["autoscaling"]
    assert (found["max"], [m["type"] for m in found["metrics"]]) == (5, ["memory", "rps"])
    hpa = cluster_zone.api(site).hpas(site.namespace)
    assert {one.name for one in hpa} >= {"core-app", "client-info"}
    kind_system.tune(before, ListProgress())


def test_the_hpa_is_fed_by_the_metrics_api_and_by_prometheus(kind_system: ClusterTarget) -> None:
    before = kind_system.deployment().tuning
    rps = MetricTarget(kind="Pods", name=RPS, average_value=50.0)
    core = before.of("core-app")
    assert core.autoscaling is not None
    both = replace(core.autoscaling, metrics=(*core.autoscaling.metrics, rps))
    kind_system.tune(before.replacing(replace(core, autoscaling=both)), ListProgress())
    site = sites(kind_system)[0]
    until_s = time.monotonic() + 120
    while time.monotonic() < until_s:
        (hpa,) = [h for h in cluster_zone.api(site).hpas(site.namespace) if h.name == "core-app"]
        if len(hpa.metrics) == 2 and not any("?/" in metric for metric in hpa.metrics):
            break
        time.sleep(2)
    assert not any(" ?/" in metric for metric in hpa.metrics), hpa
    assert hpa.conditions["ScalingActive"][0] == "True"
    kind_system.tune(before, ListProgress())


def test_a_deploy_that_fails_leaves_nothing(tmp_path: Path) -> None:
    need_docker()
    target = kind_target("testgone", tmp_path)
    engine, plan = docker_engine.connect(), DeployPlan(name="testgone", zones=("a",), clients=5)
    assert isinstance(target.groundwork, KindGroundwork)
    without = replace(target.groundwork, node_image="insure-system/no-such-image:1")
    broken = replace(target, groundwork=without)
    with pytest.raises(TargetNotReady):
        broken.deploy(plan, ListProgress())
    assert not [c for c in KindClusters().clusters() if "testgone" in c]
    assert not engine.client.containers.list(all=True, filters={"name": "testgone"})
    assert not [v for v in engine.client.volumes.list() if "testgone" in v.name]
    assert not target.state.folder.exists()


def test_helm_test_passes_in_every_zone(kind_system: ClusterTarget) -> None:
    for site in sites(kind_system):
        told = helm(site, "test", RELEASE, "--timeout", "180s")
        assert "Succeeded" in told, told


def test_a_zone_is_killed_under_load_and_nothing_is_lost(
    kind_system: ClusterTarget, tmp_path: Path
) -> None:
    flags = {"name": kind_system.name, "target": "kind", "state": kind_system.state_root}
    loaded = settings.load({**flags, "reports": tmp_path}, {})
    world = replace(wiring.connect(loaded, ListProgress()), target=kind_system)
    peak, clients = load_scenario(f"{PEAK}"), kind_system.deployment().clients
    scenario = replace(peak, data={**peak.data, "clients": clients})
    try:
        found = failover(world, scenario, "a", "kill")
        assert (found.lost, found.doubled) == (0, 0), found
        assert found.fault.kind == "kill"
        assert found.acknowledged > 0
        assert found.steady_before, found
        assert found.gap_s <= MOST_GAP_S, found
        assert not kind_system.status().healthy
        with people(kind_system.deployment()) as seen:  # the other zone serves alone
            time.sleep(3)
        assert (seen.failed, seen.asked > 20) == ([], True)
    finally:
        if any(one.ended_s is None for one in kind_system.faults(time.time(), time.time())):
            kind_system.restore("a", ListProgress())
    assert kind_system.status().healthy


def _ready(target: ClusterTarget, service: str) -> list[int]:
    return [
        one.ready
        for site in sites(target)
        for one in cluster_zone.api(site).deployments(site.namespace)
        if one.name == service
    ]


def helm(site: Site, *arguments: str) -> str:
    """As somebody else would."""
    place = ("--namespace", site.namespace, "--kube-context", site.context)
    done = subprocess.run(
        ["helm", *arguments, *place, "--kubeconfig", f"{site.kubeconfig}"],
        capture_output=True, text=True, check=False, timeout=300,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    return done.stdout
