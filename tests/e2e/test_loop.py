"""The command line from end to end on the real servers: known cost in, capacity out."""

import json
import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import psutil
import pytest

from insurectl.planning.queueing import rate_within
from insurectl.records import Queue

pytestmark = [pytest.mark.system, pytest.mark.timeout(600)]
SCENARIOS = Path(__file__).parent / "scenarios"
TRUTH = Queue(servers=3, service_ms=150, service_cv=0.5, overhead_ms=8)  # small_loop.yaml's costs
OFF = 0.25  # what a step of 7 s and a busy machine may be off by


@pytest.fixture(scope="module")
def env(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Mapping[str, str]]:
    place = tmp_path_factory.mktemp("loop")
    told = {
        **{name: value for name, value in os.environ.items() if not name.startswith("INSURECTL_")},
        "INSURECTL_NAME": "loop",
        "INSURECTL_STATE": f"{place / 'state'}",
        "INSURECTL_REPORTS": f"{place / 'reports'}",
        "INSURECTL_PORT_BASE": "27000",
        "INSURECTL_CLIENTS": "200",
    }
    yield told
    assert insurectl(told, "destroy", "--yes").returncode == 0
    left = [p.pid for p in psutil.process_iter(["cmdline"]) if f"{place}" in str(p.info["cmdline"])]
    assert not left


def insurectl(env: Mapping[str, str], *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "insurectl", *arguments]
    return subprocess.run(command, env=dict(env), capture_output=True, text=True, check=False)


def record(env: Mapping[str, str], run: Path, name: str) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((run / name).read_text())
    return content


def newest(env: Mapping[str, str]) -> Path:
    return max(Path(env["INSURECTL_REPORTS"]).iterdir(), key=lambda path: path.name)


def test_the_loop_finds_the_known_capacity_and_proves_its_settings(env: Mapping[str, str]) -> None:
    done = insurectl(env, "run", f"{SCENARIOS / 'small_loop.yaml'}")
    assert done.returncode in (0, 96), done.stderr  # measured, and not invalid
    run = newest(env)
    model, verdict = record(env, run, "40-fit.json"), record(env, run, "70-verify.json")
    truth = rate_within(TRUTH, 0.95, 600)
    assert model["rps_per_replica"]["value"] == pytest.approx(truth, rel=OFF)
    assert (done.returncode == 0) == (verdict["outcome"] == "pass")
    assert all(one["measured"] is not None for one in verdict["comparisons"])
    status = json.loads(insurectl(env, "status", "-o", "json").stdout)
    assert status["schema"] == "insurectl/status/v1"
    assert status["healthy"], status


def test_each_stage_can_be_repeated_alone_and_the_way_back_is_exact(env: Mapping[str, str]) -> None:
    run = newest(env)
    for stage in ("fit", "recommend", "report"):
        done = insurectl(env, stage, run.name)
        assert done.returncode == 0, done.stderr
    before = record(env, run, "60-apply.json")["before"]
    assert insurectl(env, "rollback", run.name, "--yes").returncode == 0
    again = json.loads(insurectl(env, "apply", run.name, "--dry-run", "-o", "json").stdout)
    assert again["before"] == before


def test_the_report_opens_offline(env: Mapping[str, str]) -> None:
    page = (newest(env) / "report.html").read_text()
    assert "<svg" in page
    for loads in ('src="http', 'href="http', "url(http", "@import"):
        assert loads not in page


def test_a_zone_is_killed_under_load_and_comes_back(env: Mapping[str, str]) -> None:
    peak = f"{SCENARIOS / 'short_peak.yaml'}"
    done = insurectl(env, "failover", "--zone", "a", "--fault", "kill", "--scenario", peak)
    found = record(env, newest(env), "75-failover.json")
    assert (found["lost"], found["doubled"]) == (0, 0), found
    assert found["gap_s"] <= 3.0, found
    assert done.returncode == 0, done.stdout + done.stderr
    assert insurectl(env, "status").returncode == 4
    assert insurectl(env, "failback", "--zone", "a").returncode == 0
    assert insurectl(env, "status").returncode == 0
