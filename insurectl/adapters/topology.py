"""Reads ``system/topology.yaml``, the one list of what runs, without importing the system."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from importlib.util import find_spec
from pathlib import Path
from typing import Any, Literal

import yaml

from insurectl.errors import BadFile, BadInput, MissingOnMachine
from insurectl.records import (
    KUBERNETES_SCALE_DOWN,
    KUBERNETES_SCALE_UP,
    Autoscaling,
    Cost,
    MetricTarget,
    ServiceTuning,
    Tuning,
)


@dataclass(frozen=True, kw_only=True)
class Server:
    """A server of the platform; ``host`` is the last byte, ``port`` an offset to the base."""

    name: str
    host: int
    port: int
    program: str


@dataclass(frozen=True, kw_only=True)
class Database:
    """One service's own; ``pool``: connections a replica; ``apart``: more, held for good."""

    name: str
    role: str
    pool: int
    apart: int = 0


Tokens = Literal["none", "verify", "issue"]
INSURER_STUB = "insurer-stub"  # who needs it, and itself, is told how many insurers there are


@dataclass(frozen=True, kw_only=True)
class Service:
    """One service; ``slots``: replicas that fit in a zone; ``callers``: services that may call it;
    ``publishes``, ``consumes``: events; ``tokens``: what it does with people's."""

    name: str
    module: str
    index: int
    port: int
    needs: tuple[str, ...]
    slots: int
    tuning: ServiceTuning
    cost: Cost
    database: Database | None = None
    command: str = "serve"
    callers: tuple[str, ...] = ()
    publishes: tuple[str, ...] = ()
    consumes: tuple[str, ...] = ()
    tokens: Tokens = "none"
    migrates: bool = False
    seeds: bool = False

    @property
    def knows_insurers(self) -> bool:
        """Whether it is told how many insurers there are."""
        return self.name == INSURER_STUB or INSURER_STUB in self.needs


@dataclass(frozen=True, kw_only=True)
class Demand:
    """What one person who applies leads to: service -> requests, and those for each insurer."""

    calls: Mapping[str, float]
    calls_per_insurer: Mapping[str, float]
    insurer_per_second: float
    aggregator_per_second: float
    applications_max: int


@dataclass(frozen=True, kw_only=True)
class Topology:
    """``zones``: name -> third byte of its network."""

    zones: Mapping[str, int]
    outside: Mapping[str, Server]
    zone: Mapping[str, Server]
    services: Mapping[str, Service]
    max_connections: int
    reserved_connections: int
    partner_per_minute: int
    insurers: int
    people_in_flight: int
    people_streams: int
    demand: Demand

    def service(self, name: str) -> Service:
        """BadInput for a service that there is not."""
        if name not in self.services:
            raise BadInput(f"no service {name!r}; there are: {', '.join(self.services)}")
        return self.services[name]

    def calls(self, service: str) -> bool:
        """Whether it calls another service, so has a secret of its own."""
        return any(service in one.callers for one in self.services.values())

    def databases(self) -> dict[str, Database]:
        """Service -> its database, of those that have one; two services may share one."""
        return {n: s.database for n, s in self.services.items() if s.database is not None}

    def tuning(self) -> Tuning:
        """What is in force when nothing else was asked for."""
        return Tuning(
            services=tuple(s.tuning for s in self.services.values()),
            partner_per_minute=self.partner_per_minute,
        )

    def costs(self) -> dict[str, Cost]:
        """The cost of each service when nothing else was asked for."""
        return {name: s.cost for name, s in self.services.items()}


def system_folder() -> Path:
    """Where the bundled system lies, found without running any of it."""
    spec = find_spec("system")
    for place in (spec.submodule_search_locations if spec else None) or ():
        if (Path(place) / "topology.yaml").is_file():
            return Path(place)
    raise MissingOnMachine(
        "the bundled insurance system is not installed: pip install 'insurectl[system]'"
    )


@cache
def bundled() -> Topology:
    """The topology of the bundled system."""
    return read(system_folder() / "topology.yaml")


def read(path: Path) -> Topology:
    """BadFile for a file that does not hold a topology."""
    try:
        content = yaml.safe_load(path.read_text())
        return _parse(content)
    except (yaml.YAMLError, KeyError, TypeError, AttributeError) as error:
        raise BadFile(path, f"no topology: {error!r}") from error


def _parse(content: Mapping[str, Any]) -> Topology:
    postgresql = content["outside"]["postgresql"]
    return Topology(
        zones={name: zone["network"] for name, zone in content["zones"].items()},
        outside=_servers(content["outside"]),
        zone=_servers(content["zone"]),
        services={name: _service(name, s) for name, s in content["services"].items()},
        max_connections=postgresql["max_connections"],
        reserved_connections=postgresql["reserved"],
        partner_per_minute=content["limits"]["partner_per_minute"],
        insurers=content["insurers"],
        people_in_flight=content["limits"]["people_in_flight"],
        people_streams=content["limits"]["people_streams"],
        demand=Demand(**content["demand"]),
    )


def _servers(content: Mapping[str, Any]) -> dict[str, Server]:
    return {
        name: Server(name=name, host=s["host"], port=s["port"], program=s["program"])
        for name, s in content.items()
    }


def _service(name: str, content: Mapping[str, Any]) -> Service:
    memory, database = content["memory"], content.get("database")
    return Service(
        name=name,
        module=content["module"],
        index=content["index"],
        port=content["port"],
        needs=tuple(content["needs"]),
        slots=content["replicas"]["slots"],
        database=None if database is None else Database(**database),
        command=content.get("command", "serve"),
        callers=tuple(content.get("callers", ())),
        publishes=tuple(content.get("publishes", ())),
        consumes=tuple(content.get("consumes", ())),
        tokens=content.get("tokens", "none"),
        migrates=database is not None and content.get("migrates", True),
        seeds=content.get("seeds", False),
        tuning=ServiceTuning(
            service=name,
            replicas=content["replicas"]["initial"],
            memory_request_mib=memory["request_mib"],
            memory_limit_mib=memory["limit_mib"],
            autoscaling=_autoscaling(content.get("autoscaling")),
        ),
        cost=Cost(**content.get("cost", {})),
    )


def _autoscaling(content: Mapping[str, Any] | None) -> Autoscaling | None:
    if content is None:
        return None
    memory = MetricTarget(
        kind="Resource", name="memory", utilization_percent=content["memory_percent"]
    )
    return Autoscaling(
        min_replicas=content["min"],
        max_replicas=content["max"],
        metrics=(memory,),
        scale_up=KUBERNETES_SCALE_UP,
        scale_down=KUBERNETES_SCALE_DOWN,
    )
