"""The gateway's own nginx: where it leads, what it sheds, and what it lets last."""

import asyncio
import contextlib
import json
import socket
import subprocess
import time
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager, contextmanager, nullcontext
from pathlib import Path

import httpx
import pytest
import websockets
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket
from uvicorn import Config, Server

from insurectl.adapters import process
from system.platform.values import render
from tests.http_server import serving
from tests.system.replicas import free_port, until

IN_FLIGHT, STREAMS = 4, 6
EDGE_WAITS_S = 0.8  # `timeout check` of the edge
PROBLEM = "application/problem+json"
PROTOCOL = websockets.Subprotocol("graphql-transport-ws")


def service(name: str) -> Starlette:
    """Says who was asked for what; ``?wait=S`` holds the answer back."""

    async def told(request: Request) -> Response:
        await asyncio.sleep(float(request.query_params.get("wait", 0)))
        return JSONResponse({"service": name, "path": request.url.path})

    return Starlette(
        routes=[
            WebSocketRoute("/graphql", chat),
            Route("/web/v1/applications/{id}/offers", offers),
            Route("/{path:path}", told, methods=["GET", "POST"]),
        ]
    )


async def chat(one: WebSocket) -> None:
    await one.accept(subprotocol="graphql-transport-ws")
    async for text in one.iter_text():
        await one.send_text(text.upper())


async def offers(_: Request) -> Response:
    async def events() -> AsyncIterator[str]:
        yield "data: first\n\n"
        await asyncio.sleep(2)
        yield "data: second\n\n"

    return StreamingResponse(events(), media_type="text/event-stream")


@pytest.fixture(scope="module")
def ports() -> dict[str, int]:
    return {name: free_port() for name in
            ("core_app", "settlement", "insurer_stub", "web", "gateway")}  # fmt: skip


@pytest.fixture(scope="module")
def gateway(ports: dict[str, int], tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """nginx, as a zone of the local target has it."""
    with nginx(tmp_path_factory.mktemp("gateway"), ports, cluster=False) as url:
        yield url


@contextmanager
def nginx(folder: Path, ports: dict[str, int], *, cluster: bool) -> Iterator[str]:
    """Its URL, once it answers."""
    for name in ("log", "nginx-temp"):
        (folder / name).mkdir()
    places = {name: f"127.0.0.1:{port}" for name, port in ports.items()}
    text = render(
        "gateway/nginx.conf",
        **places,
        cluster=cluster,
        zone="a",
        folder=folder,
        mesh=places["core_app"],
        partner_per_minute=10,
        partner_retry_s=6,
        people_per_minute=None,
        people_in_flight=IN_FLIGHT,
        people_streams=STREAMS,
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


class Beside(Server):
    """One of several in a process. Each would put its own handlers of signals back in an order that
    leaves those of a server that is gone."""

    def capture_signals(self) -> nullcontext[None]:
        return nullcontext()


@asynccontextmanager
async def people(gateway: str, ports: dict[str, int]) -> AsyncIterator[httpx.AsyncClient]:
    """A client of the gateway, with a small server in the place of each service."""
    servers = [
        Beside(Config(service(name), port=port, log_level="error", lifespan="off"))
        for name, port in ports.items()
        if name != "gateway"
    ]
    running = [asyncio.create_task(server.serve()) for server in servers]
    while not all(server.started for server in servers):
        await asyncio.sleep(0.02)
    try:
        async with httpx.AsyncClient(base_url=gateway, timeout=10, trust_env=False) as client:
            yield client
    finally:
        for server in servers:
            server.should_exit = True
        await asyncio.gather(*running)


@pytest.mark.parametrize(
    ("path", "service"),
    [
        ("/", "web"),
        ("/static/page.js", "web"),
        ("/auth/token", "web"),
        ("/graphql", "core_app"),
        ("/partner/v1/applications", "core_app"),
        ("/web/v1/anything", "core_app"),
        ("/settlement/v1/register", "settlement"),
        ("/insurers/admin", "insurer_stub"),
        ("/insurers/admin/alpha", "insurer_stub"),
    ],
)
def test_a_path_leads_to_its_service(
    gateway: str, ports: dict[str, int], path: str, service: str
) -> None:
    async def run() -> None:
        async with people(gateway, ports) as client:
            assert (await client.get(path)).json() == {"service": service, "path": path}

    asyncio.run(run())


@pytest.mark.parametrize(
    "path",
    ["/insurers/alpha/v1/products", "/v1/applications", "/metrics", "/graphql-stream", "/health",
     "/problem/too-long", "/insurers/administrators"],
)  # fmt: skip
def test_there_is_no_other_way_in(gateway: str, path: str) -> None:
    answer = httpx.get(f"{gateway}{path}", trust_env=False)
    assert (answer.status_code, answer.headers["Content-Type"]) == (404, PROBLEM)


@pytest.mark.parametrize(
    ("sent", "status"),
    [
        pytest.param(b"POST /graphql HTTP/1.1\r\nHost: x\r\nContent-Length: 99999999\r\n\r\n", 413,
                     id="a body too large"),
        pytest.param(b"GET /" + b"a" * 9000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414, id="too long"),
        pytest.param(b"GET / HTTP/1.1\r\nHost: x\r\nX: " + b"a" * 9000 + b"\r\n\r\n", 431,
                     id="a header too large"),
        pytest.param(b"GET / HTTP/1.1\r\n\r\n", 400, id="no host"),
        pytest.param(b"GET /graphql HTTP/1.1\r\nHost: a b\r\n\r\n", 400, id="no host's name"),
        pytest.param(b"TRACE / HTTP/1.1\r\nHost: x\r\n\r\n", 405, id="TRACE"),
    ],
)  # fmt: skip
def test_what_can_not_be_taken_is_a_problem_document(
    gateway: str, ports: dict[str, int], sent: bytes, status: int
) -> None:
    with socket.create_connection(("127.0.0.1", ports["gateway"]), 5) as plain:
        plain.sendall(sent)
        head, _, body = plain.recv(65536).partition(b"\r\n\r\n")
    assert head.split()[1] == str(status).encode()
    assert PROBLEM.encode() in head
    assert json.loads(body)["status"] == status


def test_a_service_that_is_away_is_a_problem_document(gateway: str) -> None:
    answer = httpx.post(f"{gateway}/graphql", trust_env=False)
    assert (answer.status_code, answer.headers["Content-Type"]) == (502, PROBLEM)


def test_requests_above_the_limit_are_told_to_come_again(
    gateway: str, ports: dict[str, int]
) -> None:
    async def run() -> list[httpx.Response]:
        async with people(gateway, ports) as client:
            asked = [client.post("/graphql?wait=1.5") for _ in range(IN_FLIGHT + 3)]
            answers = await asyncio.gather(*asked)
            assert (await client.post("/graphql")).status_code == 200, "the next one passes"
            return answers

    answers = asyncio.run(run())
    assert sorted(one.status_code for one in answers) == [200] * IN_FLIGHT + [503] * 3
    shed = [one for one in answers if one.status_code == 503]
    assert {(one.headers["Retry-After"], one.headers["Content-Type"]) for one in shed} == {
        ("1", PROBLEM)
    }


def test_partners_are_not_shed_with_people(gateway: str, ports: dict[str, int]) -> None:
    async def run() -> int:
        async with people(gateway, ports) as client:
            full = [asyncio.create_task(client.post("/graphql?wait=1.5")) for _ in range(IN_FLIGHT)]
            await asyncio.sleep(0.5)
            answer = await client.get("/partner/v1/products", headers={"X-API-Key": "one"})
            await asyncio.gather(*full)
            return answer.status_code

    assert asyncio.run(run()) == 200


def test_who_waits_for_offers_is_counted_apart_and_shed_at_a_limit_of_its_own(
    gateway: str, ports: dict[str, int]
) -> None:
    url = gateway.replace("http", "ws") + "/graphql"

    async def run() -> int:
        async with people(gateway, ports) as client, contextlib.AsyncExitStack() as stack:
            for _ in range(STREAMS):
                opened = websockets.connect(url, subprotocols=[PROTOCOL], proxy=None)
                chat = await stack.enter_async_context(opened)
                await chat.send("offers")
                assert await chat.recv() == "OFFERS"
            assert (await client.post("/graphql")).status_code == 200
            with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
                await websockets.connect(url, subprotocols=[PROTOCOL], proxy=None)
            return refused.value.response.status_code

    assert asyncio.run(run()) == 503


def test_server_sent_events_come_one_by_one(gateway: str, ports: dict[str, int]) -> None:
    async def run() -> list[float]:
        async with people(gateway, ports) as client:
            seen = []
            async with client.stream("GET", "/web/v1/applications/1/offers") as answer:
                async for line in answer.aiter_lines():
                    if line:
                        seen.append(time.monotonic())
            return seen

    first, second = asyncio.run(run())
    assert second - first > 1


def test_only_graphql_is_ever_upgraded(gateway: str, ports: dict[str, int]) -> None:
    async def run() -> int:
        async with people(gateway, ports):
            with pytest.raises(websockets.exceptions.InvalidStatus) as refused:
                await websockets.connect(gateway.replace("http", "ws") + "/auth/x", proxy=None)
            return refused.value.response.status_code

    assert asyncio.run(run()) == 200, "the service saw a request like any other"


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
    names = ("core_app", "settlement", "insurer_stub", "web", "gateway")
    ports = {name: free_port() for name in names}
    with replica(ports["core_app"], behind), nginx(tmp_path, ports, cluster=True) as url:
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
