"""A small schema with everything that the GraphQL frame has to carry."""

import asyncio
from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import httpx
import strawberry
from fastapi import FastAPI
from strawberry.types import Info

from system.shared.access import Unauthenticated
from system.shared.cost import Cost
from system.shared.graphql import Refused, mount, schema
from system.shared.service import Frame
from system.shared.settings import CostSettings, ServiceSettings

Asked = Info[dict[str, Any], None]
NODES = 4


@strawberry.type
class Node:
    """One of a ring, so that a query may go as deep as it likes."""

    id: strawberry.ID
    label: str | None
    weight: float
    born: date
    tags: list[str]

    @strawberry.field
    async def next(self, steps: int = 1, back: bool = False) -> "Node":
        """Further along the ring."""
        return node(int(self.id) + (-steps if back else steps))

    @strawberry.field
    def twin(self, asked_for: str | None = None) -> "Node | None":
        """Only even ones have one."""
        return node(int(self.id) + 1) if int(self.id) % 2 == 0 and asked_for != "none" else None

    @strawberry.field
    async def others(self, first: int | None = 2) -> list["Node"]:
        """The next ones."""
        return [node(int(self.id) + step) for step in range(min(first or 0, NODES))]

    @strawberry.field
    async def label_or_error(self) -> str:
        """An odd one has none, which is an error of ours."""
        await asyncio.sleep(0)
        if int(self.id) % 2:
            raise KeyError("a secret")
        return f"label {self.id}"


def node(number: int) -> Node:
    """The ring's node of that number."""
    key = number % NODES
    return Node(
        id=strawberry.ID(str(key)),
        label=f"n{key}" if key else None,
        weight=key / 3,
        born=date(2020, 1, 1 + key),
        tags=["a"] * key,
    )


@strawberry.type
class Query:
    """What can be asked."""

    @strawberry.field
    async def node(self, id: int) -> Node:
        """One of them; beyond a hundred there is none."""
        if abs(id) > 100:
            raise Refused("NOT_FOUND", "there is no such node")
        return node(id)

    @strawberry.field
    async def nodes(self, ids: list[int]) -> list[Node | None]:
        """Some of them; null for a negative one."""
        return [None if one < 0 else node(one) for one in ids]

    @strawberry.field
    async def full(self, ids: list[int]) -> list[Node]:
        """Some of them; an error for a negative one."""
        return [None if one < 0 else node(one) for one in ids]  # type: ignore[misc] # on purpose

    @strawberry.field
    def maybe(self, id: int | None = None) -> Node | None:
        """One or none."""
        return None if id is None else node(id)

    @strawberry.field
    def person(self, info: Asked) -> str | None:
        """Who asks."""
        found: str | None = info.context["person"]
        return found

    @strawberry.field
    def secret(self, info: Asked) -> str:
        """Not for everybody."""
        if info.context["person"] is None:
            raise Unauthenticated("sign in first")
        return "told"


@strawberry.type
class Mutation:
    """What can be done."""

    @strawberry.mutation
    def count_up(self, info: Asked) -> int:
        """One more each time."""
        info.context["counter"].append(1)
        return len(info.context["counter"])


@strawberry.type
class Subscription:
    """What can be listened to."""

    @strawberry.subscription
    async def count(self, info: Asked, to: int) -> AsyncIterator[int]:
        """From one up; the context learns when it ends."""
        try:
            for number in range(1, to + 1):
                yield number
                await asyncio.sleep(0)
        finally:
            info.context["counter"].append("ended")

    @strawberry.subscription
    async def wait(self, info: Asked) -> AsyncIterator[str]:
        """Says who listens, and nothing more."""
        try:
            yield str(info.context["person"])
            await asyncio.Event().wait()
        finally:
            info.context["counter"].append("left")

    @strawberry.subscription
    async def broken(self) -> AsyncIterator[int]:
        """Fails inside after the first."""
        yield 1
        raise KeyError("a secret")


class Client:
    """Asks an application in this process."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def request(self, method: str, path: str = "/graphql", **more: Any) -> httpx.Response:
        """One request, and its answer."""

        async def asked() -> httpx.Response:
            transport = httpx.ASGITransport(self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://app") as client:
                return await client.request(method, path, **more)

        return asyncio.run(asked())

    def ask(self, query: str, headers: dict[str, str] | None = None, **more: Any) -> Any:
        """The body of the answer."""
        return self.request("POST", json={"query": query, **more}, headers=headers).json()


def codes(answer: dict[str, Any]) -> list[str]:
    """The codes of an answer's errors."""
    return [error["extensions"]["code"] for error in answer.get("errors", [])]


def person(authorization: str) -> str:
    """``Bearer NAME``."""
    scheme, _, name = authorization.partition(" ")
    if scheme != "Bearer" or not name:
        raise Unauthenticated("this is no token")
    return name


def example(
    *, environment: str = "production", workers: int = 4, **more: Any
) -> tuple[FastAPI, list[Any]]:
    """An application, and what its context counts."""
    app, counter = FastAPI(openapi_url=None), list[Any]()
    settings = ServiceSettings(name="example")
    frame = Frame(settings, None, Cost(CostSettings(workers=workers), None))  # type: ignore[arg-type]
    given: dict[str, Any] = {"person": person, "subscriptions": True, **more}
    planned = given.pop("planned", False)
    made = schema(Query, Mutation, environment, Subscription, planned=planned)
    mount(app, made, frame, counter=counter, **given)
    return app, counter
