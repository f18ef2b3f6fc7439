"""core-app as far as the page knows it: its own contract, answered from memory.

Its schema is the published one (a test holds the two equal), its WebSocket protocol is
Strawberry's, as in core-app itself. What may go wrong is set while it runs.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, timedelta
from inspect import isawaitable
from pathlib import Path
from typing import Any
from uuid import UUID, uuid4, uuid5

from graphql import (
    GraphQLError,
    GraphQLResolveInfo,
    GraphQLSchema,
    build_schema,
    graphql,
    parse,
    subscribe,
)
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response, StreamingResponse
from starlette.routing import Route, WebSocketRoute
from starlette.websockets import WebSocket, WebSocketDisconnect

from system.shared.access import Tokens, Unauthenticated

CONTRACT = Path(__file__).parents[3] / "system/contracts/core-app.graphql"


Info = GraphQLResolveInfo[Any]


def refused(code: str, message: str = "refused") -> GraphQLError:
    return GraphQLError(message, extensions={"code": code})


@dataclass
class Application:
    """One that was acknowledged, and the offers that came so far."""

    id: str
    owner: str
    input: dict[str, Any]
    created: datetime
    offers: list[dict[str, Any]] = field(default_factory=list)
    status: str = "ACCEPTED"
    policy: dict[str, Any] | None = None
    changed: asyncio.Condition = field(default_factory=asyncio.Condition)


@dataclass
class FakeCore:
    """``insurers``: code, after how many seconds, premium. ``held``: how many of them wait.
    ``down``: requests that are answered with 503 first; ``create_s``: how long it takes to apply;
    ``lose_answers``: of how many applications the answer is lost; ``sockets``, ``streams``:
    whether they can be had; ``break_after``: a socket breaks after so many offers."""

    tokens: Tokens
    insurers: list[tuple[str, float, str]] = field(default_factory=list)
    held: int = 0
    down: int = 0
    create_s: float = 0.0
    lose_answers: int = 0
    sockets: bool = True
    streams: bool = True
    break_after: int = 0
    applications: dict[str, Application] = field(default_factory=dict)
    by_key: dict[str, str] = field(default_factory=dict)
    policies: list[dict[str, Any]] = field(default_factory=list)
    seen: list[str] = field(default_factory=list)
    _tasks: list[asyncio.Task[None]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.schema: GraphQLSchema = build_schema(CONTRACT.read_text())
        self._resolve("Query", application=self._application, applications=self._applications)
        self._resolve("Query", myPolicies=self._policies, myCard=self._card)
        self._resolve("Mutation", createApplication=self._create, buyOffer=self._buy)
        self.schema.type_map["Subscription"].fields["offers"].subscribe = self._offers  # type: ignore[attr-defined] # an object type

    def app(self) -> Starlette:
        """As the gateway would lead to it."""
        return Starlette(
            routes=[
                Route("/graphql", self._post, methods=["POST"]),
                WebSocketRoute("/graphql", self._socket),
                Route("/web/v1/applications/{id}/offers", self._stream),
            ]
        )

    def _resolve(self, kind: str, **resolvers: Any) -> None:
        for name, resolver in resolvers.items():
            self.schema.type_map[kind].fields[name].resolve = resolver  # type: ignore[attr-defined] # so

    # ---- what it knows ----

    def _application(self, _: Any, info: Info, id: str) -> dict[str, Any] | None:
        found = self.applications.get(id)
        return self._view(found) if found and found.owner == info.context else None

    def _applications(self, _: Any, info: Info, **__: Any) -> dict[str, Any]:
        own = [one for one in self.applications.values() if one.owner == info.context]
        nodes = [self._view(one) for one in reversed(own)]
        return {"nodes": nodes, "endCursor": None, "hasNextPage": False}

    def _view(self, one: Application) -> dict[str, Any]:
        return {
            "id": one.id,
            "status": one.status,
            "createdAt": one.created.isoformat(),
            "startsOn": one.input["startsOn"],
            "client": {"id": one.owner, "name": "Anna"},
            "vehicle": one.input["vehicle"],
            "offers": list(one.offers),
            "policy": one.policy,
        }

    async def _create(
        self, _: Any, info: Info, input: dict[str, Any], idempotencyKey: str
    ) -> dict[str, Any]:
        self.seen.append(f"create {idempotencyKey}")
        if idempotencyKey not in self.by_key:
            made = Application(str(uuid4()), info.context, input, datetime.now(UTC))
            self.applications[made.id], self.by_key[idempotencyKey] = made, made.id
            self._tasks.append(asyncio.create_task(self._collect(made)))
        await asyncio.sleep(self.create_s)
        return self._view(self.applications[self.by_key[idempotencyKey]])

    async def _collect(self, one: Application) -> None:
        passed_s = 0.0
        for insurer, after_s, premium in sorted(self.insurers, key=lambda each: each[1]):
            await asyncio.sleep(after_s - passed_s)
            passed_s = after_s
            while len(self.insurers) - len(one.offers) <= self.held:
                await asyncio.sleep(0.02)
            now = datetime.now(UTC)
            offer = {
                "id": str(uuid5(UUID(one.id), insurer)),
                "insurer": insurer,
                "premium": {"amount": premium, "currency": "RUB"},
                "validUntil": (now + timedelta(days=1)).isoformat(),
                "receivedAt": now.isoformat(),
            }
            async with one.changed:
                one.offers.append(offer)
                one.changed.notify_all()
        async with one.changed:
            one.status = "OFFERED" if one.offers else "NO_OFFERS"
            one.changed.notify_all()

    async def _buy(self, _: Any, info: Info, offerId: str, idempotencyKey: str) -> dict[str, Any]:
        self.seen.append(f"buy {idempotencyKey}")
        for one in self.applications.values():
            for offer in one.offers:
                if offer["id"] == offerId and one.owner == info.context:
                    return self._issue(one, offer)
        raise refused("NOT_FOUND")

    def _issue(self, one: Application, offer: dict[str, Any]) -> dict[str, Any]:
        if one.policy is None:
            one.policy = {
                "id": str(uuid4()),
                "number": f"OSAGO-{len(self.policies) + 1:06}",
                "insurer": offer["insurer"],
                "premium": offer["premium"],
                "startsOn": one.input["startsOn"],
                "issuedAt": datetime.now(UTC).isoformat(),
                "applicationId": one.id,
            }
            one.status = "BOUGHT"
            self.policies.insert(0, one.policy)
        return one.policy

    def _policies(self, _: Any, __: Any, **___: Any) -> dict[str, Any]:
        return {"nodes": self.policies, "endCursor": None, "hasNextPage": False}

    def _card(self, _: Any, info: Info) -> dict[str, Any]:
        return {
            "id": info.context,
            "name": "Anna Sergeeva",
            "age": 34,
            "birthDate": "1992-05-04",
            "documents": [
                {
                    "id": "d1",
                    "type": "DRIVING_LICENCE",
                    "number": "77 11 123456",
                    "issueDate": date(2019, 3, 1).isoformat(),
                    "expiryDate": "2029-03-01",
                }
            ],
            "relatives": [{"id": "r1", "relationType": "SPOUSE", "name": "Ivan", "age": 36}],
        }

    # ---- how it is reached ----

    async def _post(self, request: Request) -> Response:
        if self.down:
            self.down -= 1
            return JSONResponse({"code": "BUSY"}, 503, {"Retry-After": "1"})
        try:
            person = self.tokens.person(request.headers.get("Authorization"))
        except Unauthenticated as error:
            body = {"errors": [{"message": str(error), "extensions": {"code": "UNAUTHENTICATED"}}]}
            return JSONResponse(body)
        asked = await request.json()
        done = await graphql(
            self.schema,
            asked["query"],
            context_value=person.subject,
            variable_values=asked.get("variables"),
        )
        if self.lose_answers and "createApplication" in asked["query"]:
            self.lose_answers -= 1
            return JSONResponse({}, 504)
        return JSONResponse(done.formatted)

    async def _socket(self, socket: WebSocket) -> None:
        self.seen.append("socket")
        if not self.sockets:
            await socket.close(4500)
            return
        await socket.accept("graphql-transport-ws")
        with suppress(WebSocketDisconnect, RuntimeError):  # the page may leave
            await self._speak(socket)

    async def _speak(self, socket: WebSocket) -> None:
        first = await socket.receive_json()
        try:
            person = self.tokens.person(first["payload"]["authorization"])
        except Unauthenticated:
            await socket.close(4403)
            return
        await socket.send_json({"type": "connection_ack"})
        asked = await socket.receive_json()
        begun = subscribe(
            self.schema,
            parse(asked["payload"]["query"]),
            context_value=person.subject,
            variable_values=asked["payload"]["variables"],
        )
        found = await begun if isawaitable(begun) else begun
        assert isinstance(found, AsyncIterator), found
        told = 0
        async for result in found:
            payload = {"id": asked["id"], "type": "next", "payload": result.formatted}
            await socket.send_json(payload)
            told += 1
            if told == self.break_after:
                self.break_after = 0
                await socket.close(1011)
                return
        await socket.send_json({"id": asked["id"], "type": "complete"})
        await socket.receive()

    async def _offers(
        self, _: Any, info: Info, applicationId: str
    ) -> AsyncIterator[dict[str, Any]]:
        one = self.applications[applicationId]
        assert one.owner == info.context
        async for offer in self._each(one):
            update = {"offer": offer, "done": offer is None, "status": one.status}
            yield {"offers": update}

    async def _each(self, one: Application) -> AsyncIterator[dict[str, Any] | None]:
        """All offers from the first, and None when no more will come."""
        told = 0
        while True:
            async with one.changed:
                while told == len(one.offers) and one.status == "ACCEPTED":
                    await one.changed.wait()
            for offer in one.offers[told:]:
                yield offer
            told = len(one.offers)
            if one.status != "ACCEPTED":
                yield None
                return

    async def _stream(self, request: Request) -> Response:
        self.seen.append("stream")
        if not self.streams:
            return JSONResponse({"code": "UNAVAILABLE"}, 503)
        one = self.applications[request.path_params["id"]]
        assert self.tokens.person(request.headers.get("Authorization")).subject == one.owner

        async def events() -> AsyncIterator[str]:
            number = 0
            async for offer in self._each(one):
                number += 1
                kind = "done" if offer is None else "offer"
                data = {"status": one.status} if offer is None else offer
                yield f"id: {number}\nevent: {kind}\ndata: {json.dumps(data)}\n\n"

        return StreamingResponse(events(), media_type="text/event-stream")
