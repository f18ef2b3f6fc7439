"""The edge beside the zones: HAProxy, which sends people to the zones that answer."""

import ipaddress
import signal
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from system.platform import child
from system.platform.values import RUNTIME, address, local, render, resolves

HAPROXY = "/usr/sbin/haproxy"
RESOLV = Path("/etc/resolv.conf")


def run(values: Mapping[str, Any]) -> int:
    """Serve until TERM, then finish what is in flight; HAProxy's exit code."""
    configuration = RUNTIME / "edge.haproxy.cfg"
    search = search_list(RESOLV.read_text())
    configuration.write_text(
        render("platform/edge.haproxy.cfg", **variables(values, RUNTIME, search, resolves))
    )
    return child.run([HAPROXY, "-db", "-f", f"{configuration}"], signal.SIGUSR1)


def health(values: Mapping[str, Any]) -> str:
    """What to ask whether it serves."""
    return f"http://{local(values['stats'])}/health/ready"


def variables(
    values: Mapping[str, Any],
    folder: Path,
    search: Sequence[str],
    resolves: Callable[[str], bool],
) -> dict[str, object]:
    """Those of the template."""
    zones = []
    for zone in values["zones"]:
        host, port = address(zone["gateway"])
        name = full_name(host, search, resolves)
        zones.append({"name": zone["name"], "gateway": f"{name}:{port}"})
    return {
        "cluster": True,
        "admin_socket": folder / "edge.sock",
        "edge": values["listen"],
        "stats": values["stats"],
        "zones": zones,
    }


def full_name(host: str, search: Sequence[str], resolves: Callable[[str], bool]) -> str:
    """The name as name servers know it: HAProxy asks them itself and knows no search list.

    Where nothing resolves yet, ``service.namespace`` of a cluster is told by its one dot.
    """
    if _is_address(host):
        return f"[{host}]" if ":" in host else host
    if host.endswith("."):
        return host.rstrip(".")
    wider = [f"{host}.{domain}" for domain in search]
    for name in (*wider, host):
        if resolves(f"{name}."):
            return name
    if host.count(".") == 1:
        return next((name for name in wider if name.startswith(f"{host}.svc.")), host)
    return host


def search_list(resolv: str) -> list[str]:
    """Of the text of resolv.conf; the last line of its kind counts."""
    found: list[str] = []
    for line in resolv.splitlines():
        key, *rest = line.split() or [""]
        if key in ("search", "domain"):
            found = [domain.rstrip(".") for domain in rest if domain != "."]
    return found


def _is_address(host: str) -> bool:
    try:
        ipaddress.ip_address(host)
    except ValueError:
        return False
    return True
