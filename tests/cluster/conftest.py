"""A real API server for tests, in seconds: no Docker, kwok plays the nodes.

Fixtures:
``control_plane`` (session)  kubeconfig and context of an API server, scheduler and controller
                             manager of this session's own; skipped where it can't be started.
``cluster`` (session)        a ClusterApi to it.
``node`` (session)           the name of a node of it on which pods "run": zone label ``a``,
                             4 cores, 8 GiB; its pods have no logs and no exec. Beside it
                             volumes that brokers ask for, each for one claim.
``namespace``                a new, empty namespace; deleted afterwards.
``keda`` (module)            the definitions of KEDA's objects, without KEDA; skipped where
                             CLUSTER_MANIFESTS does not say where its manifest is.
``deployment``               makes a Deployment there: ``deployment(name, replicas=1, **pod_spec)``.
"""

import os
import secrets
import shutil
import socket
import subprocess
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest
import yaml

from insurectl.adapters.kubernetes_api import ClusterApi

SCRIPT = Path(__file__).parents[3] / "shared" / "cluster" / "control-plane"
PORT = 6443
VOLUMES = 100
CRDS = ("scaledobjects.keda.sh", "triggerauthentications.keda.sh")
LABELS = {
    "app.kubernetes.io/managed-by": "insurectl",
    "insurectl.system": "test",
    "insurectl.zone": "a",
}


@dataclass(frozen=True, kw_only=True)
class ControlPlane:
    """``folder``: its processes' files, so that a test can stop one."""

    kubeconfig: Path
    context: str
    folder: Path


def _free_address() -> str:
    """Sessions side by side must not meet, nor must the workers of one, which begin at once."""
    worker = int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    for last in range(1 + worker % 4 * 60, 255):
        with socket.socket() as probe:
            try:
                probe.bind((f"127.0.43.{last}", PORT))
            except OSError:
                continue
            return f"127.0.43.{last}"
    pytest.skip("no address of 127.0.43.0/24 is free")


@pytest.fixture(scope="session")
def control_plane(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ControlPlane]:
    if not SCRIPT.is_file():
        pytest.skip("no shared/cluster/control-plane beside this repository")
    folder = tmp_path_factory.mktemp("control-plane")
    env = {"CONTROL_PLANE_ADDRESS": _free_address(), "HPA_SYNC": "1s", **os.environ}
    started = subprocess.run(
        [SCRIPT, "start", folder], env=env, capture_output=True, text=True, check=False
    )
    try:
        if started.returncode:
            pytest.skip(f"control-plane does not start: {started.stderr.strip()[-300:]}")
        yield ControlPlane(kubeconfig=_checked(folder), context="control-plane", folder=folder)
    finally:
        subprocess.run([SCRIPT, "stop", folder], env=env, capture_output=True, check=False)
        shutil.rmtree(folder, ignore_errors=True)


def _checked(folder: Path) -> Path:
    """The script's kubeconfig checks no certificate; this one does, as users' do."""
    config = yaml.safe_load((folder / "kubeconfig").read_text())
    server = config["clusters"][0]["cluster"]["server"]
    config["clusters"][0]["cluster"] = {
        "server": server,
        "certificate-authority": str(folder / "certs" / "apiserver.crt"),
    }
    path = folder / "kubeconfig-checked"
    path.touch(mode=0o600)
    path.write_text(yaml.safe_dump(config))
    return path


@pytest.fixture(scope="session")
def cluster(control_plane: ControlPlane) -> ClusterApi:
    return ClusterApi(control_plane.context, control_plane.kubeconfig)


@pytest.fixture(scope="session")
def node(cluster: ClusterApi) -> Iterator[str]:
    room = {"cpu": "4", "memory": "8Gi", "pods": "50"}
    cluster.create(
        {
            "apiVersion": "v1",
            "kind": "Node",
            "metadata": {
                "name": "node-a",
                "annotations": {"kwok.x-k8s.io/node": "fake"},
                "labels": {"topology.kubernetes.io/zone": "a"},
            },
            "status": {"allocatable": room, "capacity": room},
        }
    )
    for number in range(VOLUMES):
        cluster.create(_volume(f"volume-{number}"))
    with beating(cluster, "node-a"):
        yield "node-a"


def _volume(name: str) -> dict[str, Any]:
    """Of no class, so that it is bound where there is no default StorageClass. Nobody ever looks
    at its folder: kwok's pods run nowhere."""
    return {
        "apiVersion": "v1",
        "kind": "PersistentVolume",
        "metadata": {"name": name},
        "spec": {
            "capacity": {"storage": "1Gi"},
            "accessModes": ["ReadWriteOnce"],
            "persistentVolumeReclaimPolicy": "Retain",
            "hostPath": {"path": "/nowhere"},
        },
    }


@contextmanager
def beating(cluster: ClusterApi, name: str) -> Iterator[None]:
    """Kwok says that a node lives each 50 s, after which time the node counts as dead; its pods
    would then never be ready again. A kubelet renews this lease each 10 s."""
    ended = threading.Event()

    def beat() -> None:
        while not ended.is_set():
            now = f"{datetime.now(UTC):%Y-%m-%dT%H:%M:%S.%fZ}"
            cluster.apply(
                {
                    "apiVersion": "coordination.k8s.io/v1",
                    "kind": "Lease",
                    "metadata": {"name": name, "namespace": "kube-node-lease"},
                    "spec": {
                        "holderIdentity": name,
                        "leaseDurationSeconds": 40,
                        "renewTime": now,
                    },
                }
            )
            ended.wait(5)

    heart = threading.Thread(target=beat, daemon=True)
    heart.start()
    try:
        yield
    finally:
        ended.set()
        heart.join()


@pytest.fixture
def namespace(cluster: ClusterApi) -> Iterator[str]:
    name = f"test-{secrets.token_hex(4)}"
    cluster.ensure_namespace(name, LABELS, pod_security="privileged")
    yield name
    cluster.delete("v1", "Namespace", "", name)


@pytest.fixture
def deployment(cluster: ClusterApi, namespace: str) -> Callable[..., str]:
    def make(name: str, replicas: int = 1, **pod_spec: Any) -> str:
        container = {"name": name, "image": "test/none:1"}
        labels = {"app.kubernetes.io/component": name, "insurectl.zone": "a"}
        cluster.apply(
            {
                "apiVersion": "apps/v1",
                "kind": "Deployment",
                "metadata": {"name": name, "namespace": namespace, "labels": labels},
                "spec": {
                    "replicas": replicas,
                    "selector": {"matchLabels": labels},
                    "template": {
                        "metadata": {"labels": labels},
                        "spec": {"containers": [container], **pod_spec},
                    },
                },
            }
        )
        return name

    return make


@pytest.fixture(scope="module")
def keda(cluster: ClusterApi) -> Iterator[None]:
    """The definitions of KEDA's objects, without KEDA."""
    manifests = os.environ.get("CLUSTER_MANIFESTS")
    if manifests is None:
        pytest.skip("CLUSTER_MANIFESTS does not say where KEDA's manifest is")
    text = (Path(manifests) / "keda.yaml").read_text()
    cluster.apply_all(
        [one for one in yaml.safe_load_all(text) if one and one["metadata"]["name"] in CRDS]
    )
    yield
    for name in CRDS:
        cluster.delete("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", name)
