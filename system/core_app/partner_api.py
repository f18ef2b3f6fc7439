"""REST for partners: an API key, an idempotency key, and the exact limit a minute."""

import hashlib
from datetime import datetime
from typing import Annotated
from uuid import UUID

from fastapi import APIRouter, Header, Response
from prometheus_client import Counter
from pydantic import BaseModel

from system.core_app import store, use_cases
from system.core_app.domain import (
    KEY,
    KEY_LENGTH,
    Application,
    Asked,
    ClientInfoAway,
    KeyReused,
    UnknownClient,
)
from system.core_app.use_cases import World
from system.shared.cost import Cost
from system.shared.service import problem

LIMITED = Counter("partner_requests_limited", "Requests of partners over their limit.")
ApiKey = Annotated[str | None, Header(alias="X-API-Key", max_length=KEY_LENGTH)]
IdempotencyKey = Annotated[str, Header(alias="Idempotency-Key", pattern=KEY)]


class ApplicationBody(BaseModel):
    """An application that was acknowledged."""

    id: UUID
    status: str
    clientId: UUID  # the API's word
    createdAt: datetime  # the API's word


def routes(world: World, cost: Cost, per_minute: int) -> APIRouter:
    """The partner's two calls."""
    router = APIRouter(prefix="/partner/v1", tags=["applications"])

    async def admit(key: str | None) -> tuple[UUID | None, Response | None, dict[str, str]]:
        """Who it is; or the refusal; and the headers that tell of the limit."""
        digest = hashlib.sha256((key or "").encode()).digest()
        partner = await store.partner_by_key(world.database, digest) if key else None
        if partner is None:
            refusal = problem(401, "UNKNOWN_KEY", "X-API-Key is absent or not known")
            return None, refusal, {}
        taken = await store.take(world.database, partner["id"], per_minute)
        headers = {
            "RateLimit-Policy": f'"partner";q={per_minute};w={store.WINDOW_S}',
            "RateLimit": f'"partner";r={taken.remaining};t={taken.reset_s}',
        }
        if not taken.allowed:
            LIMITED.inc()
            told = f"more than {per_minute} requests in {store.WINDOW_S} s"
            again = {**headers, "Retry-After": str(taken.reset_s)}
            return None, problem(429, "LIMIT_EXCEEDED", told, again), headers
        return partner["id"], None, headers

    @router.post("/applications", status_code=201, response_model=ApplicationBody)
    async def create(
        asked: Asked, response: Response, key: IdempotencyKey, api_key: ApiKey = None
    ) -> ApplicationBody | Response:
        """Apply for a client; the same Idempotency-Key again gives the same application."""
        async with cost.paid():
            partner, refusal, headers = await admit(api_key)
            if refusal is not None:
                return refusal
            try:
                application, replayed = await use_cases.apply(
                    world, asked, channel="partner", owner=str(partner), key=key
                )
            except UnknownClient as error:
                return problem(404, "NOT_FOUND", str(error), headers)
            except KeyReused as error:
                return problem(409, "IDEMPOTENCY_CONFLICT", str(error), headers)
            except ClientInfoAway:
                return problem(503, "UNAVAILABLE", "try again", {**headers, "Retry-After": "1"})
        response.headers.update(headers)
        if replayed:
            response.status_code = 200
            response.headers["Idempotency-Replayed"] = "true"
        return _body(application)

    @router.get("/applications/{application_id}", response_model=ApplicationBody)
    async def read(
        application_id: UUID, response: Response, api_key: ApiKey = None
    ) -> ApplicationBody | Response:
        """One application of this partner; another's is as unknown as none."""
        async with cost.paid():
            partner, refusal, headers = await admit(api_key)
            if refusal is not None:
                return refusal
            found = await store.by_id(world.database, application_id, str(partner))
        if found is None:
            told = f"there is no application {application_id}"
            return problem(404, "NOT_FOUND", told, headers)
        response.headers.update(headers)
        return _body(found)

    return router


def _body(application: Application) -> ApplicationBody:
    return ApplicationBody(
        id=application.id,
        status=application.status,
        clientId=application.client_id,
        createdAt=application.created_at,
    )
