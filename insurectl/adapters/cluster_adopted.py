"""The tuning of a system that others deployed: put in force in their objects, checked, given
back. Nothing else of theirs is touched."""

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from insurectl.adapters import cluster_record, cluster_scaler_fields, cluster_values, cluster_zone
from insurectl.adapters.cluster_fields import GatewayPods, Limits, Scaler
from insurectl.adapters.cluster_ground import Ground, Site
from insurectl.adapters.cluster_held import Held, changes, let_go, set_to
from insurectl.adapters.local_state import write_record
from insurectl.errors import BadInput, InsurectlError, TargetNotReady
from insurectl.ports import Clock, Progress
from insurectl.records import ServiceTuning, Tuning

LOOK_S = 1.0
# they write a status, or what the settings lead to
CONTROLLERS = {"kube-controller-manager", "keda", "keda-operator", "kubelet"}


def keep(folder: Path, held: tuple[Held, ...]) -> None:
    """Mode 0600: what others wrote into their objects is theirs to show."""
    (folder / cluster_record.ADOPTED).touch(mode=0o600)
    write_record(folder / cluster_record.ADOPTED, tuple[Held, ...], held)
    (folder / cluster_record.ADOPTED).chmod(0o600)


def held(folder: Path) -> tuple[Held, ...]:
    """What was found when the system was adopted."""
    return TypeAdapter(tuple[Held, ...]).validate_json(
        (folder / cluster_record.ADOPTED).read_bytes()
    )


def refuse(what: str) -> BadInput:
    """For what only the owner of the objects may do."""
    return BadInput(
        f"others deployed this system and insurectl adopted it: it can't {what}, since that would "
        "touch what is not insurectl's. It can: status, logs, load, observe, recommend, apply, "
        "rollback, destroy (which only forgets it)"
    )


def put_in_force(
    folder: Path,
    ground: Ground,
    before: Tuning,
    after: Tuning,
    *,
    within_s: float,
    clock: Clock,
    progress: Progress,
) -> None:
    """Every object is looked at before the first is changed; BadInput where others changed one or
    it can't take the settings. What is meant is kept first, so that the next call ends it."""
    objects = held(folder)
    half_done = cluster_record.intended(folder)
    known = (before, *([half_done] if half_done else ()))
    _refuse_impossible(objects, before, after)
    _refuse_changed(objects, ground, known)
    cluster_record.intend(folder, after)
    overlay = cluster_record.keep_overlay(folder, _overlay(objects, after))
    with progress.step(f"the settings in {', '.join(site.namespace for site in ground.sites)}"):
        for one in objects:
            set_to(one, _site(ground, one), after)
    with progress.step("pods"):
        _await_rollout(objects, ground, within_s, clock, progress)
    _tell(objects, ground, after, overlay, progress)


def as_set(folder: Path, before: Tuning, wanted: Tuning) -> Tuning:
    """Where the gateway's limits can't be set they are what they were."""
    if any(_is_limit(one) for one in held(folder)):
        return wanted
    return replace(wanted, zone_rps=before.zone_rps, partner_per_minute=before.partner_per_minute)


def let_all_go(folder: Path, ground: Ground, progress: Progress) -> None:
    """Give every field back as it is now; a cluster that does not answer is told of only."""
    for one in held(folder):
        site = _site(ground, one)
        try:
            if let_go(one, site):
                progress.say(f"{site.namespace}: {one} keeps its settings, now owned by others")
        except InsurectlError as error:
            progress.warn(f"{site.namespace}: {one} still names insurectl as an owner: {error}")


def _refuse_impossible(objects: Sequence[Held], before: Tuning, after: Tuning) -> None:
    if after.partner_per_minute != before.partner_per_minute:
        raise refuse("set partner_per_minute, which stands in the services' environment, too")
    for old in before.services:
        new = after.of(old.service)
        if new.autoscaling is not None and old.autoscaling is None:
            raise refuse(f"make an autoscaler for {old.service}, which has none")
        if new.autoscaling is None and old.autoscaling is None and new.replicas != old.replicas:
            raise refuse(f"set the replicas of {old.service}, which has no autoscaler")
        if new.autoscaling is None and old.autoscaling is not None:
            raise refuse(
                f"switch off the autoscaler of {old.service}, as scale, calibrate and verify do"
            )
        scaler = next((o for o in objects if isinstance(o.lens, Scaler) and _is(o, old)), None)
        if scaler is not None and new.autoscaling is not None:
            has = cluster_scaler_fields.autoscaling(scaler.kind, dict(scaler.theirs)).metrics
            names = {one.name for one in has}
            if lacks := [one.name for one in new.autoscaling.metrics if one.name not in names]:
                raise BadInput(
                    f"{scaler} has no metric {', '.join(lacks)}, which the settings set a target "
                    f"for (it has: {', '.join(sorted(names))}). Add it there, a KEDA trigger for "
                    f"requests under the name {cluster_scaler_fields.RPS_TRIGGER}; then "
                    "`insurectl destroy` and adopt it again"
                )


def _refuse_changed(objects: Sequence[Held], ground: Ground, known: Sequence[Tuning]) -> None:
    told = []
    for one in objects:
        site = _site(ground, one)
        told += [f"{site.namespace}: {line}" for line in changes(one, one.fetched(site), known)]
    if told:
        raise BadInput(
            "the settings were changed by others since insurectl read or set them:\n"
            + "\n".join(told)
            + "\nnothing was overwritten: set them back, or `insurectl destroy` (which only "
            "forgets) and adopt the system again as it is now"
        )


def _await_rollout(
    objects: Sequence[Held], ground: Ground, within_s: float, clock: Clock, progress: Progress
) -> None:
    """Of these Deployments alone: what else stands there is none of insurectl's business."""
    until_s = clock.now() + within_s
    while waiting := [line for site in ground.sites for line in _not_ready(objects, site)]:
        if clock.now() > until_s:
            why = [
                line for site in ground.sites
                for line in cluster_zone.api(site).why_not_ready(site.namespace)
            ]  # fmt: skip
            told = f"not ready within {within_s:.0f} s: {', '.join(waiting)}; `insurectl rollback`"
            raise TargetNotReady("\n".join([f"{told} puts the earlier settings back", *why]))
        progress.live(f"waiting for {', '.join(waiting)}")
        clock.sleep(LOOK_S)


def _not_ready(objects: Sequence[Held], site: Site) -> list[str]:
    names = {one.name for one in objects if one.zone == site.zone and one.kind == "Deployment"}
    return [
        f"{site.namespace}/{one.name} {one.ready}/{one.wanted}"
        for one in cluster_zone.api(site).deployments(site.namespace)
        if one.name in names and not one.rolled_out
    ]


def _tell(
    objects: Sequence[Held], ground: Ground, after: Tuning, overlay: Path, progress: Progress
) -> None:
    """Who else sets these objects, and may set other values the next time."""
    for site in ground.sites:
        mine = [one for one in objects if one.zone == site.zone]
        if all(one.is_back(one.fetched(site)) for one in mine):
            continue
        for release in sorted({one.helm for one in mine if one.helm}):
            progress.warn(
                f"{site.namespace}: these objects are of Helm's release {release}: its next "
                "upgrade may set other values (Helm 4 refuses that as a conflict with insurectl, "
                "until `insurectl rollback`); to keep these: helm upgrade "
                f"{release} CHART -n {site.namespace} --reuse-values -f {overlay}"
            )
        managers = {f"{entry['manager']}" for one in mine if not one.helm for entry in one.owners}
        if names := sorted(managers - CONTROLLERS):
            progress.warn(
                f"{site.namespace}: {', '.join(names)} set these objects and may do so again; to "
                f"keep these settings, give them there, as values of the chart: {overlay}"
            )
    for one in after.services:
        if one.autoscaling is not None and _metrics(objects, one) is None:
            progress.warn(
                f"{overlay} leaves out the metrics of {one.service}, of which some have no value "
                "in the chart: set their targets there by hand"
            )


def _overlay(objects: Sequence[Held], tuning: Tuning) -> dict[str, Any]:
    """As values of the chart. A list there replaces the whole one, so it has the metrics, too,
    that insurectl does not know; where it can't, it is left out."""
    values = cluster_values.overlay(tuning)
    for one in tuning.services:
        if one.autoscaling is None:
            continue
        metrics = _metrics(objects, one)
        if metrics is None:
            del values["services"][one.service]["autoscaling"]["metrics"]
        else:
            values["services"][one.service]["autoscaling"]["metrics"] = metrics
    if not any(_is_limit(one) for one in objects):
        del values["limits"]
    return values


def _metrics(objects: Sequence[Held], service: ServiceTuning) -> list[dict[str, Any]] | None:
    scaler = next(o for o in objects if isinstance(o.lens, Scaler) and _is(o, service))
    assert service.autoscaling is not None, "the caller looked"
    return cluster_scaler_fields.as_values(scaler.kind, dict(scaler.theirs), service.autoscaling)


def _is(one: Held, service: ServiceTuning) -> bool:
    return one.service == service.service


def _is_limit(one: Held) -> bool:
    return isinstance(one.lens, Limits | GatewayPods)


def _site(ground: Ground, one: Held) -> Site:
    found = ground.site(one.zone)
    assert found is not None, "both are written at once"
    return found
