"""P9: client cards with documents a second, of one replica of client-info on one core."""

import json
import os
import statistics
import subprocess
import sys
from collections.abc import Iterator

from tests.bench.card_service import CardService, card_service
from tests.bench.constant_server import on_cores
from tests.bench.figure import Figure

RUNS = 5
CONNECTIONS = 64
PLAYED_S = 4


def figures() -> Iterator[Figure]:
    """PostgreSQL and those who ask share the other cores."""
    with card_service() as service:
        runs = [_run(service) for _ in range(RUNS)]
    rates = [run["rps"] for run in runs]
    middle = {name: statistics.median(run[name] for run in runs) for name in runs[0]}
    yield Figure(
        goal="P9",
        what="client cards with documents, one replica on one core, from PostgreSQL each time",
        value=middle["rps"],
        unit="requests/s",
        wanted=3500,
        sense="min",
        runs=RUNS,
        note=f"{min(rates):.0f} to {max(rates):.0f}/s; {CONNECTIONS} connections, "
        f"p50 {middle['p50_ms']:.1f} ms, p99 {middle['p99_ms']:.1f} ms; the replica used "
        f"{middle['service_cpu']:.2f} of its core and {middle['cpu_us']:.0f} us a request, "
        f"who asks {middle['cpu']:.2f} of a core; load {os.getloadavg()[0]:.1f}",
    )


def _run(service: CardService) -> dict[str, float]:
    words = [str(service.replica.port), str(CONNECTIONS), str(PLAYED_S)]
    command = [sys.executable, "-m", "tests.bench.card_load", *words]
    before_s = service.cpu_s()
    with on_cores(service.others):
        done = subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True)
    found: dict[str, float] = json.loads(done.stdout)
    assert found["wrong"] == 0, found
    used_s = service.cpu_s() - before_s
    found["cpu_us"] = 1e6 * used_s / found["requests"]
    found["service_cpu"] = found["cpu_us"] * found["rps"] / 1e6
    return found
