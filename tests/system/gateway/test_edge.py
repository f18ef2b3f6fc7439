"""The edge's own HAProxy: whom it sends people to."""

import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest

from insurectl.adapters import process
from system.platform.values import render
from tests.http_server import HttpServer, serving
from tests.system.replicas import free_port, until

ILL = (503, "", b"ill")


@contextmanager
def edge(folder: Path, gateways: dict[str, str]) -> Iterator[tuple[str, str]]:
    """URLs of the edge and of what it says of itself."""
    places = {name: f"127.0.0.1:{free_port()}" for name in ("edge", "stats")}
    zones = [{"name": name, "gateway": address} for name, address in gateways.items()]
    text = render("platform/edge.haproxy.cfg", **places, zones=zones, admin_socket=folder / "admin")
    (folder / "haproxy.cfg").write_text(text)
    command = [process.program("haproxy"), "-db", "-f", f"{folder / 'haproxy.cfg'}"]
    stats = f"http://{places['stats']}"
    with subprocess.Popen(command) as server:
        try:
            until(lambda: status(stats, "/health/ready") == 200, "HAProxy answers")
            yield f"http://{places['edge']}", stats
        finally:
            server.terminate()


def status(url: str, path: str) -> int:
    """0 where nobody answers."""
    try:
        return httpx.get(f"{url}{path}", trust_env=False).status_code
    except httpx.HTTPError:
        return 0


def address(zone: HttpServer) -> str:
    return zone.url.removeprefix("http://")


@pytest.mark.parametrize("header", [{}, {"X-API-Key": "any"}], ids=["people", "partners"])
def test_a_zone_that_is_ill_is_left_alone_unless_all_are(
    tmp_path: Path, header: dict[str, str]
) -> None:
    with serving() as a, serving() as b:
        zones = {"a": address(a), "b": address(b)}
        with edge(tmp_path, zones) as (url, stats), httpx.Client(trust_env=False) as people:
            until(lambda: status(stats, "/health/zones") == 200, "both zones are well")
            a.answers["/health/zone"] = ILL
            until(lambda: status(stats, "/health/zones") == 503, "one is seen to be ill")
            before = a.seen["/"]
            answers = {people.get(f"{url}/", headers=header).status_code for _ in range(10)}
            assert (answers, a.seen["/"]) == ({200}, before)
            b.answers["/health/zone"] = ILL
            seen = b.seen["/health/zone"]
            until(lambda: b.seen["/health/zone"] >= seen + 4, "and the other one, too")
            answers = {people.get(f"{url}/", headers=header).status_code for _ in range(10)}
            assert answers == {200}
            assert a.seen["/"] > before


def test_who_sets_insurers_says_in_which_zone(tmp_path: Path) -> None:
    path = "/insurers/admin/alpha"
    with serving() as a, serving() as b:
        zones = {"a": address(a), "b": address(b)}
        with edge(tmp_path, zones) as (url, stats), httpx.Client(trust_env=False) as operator:

            def asked(zone: str, path: str = path) -> int:
                return operator.get(f"{url}{path}", headers={"X-Zone": zone}).status_code

            until(lambda: status(stats, "/health/zones") == 200, "both zones are well")
            assert {asked("a") for _ in range(5)} == {200}
            assert (a.seen[path], b.seen[path]) == (5, 0)
            assert {asked("b") for _ in range(5)} == {200}
            assert (a.seen[path], b.seen[path]) == (5, 5)
            assert asked("c") == 404
            assert {asked("a", "/") for _ in range(4)} == {200}  # others can't choose
            assert (a.seen["/"], b.seen["/"]) == (2, 2)
            a.answers["/health/zone"] = ILL
            until(lambda: status(stats, "/health/zones") == 503, "one is seen to be ill")
            assert (asked("a"), asked("b")) == (503, 200)
            assert a.seen[path] == 5
