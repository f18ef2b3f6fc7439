"""What a plan may be asked for: each input with its bounds, by the name that people type."""

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace
from difflib import get_close_matches
from typing import Any, Literal

from insurectl.errors import BadInput
from insurectl.records.plan import PlanInputs

Kind = Literal["whole", "number", "seconds", "share", "cores", "memory"]
MOST_PEOPLE = 10_000_000
DAY_S = 86_400.0


@dataclass(frozen=True, kw_only=True)
class Input:
    """One input: the field that holds it (of the node's where it begins with ``node.``), its
    kind, its bounds, and what it is. ``low`` itself is allowed."""

    field: str
    kind: Kind
    low: float
    high: float
    what: str


def _one(field: str, kind: Kind, low: float, high: float, what: str) -> Input:
    return Input(field=field, kind=kind, low=low, high=high, what=what)


INPUTS: Mapping[str, Input] = {
    "people": _one("people", "whole", 1, MOST_PEOPLE, "people who are there at once"),
    "insurers": _one("insurers", "whole", 1, 1000, "insurers that are asked for each of them"),
    "zones": _one("zones", "whole", 1, 100, "zones that the system is spread over"),
    "survive": _one("survive", "whole", 0, 99, "zones whose loss the others must carry"),
    "ramp": _one("ramp_s", "seconds", 1, DAY_S, "time within which the people come"),
    "wait": _one("wait_s", "seconds", 0.1, DAY_S, "time that each waits for offers"),
    "think": _one("think_s", "seconds", 0, DAY_S, "time that each stays besides"),
    "answer": _one("answer_s", "seconds", 0.001, 600, "mean time of a request at the gateway"),
    "buy-share": _one("buy_share", "share", 0, 1, "policies bought for one person"),
    "pod-start": _one("pod_start_s", "seconds", 0, DAY_S, "time from a new replica to its service"),
    "node-start": _one("node_start_s", "seconds", 0, DAY_S, "time until a new node is ready"),
    "price": _one("price", "number", 0, 1e6, "money for a node and hour"),
    "pod-price": _one("pod_price", "number", 0, 1e6, "money for a pod and hour"),
    "hours": _one("hours", "number", 1, 744, "hours that a month is paid for"),
    "growth": _one("growth", "share", 0, 10, "more people a year"),
    "horizon": _one("horizon_years", "number", 0.25, 10, "years that are looked ahead"),
    "max-connections": _one("max_connections", "whole", 2, 100_000, "PostgreSQL's connections"),
    "in-flight": _one("people_in_flight", "whole", 1, 10**7, "requests open at a zone's gateway"),
    "streams": _one("people_streams", "whole", 1, 10**7, "people who wait at a zone's gateway"),
    "insurer-rate": _one("insurer_rps", "number", 0.01, 1e6, "calls/s to an insurer, a zone"),
    "pace": _one("pace_rps", "number", 0.01, 1e6, "calls/s of a core-app to osago-aggregator"),
    "running": _one("running_max", "whole", 1, 10**7, "applications in an osago-aggregator"),
    "broker": _one("broker_eps", "number", 0.01, 1e7, "events/s through a zone's relay and broker"),
    "node.cpu": _one("node.cpu_m", "cores", 100, 10**6, "cores of a node"),
    "node.memory": _one("node.memory_mib", "memory", 256, 64 * 1024**2, "memory of a node"),
    "node.pods": _one("node.pods", "whole", 1, 5000, "pods that a node takes"),
    "node.reserved-cpu": _one("node.reserved_cpu_m", "cores", 0, 10**6, "cores kept by a node"),
    "node.reserved-memory": _one(
        "node.reserved_memory_mib", "memory", 0, 64 * 1024**2, "memory kept by a node"
    ),
    "node.daemon-cpu": _one("node.daemon_cpu_m", "cores", 0, 10**6, "cores of its DaemonSets"),
    "node.daemon-memory": _one(
        "node.daemon_memory_mib", "memory", 0, 64 * 1024**2, "memory of its DaemonSets"
    ),
    "node.daemon-pods": _one("node.daemon_pods", "whole", 0, 5000, "pods of its DaemonSets"),
}
OF_SERVICE: Mapping[str, Input] = {  # with a service behind a dot
    "assume": _one("capacity_rps", "number", 0.001, 1e6, "requests/s that one replica takes"),
    "calls": _one("calls", "number", 0, 1000, "requests to it for one person"),
}


def find(name: str, services: tuple[str, ...]) -> Input:
    """The input of that name; BadInput, with what is meant perhaps, for another word."""
    if name in INPUTS:
        return INPUTS[name]
    head, _, service = name.partition(".")
    if head in OF_SERVICE and service:
        if service not in services:
            raise BadInput(f"{name}: no service {service!r}; there are: {', '.join(services)}")
        return OF_SERVICE[head]
    names = (*INPUTS, *(f"{one}.SERVICE" for one in OF_SERVICE))
    near = get_close_matches(name, names, n=1)
    guess = f"did you mean {near[0]}? There are: " if near else "there are: "
    raise BadInput(f"no input {name!r}; {guess}{', '.join(names)}")


def check(name: str, one: Input, value: float) -> float:
    """The value, a whole number where it has to be; BadInput for one out of its bounds."""
    if not math.isfinite(value):
        raise BadInput(f"{name}: {value} is no number that can be planned with; {_wanted(one)}")
    if one.kind in ("whole", "cores", "memory") and value != int(value):
        raise BadInput(f"{name}: {value:g} is no whole number; {_wanted(one)}")
    if not one.low <= value <= one.high:
        raise BadInput(f"{name}: {value:g} can't be used; {_wanted(one)}")
    return int(value) if one.kind in ("whole", "cores", "memory") else value


UNITS: Mapping[Kind, str] = {"cores": " m", "memory": " MiB", "seconds": " s"}


def _wanted(one: Input) -> str:
    unit = UNITS.get(one.kind, "")
    return f"wanted is {one.what}, from {one.low:.10g} to {one.high:.10g}{unit}"


def changed(inputs: PlanInputs, name: str, one: Input, value: float) -> PlanInputs:
    """The same inputs with that one changed; BadInput for a value out of its bounds."""
    new: Any = check(name, one, value)
    if name in INPUTS:
        if one.field.startswith("node."):
            field = one.field.removeprefix("node.")
            return replace(inputs, node=replace(inputs.node, **{field: new}))
        return replace(inputs, **{one.field: new})
    service = name.partition(".")[2]
    held: Mapping[str, float] = getattr(inputs, one.field)
    own: dict[str, Any] = {one.field: {**held, service: new}}
    return replace(inputs, **own)


def value_of(inputs: PlanInputs, name: str, one: Input) -> float | None:
    """What it is now; None where nobody knows."""
    if name in INPUTS:
        place = inputs.node if one.field.startswith("node.") else inputs
        found: float | None = getattr(place, one.field.removeprefix("node."))
        return found
    held: Mapping[str, float] = getattr(inputs, one.field)
    return held.get(name.partition(".")[2])
