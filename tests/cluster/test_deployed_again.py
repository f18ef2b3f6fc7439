"""A second deploy on a real API server: what it keeps of the first, what a failed one leaves."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from insurectl.adapters import cluster_data, cluster_record
from insurectl.adapters.clock import SystemClock
from insurectl.adapters.cluster import ClusterTarget
from insurectl.adapters.cluster_ground import Ground
from insurectl.adapters.cluster_values import Images
from insurectl.adapters.kubernetes_api import ClusterApi
from insurectl.ports import DeployPlan, Progress
from tests.cluster.conftest import ControlPlane
from tests.cluster.plane_ground import PlaneGroundwork
from tests.fakes import ListProgress

pytestmark = pytest.mark.cluster
NAME = "again"
FIRST = DeployPlan(name=NAME, zones=("b",), clients=9, seed=42, timeout_s=60.0)
AGAIN = DeployPlan(name=NAME, timeout_s=60.0)


@dataclass
class Pulled(PlaneGroundwork):
    """Its images come from a registry."""

    registry: str = ""

    def lay(self, zones: tuple[str, ...], folder: Path, progress: Progress) -> Ground:
        ground = super().lay(zones, folder, progress)
        return replace(ground, images=Images(prefix=f"{self.registry}/", tag="1"))


Of = Callable[[str], ClusterTarget]


@pytest.fixture(scope="module")
def of(
    control_plane: ControlPlane,
    cluster: ClusterApi,
    node: str,
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Of]:
    """The system, with the registry that is chosen for this call."""
    state = tmp_path_factory.mktemp("state")

    def chosen(registry: str) -> ClusterTarget:
        ground = Pulled(NAME, control_plane, registry=registry)
        choices = {"target": "plane", "registry": registry}
        return ClusterTarget(NAME, state, SystemClock(), ground, "hpa", choices=choices)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(cluster_data, "fill", lambda *_: None)  # kwok's pods run no command
        chosen("first").deploy(FIRST, ListProgress())
        yield chosen
    chosen("first").destroy(ListProgress())


def registries(system: ClusterTarget) -> tuple[object, str]:
    """What later commands would deploy with: by the choices, and by the ground."""
    folder = system.state.folder
    chosen = cluster_record.choices(folder)["registry"]
    return chosen, cluster_record.ground(folder).images.prefix.rstrip("/")


def test_what_a_plan_leaves_out_stays_as_it_is(of: Of) -> None:
    system = of("first")
    deployment = system.deploy(AGAIN, ListProgress())
    assert [zone.name for zone in deployment.zones] == ["b"]
    assert (deployment.clients, system.state.seed()) == (9, 42)


def test_a_registry_that_did_not_serve_is_not_the_one_of_the_next_command(of: Of) -> None:
    assert registries(of("first")) == ("first", "first")
    with pytest.raises(KeyboardInterrupt):
        of("bad").deploy(AGAIN, ListProgress(raise_at="pods"))
    assert registries(of("first")) == ("first", "first")
    of("second").deploy(AGAIN, ListProgress())
    assert registries(of("first")) == ("second", "second")


def test_a_deploy_that_died_is_gone_on_with_in_its_own_zones(of: Of) -> None:
    """As when the first one was killed: the ground is kept, and no record of the whole."""
    system = of("second")
    (system.state.folder / cluster_record.DEPLOYMENT).unlink()
    assert [zone.name for zone in system.deploy(AGAIN, ListProgress()).zones] == ["b"]
