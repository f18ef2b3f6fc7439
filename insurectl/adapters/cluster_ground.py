"""What the zones of a cluster system stand on: clusters made for them, or ones that exist."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

from insurectl.adapters.cluster_values import DatabasePlace, Images
from insurectl.ports import Progress
from insurectl.records import Fault, ProcessStatus

RELEASE = "insure-system"
OWNER = "app.kubernetes.io/managed-by"
SYSTEM = "insurectl.system"
ZONE = "insurectl.zone"


@dataclass(frozen=True, kw_only=True)
class Site:
    """Where one release stands; ``zone`` is empty for what stands outside the zones.
    ``kubeconfig`` None: the user's own; ``pinned``: only to nodes whose zone label is the zone's
    name."""

    zone: str
    context: str
    namespace: str
    kubeconfig: Path | None = None
    pinned: bool = False

    def labels(self, system: str) -> dict[str, str]:
        """By which insurectl knows what it made."""
        return {OWNER: "insurectl", SYSTEM: system, ZONE: self.zone}


@dataclass(frozen=True, kw_only=True)
class Ground:
    """What stands before the zones do. ``gateways``: values of each zone's gateway Service;
    ``gateway_urls``: where insurectl reaches it; ``database`` None: the one in ``outside``;
    ``network_made``: Docker's network was not there before."""

    sites: tuple[Site, ...]
    outside: Site | None
    database: DatabasePlace | None
    edge_url: str
    edge_inside: str
    gateways: Mapping[str, Mapping[str, Any]]
    gateway_urls: Mapping[str, str]
    images: Images
    edge_stats: str = ""
    network_made: bool = False
    notes: tuple[str, ...] = field(default=())

    def site(self, zone: str) -> Site | None:
        """The zone's, or None."""
        return next((one for one in self.sites if one.zone == zone), None)


class Groundwork(Protocol):
    """Lays the ground; one adapter a target."""

    @property
    def target(self) -> str:
        """Its name."""

    def check(self, zones: tuple[str, ...], *, new: bool) -> None:
        """What can be known to go wrong before anything starts: MissingOnMachine,
        TargetNotReady or BadInput."""

    def preview(self, zones: tuple[str, ...]) -> tuple[str, ...]:
        """What would be made, one line each."""

    def lay(self, zones: tuple[str, ...], folder: Path, progress: Progress) -> Ground:
        """Clusters, images, what a new cluster lacks, PostgreSQL and the edge; twice does
        nothing. ``folder``: the system's own, with its secrets."""

    def gateway_urls(self, ground: Ground) -> Mapping[str, str]:
        """Where each zone's gateway is reached from here, once its release stands."""

    def status(self, ground: Ground) -> tuple[ProcessStatus, ...]:
        """What stands outside the zones."""

    def edge_serves_all(self, ground: Ground) -> bool:
        """Whether the edge sends people to every zone."""

    def logs(self, ground: Ground, process: str, lines: int, *, follow: bool) -> Iterator[str]:
        """Of what stands outside the zones; nothing for a process that is not there."""

    def fault_kinds(self) -> Mapping[str, str]:
        """The faults that it can do, and what each does."""

    def take_away(self, ground: Ground, kind: str, zone: str) -> None:
        """Do it; the journal is kept by the caller."""

    def give_back(self, ground: Ground, fault: Fault) -> None:
        """Undo it, as far as it needs undoing before a deploy."""

    def clear(self, zones: tuple[str, ...], folder: Path, progress: Progress) -> None:
        """Take away all that ``lay`` made; fine when nothing is there."""
