"""The head of a run's folder, and all that the folder holds."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from insurectl.records.advice import Change, Recommendation, Verdict
from insurectl.records.capacity import Calibration, CapacityModel
from insurectl.records.failover import FailoverResult
from insurectl.records.load import LoadResult
from insurectl.records.outcome import Outcome
from insurectl.records.plan import Plan
from insurectl.records.system import Deployment
from insurectl.records.timeline import Timeline


@dataclass(frozen=True, kw_only=True)
class RunInfo:
    """The head of a run's folder. ``kind``: the command that made it; ``error``: why it failed."""

    schema: str = "insurectl/run/v1"
    run_id: str
    kind: str
    scenario: str
    seed: int
    started_s: float
    status: Literal["running", "finished", "interrupted", "failed"]
    parent: str | None = None
    ended_s: float | None = None
    outcome: Outcome | None = None
    version: str = ""
    error: str = ""
    settings: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, kw_only=True)
class RunRecords:
    """All that one run's folder holds; None: that stage was not part of it. ``children``
    are its load runs (calibration steps, the verification), oldest first."""

    info: RunInfo
    scenario_text: str | None = None
    deployment: Deployment | None = None
    load: LoadResult | None = None
    timeline: Timeline | None = None
    calibration: Calibration | None = None
    model: CapacityModel | None = None
    recommendation: Recommendation | None = None
    change: Change | None = None
    verdict: Verdict | None = None
    failover: FailoverResult | None = None
    plan: Plan | None = None
    children: "tuple[RunRecords, ...]" = ()
