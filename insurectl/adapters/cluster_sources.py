"""What is measured of a system in clusters: its Prometheus and its events, found when asked for,
since they stand only once the system does."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

from insurectl.adapters import cluster_record, cluster_zone
from insurectl.adapters.cluster_ground import Site
from insurectl.adapters.cluster_metrics import ClusterMetrics, Place
from insurectl.adapters.kubernetes_api import ClusterApi
from insurectl.adapters.prometheus_access import PrometheusAccess, through_clusters
from insurectl.records import Zone


@dataclass(frozen=True)
class Places(Mapping[str, Place]):
    """Zone -> where its autoscalers stand. ``folder``: the system's own."""

    folder: Path

    @cached_property
    def sites(self) -> dict[str, Site]:
        """By the zone's name; TargetNotReady when nothing is deployed."""
        return {site.zone: site for site in cluster_record.ground(self.folder).sites}

    @cached_property
    def clusters(self) -> dict[str, ClusterApi]:
        """One connection a zone."""
        return {zone: cluster_zone.api(site) for zone, site in self.sites.items()}

    def __getitem__(self, zone: str) -> Place:
        return Place(api=self.clusters[zone], namespace=self.sites[zone].namespace)

    def __iter__(self) -> Iterator[str]:
        return iter(self.sites)

    def __len__(self) -> int:
        return len(self.sites)

    def ask(self, zone: Zone, kind: str, params: Mapping[str, object]) -> dict[str, Any]:
        """A zone's own Prometheus, through its API server."""
        namespaces = {name: site.namespace for name, site in self.sites.items()}
        return through_clusters(self.clusters, namespaces)(zone, kind, params)


def metrics(
    folder: Path, scrape_interval_s: float, given: PrometheusAccess | None
) -> ClusterMetrics:
    """``given``: a Prometheus that is there already, in place of the zones' own."""
    places = Places(folder)
    if given is None:
        return ClusterMetrics(scrape_interval_s, places.ask, places)
    return ClusterMetrics(scrape_interval_s, given.ask, places, given.dialect, shared=given.shared)
