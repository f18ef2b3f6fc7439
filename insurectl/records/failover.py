"""A zone taken away under load, and what it cost."""

from collections.abc import Mapping
from dataclasses import dataclass

from insurectl.records.outcome import Outcome
from insurectl.records.system import Fault


@dataclass(frozen=True, kw_only=True)
class FailoverResult:
    """A zone taken away under load. ``gap_s``: longest time without a success seen by the
    probe after the fault; ``failed_by_class``: failed requests by their kind;
    ``budget_spent``: share of the month's error budget (99.9 % over 30 days)."""

    schema: str = "insurectl/failover/v1"
    run_id: str
    outcome: Outcome
    reasons: tuple[str, ...]
    fault: Fault
    steady_before: bool
    steady_after: bool
    gap_s: float
    probes: int
    acknowledged: int
    lost: int
    doubled: int
    failed_by_class: Mapping[str, int]
    requests: int
    budget_spent: float
    notes: tuple[str, ...] = ()
