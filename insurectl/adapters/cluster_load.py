"""LoadEngine of a system in clusters: its workers are pods of a zone that stays while they play."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path

from insurectl.adapters import cluster_record, cluster_zone, fault_journal
from insurectl.adapters.cluster_ground import Ground, Site
from insurectl.adapters.locust.cluster_engine import ClusterLoadEngine
from insurectl.adapters.locust.cluster_leftovers import remove
from insurectl.adapters.locust.cluster_objects import Workers
from insurectl.errors import BadInput
from insurectl.ports import LoadJob
from insurectl.records import LoadResult, LoadSecond

GATEWAY = 8080


@dataclass(frozen=True)
class LoadFromInside:
    """``folder``: the system's own; what it stands on is known only once it does. ``cpu``: cores
    of each worker."""

    folder: Path
    workers: int
    cpu: float

    def play(self, job: LoadJob, on_second: Callable[[LoadSecond], None]) -> LoadResult:
        """TargetNotReady when nothing is deployed; BadInput for a system that is not this one,
        and where no zone stays."""
        ground = cluster_record.ground(self.folder)
        if cluster_record.is_adopted(self.folder):
            raise BadInput(
                "others deployed this system, so no load is made from within its namespaces: play "
                "it from here (INSURECTL_LOAD_FROM=here)"
            )
        planned = {one.zone for one in job.scenario.faults}
        away = {s.zone for s in ground.sites if fault_journal.current(self.folder, s.zone)}
        site = place(ground, job.base_url, planned=planned, away=away)
        for other in ground.sites:  # an earlier load may have had its workers elsewhere
            if other != site and other.zone not in away:
                remove(cluster_zone.api(other), self._workers(ground, other))
        engine = ClusterLoadEngine(
            cluster=cluster_zone.api(site),
            workers=self._workers(ground, site),
            inside_url=lambda url: inside(ground, site, url),
        )
        return engine.play(job, on_second)

    def _workers(self, ground: Ground, site: Site) -> Workers:
        return Workers(
            system=self.folder.name,
            namespace=site.namespace,
            image=ground.images.names()[0],
            count=self.workers,
            cpu=self.cpu,
        )


def place(ground: Ground, url: str, *, planned: Collection[str], away: Collection[str]) -> Site:
    """The zone for the workers of a load on ``url``: one whose cluster knows that entrance, where
    there is one. A zone that is away, or will be, would take its workers with it: BadInput when
    there is no other."""
    stays = [one for one in ground.sites if one.zone not in {*planned, *away}]
    if not stays:
        told = [f"{zone} is away" for zone in sorted(away)]
        told += [f"{zone} is to be taken away" for zone in sorted({*planned} - {*away})]
        raise BadInput(
            f"the load can't be played from inside: its workers need a zone that stays, and "
            f"{', '.join(told)}: play it from here (INSURECTL_LOAD_FROM=here)"
        )
    return next((one for one in stays if url in _entrances(ground, one)), stays[0])


def inside(ground: Ground, site: Site, url: str) -> str:
    """What a pod of the site's cluster calls an entrance of the system."""
    own = _entrances(ground, site)
    if url not in own:
        raise BadInput(
            f"{url} is not an entrance of this system that its cluster knows: play it from here "
            "(INSURECTL_LOAD_FROM=here)"
        )
    return own[url]


def _entrances(ground: Ground, site: Site) -> dict[str, str]:
    """URL outside -> inside the site's cluster, which knows the gateways of its own zones only."""
    gateways = {
        ground.gateway_urls[one.zone]: f"http://gateway.{one.namespace}:{GATEWAY}"
        for one in ground.sites
        if one.context == site.context
    }
    return {**gateways, ground.edge_url: ground.edge_inside}
