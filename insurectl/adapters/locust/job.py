"""What one child of the load generator is to do; its parent writes it as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from insurectl.planning.slo import Limits
from insurectl.ports import LoadJob


@dataclass(frozen=True, kw_only=True)
class Job:
    """The part of ``child`` among ``children``. ``sessions``: connections it may hold;
    ``drain_s``: patience with answers that are still out when the load ends."""

    run_id: str
    base_url: str
    journey_file: str
    model: Literal["open", "closed"]
    arrivals: Literal["poisson", "even"]
    rates: tuple[float, ...]
    seed: int
    warmup_s: float
    data: Mapping[str, str | int | float]
    credentials_file: str
    child: int
    children: int
    sessions: int
    timeout_s: float
    connect_timeout_s: float
    drain_s: float


@dataclass(frozen=True, kw_only=True)
class Generator:
    """How a load is played, wherever. ``sessions``: connections a run may hold, over all
    children; ``timeout_s``: patience with one request, ``drain_s``: with all that are still out
    when the load ends. A request that has no answer by then counts as failed."""

    limits: Limits = field(default_factory=Limits)
    sessions: int = 20_000
    timeout_s: float = 30.0
    connect_timeout_s: float = 5.0
    drain_s: float = 10.0

    def orders(self, job: LoadJob, *, child: int, children: int) -> Job:
        """What that child of so many is to do, on this machine."""
        scenario = job.scenario
        return Job(
            run_id=job.run_id,
            base_url=job.base_url.rstrip("/"),
            journey_file=str(Path(scenario.journey_file).absolute()),
            model=scenario.model,
            arrivals=scenario.arrivals,
            rates=tuple(job.rates),
            seed=job.seed,
            warmup_s=scenario.warmup_s,
            data=scenario.data,
            credentials_file=job.credentials_file,
            child=child,
            children=children,
            sessions=max(1, self.sessions // children),
            timeout_s=self.timeout_s,
            connect_timeout_s=self.connect_timeout_s,
            drain_s=self.drain_s,
        )
