"""The zone's agent and the decisions of the real autoscaler, against a real control plane.

The agent runs as in a pod: with the token of a service account that has a Role in its namespace
and no more. kwok plays the node; the numbers that the autoscaler reads are the test's own.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest

from insurectl.adapters.cluster_metrics import ClusterMetrics, Place
from insurectl.adapters.kubernetes_api import ClusterApi
from insurectl.adapters.prometheus import ask_zone, instant
from insurectl.errors import TargetNotReady
from insurectl.planning.scale_up_lag import PARTS, scale_ups
from insurectl.records import Decision, Series, Timeline, Zone

from .conftest import LABELS, ControlPlane
from .metrics_server import Numbers, serving

pytestmark = pytest.mark.cluster
MIB = 2**20
SCRAPE_S = 1.0
APP = "core-app"
RULES = (  # all that the chart's Role for the agent has to allow
    ("", "pods"),
    ("apps", "deployments"),
    ("autoscaling", "horizontalpodautoscalers"),
    ("metrics.k8s.io", "pods"),
    ("keda.sh", "scaledobjects"),
)
ACCOUNT = "/run/secrets/kubernetes.io/serviceaccount"  # where a pod finds its token


@dataclass(kw_only=True)
class Scene:
    """``marks``: what the test did, and when."""

    cluster: ClusterApi
    numbers: Numbers
    namespace: str
    prometheus: str
    agent: str
    log: Path
    marks: dict[str, float] = field(default_factory=dict)

    @property
    def zone(self) -> Zone:
        return Zone(name="a", gateway_url="", prometheus_url=self.prometheus)

    def metrics(self) -> ClusterMetrics:
        place = Place(api=self.cluster, namespace=self.namespace)
        return ClusterMetrics(SCRAPE_S, ask_zone, {"a": place})

    def replicas(self) -> int:
        wanted = self.cluster.get("apps/v1", "Deployment", self.namespace, APP)
        assert wanted is not None
        return int(wanted["spec"]["replicas"])


def until(good: Callable[[], object], what: str, within_s: float = 60.0) -> None:
    deadline = time.monotonic() + within_s
    while not good():
        assert time.monotonic() < deadline, what
        time.sleep(0.1)


def workload(namespace: str) -> list[dict[str, Any]]:
    labels = {"app": APP}
    container = {
        "name": APP,
        "image": "test/none:1",
        "resources": {"requests": {"memory": "100Mi"}},
    }
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": APP}
    metrics = [
        {
            "type": "Resource",
            "resource": {
                "name": "memory",
                "target": {"type": "Utilization", "averageUtilization": 80},
            },
        },
        {
            "type": "External",
            "external": {
                "metric": {
                    "name": "s1-prometheus",
                    "selector": {"matchLabels": {"scaledobject.keda.sh/name": APP}},
                },
                "target": {"type": "AverageValue", "averageValue": "10"},
            },
        },
    ]
    return [
        {
            "apiVersion": "apps/v1",
            "kind": "Deployment",
            "metadata": {"name": APP, "namespace": namespace},
            "spec": {
                "selector": {"matchLabels": labels},
                "template": {"metadata": {"labels": labels}, "spec": {"containers": [container]}},
            },
        },
        {
            "apiVersion": "autoscaling/v2",
            "kind": "HorizontalPodAutoscaler",
            "metadata": {"name": APP, "namespace": namespace},
            "spec": {
                "minReplicas": 1,
                "maxReplicas": 4,
                "scaleTargetRef": target,
                "metrics": metrics,
                "behavior": {"scaleDown": {"stabilizationWindowSeconds": 0}},
            },
        },
        *keda(namespace),
    ]


def keda(namespace: str) -> list[dict[str, Any]]:
    """What names the autoscaler's second metric; KEDA itself is not needed for that."""
    schema = {"type": "object", "x-kubernetes-preserve-unknown-fields": True}
    return [
        {
            "apiVersion": "apiextensions.k8s.io/v1",
            "kind": "CustomResourceDefinition",
            "metadata": {"name": "scaledobjects.keda.sh"},
            "spec": {
                "group": "keda.sh",
                "scope": "Namespaced",
                "names": {
                    "plural": "scaledobjects",
                    "singular": "scaledobject",
                    "kind": "ScaledObject",
                },
                "versions": [
                    {
                        "name": "v1alpha1",
                        "served": True,
                        "storage": True,
                        "schema": {"openAPIV3Schema": schema},
                    }
                ],
            },
        },
        {
            "apiVersion": "keda.sh/v1alpha1",
            "kind": "ScaledObject",
            "metadata": {"name": APP, "namespace": namespace},
            "spec": {
                "scaleTargetRef": {"name": APP},
                "triggers": [{"type": "memory"}, {"type": "prometheus", "name": "rps"}],
            },
        },
    ]


def account(namespace: str) -> list[dict[str, Any]]:
    me = {"name": "zone-agent", "namespace": namespace}
    rbac = "rbac.authorization.k8s.io"
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": me},
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "Role",
            "metadata": me,
            "rules": [
                {"apiGroups": [group], "resources": [kind], "verbs": ["get", "list"]}
                for group, kind in RULES
            ],
        },
        {
            "apiVersion": f"{rbac}/v1",
            "kind": "RoleBinding",
            "metadata": me,
            "roleRef": {"apiGroup": rbac, "kind": "Role", "name": "zone-agent"},
            "subjects": [{"kind": "ServiceAccount", **me}],
        },
    ]


@contextlib.contextmanager
def started(command: list[str], log: Path, **environment: str) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        running = subprocess.Popen(
            command, stdout=out, stderr=out, env={**os.environ, **environment}
        )
        try:
            yield running
        finally:
            running.terminate()
            running.wait(20)


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as free:
        return int(free.getsockname()[1])


@contextlib.contextmanager
def agent(
    cluster: ClusterApi, plane: ControlPlane, namespace: str, folder: Path
) -> Iterator[tuple[str, Path]]:
    """In a mount namespace of its own, where its token stands as in a pod; the address, the log."""
    inside = ["unshare", "--map-root-user", "--mount"]
    if shutil.which("unshare") is None or subprocess.run([*inside, "true"], check=False).returncode:
        pytest.skip("this machine allows no mount namespace, which plays the agent's pod")
    cluster.apply_all(account(namespace))
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/zone-agent/token"
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    (folder / "token").write_text(cluster.send("POST", path, asked)["status"]["token"])
    shutil.copy(plane.folder / "certs" / "apiserver.crt", folder / "ca.crt")
    mounted = (
        f"mount -t tmpfs none /run && mkdir -p {ACCOUNT} && "
        f'cp {folder}/token {folder}/ca.crt {ACCOUNT} && exec "$@"'
    )
    host, port = cluster.url("").removeprefix("https://").split(":")
    mine = f"127.0.0.1:{free_port()}"
    command = [sys.executable, "-m", "insurectl", "zone-agent", "--namespace", namespace]
    with started(
        [*inside, "sh", "-c", mounted, "agent", *command, "--zone", "a", "--listen", mine],
        folder / "agent.log",
        KUBERNETES_SERVICE_HOST=host,
        KUBERNETES_SERVICE_PORT=port,
    ):
        yield mine, folder / "agent.log"


@contextlib.contextmanager
def prometheus(target: str, folder: Path) -> Iterator[str]:
    program = shutil.which("prometheus")
    if program is None:
        pytest.skip("no Prometheus on this machine; scripts/setup installs Debian's")
    config = folder / "prometheus.yml"
    config.write_text(
        f"global: {{scrape_interval: {SCRAPE_S:g}s, scrape_timeout: {SCRAPE_S:g}s}}\n"
        f'scrape_configs: [{{job_name: agent, static_configs: [{{targets: ["{target}"]}}]}}]\n'
    )
    mine = f"127.0.0.1:{free_port()}"
    command = [
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address={mine}",
    ]
    with started(command, folder / "prometheus.log"):
        yield f"http://{mine}"


@pytest.fixture(scope="module")
def scene(
    cluster: ClusterApi,
    control_plane: ControlPlane,
    node: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Scene]:
    """Up for memory, up for requests, down; the load's step came before the second."""
    folder, namespace = tmp_path_factory.mktemp("agent"), "insure-test-metrics-a"
    cluster.ensure_namespace(namespace, LABELS, pod_security="privileged")
    with (
        serving(cluster, folder) as numbers,
        agent(cluster, control_plane, namespace, folder) as (address, log),
        prometheus(address, folder) as url,
    ):
        numbers.memory[APP], numbers.external["s1-prometheus"] = 50 * MIB, 5
        cluster.apply_all(workload(namespace))
        found = Scene(
            cluster=cluster, numbers=numbers, namespace=namespace, prometheus=url, agent=address,
            log=log,
        )  # fmt: skip
        _play(found)
        yield found
    cluster.delete("v1", "Namespace", "", namespace)


def _play(scene: Scene) -> None:
    until(lambda: _desired(scene) == 1, f"desired 1; {scene.log.read_text()}")
    scene.marks["began"] = time.time()
    scene.numbers.memory[APP] = 90 * MIB
    until(lambda: scene.replicas() == 2, "up for memory")
    scene.numbers.memory[APP] = 70 * MIB
    until(lambda: _desired(scene) == 2, "2 shown")
    scene.numbers.external["s1-prometheus"] = 30
    until(lambda: scene.replicas() == 3, "up for requests")
    until(lambda: _ready(scene) == 3 and _desired(scene) == 3, "3 shown")
    scene.numbers.memory[APP], scene.numbers.external["s1-prometheus"] = 20 * MIB, 5
    until(lambda: scene.replicas() == 1, "down")
    until(lambda: _desired(scene) == 1, "1 shown")
    time.sleep(2 * SCRAPE_S)
    scene.marks["ended"] = time.time()


def _desired(scene: Scene) -> float | None:
    return _now(scene, "kube_horizontalpodautoscaler_status_desired_replicas")


def _ready(scene: Scene) -> float | None:
    return _now(scene, "kube_deployment_status_replicas_ready")


def _now(scene: Scene, query: str) -> float | None:
    with contextlib.suppress(TargetNotReady):
        return next((value for _, value in instant(scene.prometheus, query)), None)
    return None


def over(scene: Scene) -> tuple[tuple[Series, ...], tuple[Decision, ...], tuple[str, ...]]:
    metrics, window = scene.metrics(), (scene.marks["began"], scene.marks["ended"])
    series = metrics.over([scene.zone], *window)
    metrics.warnings()  # there are no services to answer the other queries
    return series, metrics.decisions([scene.zone], *window), metrics.warnings()


def test_decisions_are_the_events_of_the_real_autoscaler(scene: Scene) -> None:
    _, decisions, warnings = over(scene)
    assert [(one.zone, one.service, one.before, one.after) for one in decisions] == [
        ("a", APP, 1, 2),
        ("a", APP, 2, 3),
        ("a", APP, 3, 1),
    ]
    memory, requests, down = (one.reason for one in decisions)
    words = "memory resource utilization (percentage of request) above target"
    assert memory == f"scale up: memory (the cluster: {words})"
    above = "external metric s1-prometheus above target"
    assert requests == f"scale up: http_requests_per_second (the cluster: {above})"
    assert down == "scale down: all metrics below target"
    assert warnings == ()


def test_the_agent_shows_what_the_api_server_says(scene: Scene) -> None:
    series, _, _ = over(scene)
    values = {(one.name, one.service): one.values for one in series if "pod" not in one.labels}
    assert max(values["replicas", APP]) == max(values["ready_replicas", APP]) == 3
    assert values["wanted_replicas", APP][-1] == 1
    assert set(values["memory_mean_mib", APP]) >= {70.0, 20.0}
    assert set(values["restarts", APP]) == set(values["oom_kills", APP]) == {0.0}
    assert all(0 <= value <= 1 for value in values["host_cpu_ratio", ""])
    seen = {one.labels["metric"]: one.values for one in series if one.name == "autoscaler_metric"}
    assert 70.0 * MIB in seen["memory"]
    # 30 in all, a replica: which of them a scrape meets is chance
    assert {30.0, 15.0, 10.0} & set(seen["http_requests_per_second"])


def test_the_time_of_a_scale_up_is_split_into_its_parts(scene: Scene) -> None:
    series, decisions, _ = over(scene)
    began_s = scene.marks["began"]
    timeline = Timeline(
        run_id="r", started_s=began_s, ended_s=scene.marks["ended"], series=series,
        decisions=decisions,
    )  # fmt: skip
    (lag,) = scale_ups(timeline, [(began_s, began_s + 600)], service=APP)
    # nobody sends requests here, and an autoscaler that looks each second may be ahead of a scrape
    assert "scrape" in lag.missing
    assert [name for name, _ in lag.parts] == [name for name in PARTS if name not in lag.missing]
    assert [name for name, _ in lag.parts][-3:] == ["decision", "schedule", "start"]
    assert lag.total_s is not None
    assert sum(took for _, took in lag.parts) == pytest.approx(lag.total_s)
    assert 0 < lag.total_s < 60


def test_an_end_over_the_memory_limit_is_counted(scene: Scene) -> None:
    (pod,) = scene.cluster.items(f"/api/v1/namespaces/{scene.namespace}/pods")
    ended = {
        "reason": "OOMKilled", "exitCode": 137, "containerID": "containerd://1",
        "startedAt": "2026-01-01T00:00:00Z", "finishedAt": "2026-01-01T00:00:01Z",
    }  # fmt: skip
    statuses = pod["status"]["containerStatuses"]
    statuses[0] |= {"restartCount": 1, "lastState": {"terminated": ended}}
    scene.cluster.send(
        "PATCH",
        f"/api/v1/namespaces/{scene.namespace}/pods/{pod['metadata']['name']}/status",
        {"status": {"containerStatuses": statuses}},
        content_type="application/merge-patch+json",
    )
    until(lambda: _now(scene, "container_oom_events_total") == 1, "the kill is shown")
    until(lambda: _now(scene, "kube_pod_container_status_restarts_total") == 1, "and the restart")


def test_what_the_api_server_does_not_say_is_a_gap(scene: Scene) -> None:
    name = "v1beta1.metrics.k8s.io"
    scene.cluster.delete("apiregistration.k8s.io/v1", "APIService", "", name)
    until(lambda: _now(scene, "container_memory_working_set_bytes") is None, "memory is gone")
    assert _now(scene, "kube_deployment_status_replicas") == 1
    errors = 'insurectl_agent_api_errors_total{call="metrics"}'
    until(lambda: (_now(scene, errors) or 0) > 0, "it is counted")
    assert '"call": "metrics"' in scene.log.read_text()
