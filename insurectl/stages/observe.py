"""LoadResult -> Timeline: what the servers and the autoscaler did meanwhile."""

from insurectl.ports import World
from insurectl.records import LoadResult, Timeline

SETTLE_S = 3.0  # the last scrapes of the window come a scrape interval after its end


def observe(world: World, run_id: str) -> Timeline:
    """Pull every named query over the run's window, on the clock of the load."""
    load = world.runs.read(run_id, LoadResult)
    zones = world.target.deployment().zones
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
    world.runs.write(run_id, timeline)
    return timeline
