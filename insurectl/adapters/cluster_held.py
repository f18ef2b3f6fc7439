"""One object of others whose fields insurectl tunes: what it was, setting it, bringing it back.

Set by server-side apply as field manager ``insurectl``, with force for those fields alone, and only
while they are what insurectl knows. Brought back, each field goes to who had it before.
"""

from collections.abc import Mapping, Sequence
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any

from insurectl.adapters import cluster_ownership, cluster_zone
from insurectl.adapters.cluster_fields import GATEWAY, GatewayPods, Lens, Limits, Memory, Scaler
from insurectl.adapters.cluster_ground import Site
from insurectl.adapters.kubernetes_api import ClusterApi, Conflict, Object
from insurectl.adapters.object_paths import Path, at, cut, put, taken_out
from insurectl.errors import TargetNotReady
from insurectl.records import Tuning

TRIES = 6  # controllers write their status into the same object meanwhile


@dataclass(frozen=True, kw_only=True)
class Held:
    """``theirs``: what it had where insurectl may set something; ``owners``: who had set what.
    ``container``: of a service's Deployment; ``zone_rps``: of the gateway's, set by others.
    ``helm``: the release that it belongs to."""

    zone: str
    service: str
    version: str
    kind: str
    name: str
    theirs: Mapping[str, Any]
    owners: tuple[Mapping[str, Any], ...]
    container: str = ""
    zone_rps: float | None = None
    helm: str = ""

    def __str__(self) -> str:
        return f"{self.kind} {self.name}"

    @property
    def lens(self) -> Lens:
        """How it is read and written."""
        if self.kind == "ConfigMap":
            return Limits()
        if self.kind != "Deployment":
            return Scaler(self.service, self.kind)
        if self.service == GATEWAY:
            return GatewayPods(self.zone_rps)
        return Memory(self.service, self.container)

    def is_back(self, found: Object) -> bool:
        """Whether it is as others left it."""
        return cut(found, self.lens.kept) == self.theirs

    def fetched(self, site: Site) -> Object:
        """As it is; TargetNotReady when it is gone."""
        return _there(cluster_zone.api(site), site, self)


def hold(zone: str, service: str, found: Object, **more: Any) -> Held:
    """Keep what an object is now. ``more``: the other fields of ``Held``."""
    meta = found["metadata"]
    bare = Held(
        zone=zone,
        service=service,
        version=found["apiVersion"],
        kind=found["kind"],
        name=meta["name"],
        theirs={},
        owners=tuple(cluster_ownership.others(found)),
        helm=(meta.get("annotations") or {}).get("meta.helm.sh/release-name", ""),
        **more,
    )
    return replace(bare, theirs=cut(found, bare.lens.kept))


def changes(held: Held, found: Object, known: Sequence[Tuning]) -> list[str]:
    """Each setting that is neither what one of the tunings has nor what others had set before
    where the tuning does not name it: what, and by whom."""
    lens, theirs = held.lens, dict(held.theirs)
    now, before = lens.read(found), lens.read(theirs)
    expected = [{**before, **lens.of(tuning)} for tuning in known]
    told = []
    for name in before:
        wanted = [one[name] for one in expected]
        if now.get(name) in wanted:
            continue
        who = cluster_ownership.who_set(found, lens.place(name))
        value = now.get(name, "gone")
        told.append(f"{held}: {name} is {value}, expected was {wanted[0]}; set by {who}")
    return told


def set_to(held: Held, site: Site, tuning: Tuning) -> bool:
    """Put the tuning in force in the object; whether anything changed. TargetNotReady when it is
    written to all the time."""
    cluster = cluster_zone.api(site)
    for _ in range(TRIES):
        try:
            return _set(held, cluster, site, tuning)
        except Conflict as error:
            refused = error
    raise TargetNotReady(f"{site.namespace}: {held} is changed all the time: {refused}")


def let_go(held: Held, site: Site) -> bool:
    """Give the fields back as they are; whether any was insurectl's."""
    cluster = cluster_zone.api(site)
    for _ in range(TRIES):
        found = _there(cluster, site, held)
        ours = cluster_ownership.ours(found, held.lens.paths)
        if not ours:
            return False
        try:
            _give_back(held, cluster, found, ours, {}, all_of_it=True)
        except Conflict as error:
            refused = error
        else:
            return True
    raise TargetNotReady(f"{site.namespace}: {held} is changed all the time: {refused}")


def _set(held: Held, cluster: ClusterApi, site: Site, tuning: Tuning) -> bool:
    lens, theirs = held.lens, dict(held.theirs)
    found = _there(cluster, site, held)
    wanted = deepcopy(found)
    lens.write(wanted, theirs, tuning)
    ours = cluster_ownership.ours(found, lens.paths)
    tuned = [path for path in lens.paths if at(wanted, path) != at(theirs, path)]
    moved = [path for path in lens.paths if at(wanted, path) != at(found, path)]
    if moved or [path for path in tuned if path not in ours]:
        # what is left out of an apply, and was insurectl's, would go away: so all of its fields
        sent = [path for path in lens.paths if path in {*tuned, *moved, *ours}]
        cluster.apply(_manifest(found, wanted, sent), force=True)
    _settle(held, cluster, site, tuning)
    return bool(moved)


def _settle(held: Held, cluster: ClusterApi, site: Site, tuning: Tuning) -> None:
    """What is as others had it is theirs again, and what they had not is not there."""
    lens, theirs = held.lens, dict(held.theirs)
    found = _there(cluster, site, held)
    wanted = deepcopy(found)
    lens.write(wanted, theirs, tuning)
    ours = cluster_ownership.ours(found, lens.paths)
    back = [path for path in ours if at(wanted, path) == at(theirs, path)]
    out = taken_out(found, wanted)
    if back or out:
        _give_back(held, cluster, found, back, out, all_of_it=len(back) == len(ours))


def _give_back(
    held: Held,
    cluster: ClusterApi,
    found: Object,
    back: Sequence[Path],
    out: Object,
    *,
    all_of_it: bool,
) -> None:
    """One patch, of exactly the object that was looked at."""
    entries = cluster_ownership.given_back(
        found,
        [dict(one) for one in held.owners],
        [path for path in back if at(found, path) is not None],
        all_of_it=all_of_it,
    )
    told = {"managedFields": entries, "resourceVersion": found["metadata"]["resourceVersion"]}
    cluster.merge(found, {**out, "metadata": told})


def _manifest(found: Object, wanted: Object, paths: Sequence[Path]) -> Object:
    """Of an apply that sets these fields and refuses an object that was changed meanwhile."""
    meta = found["metadata"]
    made: Object = {
        "apiVersion": found["apiVersion"],
        "kind": found["kind"],
        "metadata": {key: meta[key] for key in ("name", "namespace", "resourceVersion")},
    }
    for path in paths:
        value = at(wanted, path)
        if value is not None:
            put(made, path, value)
    return made


def _there(cluster: ClusterApi, site: Site, held: Held) -> Object:
    found = cluster.get(held.version, held.kind, site.namespace, held.name)
    if found is None:
        raise TargetNotReady(f"{site.namespace}: {held} is not there any more")
    return found
