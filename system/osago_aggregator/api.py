"""REST for core-app: submit, status, stream, products, tariffs."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import Annotated, Any, Literal
from uuid import UUID

from fastapi import APIRouter, Depends, Header, Path, Query, Request, Response
from pydantic import BaseModel, ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse

from system.osago_aggregator.clients import GaveUp, Insurers
from system.osago_aggregator.domain import CODE, LONGEST_S, Asked, State, stamp
from system.osago_aggregator.hot import Hot, HotCache, OriginAway
from system.osago_aggregator.hub import Hub
from system.osago_aggregator.runs import Busy, Conflict, Runs
from system.osago_aggregator.store import Store, Stored
from system.osago_aggregator.stream import Events
from system.shared.access import Callers, Unauthenticated
from system.shared.cost import Cost
from system.shared.openapi import refusals
from system.shared.redis_client import Away
from system.shared.resilience import DEADLINE_HEADER, Deadline
from system.shared.service import problem

LARGEST = 64 * 1024
LONGEST_NUMBER = 6  # digits of a Last-Event-ID: an application has two dozen events
ORIGIN_S = 10.0  # for an insurer's products or tariff, with all repeats
AWAY = {"Retry-After": "2"}
EVERYWHERE = {
    401: "No service's own credentials",
    404: "Unknown",
    422: "The request is not valid",
    503: "Nothing was lost; Retry-After says when to come again",
}
OF_BODIES = {
    400: "The body can't be read",
    409: "This id was submitted before, with something else",
    413: "The body is too large",
}
Code = Annotated[str, Path(pattern=CODE)]


class Submitted(BaseModel):
    """An application that was taken."""

    id: UUID
    status: Literal["running", "done"]
    deadlineAt: str  # the API's word


class Premium(BaseModel):
    """What an offer costs; a decimal in text."""

    amount: str
    currency: str


class Offer(BaseModel):
    """One offer; its id follows from application and insurer."""

    offerId: UUID  # the API's word
    applicationId: UUID  # the API's word
    insurer: str
    productCode: str  # the API's word
    premium: Premium
    validUntil: str  # the API's word
    receivedAt: str  # the API's word


class InsurerState(BaseModel):
    """How far one insurer is."""

    insurer: str
    state: State
    reason: str = ""


class Status(Submitted):
    """An application with what came so far."""

    insurers: list[InsurerState]
    offers: list[Offer]


class Service:
    """What the routes work with."""

    def __init__(
        self,
        store: Store,
        hub: Hub,
        runs: Runs,
        insurers: Insurers,
        hot: HotCache,
        codes: tuple[str, ...],
        cost: Cost,
    ) -> None:
        self.store, self.hub, self.runs, self.insurers = store, hub, runs, insurers
        self.hot, self.codes, self.cost = hot, codes, cost


def away(detail: str) -> Response:
    """503: nothing was lost, and it may come again."""
    return problem(503, "UNAVAILABLE", detail, AWAY)


def routes(service: Service, callers: Callers | None) -> APIRouter:
    """``callers``: None when nobody may call."""

    async def caller(authorization: Annotated[str | None, Header()] = None) -> None:
        try:
            if callers is None:
                raise Unauthenticated("no service may call")
            callers.caller(authorization)
        except Unauthenticated as error:
            raise HTTPException(401, str(error), {"WWW-Authenticate": "Service"}) from None

    router = APIRouter(prefix="/v1", dependencies=[Depends(caller)], responses=refusals(EVERYWHERE))
    _applications(router, service)
    _catalogue(router, service)
    return router


def _applications(router: APIRouter, service: Service) -> None:
    schema = _inlined(Asked.model_json_schema())
    body = {"content": {"application/json": {"schema": schema}}}

    @router.post(
        "/applications",
        status_code=202,
        response_model=Submitted,
        responses=refusals(OF_BODIES),
        openapi_extra={"requestBody": {"required": True, **body}},
    )
    async def submit(
        request: Request, deadline: Annotated[str | None, Header(alias=DEADLINE_HEADER)] = None
    ) -> Response:
        """Ask all insurers. The same id with the same body again changes nothing."""
        asked = await _asked(request)
        try:
            until = Deadline.from_header(deadline, LONGEST_S)
        except ValueError as error:
            return problem(422, "INVALID_REQUEST", str(error))
        async with service.cost.paid():
            try:
                taken = await service.runs.submit(asked, until)
            except Conflict:
                told = f"application {asked.id} was submitted before, with something else"
                return problem(409, "CONFLICT", told)
            except Busy:
                return away("too many applications are running here")
            except Away:
                return away("try again")
        told_at = stamp(taken.deadline_ms / 1000)
        answer = {"id": str(asked.id), "status": taken.status, "deadlineAt": told_at}
        return JSONResponse(answer, 202)

    @router.get("/applications/{application_id}", response_model=Status)
    async def read(application_id: UUID) -> Response:
        """What came so far."""
        async with service.cost.paid():
            try:
                found = await service.store.patiently(
                    lambda: service.store.read(str(application_id))
                )
            except Away:
                return away("try again")
        if found is None:
            return _unknown(application_id)
        return JSONResponse(_status(str(application_id), found))

    @router.get(
        "/applications/{application_id}/offers/stream",
        response_class=Response,
        responses={200: {"content": {"text/event-stream": {}}}},
    )
    async def stream(
        application_id: UUID,
        last: Annotated[str | None, Header(alias="Last-Event-ID")] = None,
    ) -> Response:
        """Server-sent events: ``offer``, ``insurer`` (for one that makes no offer) and, at the
        end, ``done``. An event's id is its number; Last-Event-ID resumes behind it."""
        number = last or "0"
        if not (number.isascii() and number.isdigit() and len(number) <= LONGEST_NUMBER):
            return problem(422, "INVALID_REQUEST", "Last-Event-ID is no number of an event")
        key = str(application_id)
        try:
            known, _ = await service.store.patiently(lambda: service.store.events(key, -1))
        except Away:
            return away("try again")
        if not known:
            return _unknown(application_id)
        return Events(service.store, service.hub, key, int(number))


def _catalogue(router: APIRouter, service: Service) -> None:
    async def products_of(code: str) -> Hot:
        async def origin() -> Any:
            return await _origin(lambda until: service.insurers.products(code, until))

        return await service.hot.get(f"products/{code}", origin)

    @router.get("/products", response_model=None)
    async def products(insurer: Annotated[str | None, Query(pattern=CODE)] = None) -> Response:
        """Products, of all insurers unless one is named. ``stale``: the insurer is down, and this
        is what it had at ``asOf``; ``missing``: down, and nothing is known of its products."""
        if insurer is not None and insurer not in service.codes:
            return problem(404, "NOT_FOUND", "there is no such insurer")
        asked = service.codes if insurer is None else (insurer,)
        async with service.cost.paid():
            found = await asyncio.gather(*map(products_of, asked), return_exceptions=True)
        lists, missing = [], []
        for code, hot in zip(asked, found, strict=True):
            if isinstance(hot, OriginAway):
                missing.append(code)
            elif isinstance(hot, BaseException):
                raise hot
            else:
                lists.append({"insurer": code, **_told(hot), "products": hot.value})
        if not lists:
            return away("no insurer answers")
        return JSONResponse({"insurers": lists, "missing": missing})

    @router.get("/tariffs/{insurer}/{product}", response_model=None)
    async def tariff(insurer: Code, product: Code) -> Response:
        """A product's tariff; ``stale`` and ``asOf`` as for products."""
        if insurer not in service.codes:
            return problem(404, "NOT_FOUND", "there is no such insurer")

        async def origin() -> Any:
            return await _origin(lambda until: service.insurers.tariff(insurer, product, until))

        async with service.cost.paid():
            try:
                hot = await service.hot.get(f"tariffs/{insurer}/{product}", origin)
            except OriginAway:
                return away("the insurer does not answer")
        if hot.value is None:
            return problem(404, "NOT_FOUND", "the insurer has no such product")
        return JSONResponse({"insurer": insurer, **_told(hot), **hot.value})

    @router.delete("/tariffs/{insurer}/{product}", status_code=204)
    async def outdated_tariff(insurer: Code, product: Code) -> Response:
        """The tariff changed: all replicas ask for it again."""
        return await outdated(insurer, f"tariffs/{insurer}/{product}")

    @router.delete("/products/{insurer}", status_code=204)
    async def outdated_products(insurer: Code) -> Response:
        """The products changed: all replicas ask for them again."""
        return await outdated(insurer, f"products/{insurer}")

    async def outdated(insurer: str, key: str) -> Response:
        if insurer not in service.codes:
            return problem(404, "NOT_FOUND", "there is no such insurer")
        async with service.cost.paid():
            try:
                await service.store.patiently(lambda: service.hot.outdated(key))
            except Away:
                return away("try again")
        return Response(status_code=204)


async def _asked(request: Request) -> Asked:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST:
            raise HTTPException(413, f"a body has at most {LARGEST} bytes")
    try:
        return Asked.model_validate_json(bytes(body))
    except ValidationError as error:
        faults = error.errors(include_url=False, include_context=False, include_input=False)
        told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in faults)
        malformed = any(fault["type"] == "json_invalid" for fault in faults)
        raise HTTPException(400 if malformed else 422, told) from None


async def _origin(ask: Callable[[Deadline], Awaitable[Any]]) -> Any:
    """An insurer that gives no answer in time is away, as far as the cache is concerned."""
    try:
        async with asyncio.timeout(ORIGIN_S):
            return await ask(Deadline.after(ORIGIN_S))
    except (GaveUp, TimeoutError) as error:
        raise OriginAway(str(error)) from error


def _unknown(application_id: UUID) -> Response:
    return problem(404, "NOT_FOUND", f"there is no application {application_id}")


def _told(hot: Hot) -> dict[str, Any]:
    return {
        "asOf": stamp(hot.at_s),
        "ageS": round(max(0, time.time() - hot.at_s)),
        "stale": hot.stale,
    }


def _status(application: str, found: Stored) -> dict[str, Any]:
    told = found.told()
    offers = [event for event in told.values() if "offerId" in event]
    states = [
        {
            "insurer": code,
            "state": found.states.get(code, "pending"),
            "reason": told.get(code, {}).get("reason", ""),
        }
        for code in found.insurers
    ]
    return {
        "id": application,
        "status": found.status,
        "deadlineAt": stamp(found.deadline_ms / 1000),
        "insurers": states,
        "offers": offers,
    }


def _inlined(schema: dict[str, Any]) -> dict[str, Any]:
    """Without references, which would point to nowhere inside the whole document."""
    definitions = schema.pop("$defs", {})
    properties = {
        name: definitions[part["$ref"].rsplit("/", 1)[1]] if "$ref" in part else part
        for name, part in schema["properties"].items()
    }
    return {**schema, "properties": properties}
