"""The broker of a zone: RabbitMQ, with users and their rights from a file of hashes."""

import base64
import hashlib
import os
import secrets
import signal
import socket
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from system.platform import child
from system.platform.values import RUNTIME, SECRETS, VOLUME, address, local, render, secret

SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
METRICS = "0.0.0.0:15692"
GREETING = b"AMQP\x00\x00\x09\x01"  # of a client that speaks AMQP 0-9-1
SALT_BYTES = 4
NODE, NODE_PORT = "insure@127.0.0.1", 25672
# Two schedulers, which sleep when there is nothing to do.
ERLANG = "+S 2:2 +SDcpu 1:1 +SDio 2 +A 2 +sbwt none +sbwtdcpu none +sbwtdio none"


def run(values: Mapping[str, Any]) -> int:
    """Serve until TERM; the broker's exit code."""
    definitions = RUNTIME / "definitions.json"
    definitions.touch(mode=0o600)
    users = [account(one) for one in values["users"]]
    definitions.write_text(render("platform/rabbitmq-definitions.json", users=users))
    configuration = RUNTIME / "rabbitmq.config"
    configuration.write_text(render("platform/rabbitmq.config", **variables(values, definitions)))
    plugins = RUNTIME / "enabled_plugins"
    plugins.write_text(render("platform/rabbitmq-plugins"))
    _make_cookie(RUNTIME / ".erlang.cookie")
    os.environ.update(environment(configuration, plugins))
    return child.run([SERVER], signal.SIGTERM)


def ready(values: Mapping[str, Any]) -> bool:
    """Whether it greets a client; OSError when nothing answers."""
    with socket.create_connection(address(local(values["listen"])), timeout=2) as connection:
        connection.sendall(GREETING)
        return connection.recv(1) == b"\x01"  # a method's frame: Connection.Start


def variables(values: Mapping[str, Any], definitions: Path) -> dict[str, object]:
    """Those of the template."""
    host, port = address(values["listen"])
    metrics_host, metrics_port = address(values.get("metrics", METRICS))
    return {
        "zone": values["zone"],
        "host": host,
        "port": port,
        "metrics_host": metrics_host,
        "metrics_port": metrics_port,
        "definitions": definitions,
        "memory_mib": values["memory_mib"],
    }


def account(user: Mapping[str, Any], salt: bytes | None = None) -> dict[str, object]:
    """Of a service: the hash of its password, and the events that it publishes."""
    name, chosen = user["name"], salt or secrets.token_bytes(SALT_BYTES)
    password = secret(SECRETS / f"broker-{name}")
    return {
        "name": name,
        "password_hash": hashed(password, chosen),
        "publishes": user["publishes"],
        "consumes": user["consumes"],
    }


def hashed(password: str, salt: bytes) -> str:
    """As RabbitMQ keeps it: rabbit_password_hashing_sha256."""
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def environment(configuration: Path, plugins: Path) -> dict[str, str]:
    """The node's name and its own port are those of loopback: a pod that comes back has its data
    under another address, and nobody outside may ask the node itself. Its port is known, so there
    is no epmd."""
    distribution = (
        f"-name {NODE} -start_epmd false -erl_epmd_port {NODE_PORT} "
        "-kernel inet_dist_use_interface {127,0,0,1} "
        f"inet_dist_listen_min {NODE_PORT} inet_dist_listen_max {NODE_PORT}"
    )
    return {
        "HOME": f"{RUNTIME}",
        "RABBITMQ_NODENAME": NODE,
        "RABBITMQ_USE_LONGNAME": "true",
        "RABBITMQ_DIST_PORT": f"{NODE_PORT}",
        "RABBITMQ_CONF_ENV_FILE": "/dev/null",
        "RABBITMQ_CONFIG_FILE": f"{configuration}",
        "RABBITMQ_ENABLED_PLUGINS_FILE": f"{plugins}",
        "RABBITMQ_MNESIA_BASE": f"{VOLUME}",
        "RABBITMQ_LOG_BASE": f"{RUNTIME}",
        "RABBITMQ_GENERATED_CONFIG_DIR": f"{RUNTIME}",
        "RABBITMQ_PID_FILE": f"{RUNTIME / 'rabbitmq.pid'}",
        # The script becomes the server, which ends in peace at TERM, in place of a second one
        # that would be started to stop the first.
        "RUNNING_UNDER_SYSTEMD": "true",
        "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": f"{ERLANG} {distribution}",
    }


def _make_cookie(path: Path) -> None:
    """By which a node knows its kind; this one has nobody to know."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_text(secrets.token_hex(16))
    path.chmod(0o400)
