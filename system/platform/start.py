#!/usr/bin/python3
"""``start.py ROLE``, the one entrance of the platform image: gateway, edge, postgresql, redis,
sentinel, rabbitmq.

Reads ``/etc/insure/values.json``, writes the server's configuration under ``/run/insure`` and
runs it. ``start.py health`` ends with 0 when the server of this container serves.
"""

import argparse
import sys
import urllib.request
from collections.abc import Mapping
from typing import Any

from system.platform import database, edge, gateway, rabbitmq, redis_server, sentinel
from system.platform.values import RUNTIME, CannotStart, read

ROLE = RUNTIME / "role"  # what this container runs, for its health check
RUN = {
    "gateway": gateway.run,
    "edge": edge.run,
    "postgresql": database.run,
    "redis": redis_server.run,
    "sentinel": sentinel.run,
    "rabbitmq": rabbitmq.run,
}
READY = {
    "postgresql": database.ready,
    "redis": redis_server.ready,
    "sentinel": sentinel.ready,
    "rabbitmq": rabbitmq.ready,
}


def main() -> int:
    """The exit code; 1, with one line that says why, when the server can't start."""
    parser = argparse.ArgumentParser(prog="start.py")
    parser.add_argument("role", choices=[*RUN, "health"])
    role: str = parser.parse_args().role
    try:
        if role == "health":
            return 0 if healthy(ROLE.read_text(), read()) else 1
        ROLE.write_text(role)
        return RUN[role](read())
    except KeyError as error:
        print(f"{role}: values.json lacks {error}", file=sys.stderr)
    except (CannotStart, OSError) as error:
        print(f"{role}: {error}", file=sys.stderr)
    return 1


def healthy(role: str, values: Mapping[str, Any]) -> bool:
    """Whether the server that runs here takes requests; OSError when nothing answers."""
    if role in READY:
        return READY[role](values)
    url = gateway.health(values) if role == "gateway" else edge.health(values)
    with urllib.request.urlopen(url, timeout=2) as answer:
        return bool(answer.status == 200)


if __name__ == "__main__":
    sys.exit(main())
