"""What the supervisors of a local system run: a command, its environment, how it is ended."""

import json
import shlex
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from insurectl.adapters import process, service_secrets
from insurectl.adapters.address_plan import AddressPlan
from insurectl.adapters.local_state import LocalState
from insurectl.adapters.postgresql import PostgreSQL
from insurectl.adapters.topology import Service, system_folder

SERVICE_STOP_S = 25  # a little over DRAIN_TIMEOUT_S
BROKER_STOP_S = 20
REDIS = ("redis-0", "redis-1")
SENTINELS = ("sentinel-0", "sentinel-1", "sentinel-2")
LATER = ("agent",)  # looks after replicas, so is started with them
# Two schedulers that sleep when there is nothing to do; no epmd, since the node's port is known.
ERLANG = "+S 2:2 +SDcpu 1:1 +SDio 2 +A 2 +sbwt none +sbwtdcpu none +sbwtdio none"
Program = dict[str, Any]
Environment = Callable[[str, Service, int], Mapping[str, str]]


def outside(state: LocalState, plan: AddressPlan) -> list[Program]:
    """What stands beside the zones."""
    database = PostgreSQL(state, plan.outside("postgresql"))
    edge = [process.program("haproxy"), "-db", "-f", f"{state.outside / 'edge.haproxy.cfg'}"]
    return [
        _program("postgresql", database.command(), stop_signal="INT"),
        _program("edge", edge),
    ]


def zone(state: LocalState, plan: AddressPlan, name: str, told: Environment) -> list[Program]:
    """Servers first, then the replicas of every service."""
    folder = state.zone(name)
    return [
        _rabbitmq(folder, plan, name),
        *_redis(state, plan, name),
        _gateway(folder),
        _program(
            "mesh", [process.program("haproxy"), "-db", "-f", f"{folder / 'mesh.haproxy.cfg'}"]
        ),
        _prometheus(folder, plan, name),
        _agent(state, name),
        *_replicas(plan, name, told),
    ]


def _rabbitmq(folder: Path, plan: AddressPlan, zone: str) -> Program:
    listen, node = plan.server(zone, "rabbitmq"), plan.server(zone, "rabbitmq-node")
    home = folder / "rabbitmq"
    interface = "{" + node.host.replace(".", ",") + "}"
    distribution = (
        f"-name {node_name(plan, zone)} "
        f"-kernel inet_dist_listen_min {node.port} inet_dist_listen_max {node.port}"
    )
    environment = {
        "HOME": f"{home}",
        "RABBITMQ_NODENAME": node_name(plan, zone),
        "RABBITMQ_USE_LONGNAME": "true",
        "RABBITMQ_NODE_IP_ADDRESS": listen.host,
        "RABBITMQ_NODE_PORT": f"{listen.port}",
        "RABBITMQ_DIST_PORT": f"{node.port}",
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_CONFIG_FILE": f"{folder / 'rabbitmq.config'}",
        "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder / 'rabbitmq-plugins'}",
        "RABBITMQ_MNESIA_BASE": f"{home / 'data'}",
        "RABBITMQ_LOG_BASE": f"{home / 'log'}",
        "RABBITMQ_GENERATED_CONFIG_DIR": f"{home / 'config'}",
        "RABBITMQ_PID_FILE": f"{home / 'pid'}",
        # Erlang in place of a shell beside it: TERM then ends the broker in peace, by itself.
        "RUNNING_UNDER_SYSTEMD": "true",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{ERLANG} {distribution}",
        # For every Erlang from here on: once a minute the broker starts one to have an epmd.
        "ERL_AFLAGS": f"-start_epmd false -erl_epmd_port {node.port} "
        f"-kernel inet_dist_use_interface {interface}",
        "ERL_CRASH_DUMP_SECONDS": "0",
    }
    command = [process.program("rabbitmq-server")]
    return _program("rabbitmq", command, stop_wait_s=BROKER_STOP_S, environment=environment)


def node_name(plan: AddressPlan, zone: str) -> str:
    """The broker's, as rabbitmqctl wants it."""
    return f"insure@{plan.server(zone, 'rabbitmq-node').host}"


def _redis(state: LocalState, plan: AddressPlan, zone: str) -> list[Program]:
    folder, script = state.zone(zone), f"{system_folder() / 'platform' / 'redis.sh'}"
    replication = f"{state.secrets / service_secrets.REDIS_REPLICATION}"
    watching = f"{state.secrets / service_secrets.REDIS_SENTINEL}"
    sentinels = [f"{plan.server(zone, name)}" for name in SENTINELS]

    def program(role: str, name: str, *given: str) -> Program:
        own = [f"{folder / f'{name}.conf'}", f"{folder / name}"]
        return _program(name, ["/bin/sh", script, role, *own, *given])

    servers = [
        program("server", name, f"{plan.server(zone, name)}", replication, *sentinels)
        for name in REDIS
    ]
    return [*(program("sentinel", name, "insure", watching) for name in SENTINELS), *servers]


def _gateway(folder: Path) -> Program:
    start = ["/bin/sh", f"{system_folder() / 'gateway' / 'start.sh'}", f"{folder}"]
    nginx = [process.program("nginx"), "-p", f"{folder}", "-c", f"{folder / 'nginx.conf'}"]
    return _program("gateway", [*start, *nginx, "-e", f"{folder / 'log' / 'gateway-error.log'}"])


def _prometheus(folder: Path, plan: AddressPlan, zone: str) -> Program:
    command = [
        process.program("prometheus"),
        f"--config.file={folder / 'prometheus.yml'}",
        f"--storage.tsdb.path={folder / 'prometheus-data'}",
        "--storage.tsdb.retention.size=512MB",
        f"--web.listen-address={plan.server(zone, 'prometheus')}",
    ]
    return _program("prometheus", command)


def _agent(state: LocalState, zone: str) -> Program:
    agent = [sys.executable, "-m", "insurectl", "agent", "--state", f"{state.folder}"]
    return _program("agent", [*agent, "--zone", zone], autostart=False)


def _replicas(plan: AddressPlan, zone: str, told: Environment) -> list[Program]:
    return [
        _program(
            f"{service.name}-{number}",
            [sys.executable, "-m", service.module, service.command],
            autostart=False,
            stop_wait_s=SERVICE_STOP_S,
            environment=told(zone, service, number),
        )
        for service in plan.topology.services.values()
        for number in range(service.slots)
    ]


def _program(
    name: str,
    command: list[str],
    *,
    autostart: bool = True,
    stop_signal: str = "TERM",
    stop_wait_s: int = 10,
    environment: Mapping[str, str] | None = None,
) -> Program:
    told = ",".join(f"{key}={json.dumps(value)}" for key, value in (environment or {}).items())
    return {
        "name": name,
        "command": shlex.join(command).replace("%", "%%"),
        "autostart": autostart,
        "stop_signal": stop_signal,
        "stop_wait_s": stop_wait_s,
        "environment": told.replace("%", "%%"),
    }
