"""Subscriptions over WebSocket, on a real server and a real client."""

import contextlib
import json
import threading
import time
from collections.abc import Callable, Iterator
from socket import SHUT_RDWR
from typing import Any

import httpx
import pytest
import uvicorn
from websockets.exceptions import ConnectionClosed, NegotiationError
from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from system.shared import graphql_socket
from tests.system.replicas import free_port
from tests.system.shared.graphql_example import example

PROTOCOL = Subprotocol("graphql-transport-ws")
HELLO = {"type": "connection_init", "payload": {"authorization": "Bearer anna"}}


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, list[Any]]]:
    """Its address, and what its context counts. Only one worker slot: a subscription holds none."""
    app, counter = example(workers=1)
    config = uvicorn.Config(app, port=free_port(), log_config=None, lifespan="off")
    server = uvicorn.Server(config)
    thread = threading.Thread(target=server.run)
    thread.start()
    while not server.started:
        time.sleep(0.01)
    yield f"127.0.0.1:{config.port}", counter
    server.should_exit = True
    thread.join(20)


@pytest.fixture
def socket(served: tuple[str, list[Any]]) -> Iterator[ClientConnection]:
    with opened(served[0]) as connection:
        yield connection


def opened(address: str) -> ClientConnection:
    return connect(f"ws://{address}/graphql", subprotocols=[PROTOCOL], proxy=None, max_size=None)


def say(socket: ClientConnection, message: dict[str, Any]) -> None:
    socket.send(json.dumps(message))


def hear(socket: ClientConnection) -> dict[str, Any]:
    message: dict[str, Any] = json.loads(socket.recv(timeout=10))
    return message


def greet(socket: ClientConnection) -> None:
    say(socket, HELLO)
    assert hear(socket) == {"type": "connection_ack"}


def subscribe(socket: ClientConnection, key: str, query: str, **variables: Any) -> None:
    payload = {"query": query, "variables": variables}
    say(socket, {"id": key, "type": "subscribe", "payload": payload})


def closed_with(socket: ClientConnection) -> int:
    with contextlib.suppress(ConnectionClosed):
        while True:
            socket.recv(timeout=10)
    assert socket.close_code is not None
    return socket.close_code


def soon(holds: Callable[[], bool]) -> bool:
    until_s = time.monotonic() + 10
    while not holds() and time.monotonic() < until_s:
        time.sleep(0.02)
    return holds()


def test_each_result_comes_and_then_the_end(
    socket: ClientConnection, served: tuple[str, list[Any]]
) -> None:
    greet(socket)
    served[1].clear()
    subscribe(socket, "1", "subscription S($n: Int!) { count(to: $n) }", n=3)
    got = [hear(socket) for _ in range(4)]
    assert [one["payload"]["data"]["count"] for one in got[:3]] == [1, 2, 3]
    assert got[3] == {"id": "1", "type": "complete"}
    assert soon(lambda: served[1] == ["ended"])
    subscribe(socket, "1", "subscription { count(to: 1) }")  # its id is free again
    assert hear(socket)["payload"] == {"data": {"count": 1}}


def test_who_listens_is_who_said_hello(socket: ClientConnection) -> None:
    greet(socket)
    subscribe(socket, "1", "subscription { wait }")
    assert hear(socket)["payload"]["data"] == {"wait": "anna"}


def test_many_listen_at_once_and_requests_are_still_served(
    socket: ClientConnection, served: tuple[str, list[Any]]
) -> None:
    greet(socket)
    for number in range(graphql_socket.OPERATIONS):
        subscribe(socket, str(number), "subscription { wait }")
        hear(socket)
    subscribe(socket, "more", "subscription { wait }")
    refused = hear(socket)
    assert (refused["id"], refused["type"]) == ("more", "error")
    assert refused["payload"][0]["extensions"] == {"code": "LIMIT_EXCEEDED"}
    say(socket, {"type": "ping"})
    assert hear(socket) == {"type": "pong"}
    body = {"query": "{ person }"}
    answer = httpx.post(f"http://{served[0]}/graphql", json=body, trust_env=False, timeout=10)
    assert answer.json() == {"data": {"person": None}}


def test_a_source_ends_with_its_subscription_and_with_its_connection(
    served: tuple[str, list[Any]],
) -> None:
    served[1].clear()
    with opened(served[0]) as socket:
        greet(socket)
        for key in ("1", "2"):
            subscribe(socket, key, "subscription { wait }")
            hear(socket)
        say(socket, {"id": "1", "type": "complete"})
        assert soon(lambda: served[1] == ["left"])
    assert soon(lambda: served[1] == ["left"] * 2)


def test_an_error_inside_is_masked(socket: ClientConnection) -> None:
    greet(socket)
    subscribe(socket, "1", "subscription { broken }")
    assert hear(socket)["payload"] == {"data": {"broken": 1}}
    last = hear(socket)
    errors = last["payload"] if last["type"] == "error" else last["payload"]["errors"]
    assert [one["extensions"]["code"] for one in errors] == ["INTERNAL"]
    assert "secret" not in json.dumps(last)


@pytest.mark.parametrize(
    ("query", "code"),
    [
        pytest.param("{ __typename }", "INVALID_REQUEST", id="a query"),
        pytest.param("mutation { countUp }", "INVALID_REQUEST", id="a mutation"),
        pytest.param("subscription { nothing }", "INVALID_REQUEST", id="unknown field"),
        pytest.param("subscription S($n: Int!) { count(to: $n) }", "INVALID_REQUEST", id="no $n"),
        pytest.param("subscription {" + " a: wait" * 20 + "}", "LIMIT_EXCEEDED", id="aliases"),
        pytest.param("subscription {" + " wait" * 2000 + "}", "INVALID_REQUEST", id="tokens"),
    ],
)
def test_what_may_not_run_is_told_and_the_connection_stays(
    socket: ClientConnection, query: str, code: str
) -> None:
    greet(socket)
    subscribe(socket, "1", query)
    told = hear(socket)
    assert (told["id"], told["type"]) == ("1", "error")
    assert [one["extensions"]["code"] for one in told["payload"]] == [code]
    subscribe(socket, "1", "subscription { count(to: 1) }")
    assert hear(socket)["payload"] == {"data": {"count": 1}}


@pytest.mark.parametrize(
    ("said", "code"),
    [
        pytest.param('{"type": "connection_init"}', 4403, id="no credential"),
        pytest.param(
            '{"type": "connection_init", "payload": {"authorization": "Basic x"}}',
            4403,
            id="false credential",
        ),
        pytest.param(
            '{"type": "connection_init", "payload": {"authorization": 1}}', 4400, id="a number"
        ),
        pytest.param('{"type": "connection_init", "payload": [1]}', 4403, id="payload is a list"),
        pytest.param('{"type": "subscribe", "id": "1"}', 4401, id="subscribes without hello"),
        pytest.param("{", 4400, id="no JSON"),
        pytest.param("[]", 4400, id="no message"),
        pytest.param("[" * 60_000, 4400, id="deep"),
        pytest.param(b"{}", 4400, id="bytes"),
        pytest.param(" " * 70_000, 1009, id="too long"),
    ],
)
def test_a_connection_that_begins_wrong_is_closed(
    socket: ClientConnection, said: str | bytes, code: int
) -> None:
    socket.send(said)
    assert closed_with(socket) == code


@pytest.mark.parametrize(
    ("message", "code"),
    [
        pytest.param(HELLO, 4429, id="a second hello"),
        pytest.param({"type": "shout"}, 4400, id="an unknown message"),
        pytest.param({}, 4400, id="no type"),
        pytest.param({"type": "subscribe", "payload": {"query": "{a}"}}, 4400, id="no id"),
        pytest.param({"type": "subscribe", "id": "1"}, 4400, id="no payload"),
        pytest.param({"type": "subscribe", "id": "1", "payload": []}, 4400, id="a batch"),
        pytest.param({"type": "subscribe", "id": "x" * 101, "payload": {}}, 4400, id="a long id"),
    ],
)
def test_a_connection_that_goes_on_wrong_is_closed(
    socket: ClientConnection, message: dict[str, Any], code: int
) -> None:
    greet(socket)
    say(socket, message)
    assert closed_with(socket) == code


def test_two_subscriptions_cannot_have_one_id(socket: ClientConnection) -> None:
    greet(socket)
    subscribe(socket, "1", "subscription { wait }")
    hear(socket)
    subscribe(socket, "1", "subscription { wait }")
    assert closed_with(socket) == 4409


def test_who_says_nothing_is_not_kept(
    served: tuple[str, list[Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(graphql_socket, "HELLO_S", 0.1)
    with opened(served[0]) as socket:
        assert closed_with(socket) == 4408


def test_another_protocol_is_refused(served: tuple[str, list[Any]]) -> None:
    for protocols in (None, [Subprotocol("graphql-ws")]):
        with pytest.raises(Exception, match=r"403|subprotocol") as refused:
            connect(f"ws://{served[0]}/graphql", subprotocols=protocols, proxy=None).close()
        assert not isinstance(refused.value, NegotiationError), "it was not accepted first"


def test_leaving_in_the_middle_leaves_nothing_behind(served: tuple[str, list[Any]]) -> None:
    served[1].clear()
    for _ in range(5):
        with opened(served[0]) as socket:
            greet(socket)
            subscribe(socket, "1", "subscription { wait }")
            hear(socket)
            socket.socket.shutdown(SHUT_RDWR)  # without a goodbye
    assert soon(lambda: served[1] == ["left"] * 5)
