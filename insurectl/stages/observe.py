"""LoadResult -> Timeline: what the servers and the autoscaler did meanwhile."""

from insurectl.errors import BadInput, NothingMeasured
from insurectl.ports import World
from insurectl.records import Deployment, LoadResult, Timeline

SETTLE_S = 3.0  # the last scrapes of the window come a scrape interval after its end


def observe(world: World, run_id: str) -> Timeline:
    """Pull every named query over the run's window, on the clock of the load."""
    load = world.runs.read(run_id, LoadResult)
    deployment = world.target.deployment()
    _check(deployment, load)
    zones = deployment.zones
    remaining = load.ended_s + SETTLE_S - world.clock.now()
    if remaining > 0:
        world.clock.sleep(remaining)
    timeline = Timeline(
        run_id=run_id,
        started_s=load.started_s,
        ended_s=load.ended_s,
        series=world.metrics.over(zones, load.started_s, load.ended_s),
        decisions=world.metrics.decisions(zones, load.started_s, load.ended_s),
        faults=world.target.faults(load.started_s, load.ended_s),
        warnings=world.metrics.warnings(),
    )
    if not timeline.series and world.runs.has(run_id, Timeline):
        raise NothingMeasured(
            f"Prometheus of {deployment.name} knows nothing of that time any more; what run "
            f"{run_id} observed before is kept"
        )
    world.runs.write(run_id, timeline)
    return timeline


def _check(deployment: Deployment, load: LoadResult) -> None:
    ours = {deployment.edge_url, *(zone.gateway_url for zone in deployment.zones)}
    if load.base_url not in ours:
        raise BadInput(
            f"run {load.run_id} was played against {load.base_url}, which is not the system "
            f"{deployment.name} ({deployment.edge_url}): its Prometheus saw nothing of it"
        )
