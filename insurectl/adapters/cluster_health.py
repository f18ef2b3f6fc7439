"""Whether a system in clusters is well, and waiting until it is."""

from collections.abc import Sequence

from insurectl.adapters import cluster_status
from insurectl.adapters.cluster_ground import Ground, Groundwork, Site
from insurectl.errors import TargetNotReady
from insurectl.ports import Clock, Progress
from insurectl.records import ProcessStatus

LOOK_S = 1.0


def ill(processes: Sequence[ProcessStatus]) -> list[ProcessStatus]:
    """Those that are not well: a container that somebody stopped is not, either. Pods that leave
    are none of them."""
    return [one for one in processes if one.state != "healthy"]


def wait(
    ground: Ground,
    here: Sequence[Site],
    groundwork: Groundwork,
    *,
    timeout_s: float,
    clock: Clock,
    progress: Progress,
) -> None:
    """Until all is well in the zones that are ``here`` and outside them, and the edge uses every
    zone if none is away; TargetNotReady with what is not when time runs out."""
    until_s = clock.now() + timeout_s
    while told := _ill(ground, here, groundwork, clock.now()):
        if clock.now() > until_s:
            raise TargetNotReady(f"not healthy within {timeout_s:.0f} s: {told}")
        progress.live(f"waiting: {told}")
        clock.sleep(LOOK_S)


def _ill(ground: Ground, here: Sequence[Site], groundwork: Groundwork, now_s: float) -> str:
    processes = (*groundwork.status(ground), *cluster_status.look(tuple(here), now_s))
    if found := ill(processes):
        return "; ".join(f"{p.zone or 'outside'}/{p.name} {p.state} {p.detail}" for p in found)
    if len(here) == len(ground.sites) and not groundwork.edge_serves_all(ground):
        return "the edge does not use every zone yet"
    return ""
