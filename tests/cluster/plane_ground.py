"""Ground for a cluster target on a bare API server: its zones are namespaces of one context, and
nothing stands outside them. Pods are kwok's, so nothing can be run in them."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from insurectl.adapters import cluster_zone
from insurectl.adapters.clock import SystemClock
from insurectl.adapters.cluster import ClusterTarget
from insurectl.adapters.cluster_ground import Ground, Site
from insurectl.adapters.cluster_values import DatabasePlace, Images, Provider
from insurectl.ports import Progress
from insurectl.records import Fault, ProcessStatus
from tests.cluster.conftest import ControlPlane


@dataclass
class PlaneGroundwork:
    """``gone``: zones were cleared."""

    name: str
    plane: ControlPlane
    target: str = "plane"

    def check(self, zones: tuple[str, ...], *, new: bool) -> None:
        return

    def preview(self, zones: tuple[str, ...]) -> tuple[str, ...]:
        return ()

    def lay(self, zones: tuple[str, ...], folder: Path, progress: Progress) -> Ground:
        return Ground(
            sites=self.sites(zones),
            outside=None,
            database=DatabasePlace(host="db.example.org"),
            edge_url="http://127.0.0.1:1",
            edge_inside="http://127.0.0.1:1",
            gateways={zone: {"type": "ClusterIP"} for zone in zones},
            gateway_urls=dict.fromkeys(zones, ""),
            images=Images(tag="1"),
        )

    def status(self, ground: Ground) -> tuple[ProcessStatus, ...]:
        return ()

    def edge_serves_all(self, ground: Ground) -> bool:
        return True

    def logs(self, ground: Ground, process: str, lines: int, *, follow: bool) -> Iterator[str]:
        return iter(())

    def fault_kinds(self) -> Mapping[str, str]:
        return {}

    def take_away(self, ground: Ground, kind: str, zone: str) -> None:
        return

    def give_back(self, ground: Ground, fault: Fault) -> None:
        return

    def gateway_urls(self, ground: Ground) -> Mapping[str, str]:
        return ground.gateway_urls

    def clear(self, zones: tuple[str, ...], folder: Path, progress: Progress) -> None:
        for site in self.sites(zones):
            cluster_zone.api(site).delete_namespace(site.namespace, site.labels(self.name))

    def sites(self, zones: tuple[str, ...] = ("a", "b")) -> tuple[Site, ...]:
        """Where the zones stand."""
        return tuple(
            Site(
                zone=zone,
                context=self.plane.context,
                namespace=f"insure-{self.name}-{zone}",
                kubeconfig=self.plane.kubeconfig,
            )
            for zone in zones
        )


def target(
    name: str, plane: ControlPlane, state: Path, provider: Provider = "keda"
) -> ClusterTarget:
    """A cluster target on it."""
    return ClusterTarget(name, state, SystemClock(), PlaneGroundwork(name, plane), provider)
