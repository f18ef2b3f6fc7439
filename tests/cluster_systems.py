"""Systems on real clusters, deployed once a session and taken down at its end.

``kind_system``        two zones, a kind cluster each, deployed by the target ``kind``.
``kubeconfig_system``  two zones in one cluster that was there before: a kind cluster whose two
                       nodes carry a zone's label each.

Both skip, with the reason, where there is no Docker, no kind or no helm. What a closed network
gives by file is read from the settings that users give it by (``INSURECTL_NODE_IMAGE``,
``INSURECTL_ADDONS``), or from ``KIND_NODE_IMAGE`` and ``CLUSTER_MANIFESTS``.
"""

import os
import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest

from insurectl.adapters import cluster_addons, cluster_images, docker_engine
from insurectl.adapters.clock import SystemClock
from insurectl.adapters.cluster import ClusterTarget
from insurectl.adapters.cluster_ground import Site
from insurectl.adapters.kind import KindGroundwork
from insurectl.adapters.kind_clusters import KindClusters
from insurectl.adapters.kubeconfig import KubeconfigGroundwork
from insurectl.errors import MissingOnMachine
from insurectl.ports import DeployPlan
from insurectl.settings import ADDONS
from tests.fakes import ListProgress

KIND, GIVEN = "testkind", "testgiven"
WITHOUT_TAINT = "kind: InitConfiguration\nnodeRegistration:\n  taints: []\n"
ZONE_LABEL = "topology.kubernetes.io/zone"


def node_image() -> str:
    """Empty: kind's own."""
    return os.environ.get("INSURECTL_NODE_IMAGE") or os.environ.get("KIND_NODE_IMAGE") or ""


def addons() -> tuple[str, ...]:
    """By file where there are files."""
    if told := os.environ.get("INSURECTL_ADDONS"):
        return tuple(told.split(","))
    folder = os.environ.get("CLUSTER_MANIFESTS")
    return (
        tuple(f"{name}={folder}/{name}.yaml" for name in cluster_addons.APIS) if folder else ADDONS
    )


def need_docker() -> None:
    """Skips with the reason."""
    for program in ("kind", "helm"):
        if shutil.which(program) is None:
            pytest.skip(f"{program} is not on PATH")
    try:
        docker_engine.connect()
    except MissingOnMachine as error:
        pytest.skip(f"{error}")


def kind_target(name: str, state: Path) -> ClusterTarget:
    """Not deployed yet."""
    ground = KindGroundwork(name, SystemClock(), node_image=node_image(), addons=addons())
    return ClusterTarget(name, state, SystemClock(), ground)


@pytest.fixture(scope="session")
def kind_system(tmp_path_factory: pytest.TempPathFactory) -> Iterator[ClusterTarget]:
    need_docker()
    target = kind_target(KIND, tmp_path_factory.mktemp("kind"))
    target.deploy(DeployPlan(name=KIND, clients=50, timeout_s=240), ListProgress())
    yield target
    target.destroy(ListProgress())


@pytest.fixture(scope="session")
def given_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Site]:
    """A cluster that insurectl did not make, with what the system needs of one."""
    need_docker()
    kind, kubeconfig = KindClusters(), tmp_path_factory.mktemp("given") / "kubeconfig"
    nodes = [
        {
            "role": "control-plane",
            "labels": {ZONE_LABEL: "a"},
            "kubeadmConfigPatches": [WITHOUT_TAINT],  # pods may run there
        },
        {"role": "worker", "labels": {ZONE_LABEL: "b"}},
    ]
    kind.create(GIVEN, {"nodes": nodes}, node_image() or None, 180.0, kubeconfig)
    try:
        site = Site(zone="", context=f"kind-{GIVEN}", namespace="", kubeconfig=kubeconfig)
        images = cluster_images.built(ListProgress(), "")
        cluster_images.load(kind, GIVEN, site, images)
        cluster_addons.ensure(site, cluster_addons.parse(addons()), SystemClock())
        yield site
    finally:
        kind.delete(GIVEN, kubeconfig)


@pytest.fixture(scope="session")
def kubeconfig_system(
    given_cluster: Site, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[ClusterTarget]:
    clock, name = SystemClock(), "given"
    ground = KubeconfigGroundwork(name, (given_cluster.context,), given_cluster.kubeconfig, clock)
    target = ClusterTarget(name, tmp_path_factory.mktemp("state"), clock, ground)
    target.deploy(DeployPlan(name=name, clients=50, timeout_s=240), ListProgress())
    yield target
    target.destroy(ListProgress())
