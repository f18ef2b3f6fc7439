"""Calls to client-info: a timeout, a retry of what only reads, a circuit breaker."""

from typing import Any
from uuid import UUID

import httpx
import stamina
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState
from pydantic import BaseModel, ValidationError

from system.core_app.domain import ClientInfoAway, UnknownClient

TIMEOUT_S = 5.0
NAME = "query Name($id: UUID!) { client(id: $id) { id name } }"


class _Extensions(BaseModel):
    code: str | None = None


class _Error(BaseModel):
    extensions: _Extensions = _Extensions()


class _Data(BaseModel):
    client: dict[str, Any] | None = None


class _Answer(BaseModel):
    """What GraphQL answers, as far as it is read here."""

    data: _Data | None = None
    errors: list[_Error] = []


class ClientInfo:
    """client-info, behind the zone's own address for it. ``keepalive``: whether a connection may
    carry a second call; not where each connection is what leads to another replica.
    ``authorization``: this service's own credential."""

    def __init__(self, url: str, *, keepalive: bool = True, authorization: str = "") -> None:
        headers = {"Authorization": authorization} if authorization else {}
        self._http = httpx.AsyncClient(
            base_url=url,
            timeout=TIMEOUT_S,
            trust_env=False,
            headers=headers if keepalive else {**headers, "Connection": "close"},
        )
        self._breaker = AsyncCircuitBreakerFactory(default_threshold=10, default_ttl=2)

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def client(self, client_id: UUID, query: str = NAME) -> dict[str, Any]:
        """The client's card; UnknownClient, or ClientInfoAway when it can't be asked."""
        try:
            async with await self._breaker.get_breaker("client-info"):
                answer = await self._ask(query, client_id)
        except (httpx.HTTPError, OpenedState, ValidationError) as error:
            raise ClientInfoAway(str(error) or type(error).__name__) from error
        if answer.data is not None and answer.data.client is not None:
            return answer.data.client
        codes = [error.extensions.code for error in answer.errors]
        if "NOT_FOUND" in codes:
            raise UnknownClient(f"there is no client {client_id}")
        raise ClientInfoAway(f"client-info answered with errors {codes}")

    @stamina.retry(on=httpx.TransportError, attempts=2, wait_initial=0.02, wait_max=0.1, timeout=6)
    async def _ask(self, query: str, client_id: UUID) -> _Answer:
        body = {"query": query, "variables": {"id": str(client_id)}}
        response = await self._http.post("/graphql", json=body)
        response.raise_for_status()
        return _Answer.model_validate_json(response.content)
