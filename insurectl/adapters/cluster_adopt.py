"""A system that others deployed, read as it is: nothing is touched."""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from insurectl.adapters import (
    cluster_adopted,
    cluster_record,
    cluster_scaler_fields,
    cluster_zone,
    topology,
)
from insurectl.adapters.cluster_fields import GATEWAY, config
from insurectl.adapters.cluster_ground import Ground, Site
from insurectl.adapters.cluster_held import Held, hold
from insurectl.adapters.cluster_tuning import HPA, SCALED_OBJECT
from insurectl.adapters.cluster_values import Images
from insurectl.adapters.kubernetes_api import ClusterApi, Object
from insurectl.adapters.local_state import LocalState, locked
from insurectl.errors import BadInput, TargetNotReady
from insurectl.records import Autoscaling, Deployment, ServiceTuning, Tuning, Zone

DEPLOYMENT = ("apps/v1", "Deployment")
ALWAYS = ("core-app", "client-info")  # of every version
NOTE = "deployed by others; insurectl adopted it and changes nothing but the settings it applies"


@dataclass(frozen=True, kw_only=True)
class Found:
    """What is there; ``notes``: what is not known, or kept as it is."""

    held: tuple[Held, ...]
    tuning: Tuning
    notes: tuple[str, ...]


def adopt(
    state: LocalState,
    found: Ground,
    *,
    now_s: float,
    clients: int,
    seed: int,
    credentials: Path | None,
    choices: Mapping[str, object],
) -> Deployment:
    """Read it and keep what was read on this machine. ``choices``: settings that later commands
    take up again; BadInput when there is a system of that name."""
    _refuse_taken(state)
    if credentials is not None and not credentials.is_file():
        raise BadInput(f"--credentials: there is no file {credentials}")
    seen = look(found)
    deployment = Deployment(
        name=state.folder.name,
        target="kubeconfig",
        deployed_at_s=now_s,
        took_s=0.0,
        edge_url=found.edge_url,
        zones=tuple(
            Zone(
                name=site.zone,
                gateway_url="",
                prometheus_url=f"kubernetes://{site.context}/{site.namespace}/prometheus:9090",
            )
            for site in found.sites
        ),
        costs={},
        tuning=seen.tuning,
        clients=clients,
        credentials_file="" if credentials is None else f"{credentials.absolute()}",
        slots={
            name: one.slots
            for name, one in topology.bundled().services.items()
            if name in {tuned.service for tuned in seen.tuning.services}
        },
        notes=seen.notes,
        adopted=True,
    )
    cluster_record.make(state)
    with locked(state.folder):
        cluster_record.keep_ground(state.folder, found)
        cluster_record.keep_choices(state.folder, choices)
        cluster_adopted.keep(state.folder, seen.held)
        cluster_record.settled(state, deployment, seed)
    return deployment


def _refuse_taken(state: LocalState) -> None:
    try:
        there = state.deployment()
    except TargetNotReady:
        return
    how = "forgets it, and what is in force stays" if there.adopted else "takes it down"
    raise BadInput(
        f"there is a system {there.name!r} already: take another --name, or `insurectl destroy "
        f"--name {there.name}` ({how})"
    )


def ground(
    places: Mapping[str, str], contexts: Sequence[str], kubeconfig: Path | None, edge_url: str
) -> Ground:
    """``places``: zone -> namespace. BadInput when they don't fit together."""
    if not contexts:
        raise BadInput("name the cluster that it is in, with --context")
    if len(contexts) not in (1, len(places)):
        raise BadInput(
            f"{len(contexts)} contexts for {len(places)} zones ({', '.join(places)}): give one "
            "--context for all, or one a zone in the same order"
        )
    if urlsplit(edge_url).scheme not in ("http", "https") or not urlsplit(edge_url).hostname:
        raise BadInput(f"--edge-url {edge_url!r} is no address such as https://osago.example.org")
    each = contexts if len(contexts) > 1 else [contexts[0]] * len(places)
    sites = tuple(
        Site(zone=zone, context=context, namespace=namespace, kubeconfig=kubeconfig)
        for (zone, namespace), context in zip(places.items(), each, strict=True)
    )
    if len({(site.context, site.namespace) for site in sites}) < len(sites):
        raise BadInput("two zones are in the same namespace of the same context")
    url = edge_url.rstrip("/")
    return Ground(
        sites=sites,
        outside=None,
        database=None,
        edge_url=url,
        edge_inside=url,
        gateways={},
        gateway_urls=dict.fromkeys(places, ""),
        images=Images(tag=""),
    )


def look(found: Ground) -> Found:
    """BadInput with every reason why something can't be tuned."""
    reasons: list[str] = []
    seen = [_Zone(site, reasons) for site in found.sites]
    names = _services(seen)
    tunings = [zone.tuning(names) for zone in seen]
    if not reasons:
        reasons += _differences(seen, tunings[0])
    if reasons:
        raise BadInput("this system can't be adopted:\n" + "\n".join(reasons))
    absent = [name for name in topology.bundled().services if name not in names]
    notes = [NOTE, *(_absent(absent) if absent else ())]
    notes += [note for zone in seen for note in zone.notes]
    if all(zone.has_limits for zone in seen):
        held = tuple(one for zone in seen for one in zone.held)
        return Found(held=held, tuning=tunings[0], notes=tuple(notes))
    held = tuple(one for zone in seen for one in zone.held if one.service != GATEWAY)
    default = topology.bundled().partner_per_minute
    tuning = replace(tunings[0], partner_per_minute=default, zone_rps=None)
    return Found(held=held, tuning=tuning, notes=tuple(notes))


def _services(seen: Sequence["_Zone"]) -> tuple[str, ...]:
    """Those that at least one zone has, and the ones that every version of the system has."""
    there = {name for zone in seen for name in zone.deployments()}
    return tuple(one for one in topology.bundled().services if one in there or one in ALWAYS)


def _absent(names: Sequence[str]) -> tuple[str, ...]:
    return (f"no zone has a Deployment {', '.join(names)}: insurectl leaves them out",)


def _differences(seen: Sequence["_Zone"], first: Tuning) -> list[str]:
    """A tuning holds for all zones alike."""
    return [
        f"{zone.site.namespace}: {one}: {name} is {value}, but {wanted.get(name, 'not there')} in "
        f"{seen[0].site.namespace}; insurectl tunes all zones alike, so make them alike first"
        for zone in seen[1:]
        for one in zone.held
        if one.service != GATEWAY or all(each.has_limits for each in seen)
        for wanted in (one.lens.of(first),)
        for name, value in one.lens.read(dict(one.theirs)).items()
        if wanted.get(name) != value
    ]


class _Zone:
    """One zone as it is read; what can't be tuned goes to ``reasons``."""

    def __init__(self, site: Site, reasons: list[str]) -> None:
        self.site, self._reasons = site, reasons
        self._cluster: ClusterApi = cluster_zone.api(site)
        self.held: list[Held] = []
        self.notes: list[str] = []
        self.has_limits = False

    def deployments(self) -> tuple[str, ...]:
        """Their names; TargetNotReady where there is none."""
        found = self._cluster.deployments(self.site.namespace)
        if not found:
            raise TargetNotReady(
                f"context {self.site.context}: no Deployment is in {self.site.namespace}; is that "
                "the namespace of the zone?"
            )
        return tuple(one.name for one in found)

    def tuning(self, names: Sequence[str]) -> Tuning:
        """Of the objects that are there. ``names``: the services that have to be."""
        known = topology.bundled()
        services: list[ServiceTuning] = []
        for name in names:
            try:
                services.append(self._service(name))
            except BadInput as error:
                self._reasons.append(f"{self.site.namespace} ({self.site.context}): {error}")
        limits = self._limits()
        if not limits:
            self.notes.append(
                f"{self.site.namespace} has no ConfigMap {GATEWAY} with the gateway's limits: they "
                f"are not known (shown are the defaults) and can't be set"
            )
        return Tuning(
            services=tuple(services),
            partner_per_minute=limits.get("partner_per_minute", known.partner_per_minute),
            zone_rps=limits.get("zone_rps"),
        )

    def _service(self, name: str) -> ServiceTuning:
        namespace = self.site.namespace
        deployment = self._cluster.get(*DEPLOYMENT, namespace, name)
        if deployment is None:
            raise BadInput(f"there is no Deployment {name}")
        containers = deployment["spec"]["template"]["spec"]["containers"]
        names = [one["name"] for one in containers]
        container = name if name in names else names[0]
        if container != name and len(names) > 1:
            raise BadInput(f"Deployment {name}: none of its containers has that name, too")
        memory = hold(self.site.zone, name, deployment, container=container)
        told = memory.lens.read(dict(memory.theirs))
        if len(told) < 2:
            raise BadInput(
                f"Deployment {name}: its container {container} has no memory request or no memory "
                "limit; set both, since an autoscaler measures against the request"
            )
        self.held.append(memory)
        spec = self._autoscaling(name)
        request, limit = (float(str(told[one])) for one in told)
        return ServiceTuning(
            service=name,
            replicas=deployment["spec"].get("replicas", 1),
            memory_request_mib=request,
            memory_limit_mib=limit,
            autoscaling=spec,
        )

    def _autoscaling(self, service: str) -> Autoscaling | None:
        """None for a service that has no autoscaler and needs none."""
        needs_one = topology.bundled().service(service).tuning.autoscaling is not None
        if not needs_one and not self._scalers(service):
            return None
        scaler = self._scaler(service)
        self.held.append(scaler)
        return cluster_scaler_fields.autoscaling(scaler.kind, dict(scaler.theirs))

    def _scaler(self, service: str) -> Held:
        found = self._scalers(service)
        if len(found) != 1:
            names = ", ".join(f"{one['kind']} {one['metadata']['name']}" for one in found)
            raise BadInput(
                f"Deployment {service} has several autoscalers: {names}"
                if found
                else f"Deployment {service} has no autoscaler (ScaledObject or "
                "HorizontalPodAutoscaler)"
            )
        held = hold(self.site.zone, service, found[0])
        spec = cluster_scaler_fields.autoscaling(held.kind, dict(held.theirs))
        unknown = cluster_scaler_fields.unknown(held.kind, dict(held.theirs))
        if not spec.metrics:
            raise BadInput(
                f"{held} has no metric that insurectl knows (memory, CPU, requests per second), "
                f"only: {', '.join(unknown) or 'none'}"
            )
        if spec.min_replicas < 1:
            raise BadInput(f"{held} scales to zero, which no figure of insurectl is made for")
        if unknown:
            self.notes.append(
                f"{self.site.namespace}: {held} has metrics that insurectl does not know and "
                f"leaves as they are: {', '.join(unknown)}"
            )
        return held

    def _scalers(self, service: str) -> list[Object]:
        """KEDA's own HPA belongs to its ScaledObject and is not counted."""
        namespace = self.site.namespace
        kinds = [SCALED_OBJECT, HPA] if self._cluster.serves(*SCALED_OBJECT) else [HPA]
        return [
            one
            for kind in kinds
            for one in self._cluster.list_objects(*kind, namespace)
            if one["spec"]["scaleTargetRef"]["name"] == service
            and one["spec"]["scaleTargetRef"].get("kind", "Deployment") == "Deployment"
            and not [
                owner
                for owner in one["metadata"].get("ownerReferences") or ()
                if owner["kind"] == SCALED_OBJECT[1]
            ]
        ]

    def _limits(self) -> dict[str, Any]:
        namespace = self.site.namespace
        settings = self._cluster.get("v1", "ConfigMap", namespace, GATEWAY)
        pods = self._cluster.get(*DEPLOYMENT, namespace, GATEWAY)
        try:
            told = config(settings) if settings is not None else {}
        except (KeyError, TypeError, json.JSONDecodeError):
            told = {}
        if settings is None or pods is None or "partner_per_minute" not in told:
            return {}
        self.has_limits = True
        self.held += [
            hold(self.site.zone, GATEWAY, settings),
            hold(self.site.zone, GATEWAY, pods, zone_rps=told.get("zone_rps")),
        ]
        return told
