"""Looks at every pod of a system in clusters, and at what stands outside its zones."""

from collections.abc import Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

from insurectl.adapters.cluster_ground import Site
from insurectl.adapters.cluster_zone import api
from insurectl.adapters.kubernetes_api import PodSeen
from insurectl.errors import InsurectlError
from insurectl.records import ProcessStatus

State = Literal["healthy", "starting", "unhealthy"]
STARTING_S = 30.0  # from its start a pod may take this long before it must be ready
ENDED = ("Failed", "Succeeded")  # such as one that was evicted: it stays for days


def look(sites: tuple[Site, ...], now_s: float) -> tuple[ProcessStatus, ...]:
    """Never changes anything. A cluster that does not answer is one line, not an error."""
    with ThreadPoolExecutor(max(1, len(sites))) as pool:
        found = list(pool.map(lambda site: _site(site, now_s), sites))
    return tuple(one for part in found for one in part)


def _site(site: Site, now_s: float) -> list[ProcessStatus]:
    cluster = api(site)
    try:
        pods = cluster.pods(site.namespace)
        everything = (
            *cluster.deployments(site.namespace),
            *cluster.stateful_sets(site.namespace),
        )
        wanted = {one.name: one.wanted for one in everything}
        memory = cluster.memory_mib(site.namespace)
    except InsurectlError as error:
        return [ProcessStatus(zone=site.zone, name="cluster", state="gone", detail=str(error))]
    return processes(site, pods, wanted, memory, now_s)


def processes(
    site: Site,
    pods: Iterable[PodSeen],
    wanted: Mapping[str, int],
    memory: Mapping[str, float],
    now_s: float,
) -> list[ProcessStatus]:
    """``wanted``: pods of each component; ``memory``: MiB by the pod's name."""
    pods = [pod for pod in pods if pod.component in wanted and pod.phase not in ENDED]
    # one that leaves is not wanted any more, or replaced: the system is as well as those that stay
    stay, leave = [p for p in pods if not p.ending], [p for p in pods if p.ending]
    seen = [_pod(site, pod, now_s, memory.get(pod.name)) for pod in stay]
    for name, count in wanted.items():
        missing = count - sum(pod.component == name for pod in stay)
        followed = sum(pod.component == name for pod in leave)
        seen += [_missing(site, name, followed=number < followed) for number in range(missing)]
    return sorted(seen, key=lambda one: one.name)


def _missing(site: Site, name: str, *, followed: bool) -> ProcessStatus:
    """``followed``: one of it leaves just now, so that its controller makes another."""
    if followed:
        told = "one of its pods leaves; the next is not there yet"
        return ProcessStatus(zone=site.zone, name=name, state="starting", detail=told)
    return ProcessStatus(zone=site.zone, name=name, state="gone", detail="no pod of it is there")


def _pod(site: Site, pod: PodSeen, now_s: float, memory_mib: float | None) -> ProcessStatus:
    return ProcessStatus(
        zone=site.zone,
        name=pod.name,
        state=_state(pod, now_s),
        address=pod.ip,
        memory_mib=memory_mib,
        restarts=pod.restarts,
        oom_kills=pod.oom_kills,
        detail="" if pod.ready else pod.reason,
    )


def _state(pod: PodSeen, now_s: float) -> State:
    if pod.ready:
        return "healthy"
    return "starting" if now_s - (pod.created_s or now_s) < STARTING_S else "unhealthy"
