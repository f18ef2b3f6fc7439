"""P7 on kind: how long `insurectl deploy --target kind` takes with the images built.

Needs Docker, kind and helm; see tests/cluster_systems.py for how a closed network gives files.
"""

import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator

from tests.bench.figure import Figure
from tests.cluster_systems import addons, node_image

CAMPAIGN = True
RUNS = 3


def figures() -> Iterator[Figure]:
    """The first deploy builds the images and is not counted."""
    with tempfile.TemporaryDirectory() as state:
        found = [_deploy_and_destroy(state) for _ in range(RUNS + 1)][1:]
    deployed_s, gone_s = [one[0] for one in found], [one[1] for one in found]
    yield Figure(
        goal="P7",
        what="insurectl deploy, kind, two zones, images built, until every endpoint is healthy",
        value=statistics.median(deployed_s),
        unit="s",
        wanted=180,
        sense="max",
        runs=RUNS,
        note=f"{min(deployed_s):.0f} to {max(deployed_s):.0f} s; "
        f"destroy {statistics.median(gone_s):.0f} s",
    )


def _deploy_and_destroy(state: str) -> tuple[float, float]:
    """Always from nothing: clusters, add-ons, databases, seed data and all."""
    try:
        began_s = time.monotonic()
        _insurectl(state, "deploy", "--target", "kind", "--zones", "a,b")
        deployed_s = time.monotonic() - began_s
        _insurectl(state, "status")  # ends with 4 unless each process is healthy
    finally:
        began_s = time.monotonic()
        _insurectl(state, "destroy", "--yes")
    return deployed_s, time.monotonic() - began_s


def _insurectl(state: str, *words: str) -> None:
    settings = {
        "NAME": "benchkind",
        "STATE": state,
        "NODE_IMAGE": node_image(),
        "ADDONS": ",".join(addons()),
    }
    subprocess.run(
        [sys.executable, "-m", "insurectl", *words, "--quiet"],
        env={**os.environ, **{f"INSURECTL_{name}": value for name, value in settings.items()}},
        check=True,
        stdout=subprocess.DEVNULL,
    )
