"""LoadEngine of a system in clusters: its workers are pods of the first zone's cluster."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from insurectl.adapters import cluster_record, cluster_zone
from insurectl.adapters.cluster_ground import Ground
from insurectl.adapters.locust.cluster_engine import ClusterLoadEngine
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
        """TargetNotReady when nothing is deployed; BadInput for a system that is not this one."""
        ground = cluster_record.ground(self.folder)
        if cluster_record.is_adopted(self.folder):
            raise BadInput(
                "others deployed this system, so no load is made from within its namespaces: play "
                "it from here (INSURECTL_LOAD_FROM=here)"
            )
        site = ground.sites[0]
        engine = ClusterLoadEngine(
            cluster=cluster_zone.api(site),
            workers=Workers(
                system=self.folder.name,
                namespace=site.namespace,
                image=ground.images.names()[0],
                count=self.workers,
                cpu=self.cpu,
            ),
            inside_url=lambda url: inside(ground, url),
        )
        return engine.play(job, on_second)


def inside(ground: Ground, url: str) -> str:
    """What a pod of the first zone's cluster calls an entrance of the system."""
    own = {ground.edge_url: ground.edge_inside}
    for site in ground.sites:
        if site.context == ground.sites[0].context:
            own[ground.gateway_urls[site.zone]] = f"http://gateway.{site.namespace}:{GATEWAY}"
    if url not in own:
        raise BadInput(
            f"{url} is not an entrance of this system that its cluster knows: play it from here "
            "(INSURECTL_LOAD_FROM=here)"
        )
    return own[url]
