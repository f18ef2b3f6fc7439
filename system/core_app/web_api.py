"""Offers as server-sent events, for pages whose network lets no WebSocket through."""

import json
from collections.abc import AsyncIterator
from contextlib import aclosing
from uuid import UUID

from fastapi import APIRouter, Request, Response
from fastapi.responses import StreamingResponse

from system.core_app import store
from system.core_app.domain import Application, Offer, Owner
from system.core_app.use_cases import World
from system.shared.access import Tokens, Unauthenticated, refusal
from system.shared.service import Frame, problem

ALIVE_S = 10.0
LAST_ID = 4000  # characters; a hundred insurers have fewer
HEADERS = {"Cache-Control": "no-store", "X-Accel-Buffering": "no"}


def routes(world: World, tokens: Tokens, frame: Frame) -> APIRouter:
    """No stream holds a worker slot: it waits, and works not."""
    router = APIRouter(prefix="/web/v1", include_in_schema=False)

    @router.get("/applications/{application_id}/offers")
    async def offers(request: Request, application_id: UUID) -> Response:
        try:
            person = tokens.person(request.headers.get("authorization"))
        except Unauthenticated as error:
            return refusal(error)
        if person.role != "customer":
            return problem(403, "FORBIDDEN", "this is for customers")
        owner = Owner(channel="web", id=UUID(person.subject))
        found = await store.by_id(world.database, application_id, owner)
        if found is None:
            return problem(404, "NOT_FOUND", f"there is no application {application_id}")
        seen = request.headers.get("last-event-id", "")[:LAST_ID]
        events = _events(world, frame, found, owner, seen)
        return StreamingResponse(events, media_type="text/event-stream", headers=HEADERS)

    return router


async def _events(
    world: World, frame: Frame, application: Application, owner: Owner, seen: str
) -> AsyncIterator[str]:
    """An event's id names the insurers whose offers were sent up to it: offers have no order that
    all replicas would agree on. A replica that leaves ends its streams; the page comes again."""
    had = [insurer for insurer in seen.split(",") if insurer]
    updates = world.feed.watch(application.id, owner, seen=frozenset(had), alive_s=ALIVE_S)
    async with aclosing(updates):
        async for update in updates:
            if update.done:
                yield f"event: done\ndata: {json.dumps({'status': update.status})}\n\n"
            elif update.offer is not None:
                had.append(update.offer.insurer)
                yield f"id: {','.join(had)}\nevent: offer\ndata: {_offer(update.offer)}\n\n"
            elif frame.readiness.reason == "draining":
                return
            else:
                yield ": alive\n\n"


def _offer(offer: Offer) -> str:
    return json.dumps(
        {
            "id": str(offer.id),
            "insurer": offer.insurer,
            "premium": {"amount": str(offer.premium), "currency": offer.currency},
            "validUntil": offer.valid_until.isoformat(),
            "receivedAt": offer.received_at.isoformat(),
        }
    )
