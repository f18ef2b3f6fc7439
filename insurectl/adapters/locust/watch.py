"""Whether the generator, or the machine that it runs on, was what was measured."""

import math
import time
from collections.abc import Sequence
from typing import Any

import psutil

GENERATOR_SHARE = 0.9


class Watch:
    """CPU of the children and of the machine, from now on."""

    def __init__(self, pids: Sequence[int]) -> None:
        self._processes = [psutil.Process(pid) for pid in pids]
        self._last_s = time.monotonic()
        self._used = [self._cpu_s(process) for process in self._processes]
        self._first = self._now = psutil.cpu_times()
        self._shares: list[float] = []

    def look(self) -> None:
        """At most once a second."""
        now_s = time.monotonic()
        if now_s - self._last_s < 1.0:
            return
        used = [self._cpu_s(process) for process in self._processes]
        lasted_s = now_s - self._last_s
        shares = [(new - old) / lasted_s for new, old in zip(used, self._used, strict=True)]
        self._shares.append(max(shares, default=0.0))
        self._used, self._last_s, self._now = used, now_s, psutil.cpu_times()

    @property
    def generator(self) -> float:
        """The busiest child's share of a core."""
        return in_most_seconds(self._shares)

    @property
    def host(self) -> float:
        """Mean share of the machine's CPU in use: short bursts, such as a replica's start, belong
        to what is measured."""
        total = sum(self._now) - sum(self._first)
        idle = _idle(self._now) - _idle(self._first)
        return 1 - idle / total if total > 0 else 0.0

    @staticmethod
    def _cpu_s(process: psutil.Process) -> float:
        try:
            times = process.cpu_times()
        except psutil.NoSuchProcess:
            return 0.0
        return float(times.user + times.system)


def in_most_seconds(shares: Sequence[float]) -> float:
    """In all but the worst tenth of the seconds: a generator that is saturated at the peak only
    has spoilt the peak. 0 where nothing was measured."""
    if not shares:
        return 0.0
    return sorted(shares)[math.ceil(GENERATOR_SHARE * len(shares)) - 1]


def _idle(times: Any) -> float:
    """Waiting for a disk is idle too; guest time is in user time already."""
    return float(times.idle + getattr(times, "iowait", 0.0) + getattr(times, "guest", 0.0))
