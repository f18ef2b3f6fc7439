"""What a server of the platform is told, and how its configuration is made of it."""

import json
import socket
import time
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

VALUES = Path("/etc/insure/values.json")
RUNTIME = Path("/run/insure")  # all that a server may write to, its data apart
VOLUME = Path("/var/lib/insure/data")
SECRETS = Path("/etc/insure-secrets")
TEMPLATES = Path(__file__).parent.parent


class CannotStart(Exception):
    """What this server was told, or finds, does not let it start; says what and where."""


def read(path: Path = VALUES) -> Mapping[str, Any]:
    """The values of one server; CannotStart when there are none."""
    try:
        found = json.loads(path.read_text())
    except (OSError, ValueError) as error:
        raise CannotStart(f"{path} can't be read: {error}") from error
    if not isinstance(found, dict):
        raise CannotStart(f"{path} holds no object")
    return found


def secret(path: Path) -> str:
    """One password; CannotStart when there is none."""
    try:
        found = path.read_text().strip()
    except OSError as error:
        raise CannotStart(f"the password {path} can't be read: {error.strerror}") from error
    if not found:
        raise CannotStart(f"the password {path} is empty")
    return found


def own_name(values: Mapping[str, Any]) -> str:
    """By which the others find this server, wherever it runs next: the pod's name in its domain."""
    return f"{socket.gethostname()}.{values['domain']}"


def wait_for_names(hosts: Sequence[str], enough: int, timeout_s: float) -> None:
    """Until so many of them have an address; CannotStart when they do not come."""
    deadline = time.monotonic() + timeout_s
    while len(missing := [host for host in hosts if not resolves(host)]) > len(hosts) - enough:
        if time.monotonic() > deadline:
            told = f"{', '.join(missing)} has no address after {timeout_s:.0f} s"
            raise CannotStart(told)
        time.sleep(0.5)


def resolves(name: str) -> bool:
    """Whether it has an address now."""
    try:
        return bool(socket.getaddrinfo(name, None))
    except OSError:
        return False


def address(text: str) -> tuple[str, int]:
    """``host:port``; CannotStart for anything else."""
    host, colon, port = text.rpartition(":")
    if not colon or not host or not port.isdigit():
        raise CannotStart(f"{text!r} is no HOST:PORT")
    return host.strip("[]"), int(port)


def local(text: str) -> str:
    """Where this container itself reaches a server that listens at ``text``."""
    host, port = address(text)
    here = {"0.0.0.0": "127.0.0.1", "::": "::1"}.get(host, host)
    return f"[{here}]:{port}" if ":" in here else f"{here}:{port}"


def render(template: str, **values: object) -> str:
    """The system's own template; the same that a local system is configured with."""
    import jinja2  # noqa: PLC0415 # not needed for a health check, which must be quick

    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(TEMPLATES),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return environment.get_template(f"{template}.j2").render(values)
