"""What insurectl may set in the objects of a system that others deployed: a lens a kind of object,
which reads the object as a tuning's values and writes a tuning into it."""

import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass, replace
from typing import Any, Protocol

from insurectl.adapters import cluster_scaler_fields
from insurectl.adapters.cluster_scaler_fields import SHAPES
from insurectl.adapters.kubernetes_api import Object, quantity
from insurectl.adapters.object_paths import ITEM, Path, at, drop, put
from insurectl.records import Autoscaling, Tuning

MIB = 2**20
KIB = 2**10  # of a MiB: the smallest part of one that is set
GATEWAY = "gateway"
CONFIG = ("data", "values.json")
# on the gateway's pods: they read their configuration once, so another limit needs new pods
MARK = ("spec", "template", "metadata", "annotations", "insurectl.zone-rps")
Leaves = Mapping[str, object]


class Lens(Protocol):
    """``theirs``: what the object had at these paths before insurectl set any."""

    @property
    def paths(self) -> tuple[Path, ...]:
        """Each field that may be set."""

    @property
    def kept(self) -> tuple[Path, ...]:
        """What has to be kept of an object to bring it back exactly."""

    def place(self, setting: str) -> Path:
        """Where a setting stands, by its name."""

    def read(self, found: Object) -> Leaves:
        """Name of a setting -> its value."""

    def of(self, tuning: Tuning) -> Leaves:
        """The same of a tuning; it may leave some out."""

    def write(self, new: Object, theirs: Object, tuning: Tuning) -> None:
        """Bring ``new``, a copy of what is there, to the tuning."""


MEMORY = ("memory request", "memory limit")
RULES = {
    "stabilization_window_s": "stabilizationWindowSeconds",
    "policies": "policies",
    "select_policy": "selectPolicy",
    "tolerance": "tolerance",
}


@dataclass(frozen=True)
class Memory:
    """Of a Deployment."""

    service: str
    container: str

    @property
    def paths(self) -> tuple[Path, ...]:
        return tuple(
            (*self._container, "resources", part, "memory") for part in ("requests", "limits")
        )

    @property
    def kept(self) -> tuple[Path, ...]:
        return self.paths

    def place(self, setting: str) -> Path:
        return self.paths[MEMORY.index(setting)]

    def read(self, found: Object) -> Leaves:
        """In MiB."""
        return {
            name: _whole_kib(quantity(value) / MIB)
            for name, path in zip(MEMORY, self.paths, strict=True)
            if (value := at(found, path)) is not None
        }

    def of(self, tuning: Tuning) -> Leaves:
        one = tuning.of(self.service)
        values = (one.memory_request_mib, one.memory_limit_mib)
        return dict(zip(MEMORY, map(_whole_kib, values), strict=True))

    def write(self, new: Object, theirs: Object, tuning: Tuning) -> None:
        before, now = self.read(theirs), self.read(new)
        for (name, value), path in zip(self.of(tuning).items(), self.paths, strict=True):
            if value == before.get(name):
                put(new, path, at(theirs, path))
            elif value != now.get(name):
                put(new, path, _mib(value))

    @property
    def _container(self) -> Path:
        return ("spec", "template", "spec", "containers", f"{ITEM}{self.container}")


@dataclass(frozen=True)
class Scaler:
    """Of a ScaledObject or a HorizontalPodAutoscaler."""

    service: str
    kind: str

    @property
    def paths(self) -> tuple[Path, ...]:
        return (*SHAPES[self.kind].counts, *SHAPES[self.kind].rules)

    @property
    def kept(self) -> tuple[Path, ...]:
        return (*SHAPES[self.kind].counts, SHAPES[self.kind].behavior)

    def place(self, setting: str) -> Path:
        shape = SHAPES[self.kind]
        way, _, rule = setting.partition(" ")
        if rule in RULES:
            return (*shape.behavior, way, RULES[rule])
        return {"min": shape.low, "max": shape.high}.get(setting, shape.metrics)

    def read(self, found: Object) -> Leaves:
        return _scaling_leaves(cluster_scaler_fields.autoscaling(self.kind, found))

    def of(self, tuning: Tuning) -> Leaves:
        spec = tuning.of(self.service).autoscaling
        return {} if spec is None else _scaling_leaves(spec)

    def write(self, new: Object, theirs: Object, tuning: Tuning) -> None:
        spec = tuning.of(self.service).autoscaling
        if spec is not None:
            cluster_scaler_fields.write(self.kind, new, theirs, spec)


@dataclass(frozen=True)
class Limits:
    """Of the gateway's ConfigMap: one text that holds JSON."""

    @property
    def paths(self) -> tuple[Path, ...]:
        return (CONFIG,)

    @property
    def kept(self) -> tuple[Path, ...]:
        return (CONFIG,)

    def place(self, setting: str) -> Path:  # noqa: ARG002 - one text holds all
        return CONFIG

    def read(self, found: Object) -> Leaves:
        told = config(found)
        return {
            "partner_per_minute": told["partner_per_minute"],
            "zone_rps": told.get("zone_rps"),
        }

    def of(self, tuning: Tuning) -> Leaves:
        return {
            "partner_per_minute": tuning.partner_per_minute,
            "zone_rps": _whole(tuning.zone_rps),
        }

    def write(self, new: Object, theirs: Object, tuning: Tuning) -> None:
        nothing: dict[str, Any] = {"zone_rps": None}  # as when it is not named
        now = nothing | config(new)
        wanted = now | dict(self.of(tuning))
        if wanted == nothing | config(theirs):
            put(new, CONFIG, at(theirs, CONFIG))
        elif wanted != now:
            put(new, CONFIG, json.dumps(wanted, sort_keys=True, separators=(",", ":")))


@dataclass(frozen=True)
class GatewayPods:
    """Of the gateway's Deployment: its pods are made anew with each other limit. ``zone_rps``:
    the one that others set."""

    zone_rps: float | None

    @property
    def paths(self) -> tuple[Path, ...]:
        return (MARK,)

    @property
    def kept(self) -> tuple[Path, ...]:
        return (MARK,)

    def place(self, setting: str) -> Path:  # noqa: ARG002 - there is one
        return MARK

    def read(self, found: Object) -> Leaves:  # noqa: ARG002 - it is no setting
        return {}

    def of(self, tuning: Tuning) -> Leaves:  # noqa: ARG002 - the same
        return {}

    def write(self, new: Object, theirs: Object, tuning: Tuning) -> None:
        if tuning.zone_rps == self.zone_rps:
            drop(new, MARK, theirs)
        else:
            put(new, MARK, f"{tuning.zone_rps}")


def config(found: Object) -> dict[str, Any]:
    """What the gateway is told."""
    told: dict[str, Any] = json.loads(at(found, CONFIG))
    return told


def _scaling_leaves(spec: Autoscaling) -> Leaves:
    found: dict[str, object] = {"min": spec.min_replicas, "max": spec.max_replicas}
    for one in spec.metrics:
        value = one.average_value if one.utilization_percent is None else one.utilization_percent
        found[f"target of {one.name}"] = round(float(value or 0), 3)
    for way, rules in (("scaleUp", spec.scale_up), ("scaleDown", spec.scale_down)):
        told = asdict(replace(rules, policies=tuple(sorted(rules.policies, key=str))))
        found |= {f"{way} {name}": value for name, value in told.items()}
    return found


def _mib(value: object) -> str:
    mib = float(str(value))
    return f"{mib:.0f}Mi" if mib == int(mib) else f"{mib * KIB:.0f}Ki"


def _whole_kib(mib: float) -> float:
    return round(mib * KIB) / KIB


def _whole(value: float | None) -> float | int | None:
    """As the chart writes it, so that an upgrade with the same settings changes nothing."""
    return value if value is None or value != int(value) else int(value)
