"""What one child of the load generator is to do; its parent writes it as JSON."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal


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
    partner_keys_file: str
    child: int
    children: int
    sessions: int
    timeout_s: float
    connect_timeout_s: float
    drain_s: float
