"""What stands before each of the partner's calls: cost, key, limit; and what its errors become."""

from collections.abc import Callable, Coroutine
from typing import Any
from uuid import UUID

from fastapi import HTTPException, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from prometheus_client import Counter
from starlette.exceptions import HTTPException as StarletteHTTPException
from starlette.types import Message

from system.core_app import partners
from system.core_app.domain import (
    KEY_LENGTH,
    ClientInfoAway,
    KeyReused,
    NotForSale,
    NotThere,
    Owner,
)
from system.shared.cost import Cost
from system.shared.db import Database
from system.shared.service import problem

BODY = 64 * 1024  # bytes
LIMITED = Counter("partner_requests_limited", "Requests of partners over their limit.")
Handler = Callable[[Request], Coroutine[Any, Any, Response]]


class Gate:
    """Lets a partner's request in, and puts what is left of the limit on its answer."""

    def __init__(self, database: Database, cost: Cost, per_minute: int) -> None:
        self._database, self._cost, self._per_minute = database, cost, per_minute
        self._policy = f'"partner";q={per_minute};w={partners.WINDOW_S}'

    def route(self) -> type[APIRoute]:
        """The class of routes behind this gate; a body is read only once its sender is known."""
        gate = self

        class PartnerRoute(APIRoute):
            def get_route_handler(self) -> Handler:
                handler = super().get_route_handler()

                async def guarded(request: Request) -> Response:
                    return await gate.pass_through(request, handler)

                return guarded

        return PartnerRoute

    async def pass_through(self, request: Request, handler: Handler) -> Response:
        """One request, paid once."""
        async with self._cost.paid():
            partner = await self._partner(request.headers.get("x-api-key"))
            if partner is None:
                refusal = problem(401, "UNKNOWN_KEY", "X-API-Key is absent or not known")
                refusal.headers["RateLimit-Policy"] = self._policy
                return refusal
            taken = await partners.take(self._database, partner, self._per_minute)
            if taken.allowed:
                request.state.owner = Owner(channel="partner", id=partner)
                answer = await _answered(request, handler)
            else:
                LIMITED.inc()
                told = f"more than {self._per_minute} requests in {partners.WINDOW_S} s"
                again = {"Retry-After": str(taken.reset_s)}
                answer = problem(429, "LIMIT_EXCEEDED", told, again)
        answer.headers["RateLimit-Policy"] = self._policy
        answer.headers["RateLimit"] = f'"partner";r={taken.remaining};t={taken.reset_s}'
        return answer

    async def _partner(self, key: str | None) -> UUID | None:
        if not key or len(key) > KEY_LENGTH:
            return None
        return await partners.by_key(self._database, key)


def known_parameters(request: Request) -> None:
    """RequestValidationError for a parameter that there is not, in place of passing it over."""
    known = {one.alias for one in request.scope["route"].dependant.query_params}
    unknown = [name for name in request.query_params if name not in known]
    if unknown:
        told = {"loc": ("query", unknown[0]), "msg": "there is no such parameter"}
        raise RequestValidationError([told])


async def _answered(request: Request, handler: Handler) -> Response:
    try:
        return await handler(Request(request.scope, _bounded(request)))
    except RequestValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        return problem(422, "INVALID_REQUEST", told)
    except StarletteHTTPException as error:
        code = "CONTENT_TOO_LARGE" if error.status_code == 413 else "BAD_REQUEST"
        return problem(error.status_code, code, str(error.detail))
    except NotThere as error:
        return problem(404, "NOT_FOUND", str(error))
    except KeyReused as error:
        return problem(409, "IDEMPOTENCY_CONFLICT", str(error))
    except NotForSale as error:
        return problem(409, "NOT_FOR_SALE", str(error))
    except ClientInfoAway:
        return problem(503, "UNAVAILABLE", "try again", {"Retry-After": "1"})


def _bounded(request: Request) -> Callable[[], Coroutine[Any, Any, Message]]:
    """The request's body, as far as it is no longer than a body may be."""
    read = 0

    async def receive() -> Message:
        nonlocal read
        message = await request.receive()
        read += len(message.get("body", b""))
        if read > BODY:
            raise HTTPException(413, f"at most {BODY} bytes")
        return message

    return receive
