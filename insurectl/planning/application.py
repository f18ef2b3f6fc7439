"""What the fast simulator plays: an application, how it is watched, traffic, and candidates."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from insurectl.errors import BadInput
from insurectl.planning.hpa_spec import KUBERNETES, Controller, Spec
from insurectl.records import Queue

NEVER = math.inf  # memory is not given back


def _check_all(given: Mapping[str, float], holds: Callable[[float], bool], wanted: str) -> None:
    for name, value in given.items():
        if not holds(value):
            raise BadInput(f"{name} is {value}; give {wanted}")


@dataclass(frozen=True, kw_only=True)
class Application:
    """What is scaled. One replica is ``queue``: so many requests at once, each for a time with that
    mean, and ``cpu_ms`` of a CPU; where ``cpu_limit_milli`` lets fewer through, that counts.

    Memory (MiB) is a floor, and so much for each request a second and each in flight; what was
    needed and is no more falls with the time constant ``memory_release_s`` (0: at once, NEVER).
    A new replica is Pending, then starts, then serves. Requests that would wait longer than
    ``patience_s`` are turned away.
    """

    queue: Queue
    cpu_ms: float
    slo_ms: float
    slo_quantile: float = 0.95
    cpu_limit_milli: int | None = None
    memory_floor_mib: float = 0.0
    memory_per_rps_mib: float = 0.0
    memory_per_request_mib: float = 0.0
    memory_release_s: float = 0.0
    pending_s: int = 2
    startup_s: int = 10
    patience_s: float = 30.0

    def __post_init__(self) -> None:
        positive = {"slo_ms": self.slo_ms, "service_ms": self.queue.service_ms}
        _check_all(positive, lambda value: 0 < value < math.inf, "more than 0")
        names = ("cpu_ms", "memory_floor_mib", "memory_per_rps_mib", "memory_per_request_mib",
                 "pending_s", "startup_s", "patience_s")  # fmt: skip
        given = {name: getattr(self, name) for name in names}
        _check_all(given, lambda value: 0 <= value < math.inf, "0 or more")
        released = {"memory_release_s": self.memory_release_s}
        _check_all(released, lambda value: value >= 0, "0 or more")
        _check_all({"slo_quantile": self.slo_quantile}, lambda value: 0 < value < 1, "0 to 1")
        if self.cpu_limit_milli is not None and self.cpu_limit_milli <= 0:
            raise BadInput(f"cpu_limit_milli is {self.cpu_limit_milli}; give more than 0, or none")

    @property
    def served(self) -> Queue:
        """The queue as the CPU's limit lets it be."""
        if self.cpu_limit_milli is None:
            return self.queue
        least_ms = self.queue.servers * self.cpu_ms * 1000 / self.cpu_limit_milli
        return replace(self.queue, service_ms=max(self.queue.service_ms, least_ms))

    @property
    def capacity_rps(self) -> float:
        """Of one replica, whatever the SLO."""
        return self.served.servers * 1000 / self.served.service_ms


@dataclass(frozen=True, kw_only=True)
class Watch:
    """How the autoscaler sees, in whole seconds: metrics are scraped each ``scrape_s``, a rate is
    over ``window_s``, a scrape is there ``lag_s`` later; it looks each ``sync_s``, first after
    ``offset_s``. ``controller``: its own flags."""

    scrape_s: int = 15
    window_s: int = 30
    lag_s: int = 0
    sync_s: int = 15
    offset_s: int = 0
    controller: Controller = KUBERNETES

    def __post_init__(self) -> None:
        for name in ("scrape_s", "window_s", "sync_s"):
            _check_all({name: getattr(self, name)}, lambda value: 1 <= value <= 3600, "1 to 3600")
        for name in ("lag_s", "offset_s"):
            _check_all({name: getattr(self, name)}, lambda value: 0 <= value <= 3600, "0 to 3600")
        if self.offset_s >= self.sync_s:
            raise BadInput(f"offset_s is {self.offset_s}; give less than sync_s ({self.sync_s})")


@dataclass(frozen=True, kw_only=True)
class Plant:
    """All that is the same for every candidate."""

    application: Application
    watch: Watch = Watch()


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """Requests a second, a value a second. Before it, its first value is played for ``warmup_s``,
    which does not count, so that the autoscaler has come to rest."""

    rates: Sequence[float] | NDArray[np.float64]
    warmup_s: int = 1800


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """An autoscaler and what its pods ask for (0: nothing, so there is no utilisation). Metrics of
    the kinds Pods, Object and External are all taken for requests a second."""

    spec: Spec
    name: str = ""
    cpu_request_milli: int = 0
    memory_request_mib: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Course:
    """Second by second: pods that there are, and that serve; CPU (cores) of one that serves,
    memory (MiB) of the oldest; the latency's quantile (ms; NaN: nobody serves); the share of
    requests beyond the SLO."""

    rates: NDArray[np.float64]
    replicas: NDArray[np.float64]
    serving: NDArray[np.float64]
    cpu_cores: NDArray[np.float64]
    memory_mib: NDArray[np.float64]
    quantile_ms: NDArray[np.float64]
    miss_ratio: NDArray[np.float64]
