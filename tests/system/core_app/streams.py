"""Waiting for offers as the page does: over a WebSocket, or as server-sent events."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from websockets.sync.client import ClientConnection, connect
from websockets.typing import Subprotocol

from tests.system.core_app.access import Customer

SUBSCRIBE = """subscription Offers($id: ID!) { offers(applicationId: $id) {
  done status offer { id insurer premium { amount currency } validUntil receivedAt }
} }"""
Update = dict[str, Any]


@contextmanager
def socket(customer: Customer) -> Iterator[ClientConnection]:
    """A connection on which one may subscribe."""
    address = customer.replica.url.replace("http", "ws", 1) + "/graphql"
    protocols = [Subprotocol("graphql-transport-ws")]
    with connect(address, subprotocols=protocols, proxy=None) as opened:
        hello = {"type": "connection_init", "payload": {"authorization": _bearer(customer)}}
        opened.send(json.dumps(hello))
        assert json.loads(opened.recv(10))["type"] == "connection_ack"
        yield opened


def subscribe(opened: ClientConnection, application: str) -> Iterator[Update]:
    """Updates as they come; the last is ``{"error": code}`` when it is refused."""
    asked = {"query": SUBSCRIBE, "variables": {"id": application}}
    opened.send(json.dumps({"id": "1", "type": "subscribe", "payload": asked}))
    while (message := json.loads(opened.recv(70)))["type"] != "complete":
        if message["type"] == "error":
            yield {"error": message["payload"][0]["extensions"]["code"]}
            return
        answer = message["payload"]
        if "errors" in answer:
            yield {"error": answer["errors"][0]["extensions"]["code"]}
        else:
            yield answer["data"]["offers"]


def over_websocket(customer: Customer, application: str) -> list[Update]:
    """All updates, to the end."""
    with socket(customer) as opened:
        return list(subscribe(opened, application))


def over_sse(customer: Customer, application: str, last: str = "") -> list[tuple[str, Update, str]]:
    """All events, to the end: kind, data, id."""
    found: list[tuple[str, Update, str]] = []
    headers = {**customer.headers, **({"Last-Event-ID": last} if last else {})}
    address = f"/web/v1/applications/{application}/offers"
    with customer.replica.http.stream("GET", address, headers=headers, timeout=70) as answer:
        assert answer.status_code == 200, answer.read()
        assert answer.headers["content-type"].startswith("text/event-stream")
        event: dict[str, str] = {}
        for line in answer.iter_lines():
            if line:
                name, _, value = line.partition(": ")
                event[name] = value
            elif "event" in event:
                found.append((event["event"], json.loads(event["data"]), event.get("id", "")))
                event = {}
    return found


def insurers(updates: list[Update]) -> list[str]:
    """Whose offers came, in their order."""
    return [one["offer"]["insurer"] for one in updates if one.get("offer")]


def _bearer(customer: Customer) -> str:
    return customer.headers["Authorization"]
