"""A system that is up, as it was deployed and as it is seen now."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from insurectl.records.tuning import Cost, Tuning


@dataclass(frozen=True, kw_only=True)
class Zone:
    """One zone's entrances."""

    name: str
    gateway_url: str
    prometheus_url: str


@dataclass(frozen=True, kw_only=True)
class Deployment:
    """A system that is up. ``credentials_file`` holds what lets a load in (mode 0600);
    ``slots``: most replicas of a service that fit in a zone; ``adopted``: others deployed it, so
    that only its settings are insurectl's to change, and only by ``apply`` and ``rollback``."""

    schema: str = "insurectl/deployment/v1"
    name: str
    target: str
    deployed_at_s: float
    took_s: float
    edge_url: str
    zones: tuple[Zone, ...]
    costs: Mapping[str, Cost]
    tuning: Tuning
    clients: int
    credentials_file: str
    slots: Mapping[str, int]
    notes: tuple[str, ...] = ()
    adopted: bool = False


@dataclass(frozen=True, kw_only=True)
class ProcessStatus:
    """One process of the system. ``restarts`` counts since deploy; ``oom_kills`` those
    of them that went over the memory limit."""

    zone: str
    name: str
    state: Literal["healthy", "starting", "unhealthy", "stopped", "gone"]
    pid: int | None = None
    address: str | None = None
    memory_mib: float | None = None
    restarts: int = 0
    oom_kills: int = 0
    detail: str = ""


@dataclass(frozen=True, kw_only=True)
class SystemStatus:
    """What is up, as seen now. ``half_done``: a call that put settings in force died in between,
    so that nobody knows which are (``notes`` says what ends that)."""

    schema: str = "insurectl/status/v1"
    name: str
    target: str
    at_s: float
    healthy: bool
    edge_url: str
    processes: tuple[ProcessStatus, ...]
    notes: tuple[str, ...] = ()
    half_done: bool = False


@dataclass(frozen=True, kw_only=True)
class Fault:
    """A zone taken away (``began``) and given back (``ended``)."""

    zone: str
    kind: str
    began_s: float
    ended_s: float | None = None
    detail: str = ""
