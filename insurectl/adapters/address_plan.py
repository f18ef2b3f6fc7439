"""Which address and port each process of a system has: system number K owns 127.K.0.0/16.

Ports are the same everywhere, so that only the address says which system and zone it is.
"""

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from insurectl.adapters import topology as topologies
from insurectl.adapters.topology import Topology
from insurectl.errors import BadInput, TargetNotReady

OUTSIDE = 1  # third byte of the network beside the zones
FIRST_REPLICA = 40
REPLICAS_A_SERVICE = 20
SLOTS = range(32)  # systems that may stand side by side on one machine
FILE = "address.json"


@dataclass(frozen=True)
class Address:
    """An IPv4 address and a port."""

    host: str
    port: int

    def __str__(self) -> str:
        return f"{self.host}:{self.port}"

    @property
    def url(self) -> str:
        """Without a slash at the end."""
        return f"http://{self}"


@dataclass(frozen=True)
class AddressPlan:
    """``zones``: those that are deployed."""

    slot: int
    port_base: int
    zones: tuple[str, ...]
    topology: Topology

    def outside(self, server: str) -> Address:
        """A server beside the zones."""
        found = self.topology.outside[server]
        return self._address(OUTSIDE, found.host, found.port)

    def server(self, zone: str, server: str) -> Address:
        """A server of the zone."""
        found = self.topology.zone[server]
        return self._address(self._network(zone), found.host, found.port)

    def service(self, zone: str, service: str) -> Address:
        """Where the zone's mesh answers for the service."""
        mesh = self.topology.zone["mesh"]
        port = self.topology.service(service).port
        return self._address(self._network(zone), mesh.host, port)

    def replica(self, zone: str, service: str, number: int) -> Address:
        """BadInput for a number that the service has no slot for."""
        found = self.topology.service(service)
        if not 0 <= number < found.slots:
            raise BadInput(f"{service} has replicas 0 to {found.slots - 1}, no {number}")
        host = FIRST_REPLICA + REPLICAS_A_SERVICE * found.index + number
        return self._address(self._network(zone), host, found.port)

    def every(self) -> Iterator[Address]:
        """All that the system may ever listen on."""
        yield from (self.outside(name) for name in self.topology.outside)
        for zone in self.zones:
            yield from (self.server(zone, name) for name in self.topology.zone)
            for service in self.topology.services.values():
                yield self.service(zone, service.name)
                yield from (self.replica(zone, service.name, n) for n in range(service.slots))

    def save(self, folder: Path) -> None:
        """Keep it; whoever works on this system later reads the same addresses."""
        kept = {"slot": self.slot, "port_base": self.port_base, "zones": self.zones}
        (folder / FILE).write_text(json.dumps(kept))

    def _network(self, zone: str) -> int:
        if zone not in self.zones:
            raise BadInput(f"no zone {zone!r}; there are: {', '.join(self.zones)}")
        return self.topology.zones[zone]

    def _address(self, network: int, host: int, offset: int) -> Address:
        return Address(f"127.{self.slot}.{network}.{host}", self.port_base + offset)


def load(folder: Path) -> AddressPlan:
    """The plan that ``save`` kept; TargetNotReady when there is none."""
    try:
        kept = json.loads((folder / FILE).read_text())
    except FileNotFoundError:
        raise TargetNotReady(
            f"no system {folder.name!r} is deployed here; insurectl deploy brings one up"
        ) from None
    return AddressPlan(kept["slot"], kept["port_base"], tuple(kept["zones"]), topologies.bundled())
