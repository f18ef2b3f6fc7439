"""The secrets of a local system: a file each, of mode 0600, and what servers see of them."""

import base64
import hashlib
import os
from collections.abc import Mapping
from pathlib import Path

from insurectl.adapters import service_secrets
from insurectl.adapters.load_credentials import LoadCredentials
from insurectl.adapters.local_state import LocalState
from insurectl.adapters.service_secrets import RABBITMQ, REDIS
from insurectl.adapters.topology import Topology

SALT_BYTES = 4  # RabbitMQ's own


def settle(state: LocalState, known: Topology) -> None:
    """Make what is missing; what there is stays."""
    paths = {name: state.secrets / name for name in service_secrets.needed(known)}
    before = {name: path.read_bytes() for name, path in paths.items() if path.exists()}
    for name, content in service_secrets.make(known, before).items():
        if before.get(name) != content:
            write(paths[name], content)


def give_to_load(state: LocalState) -> None:
    """``credentials.json``: what a generator of load may do, in place of people and partners."""
    LoadCredentials(
        partner_keys=tuple(state.partner_keys.read_text().split()),
        token_private_pem=_text(state, service_secrets.TOKEN_PRIVATE),
    ).write(state.credentials)


def broker_users(state: LocalState, known: Topology) -> list[dict[str, object]]:
    """For RabbitMQ's definitions: names, hashes, and which events are whose."""
    return [
        {
            "name": one.name,
            "password_hash": rabbitmq_hash(_text(state, f"broker-{one.name}")),
            "publishes": one.publishes,
            "consumes": one.consumes,
        }
        for one in known.services.values()
        if RABBITMQ in one.needs
    ]


def redis_users(state: LocalState, known: Topology) -> dict[str, object]:
    """For Redis' list of users."""
    users = [one.name for one in known.services.values() if REDIS in one.needs]
    return {
        "replication_hash": _digest(_text(state, service_secrets.REDIS_REPLICATION)),
        "sentinel_hash": _digest(_text(state, service_secrets.REDIS_SENTINEL)),
        "users": [
            {"name": name, "password_sha256": _digest(_text(state, f"redis-{name}"))}
            for name in users
        ],
    }


def rabbitmq_hash(password: str) -> str:
    """``rabbit_password_hashing_sha256``. The salt follows from the password, so that the file of
    definitions stays as it is from one deploy to the next."""
    salt = hashlib.sha256(f"salt of {password}".encode()).digest()[:SALT_BYTES]
    return base64.b64encode(salt + hashlib.sha256(salt + password.encode()).digest()).decode()


def write(path: Path, content: bytes) -> None:
    """Whole or not at all, and never readable for others."""
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    beside.unlink(missing_ok=True)
    opened = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    with os.fdopen(opened, "wb") as file:
        file.write(content)
    beside.replace(path)


def paths(state: LocalState, files: Mapping[str, str]) -> dict[str, str]:
    """Variable -> path, of variable -> name."""
    return {variable: f"{state.secrets / name}" for variable, name in files.items()}


def _text(state: LocalState, name: str) -> str:
    return (state.secrets / name).read_text().strip()


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()
