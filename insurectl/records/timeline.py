"""What the servers saw, on the clock of the load."""

from collections.abc import Mapping
from dataclasses import dataclass

from insurectl.records.system import Fault


@dataclass(frozen=True, kw_only=True)
class Series:
    """One named query's answer for one set of labels; ``query`` is the PromQL that gave it."""

    name: str
    zone: str
    service: str
    labels: Mapping[str, str]
    unit: str
    query: str
    times_s: tuple[float, ...]
    values: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class Decision:
    """The autoscaler changed a count, and why (the metric whose proposal won)."""

    at_s: float
    zone: str
    service: str
    before: int
    after: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Timeline:
    """Client and server on one clock, over one run's window."""

    schema: str = "insurectl/timeline/v1"
    run_id: str
    started_s: float
    ended_s: float
    series: tuple[Series, ...]
    decisions: tuple[Decision, ...]
    faults: tuple[Fault, ...] = ()
    warnings: tuple[str, ...] = ()
