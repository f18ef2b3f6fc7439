"""Ports of this machine, and folders that are mounted into the containers beside the clusters."""

import json
import socket
from collections.abc import Mapping
from pathlib import Path

HERE = "127.0.0.1"


def port_of(url: str) -> int:
    return int(url.rpartition(":")[2])


def free_ports(count: int) -> list[int]:
    """The kernel's choice; held together, so that they differ."""
    sockets = [socket.socket() for _ in range(count)]
    try:
        for one in sockets:
            one.bind((HERE, 0))
        return [int(one.getsockname()[1]) for one in sockets]
    finally:
        for one in sockets:
            one.close()


def place(folder: Path, role: str, values: Mapping[str, object]) -> Path:
    """A folder to be mounted. Containers run under another account, so what is in it is open to
    all, below a folder that only its owner may enter."""
    mounted = _mounted(folder, role)
    (mounted / "values.json").write_text(json.dumps(values, indent=2))
    (mounted / "values.json").chmod(0o644)
    return mounted


def place_secrets(folder: Path, passwords: Mapping[str, str]) -> Path:
    mounted = _mounted(folder, "secrets")
    for role, password in passwords.items():
        path = mounted / role
        path.write_text(password)
        path.chmod(0o644)
    return mounted


def _mounted(folder: Path, name: str) -> Path:
    closed = folder / "mounted"
    closed.mkdir(mode=0o700, exist_ok=True)
    (closed / name).mkdir(exist_ok=True)
    (closed / name).chmod(0o755)
    return closed / name
