"""Starts what should run and stops what should not: each step may be repeated at any time."""

import shutil
import signal
from collections.abc import Callable
from functools import partial
from pathlib import Path

from insurectl.adapters import fault_journal, local_data, postgresql, process, replicas
from insurectl.adapters.local_config import LocalConfig
from insurectl.adapters.local_programs import LATER, REDIS, SENTINELS
from insurectl.adapters.local_state import LocalState
from insurectl.adapters.postgresql import PostgreSQL
from insurectl.adapters.supervisor import UP, Supervisor
from insurectl.errors import TargetNotReady
from insurectl.records import SystemStatus

# which programs read which file
READERS = {
    "edge.haproxy.cfg": ("edge",),
    "mesh.haproxy.cfg": ("mesh",),
    "prometheus.yml": ("prometheus",),
    "nginx.conf": ("gateway",),
    "postgresql.conf": ("postgresql",),
    "pg_hba.conf": ("postgresql",),
    "rabbitmq.config": ("rabbitmq",),
    "rabbitmq-plugins": ("rabbitmq",),
    "rabbitmq-definitions.json": ("rabbitmq",),
    "redis-users.acl": REDIS,
    **{f"{name}.conf": (name,) for name in (*REDIS, *SENTINELS)},
}
RELOADED = ("gateway",)  # by SIGHUP: no request is lost
POSTGRESQL_ATTEMPTS = 300  # of 0.1 s: it may have to recover from a crash
LOOK_AGAIN_S = 0.2


def start_outside(
    config: LocalConfig, changed: tuple[Path, ...], pause: Callable[[float], None]
) -> None:
    """PostgreSQL and the edge; returns when PostgreSQL answers."""
    server = PostgreSQL(config.state, config.plan.outside("postgresql"))
    node = replicas.supervisor(config.state.folder, None)
    if not node.answers():
        process.send(process.below(node.folder), signal.SIGCONT)
        postgresql.end(config.state)
    server.create()
    server.give_configuration()
    _bring_up(node, changed)
    postgresql.wait_ready(server, POSTGRESQL_ATTEMPTS, pause)


def start_servers(config: LocalConfig, changed: tuple[Path, ...]) -> None:
    """Of every zone that is not away: all that needs neither database nor replicas."""
    nodes = [replicas.supervisor(config.state.folder, zone) for zone in _here(config)]
    local_data.in_parallel([partial(_bring_up, node, changed) for node in nodes])


def start_zones(config: LocalConfig, changed: tuple[Path, ...]) -> None:
    """Every zone that is not away: its servers and as many replicas as there should be."""
    start_servers(config, changed)
    start_services(config)


def start_services(config: LocalConfig) -> None:
    """As many replicas as there should be, and the agent that looks after them."""
    local_data.in_parallel([partial(_start_services, config, zone) for zone in _here(config)])


def _start_services(config: LocalConfig, zone: str) -> None:
    state = config.state.folder
    node = replicas.supervisor(state, zone)
    for program in node.programs():
        if program.name in LATER and program.state not in UP:
            node.start(program.full_name)
    for tuning in config.tuning.services:
        now = replicas.wanted(state, zone, tuning.service)
        replicas.set_replicas(state, zone, tuning.service, replicas.proper_count(tuning, now))


def _here(config: LocalConfig) -> list[str]:
    state = config.state.folder
    return [zone for zone in config.plan.zones if fault_journal.current(state, zone) is None]


def _bring_up(node: Supervisor, changed: tuple[Path, ...]) -> None:
    if node.ensure():
        return
    fresh = node.update()
    programs = {program.name: program for program in node.programs()}
    here = [path.name for path in changed if path.parent == node.folder]
    readers = dict.fromkeys(name for path in here for name in READERS.get(path, ()))
    for name in readers:  # each once, however many of its files changed
        if name in fresh:
            continue
        if name in RELOADED and programs[name].state == "RUNNING":
            node.signal(programs[name].full_name, "HUP")
        elif programs[name].state in UP:
            node.restart(programs[name].full_name)
    for program in programs.values():
        if (
            program.group == program.name
            and program.name not in LATER
            and program.state in ("STOPPED", "EXITED", "FATAL")
        ):
            node.start(program.full_name)


def await_health(look: Callable[[], SystemStatus], now: Callable[[], float],
                 pause: Callable[[float], None], timeout_s: float) -> None:  # fmt: skip
    """TargetNotReady naming what is not well when the time is up."""
    deadline = now() + timeout_s
    while True:
        status = look()
        away = {note.split()[1] for note in status.notes}
        ill = [p for p in status.processes if p.state != "healthy" and p.zone not in away]
        if not ill:
            return
        if now() > deadline:
            names = "; ".join(f"{p.zone}/{p.name} {p.state}: {p.detail}".lstrip("/") for p in ill)
            raise TargetNotReady(f"not well after {timeout_s:g} s: {names}; see insurectl logs")
        pause(LOOK_AGAIN_S)


def clear(state: LocalState) -> None:
    """End every process of the system and remove every file; TargetNotReady if one stays."""
    for supervisor in state.folder.glob("**/supervisord.pid"):
        first = int(supervisor.read_text())
        process.kill([p for p in process.below(supervisor.parent) if p.pid == first])
    postgresql.end(state)
    for _ in range(3):  # again, for what was just being forked
        process.kill(process.below(state.folder, state.runtime))
    if left := process.below(state.folder, state.runtime):
        raise TargetNotReady(f"these processes can't be ended: {[p.pid for p in left]}")
    for folder in (state.folder, state.runtime):
        if folder.exists():
            shutil.rmtree(folder)
    parent = state.runtime.parent
    if parent.exists() and not any(parent.iterdir()):
        parent.rmdir()
