"""The issuer's two calls."""

from datetime import UTC, datetime
from typing import Annotated
from uuid import UUID

import structlog
from fastapi import APIRouter, Header, Request, Response
from fastapi.responses import JSONResponse
from prometheus_client import Counter
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from system.shared.access import OPERATOR, Person, Unauthenticated, refusal
from system.shared.cost import Cost
from system.shared.service import problem
from system.web.attempts import Attempts
from system.web.issuer import Issued, Issuer

LOG = structlog.get_logger()
MOST_BYTES = 2048
TRIED = Counter("sign_in_attempts", "Codes that were tried, by what came of it.", ["outcome"])


class SignIn(BaseModel):
    """Who wants in, and the code that proves it."""

    model_config = ConfigDict(extra="forbid")

    clientId: UUID | None = None  # the API's word
    operator: str | None = Field(default=None, pattern=f"^{OPERATOR.pattern}$")
    code: str = Field(pattern=r"^[0-9a-fA-F]{12}$")

    @model_validator(mode="after")
    def _one_person(self) -> "SignIn":
        if (self.clientId is None) == (self.operator is None):
            raise ValueError("name either clientId or operator")
        return self

    def person(self) -> Person:
        """Who it would be."""
        if self.operator is not None:
            return Person(self.operator, "operator")
        return Person(str(self.clientId), "customer")


def routes(issuer: Issuer, attempts: Attempts, cost: Cost) -> APIRouter:
    """``POST /auth/token`` and ``POST /auth/renew``."""
    router = APIRouter(prefix="/auth")

    @router.post("/token", include_in_schema=False)
    async def token(request: Request) -> Response:
        async with cost.paid():
            asked = await _asked(request)
            if isinstance(asked, Response):
                return asked
            person = asked.person()
            if wait_s := attempts.take(f"{person.role}/{person.subject}"):
                TRIED.labels("limited").inc()
                told = f"too many tries; the next is possible in {wait_s} s"
                return problem(429, "LIMIT_EXCEEDED", told, {"Retry-After": str(wait_s)})
            try:
                issued = issuer.sign_in(person, asked.code.lower())
            except Unauthenticated as error:
                TRIED.labels("refused").inc()
                return refusal(error)
            TRIED.labels("let_in").inc()
            return _answer(issued)

    @router.post("/renew", include_in_schema=False)
    async def renew(authorization: Annotated[str | None, Header()] = None) -> Response:
        async with cost.paid():
            try:
                return _answer(issuer.renew(authorization))
            except Unauthenticated as error:
                return refusal(error)

    return router


def _answer(issued: Issued) -> Response:
    expires = datetime.fromtimestamp(issued.expires_s, UTC).isoformat().replace("+00:00", "Z")
    body = {"token": issued.token, "expiresAt": expires}
    return JSONResponse(body, headers={"Cache-Control": "no-store"})


async def _asked(request: Request) -> SignIn | Response:
    """The body, or the refusal of one that is too large or no such thing."""
    raw = bytearray()
    async for part in request.stream():
        raw += part
        if len(raw) > MOST_BYTES:
            return problem(413, "TOO_LARGE", f"a body has at most {MOST_BYTES} bytes")
    try:
        return SignIn.model_validate_json(bytes(raw))
    except ValidationError as error:
        if error.errors()[0]["type"] == "json_invalid":
            return problem(400, "INVALID_REQUEST", "the body is no JSON")
        return problem(422, "INVALID_REQUEST", _told(error))


def _told(error: ValidationError) -> str:
    """Where it is wrong, without repeating what was sent: it may be a code."""
    return "; ".join(
        ": ".join([".".join(map(str, one["loc"])) or "body", one["msg"]]) for one in error.errors()
    )
