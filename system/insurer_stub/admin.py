"""How each insurer behaves, read and set by an operator while it runs."""

from typing import Annotated

from fastapi import APIRouter, Depends, Header, Request
from pydantic import ValidationError
from starlette.exceptions import HTTPException
from starlette.responses import Response

from system.insurer_stub.domain import Behaviour
from system.insurer_stub.world import Insurer, World
from system.shared.access import Tokens, Unauthenticated

LARGEST = 64 * 1024


def routes(world: World, tokens: Tokens | None) -> APIRouter:
    """``tokens``: None when nobody may."""

    async def operator(authorization: Annotated[str | None, Header()] = None) -> None:
        try:
            if tokens is None:
                raise Unauthenticated("no operator is known here")
            person = tokens.person(authorization)
        except Unauthenticated as error:
            shown = {"WWW-Authenticate": "Bearer"}
            raise HTTPException(401, str(error), shown) from None
        if person.role != "operator":
            raise HTTPException(403, "operators only")

    router = APIRouter(
        prefix="/insurers/admin", tags=["behaviour"], dependencies=[Depends(operator)]
    )

    def known(code: str) -> Insurer:
        insurer = world.insurers.get(code)
        if insurer is None:
            raise HTTPException(404, "there is no such insurer")
        return insurer

    @router.get("")
    async def listed() -> dict[str, Behaviour]:
        """The behaviour of each insurer."""
        return {code: insurer.behaviour for code, insurer in world.insurers.items()}

    @router.get("/{code}")
    async def read(code: str) -> Behaviour:
        """The behaviour of one."""
        return known(code).behaviour

    body = {"content": {"application/json": {"schema": Behaviour.model_json_schema()}}}

    @router.put("/{code}", openapi_extra={"requestBody": {"required": True, **body}})
    async def change(code: str, request: Request) -> Behaviour:
        """Behave so from now on; what is not named gets the insurer's default."""
        insurer = known(code)
        told = await _behaviour(request)
        insurer.become(insurer.usual.model_copy(update=told.model_dump(exclude_unset=True)))
        return insurer.behaviour

    @router.delete("/{code}", status_code=204)
    async def restore(code: str) -> Response:
        """Back to the insurer's defaults."""
        insurer = known(code)
        insurer.become(insurer.usual)
        return Response(status_code=204)

    return router


async def _behaviour(request: Request) -> Behaviour:
    body = bytearray()
    async for piece in request.stream():
        body += piece
        if len(body) > LARGEST:
            raise HTTPException(413, f"a body has at most {LARGEST} bytes")
    try:
        return Behaviour.model_validate_json(bytes(body))
    except ValidationError as error:
        told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        raise HTTPException(422, told) from None
