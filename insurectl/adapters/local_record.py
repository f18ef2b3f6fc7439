"""The record of a local deployment, and the costs that it is deployed with."""

from collections.abc import Mapping

from insurectl.adapters.address_plan import AddressPlan
from insurectl.adapters.local_state import LocalState
from insurectl.adapters.topology import Topology
from insurectl.records import Cost, Deployment, Tuning, Zone

NOTE = "PostgreSQL stands once, outside the zones; its replication is work to come"


def record(
    state: LocalState,
    clients: int,
    addresses: AddressPlan,
    tuning: Tuning,
    costs: Mapping[str, Cost],
    began_s: float,
) -> Deployment:
    """``took_s`` is not known yet."""
    return Deployment(
        name=state.folder.name,
        target="local",
        deployed_at_s=began_s,
        took_s=0.0,
        edge_url=addresses.outside("edge").url,
        zones=tuple(_zone(addresses, zone) for zone in addresses.zones),
        costs=costs,
        tuning=tuning,
        clients=clients,
        credentials_file=f"{state.credentials}",
        slots={name: one.slots for name, one in addresses.topology.services.items()},
        notes=(NOTE,),
    )


def costs(
    wanted: Mapping[str, Cost] | None, before: Deployment | None, known: Topology
) -> Mapping[str, Cost]:
    """What the plan leaves out is as the topology says; no plan at all: as it is deployed."""
    if wanted is None:
        return before.costs if before else known.costs()
    for service in wanted:
        known.service(service)
    return {**known.costs(), **wanted}


def _zone(addresses: AddressPlan, zone: str) -> Zone:
    return Zone(
        name=zone,
        gateway_url=addresses.server(zone, "gateway").url,
        prometheus_url=addresses.server(zone, "prometheus").url,
    )
