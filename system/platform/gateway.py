"""The gateway of a zone: nginx, and a count of what it answers."""

import json
import math
import signal
import sys
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path
from typing import Any

from system.platform import child
from system.platform.values import RUNTIME, address, local, render, wait_for_names

NGINX = "/usr/sbin/nginx"
METRICS = "0.0.0.0:9113"
NAME_S = 60  # the name of a service may come a little later than its gateway
BEHIND = ("core_app", "settlement", "insurer_stub", "web")  # all but the first may be left out


def run(values: Mapping[str, Any]) -> int:
    """Serve until TERM, then finish what is in flight; nginx's exit code."""
    from prometheus_client import Counter, start_http_server  # noqa: PLC0415 # health is quick

    configuration = RUNTIME / "nginx.conf"
    configuration.write_text(render("gateway/nginx.conf", **variables(values, RUNTIME)))
    (RUNTIME / "nginx-temp").mkdir(exist_ok=True)
    behind = [address(values[name])[0] for name in BEHIND if name in values]
    wait_for_names(behind, len(behind), NAME_S)
    answers = Counter("gateway_requests", "Answers of the zone's gateway.", ["status", "route"])
    host, port = address(values.get("metrics", METRICS))
    start_http_server(port, host)
    nginx = [NGINX, "-e", "stderr", "-p", f"{RUNTIME}", "-c", f"{configuration}"]
    return child.run(
        nginx,
        signal.SIGQUIT,
        lambda lines: count(lines, lambda *labels: answers.labels(*labels).inc()),
    )


def health(values: Mapping[str, Any]) -> str:
    """What to ask whether it serves."""
    return f"http://{local(values['listen'])}/health/ready"


def variables(values: Mapping[str, Any], folder: Path) -> dict[str, object]:
    """Those of the template. What the zone takes of people is shared by its gateways; a partner's
    rate is not, since the exact rule stands behind them."""
    partner, rps = values["partner_per_minute"], values.get("zone_rps")
    gateways = max(1, values.get("replicas") or 1)
    share = None if rps is None else rps / gateways
    people = {
        name: max(1, math.ceil(values[name] / gateways))
        for name in ("people_in_flight", "people_streams")
        if name in values
    }
    return {
        "cluster": True,
        "zone": values["zone"],
        "folder": folder,
        "error_log": "stderr",
        "access_log": "/dev/stdout",
        "gateway": values["listen"],
        **{name: values[name] for name in BEHIND if name in values},
        **people,
        "partner_per_minute": partner,
        "partner_retry_s": math.ceil(60 / partner),
        "people_per_minute": None if share is None else max(1, round(share * 60)),
        "people_burst": None if share is None else max(1, math.ceil(share)),
    }


def count(lines: Iterable[bytes], add: Callable[[str, str], None]) -> None:
    """Every line of the access log; ``add`` gets status and route."""
    for line in lines:
        try:
            entry = json.loads(line.decode(errors="replace"))
            add(f"{entry['status']}", entry["route"])
        except (ValueError, KeyError, TypeError) as error:
            print(f"gateway: no line of the access log: {error!r}", file=sys.stderr)
