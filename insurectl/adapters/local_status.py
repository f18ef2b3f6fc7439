"""Looks at every process of a local system: what its supervisor says, and what itself answers."""

import json
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Literal

import psutil

from insurectl.adapters import fault_journal, local_probes, replicas, service_secrets
from insurectl.adapters.address_plan import Address, AddressPlan
from insurectl.adapters.local_config import REDIS_NAME
from insurectl.adapters.local_programs import REDIS, SENTINELS
from insurectl.adapters.local_state import LocalState
from insurectl.adapters.postgresql import PostgreSQL
from insurectl.adapters.supervisor import UP, Program
from insurectl.errors import TargetNotReady
from insurectl.records import ProcessStatus, SystemStatus

State = Literal["healthy", "starting", "unhealthy", "stopped", "gone"]
Probe = Callable[[], str]
STARTING_S = 15.0  # from its start a process may take this long before it must answer


@dataclass(frozen=True)
class Expected:
    """A process that should be there; ``probe``: asks it whether it is well."""

    zone: str
    group: str
    name: str
    address: Address
    probe: Probe


@dataclass(frozen=True)
class Seen:
    """What one supervisor and the zone's agent know."""

    programs: dict[str, Program] | None
    restarts: dict[str, int]
    ooms: dict[str, int]


def look(state: LocalState, plan: AddressPlan, now_s: float) -> SystemStatus:
    """Never changes anything."""
    places = (None, *plan.zones)
    seen = {place or "": _seen(state, place) for place in places}
    expected = [process for place in places for process in _expected(state, plan, place, seen)]
    with ThreadPoolExecutor(16) as pool:
        processes = list(pool.map(lambda e: _status(e, seen[e.zone]), expected))
    supervisors = [_supervisor(place or "", seen[place or ""]) for place in places]
    away = [fault for zone in plan.zones if (fault := fault_journal.current(state.folder, zone))]
    return SystemStatus(
        name=state.folder.name,
        target="local",
        at_s=now_s,
        healthy=all(p.state == "healthy" for p in (*processes, *supervisors)) and not away,
        edge_url=plan.outside("edge").url,
        processes=(*supervisors, *processes),
        notes=tuple(f"zone {f.zone} was taken away: {f.kind}" for f in away),
    )


def edge_serves_all(plan: AddressPlan) -> bool:
    """Every process may be well for a second before the edge sends anybody to it."""
    return replicas.answer(f"{plan.outside('edge-stats').url}/health/zones") == "ok"


def _seen(state: LocalState, zone: str | None) -> Seen:
    node = replicas.supervisor(state.folder, zone)
    try:
        programs = {program.name: program for program in node.programs()}
    except TargetNotReady:
        return Seen(None, node.restarts(), _ooms(node.folder))
    return Seen(programs, node.restarts(), _ooms(node.folder))


def _ooms(folder: Path) -> dict[str, int]:
    path = folder / "oom.json"
    found: dict[str, int] = json.loads(path.read_text()) if path.exists() else {}
    return found


def _expected(
    state: LocalState, plan: AddressPlan, zone: str | None, seen: dict[str, Seen]
) -> Iterator[Expected]:
    if zone is None:
        edge, stats = plan.outside("edge"), plan.outside("edge-stats")
        yield Expected("", "edge", "edge", edge, _over_http(stats, "/health/ready"))
        database = plan.outside("postgresql")
        yield Expected(
            "", "postgresql", "postgresql", database, partial(_database, state, database)
        )
        return
    for name, probe in _servers(state, plan, zone).items():
        yield Expected(zone, name, name, plan.server(zone, name), probe)
    for service in plan.topology.services.values():
        wanted = set(range(replicas.wanted(state.folder, zone, service.name) or 0))
        programs = seen[zone].programs
        if programs is not None:
            up = {n for n in range(service.slots) if programs[f"{service.name}-{n}"].state in UP}
            spare = len(wanted) - len(up)
            wanted = up | set(sorted(wanted - up)[: max(0, spare)])
        for number in sorted(wanted):
            address = plan.replica(zone, service.name, number)
            name = f"{service.name}-{number}"
            yield Expected(zone, service.name, name, address, _over_http(address, "/health/ready"))


def _servers(state: LocalState, plan: AddressPlan, zone: str) -> dict[str, Probe]:
    at = partial(plan.server, zone)
    watching = service_secrets.REDIS_SENTINEL
    redis = partial(local_probes.redis, user=watching, password=state.secrets / watching)
    sentinel = partial(local_probes.sentinel, master=REDIS_NAME)
    return {
        "gateway": _over_http(at("gateway"), "/health/ready"),
        "mesh": _over_http(at("mesh"), "/health/ready"),
        "prometheus": _over_http(at("prometheus"), "/-/ready"),
        "agent": _over_http(at("agent"), "/metrics"),
        "rabbitmq": partial(local_probes.rabbitmq, at("rabbitmq")),
        **{name: partial(redis, at(name)) for name in REDIS},
        **{name: partial(sentinel, at(name)) for name in SENTINELS},
    }


def _over_http(address: Address, path: str) -> Probe:
    return partial(replicas.answer, f"{address.url}{path}", timeout_s=2.0)


def _database(state: LocalState, address: Address) -> str:
    return "ok" if PostgreSQL(state, address).ready() else "does not answer"


def _status(expected: Expected, seen: Seen) -> ProcessStatus:
    program = seen.programs.get(expected.name) if seen.programs is not None else None
    said = expected.probe()
    found, detail = _judge(program, said, supervised=seen.programs is not None)
    return ProcessStatus(
        zone=expected.zone,
        name=expected.name,
        state=found,
        pid=program.pid if program else None,
        address=f"{expected.address}",
        memory_mib=_memory_mib(program.pid) if program and program.pid else None,
        restarts=seen.restarts.get(expected.name, 0),
        oom_kills=seen.ooms.get(expected.name, 0),
        detail=detail,
    )


def _judge(program: Program | None, said: str, *, supervised: bool) -> tuple[State, str]:
    if not supervised:
        return ("unhealthy", "runs without a supervisor") if said == "ok" else ("gone", said)
    if program is None or program.state in ("EXITED", "FATAL", "UNKNOWN"):
        return "gone", program.detail if program else "its supervisor does not know it"
    if program.state in ("STOPPED", "STOPPING"):
        return "stopped", program.state.lower()
    if program.state == "BACKOFF":
        return "unhealthy", program.detail
    if said == "ok":
        return "healthy", ""
    return ("starting" if program.up_s < STARTING_S else "unhealthy"), said


def _supervisor(zone: str, seen: Seen) -> ProcessStatus:
    there = seen.programs is not None
    return ProcessStatus(
        zone=zone,
        name="supervisor",
        state="healthy" if there else "gone",
        detail="" if there else "does not answer; insurectl deploy mends it",
    )


def _memory_mib(pid: int) -> float | None:
    with suppress(psutil.Error):
        return float(psutil.Process(pid).memory_info().rss / 2**20)
    return None
