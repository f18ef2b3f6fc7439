"""A Redis server of a zone, primary or replica as the Sentinels say; and what Prometheus reads.

``redis.sh`` starts it, here as on a local system; what is done before is what a pod needs.
"""

import hashlib
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from system.platform import child, resp
from system.platform.values import (
    RUNTIME,
    SECRETS,
    VOLUME,
    CannotStart,
    address,
    local,
    own_name,
    render,
    secret,
    wait_for_names,
)

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric

START = Path(__file__).with_name("redis.sh")
METRICS = "0.0.0.0:9121"
WATCHER, REPLICA = "redis-sentinel", "redis-replication"  # users, and the files of their passwords
NAME_S = 60.0  # Sentinels that start at the same time have no name yet
EMPTY_S = 15.0  # the Sentinels need down_after_ms and some seconds to choose another


def run(values: Mapping[str, Any]) -> int:
    """Serve until TERM; the server's exit code."""
    own = f"{own_name(values)}:{address(values['listen'])[1]}"
    users = RUNTIME / "users.acl"
    users.write_text(render("platform/redis-users.acl", **accounts(values)))
    base = RUNTIME / "redis.base.conf"
    base.write_text(render("platform/redis.conf", **variables(values, users)))
    wait_for_names([address(one)[0] for one in values["sentinels"]], 2, NAME_S)
    if not (VOLUME / "appendonlydir").exists():
        let_replica_take_over(values, own, time.monotonic() + EMPTY_S)
    os.environ["REDIS_NAME"] = values["master"]
    _tell_prometheus(values)
    told = [own, f"{SECRETS / REPLICA}", *values["sentinels"]]
    return child.run(
        ["/bin/sh", f"{START}", "server", f"{base}", f"{VOLUME}", *told], signal.SIGTERM
    )


def ready(values: Mapping[str, Any]) -> bool:
    """Whether it serves and, as a replica, has what its primary has: only then may the primary
    go. OSError when nothing answers."""
    try:
        found = replication(values)
    except resp.Refused:  # it still reads its data
        return False
    return found.get("role") == "master" or found.get("master_link_status") == "up"


def replication(values: Mapping[str, Any], section: str = "replication") -> dict[str, str]:
    """What this server says of itself."""
    login = ("AUTH", WATCHER, secret(SECRETS / WATCHER))
    _, told = resp.ask(address(local(values["listen"])), login, ("INFO", section))
    lines = [line.partition(":") for line in f"{told}".splitlines()]
    return {key: value for key, colon, value in lines if colon}


def variables(values: Mapping[str, Any], users: Path) -> dict[str, object]:
    """Those of the template."""
    host, port = address(values["listen"])
    return {
        "zone": values["zone"],
        "name": socket.gethostname(),
        "host": host,
        "port": port,
        "announce_host": own_name(values),
        "folder": VOLUME,
        "users": users,
        "memory_mib": values["memory_mib"],
    }


def accounts(values: Mapping[str, Any]) -> dict[str, object]:
    """Users with hashes of their passwords, as the template wants them."""
    return {
        "replication_hash": hashed(secret(SECRETS / REPLICA)),
        "sentinel_hash": hashed(secret(SECRETS / WATCHER)),
        "users": [
            {"name": name, "password_sha256": hashed(secret(SECRETS / f"redis-{name}"))}
            for name in values["users"]
        ],
    }


def hashed(password: str) -> str:
    """As an ACL file has it."""
    return hashlib.sha256(password.encode()).hexdigest()


def let_replica_take_over(
    values: Mapping[str, Any],
    own: str,
    until_s: float,
    sleep: Callable[[float], None] = time.sleep,
) -> None:
    """A primary whose volume went with its pod must not come back empty while there is a replica
    that has everything: it stays away until the Sentinels have chosen that one."""
    while seen_primary_with_replica(values, own):
        if time.monotonic() > until_s:
            print("redis: nobody took over; starts without data", file=sys.stderr)
            return
        sleep(0.5)


def seen_primary_with_replica(values: Mapping[str, Any], own: str) -> bool:
    """Whether a Sentinel takes this server for the primary and knows a replica of it."""
    for sentinel in values["sentinels"]:
        try:
            (told,) = resp.ask(address(sentinel), ("SENTINEL", "MASTER", values["master"]))
        except (OSError, resp.Refused):
            continue
        pairs = told if isinstance(told, list) else []
        found = dict(zip(map(str, pairs[::2]), map(str, pairs[1::2]), strict=False))
        if f"{found.get('ip')}:{found.get('port')}" == own and found.get("num-slaves") != "0":
            return True
    return False


class Seen:
    """A collector of prometheus_client, under the names of redis_exporter."""

    def __init__(self, values: Mapping[str, Any]) -> None:
        self._values = values

    def describe(self) -> tuple["Metric", ...]:
        """None: the server may not be there yet when this is registered."""
        return ()

    def collect(self) -> Iterator["Metric"]:
        """A server that does not answer is up 0, and no other figure."""
        from prometheus_client.core import GaugeMetricFamily  # noqa: PLC0415 # health is quick

        found: dict[str, str] = {}
        try:
            found = replication(self._values) | replication(self._values, "memory")
        except (OSError, resp.Refused, CannotStart) as error:
            print(f"redis: can't be asked: {error}", file=sys.stderr)
        yield GaugeMetricFamily("redis_up", "Whether it answers.", value=float(bool(found)))
        if not found:
            return
        role = GaugeMetricFamily("redis_instance_info", "What it is.", labels=["role"])
        role.add_metric([found["role"]], 1.0)
        yield role
        for name, key in (
            ("redis_connected_slaves", "connected_slaves"),
            ("redis_memory_used_bytes", "used_memory"),
            ("redis_memory_max_bytes", "maxmemory"),
        ):
            yield GaugeMetricFamily(name, f"{key} of INFO.", value=float(found[key]))


def _tell_prometheus(values: Mapping[str, Any]) -> None:
    from prometheus_client import CollectorRegistry, start_http_server  # noqa: PLC0415

    registry = CollectorRegistry(auto_describe=False)
    registry.register(Seen(values))
    host, port = address(values.get("metrics", METRICS))
    start_http_server(port, host, registry)
