"""The replicas of one service in one zone: how many, which, and whether they are ready.

Used by the target and by the zone's agent; ``state`` is the folder of the system.
"""

import json
import urllib.error
import urllib.request
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path

from insurectl.adapters import address_plan
from insurectl.adapters.address_plan import Address
from insurectl.adapters.local_state import LocalState, locked
from insurectl.adapters.supervisor import UP, Program, Supervisor
from insurectl.errors import BadInput, TargetNotReady
from insurectl.records import ServiceTuning

# loopback is never reached through a proxy
_OPENER = urllib.request.build_opener(urllib.request.ProxyHandler({}))


@dataclass(frozen=True)
class Replica:
    """One that is up (or about to be): ``up_s`` seconds since its process was started."""

    number: int
    pid: int | None
    state: str
    up_s: float
    address: Address


def supervisor(state: Path, zone: str | None) -> Supervisor:
    """Of the zone, or of what stands beside the zones."""
    local = LocalState(state)
    return Supervisor(local.place(zone), local.socket(zone or "outside"))


def replicas(state: Path, zone: str, service: str) -> tuple[Replica, ...]:
    """Those that are up, by number; TargetNotReady when the zone's supervisor is not."""
    return of_services(state, zone, [service])[service]


def of_services(
    state: Path, zone: str, services: Iterable[str]
) -> Mapping[str, tuple[Replica, ...]]:
    """The same of several services, with one question to the supervisor."""
    plan, programs = address_plan.load(state), supervisor(state, zone).programs()
    return {
        service: tuple(
            Replica(n, program.pid, program.state, program.up_s, plan.replica(zone, service, n))
            for n, program in _numbered(programs, service).items()
            if program.state in UP
        )
        for service in services
    }


def ready(address: Address, timeout_s: float = 1.0) -> bool:
    """Whether the replica there says that it can serve."""
    return answer(f"{address.url}/health/ready", timeout_s) == "ok"


def answer(url: str, timeout_s: float = 1.0) -> str:
    """``ok`` for a 2xx answer, else what came instead."""
    try:
        with _OPENER.open(url, timeout=timeout_s):
            return "ok"
    except urllib.error.HTTPError as error:
        with error:
            return f"{error.code} {error.read(200).decode(errors='replace').strip()}"
    except (OSError, ValueError) as error:
        return str(getattr(error, "reason", error))


def set_replicas(state: Path, zone: str, service: str, count: int) -> tuple[int, ...]:
    """Start the lowest free numbers or stop the highest, and tell Prometheus; does not wait.

    Returns the numbers that are up. A replica that still drains keeps its number.
    """
    plan = address_plan.load(state)
    slots = plan.topology.service(service).slots
    if not 0 <= count <= slots:
        raise BadInput(f"{service} can have 0 to {slots} replicas in a zone, not {count}")
    node = supervisor(state, zone)
    with locked(node.folder):
        numbered = _numbered(node.programs(), service)
        up = [n for n, program in numbered.items() if program.state in UP]
        free = [n for n, p in numbered.items() if p.state not in (*UP, "STOPPING")]
        for number in up[count:]:
            node.stop(numbered[number].full_name)
        for number in free[: max(0, count - len(up))]:
            node.start(numbered[number].full_name)
        kept = sorted(up[:count] + free[: max(0, count - len(up))])
        _write_targets(state, zone, service, kept)
        _keep_wanted(node.folder, service, count)
    if len(kept) < count:
        raise TargetNotReady(f"{service} in zone {zone}: {count} wanted, {len(kept)} slots free")
    return tuple(kept)


def wanted(state: Path, zone: str, service: str) -> int | None:
    """What ``set_replicas`` was last asked for; None: never."""
    try:
        kept = json.loads((LocalState(state).zone(zone) / "replicas.json").read_text())
    except FileNotFoundError:
        return None
    count: int | None = kept.get(service)
    return count


def proper_count(tuning: ServiceTuning, now: int | None) -> int:
    """How many should run: the tuned number, or what the autoscaler last chose, in its range."""
    if tuning.autoscaling is None:
        return tuning.replicas
    scaling = tuning.autoscaling
    chosen = tuning.replicas if now is None else now
    return min(max(chosen, scaling.min_replicas), scaling.max_replicas)


def _numbered(programs: Iterable[Program], service: str) -> dict[int, Program]:
    numbers = {
        int(program.name.rpartition("-")[2]): program
        for program in programs
        if program.group == service
    }
    return dict(sorted(numbers.items()))


def _write_targets(state: Path, zone: str, service: str, numbers: list[int]) -> None:
    plan = address_plan.load(state)
    targets = [
        {
            "targets": [f"{plan.replica(zone, service, number)}"],
            "labels": {"service": service, "zone": zone, "replica": f"{number}"},
        }
        for number in numbers
    ]
    _write(LocalState(state).zone(zone) / "targets" / f"{service}.json", targets)


def _keep_wanted(folder: Path, service: str, count: int) -> None:
    path = folder / "replicas.json"
    kept = json.loads(path.read_text()) if path.exists() else {}
    _write(path, {**kept, service: count})


def _write(path: Path, content: object) -> None:
    """Whole or not at all, since Prometheus and the agent may read at any moment."""
    beside = path.with_name(f".{path.name}.new")
    beside.write_text(json.dumps(content))
    beside.replace(path)
