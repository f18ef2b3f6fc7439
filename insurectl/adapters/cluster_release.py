"""The chart's releases of a system's zones: what they are told, and putting it in force."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from insurectl.adapters import (
    cluster_record,
    cluster_tuning,
    cluster_values,
    cluster_zone,
    topology,
)
from insurectl.adapters.cluster_ground import Ground, Site
from insurectl.adapters.cluster_values import Provider, Values
from insurectl.adapters.local_state import LocalState
from insurectl.ports import Clock, Progress
from insurectl.records import Cost, Tuning


@dataclass(frozen=True)
class Releases:
    """Of one system. ``provider``: what makes the HorizontalPodAutoscalers."""

    name: str
    state: LocalState
    clock: Clock
    provider: Provider
    scrape_interval_s: float

    def values(
        self, ground: Ground, site: Site, tuning: Tuning, costs: Mapping[str, Cost], seed: int
    ) -> Values:
        """All that one zone's release is told."""
        base = cluster_values.zone_values(
            topology.bundled(),
            system=self.name,
            zone=site.zone,
            number=ground.sites.index(site),
            images=ground.images,
            costs=costs,
            seed=seed,
            database=ground.database,
            provider=self.provider,
            scrape_interval_s=self.scrape_interval_s,
            gateway=ground.gateways[site.zone],
            edge="" if ground.outside else ground.edge_inside,
            pinned=site.pinned,
        )
        return cluster_values.merged(base, cluster_values.overlay(tuning))

    def put_in_force(
        self,
        ground: Ground,
        here: Sequence[Site],
        tuning: Tuning,
        costs: Mapping[str, Cost],
        seed: int,
        timeout_s: float,
        progress: Progress,
        *,
        migrate: bool = False,
    ) -> None:
        """In the zones that are ``here``; returns when their pods are ready. What is meant is kept
        first: if this ends halfway, the next deploy ends it. ``migrate``: databases first."""
        cluster_tuning.must_fit(here, self.provider, tuning)
        cluster_record.intend(self.state.folder, tuning)
        cluster_record.keep_overlay(self.state.folder, cluster_values.overlay(tuning))
        passwords = cluster_zone.passwords(self.state, superuser=False)
        tasks = [
            partial(
                cluster_zone.release,
                site,
                self.name,
                self.values(ground, site, tuning, costs, seed),
                passwords,
                migrate=migrate,
            )
            for site in here
        ]
        with progress.step(f"the chart in {', '.join(site.namespace for site in here)}"):
            cluster_zone.at_once(tasks)
            for site in here:
                cluster_zone.set_replicas(site, tuning)
        with progress.step("pods"):
            cluster_zone.await_rollout(here, timeout_s, self.clock, progress)
