"""Groundwork of the target ``kubeconfig``: clusters that exist. Nothing is touched that insurectl
did not make, and it makes only namespaces and what is in them.

One context holds everything, its zones are node labels; or one context a zone, and then PostgreSQL
and the edge stand outside them all and are given.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from insurectl.adapters import (
    cluster_addons,
    cluster_address,
    cluster_faults,
    cluster_images,
    cluster_logs,
    cluster_status,
    cluster_values,
    cluster_zone,
    topology,
)
from insurectl.adapters.cluster_ground import Ground, Site
from insurectl.adapters.cluster_values import DatabasePlace, Provider
from insurectl.adapters.helm import Helm
from insurectl.adapters.kubernetes_api import ClusterApi
from insurectl.adapters.local_state import LocalState
from insurectl.errors import BadInput, InsurectlError, TargetNotReady
from insurectl.ports import Clock, Progress
from insurectl.records import Fault, ProcessStatus

NEEDED_MIB, NEEDED_MILLIS = 1200, 600  # what one zone asks for with one replica of each service
ADDRESS_WITHIN_S = 180.0
OUTSIDE_WITHIN_S = 300.0
GATEWAY = 8080
Expose = Literal["node-port", "load-balancer"]
SERVICE_TYPES = {"node-port": "NodePort", "load-balancer": "LoadBalancer"}
RIGHTS = (  # verb, resource, group: what a zone's release needs in its namespace
    ("create", "deployments", "apps"),
    ("patch", "deployments/scale", "apps"),
    ("create", "services", ""),
    ("create", "configmaps", ""),
    ("create", "secrets", ""),
    ("create", "roles", "rbac.authorization.k8s.io"),
    ("create", "networkpolicies", "networking.k8s.io"),
    ("create", "pods/exec", ""),
    ("get", "services/proxy", ""),
)


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
    target: str = "kubeconfig"

    def check(self, zones: tuple[str, ...], *, new: bool) -> None:
        """Contexts, versions, rights, APIs, room: before anything is made."""
        self._check_shape(zones)
        Helm(self.contexts[0], self.kubeconfig).version  # noqa: B018 - MissingOnMachine without helm
        for site in self._sites(zones):
            cluster = cluster_zone.api(site)
            cluster.check()
            self._check_rights(cluster, site)
            self._check_apis(cluster, site)
            if new:
                _check_room(cluster, site, zones if self._in_one else ())

    def lay(self, zones: tuple[str, ...], folder: Path, progress: Progress) -> Ground:
        """In one context PostgreSQL and the edge come first; given ones are only named."""
        images = cluster_images.of_registry(self.registry)
        sites = self._sites(zones)
        gateway = {"type": SERVICE_TYPES[self.expose]}
        outside = self._outside() if self._in_one else None
        if outside is not None:
            with progress.step("PostgreSQL and the edge"):
                self._lay_outside(outside, zones, images, folder, progress)
        else:
            self._check_secrets(folder)
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
        )

    def status(self, ground: Ground) -> tuple[ProcessStatus, ...]:
        if ground.outside is None:
            return ()
        return cluster_status.look((ground.outside,), self.clock.now())

    def edge_serves_all(self, ground: Ground) -> bool:
        """A given edge is not ours to ask: the zones' own health must do."""
        if ground.outside is None:
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
        """The namespaces that carry this system's labels, with all that is in them."""
        sites = self._sites(zones) if zones else ()
        for site in (*sites, *((self._outside(),) if self._in_one else ())):
            with progress.step(f"namespace {site.namespace}"):
                cluster_zone.api(site).delete_namespace(site.namespace, site.labels(self.name))

    # ---- parts of the above ----

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

    def _check_rights(self, cluster: ClusterApi, site: Site) -> None:
        if site.namespace not in cluster.namespaces(site.labels(self.name)):
            if not cluster.allowed("create", "namespaces"):
                labels = ",".join(f"{k}={v}" for k, v in site.labels(self.name).items())
                raise TargetNotReady(
                    f"context {site.context} may not create the namespace {site.namespace}: ask "
                    f"for that right, or for the namespace with the labels {labels}"
                )
            return  # who may create it need not have rights in it yet
        missing = [
            f"{verb} {resource}"
            for verb, resource, group in RIGHTS
            if not cluster.allowed(verb, resource, group, site.namespace)
        ]
        if missing:
            raise TargetNotReady(
                f"context {site.context} lacks rights in {site.namespace}: {', '.join(missing)}"
            )

    def _check_apis(self, cluster: ClusterApi, site: Site) -> None:
        needed = ["metrics-server", *(["keda"] if self.provider == "keda" else [])]
        for name in needed:
            if problem := cluster.api_problem(cluster_addons.APIS[name]):
                other = ", or use plain autoscalers: INSURECTL_AUTOSCALER=hpa"
                raise TargetNotReady(
                    f"context {site.context}: {problem}; install {name} in that cluster"
                    f"{other if name == 'keda' else ''}"
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
            {"name": zone, "gateway": f"gateway.{self._namespace(zone)}.svc:{GATEWAY}"}
            for zone in zones
        ]
        values = cluster_values.outside_values(
            topology.bundled(),
            system=self.name,
            images=images,
            zones=gateways,
            edge={"type": SERVICE_TYPES[self.expose]},
            database=self._given_database(),
            given_edge=self.external_edge,
        )
        passwords = cluster_zone.passwords(LocalState(folder), superuser=True)
        cluster_zone.release(outside, self.name, values, passwords)
        cluster_zone.await_rollout((outside,), OUTSIDE_WITHIN_S, self.clock, progress)

    def _check_secrets(self, folder: Path) -> None:
        """Of a given PostgreSQL the passwords are given too: a file a role."""
        state = LocalState(folder)
        names = cluster_values.roles(topology.bundled().services)
        if missing := [name for name in names if not (state.secrets / name).exists()]:
            raise BadInput(
                f"PostgreSQL at {self.external_postgresql} is given, so its passwords must be: put "
                f"each into a file of mode 0600 under {state.secrets}: {', '.join(missing)}"
            )

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


def _check_room(cluster: ClusterApi, site: Site, zones: Sequence[str]) -> None:
    """Every zone's nodes must have room for one replica of each service, or pods would wait."""
    nodes = [node for node in cluster.nodes() if node.usable]
    places = {node.zone for node in nodes if node.zone}
    if zones and site.zone not in places:
        there = ", ".join(sorted(places)) or "none has that label"
        label = f"{cluster_values.ZONE_LABEL}={site.zone}"
        raise TargetNotReady(
            f"context {site.context}: no node has the label {label} (there are: "
            f"{there}); name the zones as the nodes do, with --zones"
        )
    ours = [node for node in nodes if not zones or node.zone == site.zone]
    free_mib = sum(node.free_memory_mib for node in ours)
    free_millis = sum(node.free_cpu_millis for node in ours)
    if free_mib < NEEDED_MIB or free_millis < NEEDED_MILLIS:
        raise TargetNotReady(
            f"context {site.context}, zone {site.zone}: {free_mib:.0f} MiB and {free_millis:.0f}m "
            f"CPU are free, and a zone asks for {NEEDED_MIB} MiB and {NEEDED_MILLIS}m: add nodes, "
            "or take down what is not needed"
        )
