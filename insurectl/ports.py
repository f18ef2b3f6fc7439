"""What the tool asks of the world. Named for the role; adapters are named for the technology."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Protocol, TypeVar

from insurectl.records import (
    Cost,
    Decision,
    Deployment,
    Fault,
    LoadResult,
    LoadSecond,
    RunInfo,
    RunRecords,
    Scenario,
    Series,
    SystemStatus,
    Tuning,
    Zone,
)

Record = TypeVar("Record")


class Clock(Protocol):
    """Time as an argument, so that a test never sleeps."""

    def now(self) -> float:
        """Seconds since the epoch."""

    def sleep(self, seconds: float) -> None:
        """Wait; raises KeyboardInterrupt when the user ends it."""


class Progress(Protocol):
    """Talk for people (stderr); nothing is computed from it."""

    def step(self, text: str) -> AbstractContextManager[None]:
        """A named step; its end and how long it took are shown too."""

    def say(self, text: str) -> None:
        """One line that stays."""

    def live(self, text: str) -> None:
        """One line that the next ``live`` replaces; off a terminal at most one in 5 s."""

    def warn(self, text: str) -> None:
        """One line that asks for attention."""


DEFAULT_ZONES = ("a", "b")
DEFAULT_CLIENTS = 5000
DEFAULT_SEED = 7


@dataclass(frozen=True, kw_only=True)
class DeployPlan:
    """What to bring up. None: as it is already deployed, else the default or what the topology
    says."""

    name: str
    zones: tuple[str, ...] | None = None
    tuning: Tuning | None = None
    costs: Mapping[str, Cost] | None = None
    clients: int | None = None
    seed: int | None = None
    timeout_s: float = 120.0

    def zones_over(self, before: Deployment | None) -> tuple[str, ...]:
        """``before``: what is deployed already."""
        if self.zones is not None:
            return self.zones
        return tuple(zone.name for zone in before.zones) if before else DEFAULT_ZONES

    def clients_over(self, before: Deployment | None) -> int:
        """``before``: what is deployed already."""
        if self.clients is not None:
            return self.clients
        return before.clients if before else DEFAULT_CLIENTS

    def seed_over(self, kept: int | None) -> int:
        """``kept``: what is deployed already was seeded with it."""
        if self.seed is not None:
            return self.seed
        return DEFAULT_SEED if kept is None else kept


class Target(Protocol):
    """Where the system runs. Every call may raise TargetNotReady or MissingOnMachine."""

    def deploy(self, plan: DeployPlan, progress: Progress) -> Deployment:
        """Bring it up, or mend what is there; returns when it serves in every zone. What it
        began it takes back when it fails."""

    def preview(self, plan: DeployPlan) -> tuple[str, ...]:
        """What ``deploy`` would change, line by line; nothing is touched."""

    def deployment(self) -> Deployment:
        """What was deployed, as it is set now; TargetNotReady when nothing is."""

    def status(self) -> SystemStatus:
        """Look at every process; never changes anything."""

    def logs(self, process: str, *, zone: str | None, lines: int, follow: bool) -> Iterator[str]:
        """The last lines of one process or all replicas of one service, and what follows."""

    def as_set(self, tuning: Tuning) -> Tuning:
        """The tuning as ``tune`` would put it in force: what this target can't set is its own."""

    def tune(self, tuning: Tuning, progress: Progress) -> Deployment:
        """Put a whole tuning in force (replicas, autoscaling, limits); returns when it is."""

    def fault_kinds(self) -> Mapping[str, str]:
        """The faults that it can do, and what each does to a zone."""

    def inject(self, fault: str, zone: str, progress: Progress) -> Fault:
        """Take a zone away; BadInput for a fault that this target can't do."""

    def restore(self, zone: str, progress: Progress) -> Fault:
        """Give it back; returns when it serves."""

    def faults(self, start_s: float, end_s: float) -> tuple[Fault, ...]:
        """Faults that touch the window, as the target's journal has them."""

    def destroy(self, progress: Progress) -> None:
        """Leave no process, no file, no port; fine when nothing is there."""


@dataclass(frozen=True, kw_only=True)
class LoadJob:
    """One stretch of load. ``rates``: arrivals a second (open) or users (closed), one value
    a second. ``folder``: where the engine may keep its own files and logs."""

    run_id: str
    scenario: Scenario
    base_url: str
    rates: Sequence[float]
    seed: int
    scale: float
    folder: Path
    processes: int
    credentials_file: str


class LoadEngine(Protocol):
    """Plays load from child processes."""

    def play(self, job: LoadJob, on_second: Callable[[LoadSecond], None]) -> LoadResult:
        """Play to the end, to an abort or to an interrupt (outcome says which). Thresholds are
        judged, a saturated generator or host makes it INVALID. Leaves no process behind."""


class MetricsSource(Protocol):
    """What the servers recorded."""

    def over(self, zones: Sequence[Zone], start_s: float, end_s: float) -> tuple[Series, ...]:
        """Every named query over a window, at one point a scrape."""

    def decisions(
        self, zones: Sequence[Zone], start_s: float, end_s: float
    ) -> tuple[Decision, ...]:
        """Every change of a replica count by the autoscaler in the window."""

    def warnings(self) -> tuple[str, ...]:
        """What Prometheus warned of, and what it had no answer for, since the last call."""


class RunStore(Protocol):
    """The folders under ``reports/``; only its adapter knows the file names."""

    def begin(self, info: RunInfo) -> Path:
        """A new run's folder; status ``running`` until ``end``."""

    def folder(self, run_id: str) -> Path:
        """The run's folder; BadInput for an unknown run."""

    def end(self, info: RunInfo) -> None:
        """Write the head again, with how it ended."""

    def info(self, run_id: str) -> RunInfo:
        """The head; BadInput for an unknown run (it names those that there are)."""

    def write(self, run_id: str, record: Any) -> Path:
        """Keep one record, under the name of its type."""

    def read(self, run_id: str, kind: type[Record]) -> Record:
        """One record; BadInput naming the stage to run when it is not there."""

    def has(self, run_id: str, kind: type[Any]) -> bool:
        """Whether that record was written."""

    def children(self, run_id: str) -> tuple[str, ...]:
        """Run ids of its child runs, oldest first."""

    def records(self, run_id: str) -> RunRecords:
        """All that the folder holds, for a report."""

    def write_files(self, run_id: str, files: Mapping[str, str]) -> tuple[Path, ...]:
        """Keep rendered files (name -> text) in the run's folder."""

    def having(self, kind: type[Any]) -> tuple[str, ...]:
        """All top-level runs that have this record, newest first."""

    def latest(self, kind: type[Any] | None = None) -> str:
        """The newest top-level run (that has this record); BadInput when there is none."""


@dataclass(frozen=True, kw_only=True)
class ProbeLog:
    """What a probe did: (begun at, acknowledged, kind of failure or "") a write, and what the
    check found afterwards."""

    writes: tuple[tuple[float, bool, str], ...]
    lost: int
    doubled: int


class Probe(Protocol):
    """Keeps writing through the edge and proves afterwards that what was acknowledged is there."""

    def start(self, base_url: str, log: Path, credentials_file: str) -> None:
        """Begin to write, one at a time, five a second; each outcome goes to the log, fsync'd.
        ``credentials_file``: what lets it in; "" where nothing is needed."""

    def finish(self) -> ProbeLog:
        """Stop, read every acknowledged write again, and repeat each to see that none doubles."""


class Renderer(Protocol):
    """Draws a report from records alone."""

    def files(self, records: RunRecords) -> Mapping[str, str]:
        """File name -> text: report.html, report.md, report.json, junit.xml."""


@dataclass(frozen=True, kw_only=True)
class World:
    """Everything a stage may touch; made in wiring.py. ``settings``: as they are kept with runs."""

    target: Target
    engine: LoadEngine
    metrics: MetricsSource
    runs: RunStore
    probe: Probe
    renderer: Renderer
    clock: Clock
    progress: Progress
    settings: Mapping[str, str]
    scrape_interval_s: float
