"""How a container of the platform image is run: its mounts, its ports, and what it may not do."""

import hashlib
import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

USER = 10001


def options(
    role: str,
    *,
    network: str,
    config: Path,
    secrets: Path | None,
    volume: tuple[str, str] | None,
    ports: Mapping[int, int],
) -> dict[str, Any]:
    """Keywords of ``docker run``. ``volume``: its name and where; ``ports``: container ->
    loopback of this machine."""
    binds = {f"{config}": {"bind": "/etc/insure", "mode": "ro"}}
    if secrets:
        binds[f"{secrets}"] = {"bind": "/etc/insure-secrets", "mode": "ro"}
    if volume:
        binds[volume[0]] = {"bind": volume[1], "mode": "rw"}
    return {
        "command": [role],
        "network": network,
        "volumes": binds,
        "ports": {f"{inner}/tcp": ("127.0.0.1", outer) for inner, outer in ports.items()},
        **_hardened(),
    }


def digest(wanted: object, folders: Sequence[Path]) -> str:
    """Of the container's description and of the files that it reads when it starts."""
    digest = hashlib.sha256(json.dumps(wanted, sort_keys=True).encode())
    for folder in folders:
        for path in sorted(p for p in folder.rglob("*") if p.is_file()):
            digest.update(f"{path}\0".encode() + path.read_bytes())
    return digest.hexdigest()


def _hardened() -> dict[str, Any]:
    """What every container of ours has: no root, no rights, nothing to write to but two places."""
    own = f"uid={USER},gid={USER},mode=0700"
    return {
        "user": f"{USER}:{USER}",
        "read_only": True,
        "tmpfs": {"/tmp": own, "/run/insure": own},
        "cap_drop": ["ALL"],
        "security_opt": ["no-new-privileges"],
        "restart_policy": {"Name": "unless-stopped"},
        "log_config": {"Type": "json-file", "Config": {"max-size": "10m", "max-file": "2"}},
    }
