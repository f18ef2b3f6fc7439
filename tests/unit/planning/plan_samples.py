"""A small system that can be planned by hand."""

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from insurectl.planning.plan import figures
from insurectl.planning.plan_inputs import INPUTS, value_of
from insurectl.planning.plan_limits import Asked
from insurectl.records.plan import (
    NodeType,
    PlanFigures,
    PlanInputs,
    PlanService,
    PlanSystem,
    PodKind,
    Sourced,
)

NODE = NodeType(  # exactly 1,000 m and 1,024 MiB and 10 pods are left
    cpu_m=1000, memory_mib=1024, pods=10, reserved_cpu_m=0, reserved_memory_mib=0,
    daemon_cpu_m=0, daemon_memory_mib=0, daemon_pods=0,
)  # fmt: skip


def service(name: str, **own: Any) -> PlanService:
    plain = PlanService(
        name=name, calls=0, calls_per_insurer=0, least=1, most=None, slots=None, connections=0,
        cpu_m=250, memory_mib=128,
    )  # fmt: skip
    return replace(plain, **own)


CORE = service("core-app", calls=2, most=6, slots=12, connections=5)
CARD = service("client-info", calls=1, connections=4)
STUB = service("insurer-stub", calls_per_insurer=2, stands_in=True)
REGISTER = service("register", connections=2)
SYSTEM = PlanSystem(
    services=(CORE, CARD, STUB, REGISTER),
    platform=(PodKind(name="redis", count=2, cpu_m=100, memory_mib=64),),
    outside=(PodKind(name="edge", count=1, cpu_m=50, memory_mib=64),),
)
INPUTS_OF_A_MINUTE = PlanInputs(people=600, insurers=10, zones=2, survive=1, node=NODE)


def takes(low: float, value: float | None = None, replicas: int = 1) -> Sourced:
    middle = low if value is None else value
    return Sourced(
        value=middle, low=low, high=2 * middle - low, unit="requests/s", basis="measured",
        source="run r", replicas=replicas,
    )  # fmt: skip


CAPACITY = {"core-app": takes(5.0, 6.0), "client-info": takes(20.0)}


def origins(inputs: PlanInputs) -> dict[str, Sourced]:
    found = ((name, value_of(inputs, name, one)) for name, one in INPUTS.items())
    return {
        name: Sourced(value=value, low=value, high=value, unit="1", basis="assumed", source="test")
        for name, value in found
        if value is not None
    }


def asked(
    inputs: PlanInputs = INPUTS_OF_A_MINUTE,
    capacity: Mapping[str, Sourced] = CAPACITY,
    *,
    local: bool = False,
) -> Asked:
    return Asked(
        system=SYSTEM, inputs=inputs, capacity=dict(capacity), origins=origins(inputs), local=local
    )


def planned(
    inputs: PlanInputs = INPUTS_OF_A_MINUTE, capacity: Mapping[str, Sourced] = CAPACITY
) -> PlanFigures:
    return figures(asked(inputs, capacity), "EUR")
