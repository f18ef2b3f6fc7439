"""CPU that a worker in a pod used, wanted and was refused; read by itself, once a second."""

import time
from pathlib import Path

import psutil

CGROUP = Path("/sys/fs/cgroup")


class Meter:
    """Since the last reading. ``group``: the pod's cgroup, of either version; where there is
    none, nothing is limited."""

    def __init__(self, group: Path = CGROUP) -> None:
        self._group = group
        self._cores = _limit_cores(group)
        self._at_s, self._used_s = time.monotonic(), time.process_time()
        self._held_s = _held_back_s(group)
        self._node = _node_s()

    def reading(self) -> dict[str, float]:
        """``cpu``: share of what it may use, at most a core; ``held_back``: share of the time in
        which its limit kept it from running; ``node_cpu``: share of the node's CPU in use."""
        at_s, used_s = time.monotonic(), time.process_time()
        held_s, node = _held_back_s(self._group), _node_s()
        lasted_s = max(at_s - self._at_s, 1e-3)
        used = (used_s - self._used_s) / lasted_s
        held_back = min(1.0, (held_s - self._held_s) / lasted_s)
        busy_s, idle_s = node[0] - self._node[0], node[1] - self._node[1]
        self._at_s, self._used_s, self._held_s, self._node = at_s, used_s, held_s, node
        return {
            "cpu": round(max(used / min(1.0, self._cores), used + held_back), 4),
            "held_back": round(held_back, 4),
            "node_cpu": round(busy_s / (busy_s + idle_s), 4) if busy_s + idle_s > 0 else 0.0,
        }


def _limit_cores(group: Path) -> float:
    """Infinite where there is no limit."""
    match _words(group / "cpu.max"):  # version 2
        case [quota, period] if quota != "max":
            return int(quota) / int(period)
    quota_us = _words(group / "cpu" / "cpu.cfs_quota_us")  # version 1
    period_us = _words(group / "cpu" / "cpu.cfs_period_us")
    if quota_us and period_us and int(quota_us[0]) > 0:
        return int(quota_us[0]) / int(period_us[0])
    return float("inf")


def _held_back_s(group: Path) -> float:
    for file, key, unit_s in (
        (group / "cpu.stat", "throttled_usec", 1e-6),
        (group / "cpu" / "cpu.stat", "throttled_time", 1e-9),
    ):
        words = _words(file)
        if key in words:
            return int(words[words.index(key) + 1]) * unit_s
    return 0.0


def _node_s() -> tuple[float, float]:
    """Busy and idle. Waiting for a disk is idle too; guest time is in user time already."""
    times = psutil.cpu_times()
    guest = getattr(times, "guest", 0.0) + getattr(times, "guest_nice", 0.0)
    idle = times.idle + getattr(times, "iowait", 0.0)
    return sum(times) - guest - idle, idle


def _words(file: Path) -> list[str]:
    try:
        return file.read_text(encoding="ascii").split()
    except (FileNotFoundError, NotADirectoryError):
        return []
