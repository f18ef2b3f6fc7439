"""The insurers' API. Plain ASGI in front of the application: at the OSAGO peak each application
makes twenty calls here, and routing and models would cost more than all the rest."""

import asyncio
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any
from uuid import UUID

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from system.insurer_stub import domain
from system.insurer_stub.world import Insurer, World
from system.shared.access import Callers, Unauthenticated
from system.shared.telemetry import ACTIVE, DURATION, METHODS

LARGEST = 64 * 1024
LONGEST_POLL_MS = 5000
PIECES = 8  # of a slow body
JSON, PROBLEM = b"application/json", b"application/problem+json"
WRONG = (
    b'{"reference": ',
    b"<html>maintenance</html>",
    b"[]",
    b'{"status": "ready", "offer": {"premium": {"amount": -1.5, "currency": "RUB"}}}',
    b'{"reference": 17, "status": "ready", "offer": null}',
    b"\xff\xfe",
)
ENCODER = json.JSONEncoder(separators=(",", ":"))  # json.dumps would make one a call
Answer = tuple[int, bytes, list[tuple[bytes, bytes]]]
Pay = Callable[[], Awaitable[None]]


class Gone(Exception):
    """The caller hung up."""


class Insurers:
    """Answers under ``/insurers/CODE/v1``; everything else is for ``inner``. ``callers``: None
    when nobody may call."""

    def __init__(self, inner: ASGIApp, world: World, callers: Callers | None, pay: Pay) -> None:
        self._inner, self._world, self._callers, self._pay = inner, world, callers, pay
        self._timed: dict[tuple[str, str, int], Any] = {}

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        path = scope.get("path", "").split("/")
        if scope["type"] != "http" or len(path) < 4 or path[1] != "insurers" or path[3] != "v1":
            await self._inner(scope, receive, send)
            return
        began = time.perf_counter()
        ACTIVE.inc()
        status, route = 499, "unmatched"
        try:
            status, route = await self._serve(scope, path, receive, send)
        except Gone:
            pass  # counted as what nginx calls 499; there is nobody to answer
        finally:
            ACTIVE.dec()
            self._observe(scope["method"], route, status, time.perf_counter() - began)

    def _observe(self, method: str, route: str, status: int, took_s: float) -> None:
        """Looking up a metric's labels costs more than adding to it."""
        key = (method if method in METHODS else "OTHER", route, status)
        if key not in self._timed:
            self._timed[key] = DURATION.labels(key[0], route, str(status))
        self._timed[key].observe(took_s)

    async def _serve(
        self, scope: Scope, path: list[str], receive: Receive, send: Send
    ) -> tuple[int, str]:
        """Returns the status and the route's template."""
        insurer, route, answer = await self._judge(scope, path, receive)
        if insurer is None:
            await _send(send, answer)
        else:
            await _send(send, answer, insurer.behaviour.slow_body_ms)
        return answer[0], route

    async def _judge(
        self, scope: Scope, path: list[str], receive: Receive
    ) -> tuple[Insurer | None, str, Answer]:
        headers = dict(scope["headers"])
        try:
            authorization = headers.get(b"authorization", b"").decode("latin-1")
            if self._callers is None:
                raise Unauthenticated("no service may call")
            self._callers.caller(authorization)
        except Unauthenticated as error:
            return None, "unmatched", refused(401, "UNAUTHENTICATED", str(error))
        insurer = self._world.insurers.get(path[2])
        if insurer is None:
            return None, "unmatched", refused(404, "NOT_FOUND", "there is no such insurer")
        await self._pay()
        match scope["method"], path[4:]:
            case "POST", ["applications"]:
                route = "/insurers/{code}/v1/applications"
                answer = await self._create(insurer, headers, receive)
            case "GET", ["applications", reference, "offer"]:
                route = "/insurers/{code}/v1/applications/{reference}/offer"
                answer = await self._behaved(insurer, receive) or _offer(insurer, reference)
            case "GET", ["products"]:
                route = "/insurers/{code}/v1/products"
                answer = await self._behaved(insurer, receive) or _products(insurer)
            case "GET", ["tariffs", product]:
                route = "/insurers/{code}/v1/tariffs/{product}"
                answer = await self._behaved(insurer, receive) or _tariff(insurer, product)
            case method, ["applications"] | ["products"] | ["tariffs", _]:
                told = f"{method[:10]} is not served here"
                route, answer = "unmatched", refused(405, "METHOD_NOT_ALLOWED", told)
            case _:
                route, answer = "unmatched", refused(404, "NOT_FOUND", "there is nothing here")
        return insurer, route, answer

    async def _create(
        self, insurer: Insurer, headers: dict[bytes, bytes], receive: Receive
    ) -> Answer:
        body = await _body(headers, receive)
        if body is None:
            return refused(413, "TOO_LARGE", f"a body has at most {LARGEST} bytes")
        application = _application(headers, body)
        if not isinstance(application, UUID):
            return application
        behaviour = insurer.behaviour
        wait_ms = self._world.drawn_ms(behaviour.create_ms, behaviour.cv)
        answer = await self._behaved(insurer, receive, wait_ms)
        if answer is not None:
            return answer
        reference = self._world.create(insurer, application)
        return _answer(201, {"reference": reference.text()}, _wait_ms(reference))

    async def _behaved(
        self, insurer: Insurer, receive: Receive, wait_ms: float = 0
    ) -> Answer | None:
        """What goes wrong at this call; None when nothing does."""
        while insurer.behaviour.freeze:
            await _thawed(insurer, receive)
        if wait_ms:
            await asyncio.sleep(wait_ms / 1000)
        behaviour, happens = insurer.behaviour, self._world.happens
        if happens(behaviour.limit_ratio):
            again = [(b"retry-after", b"1")]
            return refused(429, "LIMIT_EXCEEDED", "too many calls", again)
        if happens(behaviour.error_ratio):
            return refused(500, "INTERNAL", "the insurer is out of order")
        if happens(behaviour.wrong_ratio):
            return 200, WRONG[int(time.perf_counter_ns()) % len(WRONG)], []
        return None


def refused(
    status: int, code: str, detail: str, headers: list[tuple[bytes, bytes]] | None = None
) -> Answer:
    """A problem document (RFC 9457)."""
    kind = f"urn:insure-system:problem:{code}"
    body = {"type": kind, "title": code, "status": status, "detail": detail, "code": code}
    return status, json.dumps(body).encode(), headers or []


def _answer(status: int, body: Any, poll_ms: int | None = None) -> Answer:
    headers = [] if poll_ms is None else [(b"retry-after-ms", str(poll_ms).encode())]
    return status, ENCODER.encode(body).encode(), headers


def _application(headers: dict[bytes, bytes], body: bytes) -> UUID | Answer:
    """The id of the application that is to be created; or the refusal."""
    try:
        asked = json.loads(body)
    except (ValueError, RecursionError):
        return refused(400, "BAD_REQUEST", "the body is not JSON")
    if not isinstance(asked, dict) or asked.keys() != {"applicationId", "vehicle", "startsOn"}:
        told = "the body has to hold applicationId, vehicle and startsOn, and nothing else"
        return refused(422, "INVALID_REQUEST", told)
    application, vehicle, starts_on = asked["applicationId"], asked["vehicle"], asked["startsOn"]
    if not isinstance(vehicle, dict) or not isinstance(starts_on, str):
        return refused(422, "INVALID_REQUEST", "vehicle is an object, startsOn a date")
    try:
        found = UUID(application)
    except (ValueError, AttributeError, TypeError):
        return refused(422, "INVALID_REQUEST", "applicationId is no UUID")
    if headers.get(b"idempotency-key", b"").decode("latin-1") != application:
        return refused(422, "INVALID_REQUEST", "the Idempotency-Key is the application's id")
    return found


def _wait_ms(reference: domain.Reference) -> int:
    left_ms = reference.ready_ms - int(time.time() * 1000)
    return min(max(left_ms, 1), LONGEST_POLL_MS)


def _offer(insurer: Insurer, text: str) -> Answer:
    reference = domain.Reference.read(text)
    if reference is None or reference.insurer != insurer.code:
        return refused(404, "NOT_FOUND", "there is no such application")
    if reference.ready_ms > time.time() * 1000:
        return _answer(202, {"status": "pending"}, _wait_ms(reference))
    return _answer(200, domain.offer(reference, insurer.behaviour.refuse_ratio))


def _products(insurer: Insurer) -> Answer:
    version = insurer.behaviour.tariff_version
    return _answer(200, {"products": domain.products(insurer.code, version)})


def _tariff(insurer: Insurer, product: str) -> Answer:
    found = domain.tariff(insurer.code, product, insurer.behaviour.tariff_version)
    if found is None:
        return refused(404, "NOT_FOUND", "there is no such product")
    return _answer(200, found)


async def _body(headers: dict[bytes, bytes], receive: Receive) -> bytes | None:
    """None when it is larger than any body here has to be."""
    length = headers.get(b"content-length", b"0")
    if not length.isdigit() or len(length) > 18 or int(length) > LARGEST:
        return None
    pieces, size = [], 0
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            raise Gone
        piece = message.get("body", b"")
        size += len(piece)
        if size > LARGEST:
            return None
        pieces.append(piece)
        if not message.get("more_body", False):
            return b"".join(pieces)


async def _thawed(insurer: Insurer, receive: Receive) -> None:
    """Hang until the insurer behaves otherwise, or the caller hangs up."""
    changed = asyncio.ensure_future(insurer.changed.wait())
    gone = asyncio.ensure_future(_hung_up(receive))
    try:
        await asyncio.wait([changed, gone], return_when=asyncio.FIRST_COMPLETED)
        if gone.done():
            raise Gone
    finally:
        changed.cancel()
        gone.cancel()


async def _hung_up(receive: Receive) -> Message:
    while True:
        message = await receive()
        if message["type"] == "http.disconnect":
            return message


async def _send(send: Send, answer: Answer, slow_ms: float = 0) -> None:
    status, body, more = answer
    kind = PROBLEM if status >= 400 else JSON
    headers = [(b"content-type", kind), (b"content-length", str(len(body)).encode()), *more]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    if slow_ms:
        size = max(1, len(body) // PIECES)
        while len(body) > size:
            await send({"type": "http.response.body", "body": body[:size], "more_body": True})
            body = body[size:]
            await asyncio.sleep(slow_ms / 1000 / PIECES)
    await send({"type": "http.response.body", "body": body})
