"""P7: how long `insurectl deploy` takes until every endpoint of two zones is healthy."""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from tests.bench.figure import Figure

RUNS = 3
PORT_BASE = 29000  # away from a system that a user may have deployed, and from the tests'


def figures() -> Iterator[Figure]:
    """Warm: one deploy goes before, which is not counted."""
    with tempfile.TemporaryDirectory() as state:
        taken_s = [_deploy_and_destroy(state) for _ in range(RUNS + 1)][1:]
    yield Figure(
        goal="P7",
        what="insurectl deploy, local, two zones, warm, until every endpoint is healthy",
        value=statistics.median(taken_s),
        unit="s",
        wanted=15,
        sense="max",
        runs=RUNS,
        note=f"{min(taken_s):.1f} to {max(taken_s):.1f} s",
    )


def _deploy_and_destroy(state: str) -> float:
    """Always from nothing: databases, seed data and all."""
    try:
        began_s = time.monotonic()
        _insurectl(state, "deploy", "--zones", "a,b")
        taken_s = time.monotonic() - began_s
        _insurectl(state, "status")  # ends with 4 unless each process is healthy
    finally:
        _insurectl(state, "destroy", "--yes")
    return taken_s


def _insurectl(state: str, *words: str) -> None:
    settings = {"NAME": "bench", "STATE": state, "PORT_BASE": str(PORT_BASE), "TARGET": "local"}
    subprocess.run(
        [sys.executable, "-m", "insurectl", *words, "--quiet"],
        env={**os.environ, **{f"INSURECTL_{name}": value for name, value in settings.items()}},
        check=True,
        stdout=subprocess.DEVNULL,
    )
