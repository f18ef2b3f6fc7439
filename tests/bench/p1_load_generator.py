"""P1: our load generator beside a bare Locust, on the same server and core, by turns."""

import json
import os
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

from insurectl.adapters.locust.engine import LocustEngine
from insurectl.ports import LoadJob
from insurectl.records import Scenario
from tests.bench.constant_server import constant_server, on_cores
from tests.bench.figure import Figure

USERS = 16
WARMUP_S = 1
PLAYED_S = 5
PAIRS = 7
BARE = """from locust import FastHttpUser, constant, task


class Bare(FastHttpUser):
    wait_time = constant(0)

    @task
    def get(self):
        self.client.get("/", name="get")
"""
OURS = """from insurectl.scenario import Journey, task


class Get(Journey):
    think_s = 0.0

    @task()
    def get(self) -> None:
        self.http.get("/", name="get")
"""


def figures() -> Iterator[Figure]:
    """The server has a core for itself where there is one more than the generator uses."""
    cores = sorted(os.sched_getaffinity(0))
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with constant_server(folder, set(cores[1:2] or cores)) as url:
            yield from _beside_locust(url, folder, {cores[0]})
        with constant_server(folder, set(cores[2:3] or cores)) as url:
            yield _two_beside_one(url, folder, cores)


def _beside_locust(url: str, folder: Path, core: set[int]) -> Iterator[Figure]:
    ours, bare = [], []
    for _ in range(PAIRS):
        with on_cores(core):
            bare.append(locust_rps(url, folder))
            ours.append(our_rps(url, folder, processes=1))
    ratios = [mine / other for mine, other in zip(ours, bare, strict=True)]
    yield Figure(
        goal="P1",
        what="requests/s of one process on one core, to those of a bare Locust FastHttpUser",
        value=statistics.median(ratios),
        unit="x",
        wanted=0.95,
        sense="min",
        runs=PAIRS,
        note=f"medians {statistics.median(ours):.0f}/s to {statistics.median(bare):.0f}/s, ratios "
        f"{min(ratios):.2f} to {max(ratios):.2f}",
    )


def _two_beside_one(url: str, folder: Path, cores: list[int]) -> Figure:
    one, two = [], []
    for _ in range(PAIRS):
        with on_cores(set(cores[:1])):
            one.append(our_rps(url, folder, processes=1))
        with on_cores(set(cores[:2])):
            two.append(our_rps(url, folder, processes=2))
    ratios = [more / less for more, less in zip(two, one, strict=True)]
    note = f"medians {statistics.median(two):.0f}/s to {statistics.median(one):.0f}/s"
    if len(cores) < 3:
        note += f"; not a fair test: with {len(cores)} cores the server shares those of the two"
    return Figure(
        goal="P1",
        what="requests/s of two processes on two cores, to those of one on one",
        value=statistics.median(ratios),
        unit="x",
        wanted=1.8,
        sense="min",
        runs=PAIRS,
        note=note,
    )


def locust_rps(url: str, folder: Path) -> float:
    """As its users run it, without its web page."""
    file = folder / "bare.py"
    file.write_text(BARE, encoding="utf-8")
    users, last = str(USERS), f"{WARMUP_S + PLAYED_S}s"
    command = [sys.executable, "-m", "locust", "-f", str(file), "--host", url, "--json",
               "--headless", "--reset-stats", "-u", users, "-r", users, "-t", last]  # fmt: skip
    done = subprocess.run(command, check=True, capture_output=True, text=True)
    [stats] = json.loads(done.stdout)
    assert stats["num_failures"] == 0
    return float(stats["num_requests"] / (stats["last_request_timestamp"] - stats["start_time"]))


def our_rps(url: str, folder: Path, processes: int) -> float:
    """Closed model, nobody thinks."""
    file = folder / "ours.py"
    file.write_text(OURS, encoding="utf-8")
    job = LoadJob(
        run_id="bench",
        scenario=scenario(file),
        base_url=url,
        rates=[USERS * processes] * (WARMUP_S + PLAYED_S),
        seed=7,
        scale=1.0,
        folder=folder / "load",
        processes=processes,
        credentials_file="",
    )
    result = LocustEngine().play(job, lambda second: None)
    assert result.total.failed == 0
    return result.total.count / PLAYED_S


def scenario(journey: Path) -> Scenario:
    """Users who do what the journey says, from the first second on."""
    return Scenario(
        name="bench",
        title="Users who never think",
        path="",
        journey_file=str(journey),
        plan="play",
        model="closed",
        arrivals="poisson",
        seed=7,
        warmup_s=WARMUP_S,
        stages=(),
        trace=None,
        thresholds=(),
        aborts=(),
        faults=(),
        services=(),
        costs={},
        calibration=None,
        data={},
    )
