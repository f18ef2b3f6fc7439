"""What `helm test` runs, against a server that answers as the system would, or does not."""

import json
import os
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path

import pytest

from tests.http_server import HttpServer, serving
from tests.unit.chart.rendered import CHART

WORKS = CHART / "files" / "works.py"
TARGETS = "/api/v1/targets?state=active"


def _json(value: object) -> tuple[int, str, bytes]:
    return 200, "", json.dumps(value).encode()


def _targets(health: str, *names: str) -> tuple[int, str, bytes]:
    targets = [
        {
            **{"labels": {"job": name}, "health": health},
            **{"scrapeUrl": f"http://{name}/metrics", "lastError": "refused"},
        }
        for name in names
    ]
    return _json({"data": {"activeTargets": targets}})


def _refused(code: str, status: int = 401) -> tuple[int, str, bytes]:
    _, kind, body = _json({"data": None, "errors": [{"extensions": {"code": code}}]})
    return status, kind, body


WELL = {
    "/graphql": _refused("UNAUTHENTICATED"),
    TARGETS: _targets("up", "gateway", "agent", "core-app"),
}


def _run(server: HttpServer, more: Mapping[str, str] | None = None) -> tuple[int, str]:
    """Exit code and what was printed, without patience."""
    told = ("GATEWAY", "PROMETHEUS", "EDGE", "EDGE_STATS")
    env = {**os.environ, **dict.fromkeys(told, server.url), "SERVICES": "core-app"}
    env |= more or {}
    code = (
        f"import runpy, sys; m = runpy.run_path({str(WORKS)!r}); "
        "m['main'].__globals__['PATIENCE_S'] = -1; sys.exit(m['main']())"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=env, capture_output=True, text=True, check=False
    )
    return done.returncode, done.stdout + done.stderr


def test_a_system_that_works_passes() -> None:
    with serving() as server:
        server.answers = dict(WELL)
        code, told = _run(server)
    assert (code, told.count("ok ")) == (0, 6), told
    assert "not checked: what people and operators see" in told


@pytest.mark.parametrize(
    ("path", "answer", "told"),
    [
        pytest.param(
            "/health/zone", (503, "", b"no core-app is ready"),
            "FAILED the zone is well: ", id="zone ill",
        ),
        pytest.param(
            "/graphql", _refused("UNAVAILABLE"),
            "was asked for a card, and says", id="another refusal",
        ),
        pytest.param("/graphql", (200, "", b"<html>"), "FAILED GraphQL", id="no GraphQL"),
        pytest.param(
            TARGETS, _targets("down", "gateway", "agent", "core-app"),
            "Prometheus can't read http://gateway/metrics: refused", id="targets down",
        ),
        pytest.param(
            TARGETS, _targets("up", "gateway"),
            "Prometheus does not know of agent, core-app", id="targets missing",
        ),
        pytest.param(
            "/health/zones", (503, "", b"a zone does not answer"),
            "FAILED the edge has every zone", id="a zone is away",
        ),
    ],
)  # fmt: skip
def test_what_does_not_work_is_named(path: str, answer: tuple[int, str, bytes], told: str) -> None:
    with serving() as server:
        server.answers = {**WELL, path: answer}
        code, said = _run(server)
    assert code == 1
    assert told in said


@pytest.mark.parametrize(
    ("path", "answer", "failed"),
    [
        pytest.param(
            "/graphql", _refused("NOT_FOUND", 200), "refuses who has no token", id="let in"
        ),
        pytest.param("/auth/token", (401, "", b"{}"), "a customer signs in", id="not signed in"),
        pytest.param("/settlement/v1/months", (503, "", b"{}"), "sees /settlement", id="away"),
    ],
)
def test_people_are_signed_in_where_there_is_a_login_key(
    path: str, answer: tuple[int, str, bytes], failed: str, tmp_path: Path
) -> None:
    key = tmp_path / "login-key"
    key.write_text("key\n")
    people = {"LOGIN_KEY_FILE": f"{key}", "OPERATOR_PATHS": "/settlement/v1/months"}
    with serving() as server:
        server.answers = {**WELL, "/auth/token": _json({"token": "t"}), path: answer}
        _, told = _run(server, people)
    lines = [line for line in told.splitlines() if failed in line]
    assert lines
    assert all(line.startswith("FAILED") for line in lines)
