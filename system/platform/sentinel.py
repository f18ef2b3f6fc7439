"""A Sentinel of a zone: watches the Redis servers, and with the others chooses the primary."""

import signal
import socket
from collections.abc import Mapping
from typing import Any

from system.platform import child, resp
from system.platform.redis_server import START, WATCHER
from system.platform.values import (
    RUNTIME,
    SECRETS,
    VOLUME,
    address,
    local,
    own_name,
    render,
    secret,
    wait_for_names,
)

NAME_S = 60.0


def run(values: Mapping[str, Any]) -> int:
    """Serve until TERM; the Sentinel's exit code."""
    wait_for_names([address(values["servers"][0])[0]], 1, NAME_S)
    base = RUNTIME / "sentinel.base.conf"
    base.write_text(render("platform/sentinel.conf", **variables(values, primary(values))))
    told = [f"{base}", f"{VOLUME}", values["master"], f"{SECRETS / WATCHER}"]
    return child.run(["/bin/sh", f"{START}", "sentinel", *told], signal.SIGTERM)


def ready(values: Mapping[str, Any]) -> bool:
    """Whether it knows a primary; OSError when nothing answers."""
    try:
        (told,) = resp.ask(
            address(local(values["listen"])),
            ("SENTINEL", "GET-MASTER-ADDR-BY-NAME", values["master"]),
        )
    except resp.Refused:
        return False
    return bool(told)


def primary(values: Mapping[str, Any]) -> str:
    """The server that says that it is one; the first of a new system. Only a Sentinel without a
    volume of before goes by it, and then it must not take a replica for the primary."""
    login = ("AUTH", WATCHER, secret(SECRETS / WATCHER))
    for server in values["servers"]:
        try:
            _, role = resp.ask(address(server), login, ("ROLE",))
        except (OSError, resp.Refused):
            continue
        if isinstance(role, list) and role[0] == "master":
            return str(server)
    return str(values["servers"][0])


def variables(values: Mapping[str, Any], primary: str) -> dict[str, object]:
    """Those of the template."""
    host, port = address(values["listen"])
    primary_host, primary_port = address(primary)
    return {
        "zone": values["zone"],
        "name": socket.gethostname(),
        "host": host,
        "port": port,
        "announce_host": own_name(values),
        "resolve_hostnames": True,
        "folder": VOLUME,
        "master": values["master"],
        "primary_host": primary_host,
        "primary_port": primary_port,
        "down_after_ms": values["down_after_ms"],
    }
