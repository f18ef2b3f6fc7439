"""The two images under the rights that they have in a cluster, through the real Docker."""

import json
import os
import threading
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from http.client import RemoteDisconnected
from pathlib import Path
from typing import Any

import psycopg
import pytest

from insurectl.adapters import docker_engine
from insurectl.adapters.docker_engine import SYSTEM, DockerEngine
from insurectl.errors import BadInput, MissingOnMachine, TargetNotReady
from tests.fakes import ListProgress

pytestmark = pytest.mark.cluster

NAME = f"images-{os.getpid()}"
PORT = 24000 + os.getpid() % 1000 * 8  # eight of its own
SERVER = """
import http.server, time
class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    def do_GET(self):
        if "slow" in self.path: time.sleep(1.5)
        self.send_response(200); self.send_header("Content-Length", "2"); self.end_headers()
        self.wfile.write(b"ok")
    def log_message(self, *told): pass
http.server.ThreadingHTTPServer(("0.0.0.0", 8080), Handler).serve_forever()
"""


@dataclass(frozen=True)
class Stage:
    """Where the servers of a test stand."""

    engine: DockerEngine
    service: str
    platform: str
    folder: Path

    def run(self, role: str, values: dict[str, Any], name: str = "", **more: Any) -> str:
        name = f"{NAME}-{name or role}"
        config = self.put(name, {"values.json": json.dumps(values)})
        self.engine.run(name, self.platform, role, system=NAME, network=NAME, config=config, **more)
        return name

    def put(self, folder: str, files: dict[str, str]) -> Path:
        place = self.folder / folder
        place.mkdir(exist_ok=True)
        for name, text in files.items():
            (place / name).write_text(text)
            (place / name).chmod(0o644)
        place.chmod(0o755)
        return place


@pytest.fixture(scope="module")
def engine() -> DockerEngine:
    try:
        return docker_engine.connect()
    except MissingOnMachine as error:
        pytest.skip(f"{error}")


@pytest.fixture(scope="module")
def images(engine: DockerEngine) -> tuple[str, str]:
    source = docker_engine.source_tree()
    assert source is not None
    tag = docker_engine.tag_of(source)
    names = (f"insure-system/service:{tag}", f"insure-system/platform:{tag}")
    engine.build(source, names, ListProgress())
    return names


@pytest.fixture
def stage(engine: DockerEngine, images: tuple[str, str], tmp_path: Path) -> Iterator[Stage]:
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    network = engine.client.networks.create(NAME, labels={SYSTEM: NAME})
    try:
        yield Stage(engine, *images, tmp_path)
    finally:
        engine.remove_all(NAME)
        network.remove()


def answer(url: str, within_s: float = 15.0) -> str:
    """As soon as there is one of 200."""
    deadline = time.monotonic() + within_s
    while True:
        try:
            with urllib.request.urlopen(url, timeout=5) as found:
                return str(found.read().decode())
        except (OSError, RemoteDisconnected):
            if time.monotonic() > deadline:
                raise
            time.sleep(0.1)


def upstream(stage: Stage) -> None:
    stage.engine.client.containers.run(
        stage.service, ["python", "-c", SERVER], name=f"{NAME}-core-app", detach=True,
        labels={SYSTEM: NAME}, network=NAME, read_only=True, cap_drop=["ALL"],
    )  # fmt: skip


def gateway(stage: Stage, name: str = "gateway") -> str:
    values = {"zone": "a", "listen": "0.0.0.0:8080", "core_app": f"{NAME}-core-app:8080",
              "partner_per_minute": 10, "zone_rps": None, "replicas": 1}  # fmt: skip
    return stage.run("gateway", values, name, ports={8080: PORT, 9113: PORT + 1})


def databases(stage: Stage, password: str) -> str:
    secrets = stage.put("secrets", {"postgres": "of-the-superuser\n", "app": password})
    values = {"host": "0.0.0.0", "port": 5432, "max_connections": 20, "network": "0.0.0.0/0",
              "databases": [{"name": "shop", "role": "app"}]}  # fmt: skip
    name = stage.run("postgresql", values, secrets=secrets,
                     volume="/var/lib/insure/data", ports={5432: PORT + 2})  # fmt: skip
    stage.engine.await_healthy([name], 60)
    return name


def sql(password: str, *statements: str) -> list[Any]:
    rows: list[Any] = []
    with psycopg.connect(
        host="127.0.0.1", port=PORT + 2, user="app", dbname="shop", password=password,
        connect_timeout=3,
    ) as connection:  # fmt: skip
        for statement in statements:
            found = connection.execute(statement.encode())
            rows = found.fetchall() if found.description else []
    return rows


def test_an_unchanged_tree_is_not_built_again(
    engine: DockerEngine, images: tuple[str, str]
) -> None:
    progress = ListProgress()
    source = docker_engine.source_tree()
    assert source is not None
    engine.build(source, images, progress)
    assert progress.said == []


def test_an_image_that_cannot_be_built_says_the_last_lines(
    engine: DockerEngine, tmp_path: Path
) -> None:
    (tmp_path / "system").mkdir()
    dockerfile = "FROM debian:bookworm-slim AS service\nRUN echo this-is-why && exit 9\n"
    (tmp_path / "system" / "Dockerfile").write_text(dockerfile)
    names = (f"{NAME}/service:none", f"{NAME}/platform:none")
    with pytest.raises(TargetNotReady, match=r"(?s)can't be built from .*this-is-why.*code: 9"):
        engine.build(tmp_path, names, ListProgress())
    assert not engine.has_image(names[0])


@pytest.mark.parametrize("which", [0, 1], ids=["service", "platform"])
def test_an_image_says_what_it_is_and_runs_as_an_ordinary_user(
    engine: DockerEngine, images: tuple[str, str], which: int
) -> None:
    image = engine.client.images.get(images[which])
    config = image.attrs["Config"]
    assert config["User"] == "10001:10001"
    assert config["Healthcheck"]["Test"][0] == "CMD"
    assert image.labels["org.opencontainers.image.licenses"] == "Apache-2.0"
    assert image.labels["org.opencontainers.image.revision"] == images[which].rpartition(":")[2]


def test_the_service_image_has_every_service_and_insurectl(
    engine: DockerEngine, images: tuple[str, str]
) -> None:
    modules = "system.core_app.app, system.client_info.app, insurectl.cli.app, kubernetes.client"
    engine.client.containers.run(
        images[0], ["python", "-c", f"import {modules}"], remove=True, read_only=True,
        tmpfs={"/tmp": ""}, cap_drop=["ALL"], security_opt=["no-new-privileges"],
    )  # fmt: skip


def test_a_database_keeps_its_data_and_takes_a_new_password(stage: Stage) -> None:
    databases(stage, "it's-old")
    sql("it's-old", "CREATE TABLE kept (x int)", "INSERT INTO kept VALUES (7)")
    databases(stage, "new")
    assert sql("new", "SELECT x FROM kept") == [(7,)]
    with pytest.raises(psycopg.OperationalError, match="password authentication failed"):
        sql("it's-old", "SELECT 1")


def test_a_database_comes_back_from_a_power_cut(stage: Stage) -> None:
    name = databases(stage, "p")
    sql("p", "CREATE TABLE kept (x int)", "INSERT INTO kept VALUES (7)")
    stage.engine.kill(name)
    assert stage.engine.look(name).state == "stopped"
    stage.engine.start(name)
    stage.engine.await_healthy([name], 60)
    assert sql("p", "SELECT x FROM kept") == [(7,)]


def test_a_second_server_leaves_the_data_of_the_first_alone(stage: Stage) -> None:
    name = databases(stage, "p")
    first = stage.engine.client.containers.get(name)
    assert first.exec_run(["/opt/platform/start.py", "postgresql"]).exit_code == 1
    assert sql("p", "SELECT 1") == [(1,)]


def test_what_runs_as_wanted_is_left_alone(stage: Stage) -> None:
    name = databases(stage, "p")
    before = stage.engine.client.containers.get(name).id
    databases(stage, "p")
    assert stage.engine.client.containers.get(name).id == before


def test_a_gateway_counts_what_it_answers(stage: Stage) -> None:
    upstream(stage)
    gateway(stage)
    assert answer(f"http://127.0.0.1:{PORT}/graphql") == "ok"
    assert answer(f"http://127.0.0.1:{PORT}/health/zone") == "ok"
    with pytest.raises(urllib.error.HTTPError):
        answer(f"http://127.0.0.1:{PORT}/nothing", 0)
    told = 'gateway_requests_total{route="other",status="404"} 1.0'
    until_s = time.monotonic() + 5  # a line is counted a moment after the answer
    while told not in (metrics := answer(f"http://127.0.0.1:{PORT + 1}/metrics")):
        assert time.monotonic() < until_s, metrics
        time.sleep(0.05)
    assert 'gateway_requests_total{route="graphql",status="200"} 1.0' in metrics
    assert "health" not in metrics


def test_a_gateway_that_is_told_to_go_finishes_what_is_in_flight(stage: Stage) -> None:
    upstream(stage)
    name = gateway(stage)
    answer(f"http://127.0.0.1:{PORT}/graphql")
    found: list[str] = []
    ask: Callable[[], None] = lambda: found.append(  # noqa: E731 # one line, used once
        answer(f"http://127.0.0.1:{PORT}/graphql?slow", 0)
    )
    asking = [threading.Thread(target=ask) for _ in range(8)]
    for thread in asking:
        thread.start()
    time.sleep(0.5)
    stage.engine.stop(name)
    for thread in asking:
        thread.join()
    assert found == ["ok"] * 8
    ended = stage.engine.look(name)
    assert (ended.state, ended.detail) == ("stopped", "ended with exit code 0")


def test_an_edge_starts_before_its_zones_have_a_name(stage: Stage) -> None:
    zones = [{"name": "a", "gateway": f"{NAME}-late:8080"}]
    values = {"listen": "0.0.0.0:8080", "stats": "0.0.0.0:8404", "zones": zones}
    name = stage.run("edge", values, ports={8080: PORT + 3, 8404: PORT + 4})
    stage.engine.await_healthy([name], 15)
    with pytest.raises(urllib.error.HTTPError):
        answer(f"http://127.0.0.1:{PORT + 4}/health/zones", 0)
    upstream(stage)
    gateway(stage, "late")
    assert answer(f"http://127.0.0.1:{PORT + 4}/health/zones", 30) == "all"
    assert answer(f"http://127.0.0.1:{PORT + 3}/graphql") == "ok"


def test_a_container_stands_still_and_goes_on(stage: Stage) -> None:
    name = databases(stage, "p")
    stage.engine.pause(name)
    stage.engine.pause(name)
    assert stage.engine.look(name).detail == "paused"
    stage.engine.ensure_runs(name)
    seen = stage.engine.look(name)
    assert seen.state == "healthy"
    assert seen.memory_mib is not None
    assert 5 < seen.memory_mib < 300
    assert "true" in stage.engine.execute(name, ["sh", "-c", "test ! -w /etc && echo true"])
    assert any("ready to accept" in line for line in stage.engine.logs(name, lines=20))


def test_values_that_say_nothing_are_told_with_the_last_lines(stage: Stage) -> None:
    name = stage.run("edge", {"listen": "0.0.0.0:8080"})
    with pytest.raises(TargetNotReady, match=r"values\.json lacks 'zones'"):
        stage.engine.await_healthy([name], 3)


def test_anothers_container_is_not_touched(stage: Stage) -> None:
    theirs = stage.engine.client.containers.create(
        stage.platform, ["edge"], name=f"{NAME}-edge", labels={SYSTEM: f"{NAME}-other"}
    )
    try:
        with pytest.raises(BadInput, match="insurectl did not make"):
            stage.run("edge", {})
        stage.engine.remove_all(NAME)
        theirs.reload()
    finally:
        theirs.remove(force=True)


def test_nothing_is_left(stage: Stage) -> None:
    databases(stage, "p")
    stage.engine.remove_all(NAME)
    mine: dict[str, Any] = {"label": f"{SYSTEM}={NAME}"}
    assert stage.engine.client.containers.list(all=True, filters=mine) == []
    assert stage.engine.client.volumes.list(filters=mine) == []
    assert stage.engine.look(f"{NAME}-postgresql").state == "gone"
