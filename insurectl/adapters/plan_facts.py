"""What a plan starts from: the topology, the chart's requests, and what the benchmark measured."""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from insurectl.adapters import topology
from insurectl.adapters.cluster_values import chart_folder
from insurectl.errors import BadFile
from insurectl.records.plan import PlanService, PlanSystem, PodKind, Sourced

BENCH = "bench.json"
EVENTS = "P11"  # the benchmark's figure of events through relay and broker
PLATFORM = {"gateway": 1, "zoneAgent": 1, "prometheus": 1, "redis": 2, "sentinel": 3, "rabbitmq": 1}
OUTSIDE = ("edge", "postgresql")
MILLI, MEBI = {"m": 1, "": 1000}, {"Mi": 1, "Gi": 1024}


def bundled() -> PlanSystem:
    """The bundled system as its chart deploys it. BadFile for a chart without requests."""
    known = topology.bundled()
    path = chart_folder() / "values.yaml"
    values = yaml.safe_load(path.read_text(encoding="utf-8"))
    try:
        return PlanSystem(
            services=tuple(
                _service(one, known.demand, values["services"][name]["cpu"])
                for name, one in known.services.items()
            ),
            platform=tuple(_pod(name, count, values[name]) for name, count in PLATFORM.items()),
            outside=tuple(_pod(name, 1, values[name]) for name in OUTSIDE),
        )
    except (KeyError, TypeError, ValueError) as error:
        raise BadFile(path, f"no requests of pods: {error!r}") from error


def _service(one: topology.Service, asked: topology.Demand, cpu: Mapping[str, int]) -> PlanService:
    scaling = one.tuning.autoscaling
    return PlanService(
        name=one.name,
        calls=asked.calls.get(one.name, 0.0),
        calls_per_insurer=asked.calls_per_insurer.get(one.name, 0.0),
        least=scaling.min_replicas if scaling else one.tuning.replicas,
        most=scaling.max_replicas if scaling else None,
        slots=one.slots,
        connections=one.database.pool + one.database.apart if one.database else 0,
        cpu_m=cpu["requestMillis"],
        memory_mib=round(one.tuning.memory_request_mib),
        stands_in=one.name == topology.INSURER_STUB,
        cost=one.cost,
    )


def _pod(name: str, count: int, values: Mapping[str, Any]) -> PodKind:
    requests = values["resources"]["requests"]
    return PodKind(
        name=name,
        count=count * int(values.get("replicas", 1)),
        cpu_m=_amount(str(requests["cpu"]), MILLI),
        memory_mib=_amount(str(requests["memory"]), MEBI),
    )


def _amount(text: str, units: Mapping[str, int]) -> int:
    """A quantity as our own chart writes it: ``200m``, ``64Mi``."""
    number = text.rstrip("GMim")
    return round(float(number) * units[text.removeprefix(number)])


def configured() -> dict[str, float]:
    """Input -> what the bundled system has it set to."""
    known = topology.bundled()
    return {
        "insurers": known.insurers,
        "max-connections": known.max_connections,
        "in-flight": known.people_in_flight,
        "streams": known.people_streams,
        "insurer-rate": known.demand.insurer_per_second,
        "pace": known.demand.aggregator_per_second,
        "running": known.demand.applications_max,
    }


def reserved_connections() -> int:
    """Connections that PostgreSQL keeps for others than services."""
    return topology.bundled().reserved_connections


def broker(reports: Path) -> Sourced | None:
    """Events a second through relay and broker as the benchmark measured them; None: it did not."""
    path = reports / BENCH
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
        found = content["goals"][EVENTS]
        rates = [one for one in found["figures"] if one["unit"] == "/s"]
        rate = float(rates[0]["value"])
    except (OSError, ValueError, KeyError, IndexError, TypeError):
        return None  # it is a benchmark that somebody may have run, and no record of a run
    told = f"{EVENTS} of {path.name}, {found.get('at', 'at an unknown time')}"
    if not rate > 0:
        return None
    return Sourced(value=rate, low=rate, high=rate, unit="events/s", basis="measured", source=told)
