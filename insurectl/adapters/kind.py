"""Groundwork of the target ``kind``: one cluster a zone, PostgreSQL and the edge beside them.

All stand on Docker's network ``kind``, where a zone's gateway is its node's port 30080, from the
edge and from the other zones alike.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from insurectl.adapters import (
    cluster_addons,
    cluster_faults,
    cluster_images,
    cluster_record,
    cluster_values,
    cluster_zone,
    docker_engine,
    fault_journal,
    kind_clusters,
    process,
    programs,
    replicas,
    topology,
)
from insurectl.adapters.cluster_ground import Ground, Site
from insurectl.adapters.cluster_values import DatabasePlace, Images, Provider
from insurectl.adapters.helm import Helm
from insurectl.adapters.kind_clusters import NETWORK, KindClusters
from insurectl.adapters.kind_files import HERE, free_ports, place, place_secrets, port_of
from insurectl.adapters.kubernetes_api import contexts
from insurectl.adapters.local_state import LocalState
from insurectl.errors import BadInput, TargetNotReady
from insurectl.ports import Clock, Progress
from insurectl.records import Fault, ProcessStatus

NODE_PORT = 30080
EDGE_PORT, STATS_PORT = 8080, 8404
READY_WITHIN_S, BESIDE_WITHIN_S = 180.0, 60.0
FREE_MIB = 2500  # memory of a zone: a control plane, KEDA, servers and services
KINDS = {
    "kill": "the zone's node container is killed, as by a power cut",
    "freeze": "the zone's node container is paused",
    "drain": cluster_faults.DRAIN,
}


@dataclass(frozen=True)
class KindGroundwork:
    """``node_image`` empty: kind's own; ``registry`` empty: the images are built and loaded."""

    name: str
    clock: Clock
    node_image: str = ""
    addons: tuple[str, ...] = ()
    registry: str = ""
    provider: Provider = "keda"
    target: str = "kind"

    def check(self, zones: tuple[str, ...], *, new: bool) -> None:
        """Docker, kind, helm, the add-ons' files, and memory for so many clusters."""
        known = topology.bundled().zones
        if unknown := [zone for zone in zones if zone not in known]:
            raise BadInput(f"no zone {unknown[0]!r}; there are: {', '.join(known)}")
        if len(set(zones)) != len(zones):
            raise BadInput(f"--zones {','.join(zones)} names a zone twice")
        docker_engine.connect()
        there = KindClusters().clusters()
        Helm("", None).version  # noqa: B018 - MissingOnMachine without helm
        cluster_addons.parse(self.addons)
        if new:
            process.require_memory(FREE_MIB * len(zones), f"{len(zones)} clusters of kind")
            if others := [name for zone in zones if (name := self._cluster(zone)) in there]:
                raise TargetNotReady(
                    f"there is a kind cluster {others[0]} already, and no record here that this "
                    f"system made it: take another --name, or `kind delete cluster --name "
                    f"{others[0]}` if nobody needs it"
                )

    def preview(self, zones: tuple[str, ...]) -> tuple[str, ...]:
        clusters = [f"make the kind cluster {self._cluster(zone)}" for zone in zones]
        beside = [f"run the container {self._beside(role)}" for role in ("postgresql", "edge")]
        return (*clusters, *beside)

    def lay(self, zones: tuple[str, ...], folder: Path, progress: Progress) -> Ground:
        """Images first, then every cluster at once, then what stands beside them."""
        images = cluster_images.built(progress, self.registry)
        before, ground = _recorded(folder), self._ground(zones, folder, images)
        known = replace(ground, images=before.images) if before else ground
        cluster_record.keep_ground(folder, known)  # destroy knows of what is made from now on
        here = [site for site in ground.sites if not _is_down(folder, site.zone)]
        with progress.step(f"clusters {', '.join(self._cluster(site.zone) for site in here)}"):
            cluster_zone.at_once([partial(self._raise_zone, site, ground) for site in here])
        with progress.step("PostgreSQL and the edge"):
            self._stand_beside(zones, folder, ground)
        return ground

    def gateway_urls(self, ground: Ground) -> Mapping[str, str]:
        return ground.gateway_urls

    def status(self, ground: Ground) -> tuple[ProcessStatus, ...]:
        engine = docker_engine.connect()
        found = []
        for role in ("edge", "postgresql"):
            seen = engine.look(self._beside(role))
            found.append(
                ProcessStatus(
                    zone="",
                    name=role,
                    state=seen.state,
                    pid=seen.pid,
                    address=ground.edge_url.removeprefix("http://") if role == "edge" else None,
                    memory_mib=seen.memory_mib,
                    restarts=seen.restarts,
                    oom_kills=seen.oom_kills,
                    detail=seen.detail,
                )
            )
        return tuple(found)

    def edge_serves_all(self, ground: Ground) -> bool:
        return replicas.answer(f"{ground.edge_stats}/health/zones", timeout_s=2.0) == "ok"

    def logs(self, ground: Ground, process: str, lines: int, *, follow: bool) -> Iterator[str]:
        if process not in ("edge", "postgresql"):
            return iter(())
        return docker_engine.connect().logs(self._beside(process), lines=lines, follow=follow)

    def fault_kinds(self) -> Mapping[str, str]:
        return KINDS

    def take_away(self, ground: Ground, kind: str, zone: str) -> None:
        node, engine = kind_clusters.control_plane(self._cluster(zone)), docker_engine.connect()
        match kind:
            case "kill":
                engine.kill(node)
            case "freeze":
                engine.pause(node)
            case "drain":
                self._tell_edge(zone, "drain")

    def give_back(self, ground: Ground, fault: Fault) -> None:
        """A node that was down gets the images, too, that a deploy meanwhile gave to the others."""
        if fault.kind == "drain":
            self._tell_edge(fault.zone, "ready")
            return
        cluster, site = self._cluster(fault.zone), ground.site(fault.zone)
        assert site is not None, "the caller looked"
        docker_engine.connect().ensure_runs(kind_clusters.control_plane(cluster))
        cluster_zone.await_answer(site, READY_WITHIN_S, self.clock)
        if not self.registry:
            cluster_images.load(KindClusters(), cluster, site, ground.images)

    def clear(self, zones: tuple[str, ...], folder: Path, progress: Progress) -> None:
        """What this system's record names, and containers with its label."""
        ground = _recorded(folder)
        engine, kubeconfig = docker_engine.connect(), folder / "kubeconfig"
        if ground is not None:
            cluster_zone.at_once(
                [
                    partial(KindClusters().delete, self._cluster(site.zone), kubeconfig)
                    for site in ground.sites
                ]
            )
        engine.remove_all(self.name)
        if ground is not None and ground.network_made:
            engine.remove_network_if_unused(NETWORK)

    # ---- parts of the above ----

    def _cluster(self, zone: str) -> str:
        return f"insure-{self.name}-{zone}"

    def _beside(self, role: str) -> str:
        return f"insure-{self.name}-{role}"

    def _ground(self, zones: tuple[str, ...], folder: Path, images: Images) -> Ground:
        """Ports of this machine stay what they were when it is there already."""
        before = _recorded(folder)
        ports = free_ports(2 + len(zones))
        urls = [f"http://{HERE}:{port}" for port in ports]
        gateway = {"type": "NodePort", "nodePort": NODE_PORT}
        return Ground(
            sites=tuple(self._site(zone, folder) for zone in zones),
            outside=None,
            database=DatabasePlace(host=self._beside("postgresql")),
            edge_url=before.edge_url if before else urls[0],
            edge_stats=before.edge_stats if before else urls[1],
            edge_inside=f"http://{self._beside('edge')}:{EDGE_PORT}",
            gateways=dict.fromkeys(zones, gateway),
            gateway_urls=(
                before.gateway_urls if before else dict(zip(zones, urls[2:], strict=True))
            ),
            images=images,
            network_made=(
                before.network_made if before else not docker_engine.connect().has_network(NETWORK)
            ),
        )

    def _site(self, zone: str, folder: Path) -> Site:
        return Site(
            zone=zone,
            context=kind_clusters.context(self._cluster(zone)),
            namespace=self._cluster(zone),
            kubeconfig=folder / "kubeconfig",
        )

    def _raise_zone(self, site: Site, ground: Ground) -> None:
        """One cluster with the images and what it lacks; a node that was stopped starts again. One
        whose making was killed is made anew."""
        kind, cluster = KindClusters(), self._cluster(site.zone)
        assert site.kubeconfig is not None
        there = cluster in kind.clusters()
        if there and not _is_whole(site):
            kind.delete(cluster, site.kubeconfig)
            there = False
        programs.go_on()
        if there:
            docker_engine.connect().ensure_runs(kind_clusters.control_plane(cluster))
            cluster_zone.await_answer(site, READY_WITHIN_S, self.clock)
        else:
            config = _cluster_config(ground.gateway_urls[site.zone])
            kind.create(cluster, config, self.node_image or None, READY_WITHIN_S, site.kubeconfig)
        wanted = [
            one
            for one in cluster_addons.parse(self.addons)
            if one.name != "keda" or self.provider == "keda"
        ]
        tasks: list[Callable[[], object]] = [
            partial(cluster_addons.ensure, site, wanted, self.clock)
        ]
        if not self.registry:
            tasks.append(partial(cluster_images.load, kind, cluster, site, ground.images))
        cluster_zone.at_once(tasks)

    def _stand_beside(self, zones: Sequence[str], folder: Path, ground: Ground) -> None:
        engine, known, platform = (
            docker_engine.connect(),
            topology.bundled(),
            ground.images.names()[1],
        )
        passwords = cluster_zone.passwords(LocalState(folder), superuser=True)
        database = {
            "host": "0.0.0.0",
            "port": 5432,
            "max_connections": known.max_connections,
            "network": "0.0.0.0/0",
            "databases": cluster_values.databases(known),
        }
        gateways = [
            {"name": z, "gateway": f"{kind_clusters.control_plane(self._cluster(z))}:{NODE_PORT}"}
            for z in zones
        ]
        edge = {
            "listen": f"0.0.0.0:{EDGE_PORT}",
            "stats": f"0.0.0.0:{STATS_PORT}",
            "zones": gateways,
        }
        engine.run(
            self._beside("postgresql"),
            platform,
            "postgresql",
            system=self.name,
            network=NETWORK,
            config=place(folder, "postgresql", database),
            secrets=place_secrets(folder, passwords),
            volume="/var/lib/insure/data",
        )
        engine.run(
            self._beside("edge"),
            platform,
            "edge",
            system=self.name,
            network=NETWORK,
            config=place(folder, "edge", edge),
            ports={EDGE_PORT: port_of(ground.edge_url), STATS_PORT: port_of(ground.edge_stats)},
        )
        engine.await_healthy([self._beside("postgresql")], BESIDE_WITHIN_S)

    def _tell_edge(self, zone: str, state: str) -> None:
        said = docker_engine.connect().execute(
            self._beside("edge"), cluster_faults.edge_command(zone, state)
        )
        if said.strip():
            raise TargetNotReady(f"the edge refused to set zone {zone} to {state}: {said.strip()}")


def _recorded(folder: Path) -> Ground | None:
    with suppress(TargetNotReady):
        return cluster_record.ground(folder)
    return None


def _is_down(folder: Path, zone: str) -> bool:
    """A fault switched its node off, which only its failback may end."""
    fault = fault_journal.current(folder, zone)
    return fault is not None and fault.kind != "drain"


def _is_whole(site: Site) -> bool:
    """Its context is the last that is written when a cluster is made."""
    there = site.kubeconfig is not None and site.kubeconfig.is_file()
    return there and site.context in contexts(site.kubeconfig)


def _cluster_config(gateway_url: str) -> dict[str, object]:
    """One node, whose gateway port is also one of this machine's loopback."""
    mapping = {
        "listenAddress": HERE,
        "hostPort": port_of(gateway_url),
        "containerPort": NODE_PORT,
    }
    return {"nodes": [{"role": "control-plane", "extraPortMappings": [mapping]}]}
