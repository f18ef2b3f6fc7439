"""REST for partners: an API key, an idempotency key, and the exact limit a minute."""

from typing import Annotated, Any
from uuid import UUID

from fastapi import APIRouter, Depends, FastAPI, Header, Query, Request, Response, Security
from fastapi.security import APIKeyHeader
from pydantic import BaseModel

from system.core_app import offer_store, partner_bodies, store, use_cases
from system.core_app.domain import INSURER, KEY, Application, Asked, NotThere, Owner
from system.core_app.partner_bodies import (
    ApplicationBody,
    OffersBody,
    PolicyAsked,
    PolicyBody,
    ProductsBody,
)
from system.core_app.partner_gate import Gate, known_parameters
from system.core_app.use_cases import World
from system.shared.openapi import ProblemBody

PROBLEM = {"application/problem+json": {"schema": {"$ref": "#/components/schemas/ProblemBody"}}}
IdempotencyKey = Annotated[str, Header(alias="Idempotency-Key", pattern=KEY)]
Insurer = Annotated[str | None, Query(pattern=INSURER)]
Limit = Annotated[int, Query(ge=1, le=100)]
# told to readers of the contract; the gate has looked at the key before anything here runs
KEY_NEEDED = Security(APIKeyHeader(name="X-API-Key", auto_error=False))


def routes(world: World, gate: Gate) -> APIRouter:
    """The partner's calls."""
    router = APIRouter(
        prefix="/partner/v1",
        route_class=gate.route(),
        dependencies=[KEY_NEEDED, Depends(known_parameters)],
        responses=_problems(400, 401, 404, 409, 413, 422, 429, 503),
    )
    _applications(router, world)
    _policies(router, world)

    @router.get("/products", tags=["products"])
    async def products(
        insurer: Insurer = None, limit: Limit = 50, after: UUID | None = None
    ) -> ProductsBody:
        """What is sold now, of one insurer or of all."""
        found = await store.products_of(world.database, insurer, limit, after)
        return partner_bodies.products(found)

    return router


def publish(app: FastAPI) -> None:
    """The contract with the schema that its problem documents refer to; FastAPI itself would give
    them another media type."""
    usual = app.openapi

    def told() -> dict[str, Any]:
        made = usual()
        made["components"]["schemas"]["ProblemBody"] = ProblemBody.model_json_schema()
        return made

    app.openapi = told  # type: ignore[method-assign] # as FastAPI's own documentation has it


def _applications(router: APIRouter, world: World) -> None:
    @router.post(
        "/applications",
        status_code=201,
        tags=["applications"],
        responses=_replayed(ApplicationBody),
    )
    async def create(
        request: Request, asked: Asked, response: Response, key: IdempotencyKey
    ) -> ApplicationBody:
        """Apply for a client; the same Idempotency-Key again gives the same application."""
        application, replayed = await use_cases.apply(world, asked, _owner(request), key)
        _mark(response, replayed=replayed)
        return partner_bodies.application(application)

    @router.get("/applications/{application_id}", tags=["applications"])
    async def read(request: Request, application_id: UUID) -> ApplicationBody:
        """One application of this partner; another's is as unknown as none."""
        return partner_bodies.application(await _application(world, request, application_id))

    @router.get("/applications/{application_id}/offers", tags=["applications"])
    async def offers(request: Request, application_id: UUID) -> OffersBody:
        """The offers that came so far, and whether more may come."""
        application = await _application(world, request, application_id)
        kept = await offer_store.offers_of(world.database, [application_id])
        return partner_bodies.offers(application, kept[application_id])


def _policies(router: APIRouter, world: World) -> None:
    @router.post("/policies", status_code=201, tags=["policies"], responses=_replayed(PolicyBody))
    async def buy(
        request: Request, asked: PolicyAsked, response: Response, key: IdempotencyKey
    ) -> PolicyBody:
        """Buy an offer; the same Idempotency-Key again gives the same policy."""
        policy, replayed = await use_cases.buy(world, asked.offerId, _owner(request), key)
        _mark(response, replayed=replayed)
        return partner_bodies.policy(policy)

    @router.get("/policies/{policy_id}", tags=["policies"])
    async def read_policy(request: Request, policy_id: UUID) -> PolicyBody:
        """One policy of this partner; another's is as unknown as none."""
        found = await store.policy(world.database, policy_id, _owner(request))
        if found is None:
            raise NotThere(f"there is no policy {policy_id}")
        return partner_bodies.policy(found)


def _owner(request: Request) -> Owner:
    owner: Owner = request.state.owner
    return owner


async def _application(world: World, request: Request, application_id: UUID) -> Application:
    found = await store.by_id(world.database, application_id, _owner(request))
    if found is None:
        raise NotThere(f"there is no application {application_id}")
    return found


def _mark(response: Response, *, replayed: bool) -> None:
    if replayed:
        response.status_code = 200
        response.headers["Idempotency-Replayed"] = "true"


def _problems(*statuses: int) -> dict[int | str, dict[str, Any]]:
    told = {
        400: "The body can't be read",
        401: "X-API-Key is absent or not known",
        404: "There is none, or it is another's",
        409: "The idempotency key was used for something else, or the offer can't be bought",
        413: "The body is too large",
        422: "The request is not valid",
        429: "More requests than the partner's limit; Retry-After says when to come again",
        503: "Try again",
    }
    return {status: {"description": told[status], "content": PROBLEM} for status in statuses}


def _replayed(body: type[BaseModel]) -> dict[int | str, dict[str, Any]]:
    return {200: {"description": "The same key again: what it made then", "model": body}}
