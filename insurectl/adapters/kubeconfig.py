"""Groundwork of the target ``kubeconfig``: clusters that exist. Nothing is touched that insurectl
did not make, and it makes only namespaces and what is in them.

One context holds everything, its zones are node labels; or one context a zone, and then PostgreSQL
and the edge stand outside them all and are given.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Literal

from insurectl.adapters import (
    cluster_address,
    cluster_clear,
    cluster_faults,
    cluster_images,
    cluster_logs,
    cluster_record,
    cluster_release,
    cluster_secrets,
    cluster_status,
    cluster_values,
    cluster_zone,
    kubeconfig_checks,
    topology,
)
from insurectl.adapters.chart_values import ChartChoices
from insurectl.adapters.cluster_ground import RELEASE, Ground, Site
from insurectl.adapters.cluster_values import DatabasePlace, Provider
from insurectl.adapters.helm import Helm
from insurectl.adapters.local_state import LocalState
from insurectl.errors import BadInput, InsurectlError, TargetNotReady
from insurectl.ports import Clock, Progress
from insurectl.records import Fault, ProcessStatus

ADDRESS_WITHIN_S = 180.0
OUTSIDE_WITHIN_S = 300.0
GATEWAY = 8080
Expose = Literal["node-port", "load-balancer"]
SERVICE_TYPES = {"node-port": "NodePort", "load-balancer": "LoadBalancer"}


@dataclass(frozen=True)
class KubeconfigGroundwork:
    """``contexts``: one for all zones, or one a zone in their order; ``registry`` empty: the
    images lie on the nodes already."""

    name: str
    contexts: tuple[str, ...]
    kubeconfig: Path | None
    clock: Clock
    registry: str = ""
    provider: Provider = "keda"
    expose: Expose = "node-port"
    external_postgresql: str = ""
    external_edge: str = ""
    chart: ChartChoices = field(default_factory=ChartChoices)
    target: str = "kubeconfig"

    def check(self, zones: tuple[str, ...], *, new: bool) -> None:
        """Contexts, versions, rights, APIs, room: before anything is made."""
        self._check_shape(zones)
        Helm(self.contexts[0], self.kubeconfig).version  # noqa: B018 - MissingOnMachine without helm
        for site in self._places(zones):
            cluster = cluster_zone.api(site)
            cluster.check()
            kubeconfig_checks.rights(cluster, site, self.name, self.provider, new=new)
            if site.zone:
                kubeconfig_checks.apis(cluster, site.context, self.provider)
                if new:
                    kubeconfig_checks.room(cluster, site)
                    if not self._volume_is_chosen():
                        kubeconfig_checks.storage(cluster, site)
            elif new and not self.external_postgresql:
                kubeconfig_checks.storage(cluster, site)

    def preview(self, zones: tuple[str, ...]) -> tuple[str, ...]:
        self._check_shape(zones)
        return tuple(
            f"make the namespace {site.namespace} in {site.context}, with the release {RELEASE}"
            for site in self._places(zones)
        )

    def lay(self, zones: tuple[str, ...], folder: Path, progress: Progress) -> Ground:
        """In one context PostgreSQL and the edge come first; given ones are only named."""
        images = cluster_images.of_registry(self.registry)
        sites = self._sites(zones)
        gateway = {"type": SERVICE_TYPES[self.expose]}
        outside = self._outside() if self._in_one else None
        if self.external_postgresql:
            cluster_secrets.check_given(
                LocalState(folder),
                self.external_postgresql,
                cluster_values.roles(topology.bundled().services),
            )
        if outside is not None:
            with progress.step("PostgreSQL and the edge"):
                self._lay_outside(outside, zones, images, folder, progress)
        for site in sites:
            cluster_zone.api(site).ensure_namespace(site.namespace, site.labels(self.name))
        edge_url = self.external_edge or self._address(outside, "edge")
        return Ground(
            sites=sites,
            outside=outside,
            database=self._given_database(),
            edge_url=edge_url,
            edge_inside=self.external_edge or f"http://edge.{self._namespace('')}.svc:8080",
            gateways=dict.fromkeys(zones, gateway),
            gateway_urls=dict.fromkeys(zones, ""),
            images=images,
            notes=self._notes(progress),
        )

    def gateway_urls(self, ground: Ground) -> Mapping[str, str]:
        return {site.zone: self._address(site, "gateway") for site in ground.sites}

    def status(self, ground: Ground) -> tuple[ProcessStatus, ...]:
        if ground.outside is None:
            return ()
        return cluster_status.look((ground.outside,), self.clock.now())

    def edge_serves_all(self, ground: Ground) -> bool:
        """A given edge is not ours to ask: the zones' own health must do."""
        if ground.outside is None or self.external_edge:
            return True
        try:
            cluster_zone.api(ground.outside).proxy_get(
                ground.outside.namespace, "edge", 8404, "/health/zones"
            )
        except InsurectlError:
            return False
        return True

    def logs(self, ground: Ground, process: str, lines: int, *, follow: bool) -> Iterator[str]:
        if ground.outside is None:
            return iter(())
        try:
            return cluster_logs.read((ground.outside,), process, lines=lines, follow=follow)
        except BadInput:
            return iter(())

    def fault_kinds(self) -> Mapping[str, str]:
        drains = {} if self.external_edge else {"drain": cluster_faults.DRAIN}
        return {"kill": cluster_faults.KILL, **drains}

    def take_away(self, ground: Ground, kind: str, zone: str) -> None:
        site = ground.site(zone)
        if kind == "kill" and site is not None:
            cluster_faults.kill_pods(site)
        elif ground.outside is not None:
            cluster_faults.drain(ground.outside, zone, "drain")

    def give_back(self, ground: Ground, fault: Fault) -> None:
        site = ground.site(fault.zone)
        if fault.kind == "kill" and site is not None:
            cluster_faults.start_again(site)
        elif ground.outside is not None:
            cluster_faults.drain(ground.outside, fault.zone, "ready")

    def clear(self, zones: tuple[str, ...], folder: Path, progress: Progress) -> None:
        """The namespaces that carry this system's labels, with all that is in them; where these
        credentials may not delete a namespace, only what is in it."""
        sites = self._to_clear(zones, folder)
        if not sites:
            return
        with progress.step(f"namespaces {', '.join(site.namespace for site in sites)}"):
            cluster_zone.at_once([partial(cluster_clear.clear, s, self.name) for s in sites])

    # ---- parts of the above ----

    def _volume_is_chosen(self) -> bool:
        """Whether the user says of which class RabbitMQ's volume is, or that it has none."""
        told = self.chart.under({}).get("rabbitmq")
        storage = told.get("storage") if isinstance(told, Mapping) else None
        return isinstance(storage, Mapping) and (
            bool(storage.get("class")) or storage.get("size", "") is None
        )

    @property
    def _in_one(self) -> bool:
        return len(self.contexts) == 1

    def _namespace(self, zone: str) -> str:
        return f"insure-{self.name}-{zone}" if zone else f"insure-{self.name}"

    def _sites(self, zones: tuple[str, ...]) -> tuple[Site, ...]:
        contexts = self.contexts * len(zones) if self._in_one else self.contexts
        return tuple(
            Site(
                zone=z,
                context=c,
                namespace=self._namespace(z),
                kubeconfig=self.kubeconfig,
                pinned=self._in_one,
            )
            for z, c in zip(zones, contexts, strict=True)
        )

    def _outside(self) -> Site:
        return Site(
            zone="",
            context=self.contexts[0],
            namespace=self._namespace(""),
            kubeconfig=self.kubeconfig,
        )

    def _places(self, zones: tuple[str, ...]) -> tuple[Site, ...]:
        """Every namespace that there will be."""
        return (*((self._outside(),) if self._in_one else ()), *self._sites(zones))

    def _to_clear(self, zones: tuple[str, ...], folder: Path) -> tuple[Site, ...]:
        """What was meant to be made, what the record names, and what carries the labels: an
        earlier call may have died before it kept a record."""
        found = [*(self._places(zones) if zones else ()), *cluster_record.sites(folder)]
        for context in dict.fromkeys(self.contexts):
            found += cluster_clear.labelled(context, self.kubeconfig, self.name)
        return tuple({(one.context, one.namespace): one for one in found}.values())

    def _notes(self, progress: Progress) -> tuple[str, ...]:
        told = []
        for context in dict.fromkeys(self.contexts):
            cluster = cluster_zone.api(
                Site(zone="", context=context, namespace="", kubeconfig=self.kubeconfig)
            )
            if note := kubeconfig_checks.unseen(cluster, context):
                progress.warn(note)
                told.append(note)
        return tuple(told)

    def _given_database(self) -> DatabasePlace | None:
        if not self.external_postgresql:
            return None
        host, _, port = self.external_postgresql.rpartition(":")
        return DatabasePlace(host=host, port=int(port))

    def _check_shape(self, zones: tuple[str, ...]) -> None:
        if not self.contexts:
            raise BadInput(
                "the target kubeconfig needs a context: --context NAME for all zones in one "
                "cluster, or --context once a zone"
            )
        kubeconfig_checks.zone_names(zones, [self._namespace(zone) for zone in zones])
        if self._in_one:
            return
        if len(self.contexts) != len(zones):
            raise BadInput(
                f"{len(self.contexts)} contexts for {len(zones)} zones ({', '.join(zones)}): give "
                "one for all, or one a zone in the same order"
            )
        if not (self.external_postgresql and self.external_edge):
            raise BadInput(
                "zones in clusters of their own share one PostgreSQL and one edge, and neither "
                "may stand in one of them, or losing that zone would lose the others: give both, "
                "external_postgresql (HOST:PORT) and external_edge (URL)"
            )

    def _lay_outside(
        self,
        outside: Site,
        zones: Sequence[str],
        images: cluster_values.Images,
        folder: Path,
        progress: Progress,
    ) -> None:
        gateways = [
            {"name": zone, "gateway": f"gateway.{self._namespace(zone)}:{GATEWAY}"}
            for zone in zones
        ]
        ours = cluster_values.outside_values(
            topology.bundled(),
            system=self.name,
            images=images,
            zones=gateways,
            edge={"type": SERVICE_TYPES[self.expose]},
            database=self._given_database(),
            given_edge=self.external_edge,
        )
        passwords = cluster_zone.passwords(LocalState(folder), superuser=True)
        values = self.chart.under(ours)
        cluster_release.put_outside(folder, outside, self.name, values, passwords, progress)
        cluster_zone.await_rollout((outside,), OUTSIDE_WITHIN_S, self.clock, progress)

    def _address(self, site: Site | None, service: str) -> str:
        """Where a Service is reached from here."""
        if site is None:
            return ""
        until_s = self.clock.now() + ADDRESS_WITHIN_S
        while not (found := cluster_address.of_service(cluster_zone.api(site), site, service)):
            if self.clock.now() > until_s:
                raise TargetNotReady(
                    f"{site.namespace}/{service} got no address within {ADDRESS_WITHIN_S:.0f} s: "
                    "does the cluster have load balancers? INSURECTL_EXPOSE=node-port needs none"
                )
            self.clock.sleep(1.0)
        return f"http://{found}"
