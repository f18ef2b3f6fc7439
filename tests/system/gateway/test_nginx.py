"""The gateway's own nginx: when it says that its zone is well."""

import socket
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from insurectl.adapters import process
from system.platform.values import render
from tests.http_server import serving
from tests.system.replicas import free_port, until

EDGE_WAITS_S = 0.8  # `timeout check` of the edge


@contextmanager
def nginx(folder: Path, ports: dict[str, int]) -> Iterator[str]:
    """Its URL, once it answers; as a zone in a cluster has it."""
    for name in ("log", "nginx-temp"):
        (folder / name).mkdir()
    places = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    text = render(
        "gateway/nginx.conf",
        **places,
        cluster=True,
        zone="a",
        folder=folder,
        partner_per_minute=10,
        partner_retry_s=6,
        people_per_minute=None,
    )
    (folder / "nginx.conf").write_text(text)
    command = [process.program("nginx"), "-p", f"{folder}", "-c", f"{folder / 'nginx.conf'}"]
    url = f"http://{places['gateway']}"
    with subprocess.Popen([*command, "-e", f"{folder / 'log' / 'start.log'}"]) as server:
        try:
            until(lambda: answers(url), "nginx answers")
            yield url
        finally:
            server.terminate()


def answers(url: str) -> bool:
    try:
        return httpx.get(f"{url}/health/ready", trust_env=False).is_success
    except httpx.HTTPError:
        return False


@pytest.mark.parametrize(
    ("behind", "verdict"),
    [
        pytest.param("serves", (200, "serves"), id="it serves"),
        pytest.param("hangs", (200, "slow"), id="it takes long: its requests must not be cut off"),
        pytest.param("leaves", (503, "leaves"), id="it leaves"),
        pytest.param("gone", (502, ""), id="there is none"),
    ],
)
def test_on_clusters_a_zone_is_ill_when_nobody_takes_requests(
    tmp_path: Path, behind: str, verdict: tuple[int, str]
) -> None:
    ports = {name: free_port() for name in ("core_app", "gateway")}
    with replica(ports["core_app"], behind), nginx(tmp_path, ports) as url:
        began_s = time.monotonic()
        answer = httpx.get(f"{url}/health/zone", trust_env=False)
        assert time.monotonic() - began_s < EDGE_WAITS_S
    assert answer.status_code == verdict[0]
    assert verdict[1] in answer.text


@contextmanager
def replica(port: int, behaviour: str) -> Iterator[None]:
    """Of core-app, to be asked whether it is ready; ``gone``: nobody listens."""
    if behaviour == "gone":
        yield
    elif behaviour == "hangs":
        with socket.create_server(("127.0.0.1", port)):
            yield
    else:
        with serving(port) as server:
            status = 200 if behaviour == "serves" else 503
            server.answers["/health/ready"] = (status, "", behaviour.encode())
            yield
