"""What Docker says, in our own words."""

import socket
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from insurectl.errors import MissingOnMachine

State = Literal["healthy", "starting", "unhealthy", "stopped", "gone"]
MIB = 1024 * 1024


@dataclass(frozen=True, kw_only=True)
class Seen:
    """One container as it is now. ``pid``: on the machine that Docker runs on; ``oom_kills``:
    Docker keeps only whether it was the last end's reason."""

    state: State
    pid: int | None = None
    memory_mib: float | None = None
    restarts: int = 0
    oom_kills: int = 0
    detail: str = ""


def seen(inspected: Mapping[str, Any], memory_mib: float | None) -> Seen:
    """Of ``docker inspect``."""
    told = inspected["State"]
    state, detail = _state(told)
    return Seen(
        state=state,
        pid=told["Pid"] or None,
        memory_mib=memory_mib,
        restarts=inspected.get("RestartCount", 0),
        oom_kills=int(bool(told.get("OOMKilled"))),
        detail=detail,
    )


def memory_mib(stats: Mapping[str, Any]) -> float | None:
    """Of ``docker stats``: the working set as a kubelet counts it, without the files that the
    kernel may drop; the two versions of control groups name them differently."""
    memory = stats.get("memory_stats") or {}
    if "usage" not in memory:
        return None
    found = memory.get("stats") or {}
    droppable = found.get("total_inactive_file", found.get("inactive_file", 0))
    return float(max(0, memory["usage"] - droppable)) / MIB


def no_docker(where: str, error: Exception) -> MissingOnMachine:
    """What keeps anyone from asking Docker, and what mends it."""
    match error:
        case PermissionError():
            mend = "you may not use it: `sudo usermod -aG docker $USER`, then log in anew"
        case FileNotFoundError():
            mend = "it is not installed or not started, or DOCKER_HOST is wrong"
        case _:
            mend = f"it does not answer (is it running? is DOCKER_HOST right?): {error}"
    return MissingOnMachine(f"Docker at {where}: {mend}; `docker version` says the same")


def knock(where: str) -> None:
    """OSError when nobody listens at a socket of this machine; the library would hide why."""
    kind, _, path = where.partition("://")
    if kind == "unix":
        with socket.socket(socket.AF_UNIX) as knocking:
            knocking.connect(path)


def _state(told: Mapping[str, Any]) -> tuple[State, str]:
    ended = f"ended with exit code {told.get('ExitCode')}"
    if told.get("OOMKilled"):
        ended += ", out of memory"
    match told["Status"]:
        case "running":
            return _health(told.get("Health") or {})
        case "paused":
            return "unhealthy", "paused"
        case "restarting":
            return "unhealthy", f"{ended}; Docker starts it again"
        case "created":
            return "stopped", told.get("Error") or "never started"
        case _:
            return "stopped", told.get("Error") or ended


def _health(health: Mapping[str, Any]) -> tuple[State, str]:
    match health.get("Status"):
        case "starting":
            return "starting", "no health check was passed yet"
        case "unhealthy":
            said = (health.get("Log") or [{}])[-1].get("Output", "").strip().splitlines()
            return "unhealthy", said[-1] if said else "its health check fails"
        case _:  # healthy, or an image without a check
            return "healthy", ""
