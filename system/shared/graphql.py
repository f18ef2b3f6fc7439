"""A GraphQL endpoint that reads each document once, and says no more of an error than its code."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import strawberry
from fastapi import Depends, FastAPI, Request
from graphql import GraphQLError
from strawberry.extensions import (
    AddValidationRules,
    DisableIntrospection,
    MaskErrors,
    MaxAliasesLimiter,
    MaxTokensLimiter,
    ParserCache,
    QueryDepthLimiter,
    ValidationCache,
)
from strawberry.fastapi import GraphQLRouter

from system.shared.service import Frame

CACHED_DOCUMENTS = 200
MASKED = "the request could not be served"


class Refused(GraphQLError):
    """An error that the caller may read, with its code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, extensions={"code": code})


def _internal(error: GraphQLError) -> bool:
    """Our own refusals and the document's own faults are told; everything else is masked."""
    return error.original_error is not None and not isinstance(error.original_error, Refused)


def schema(query: type, mutation: type | None, environment: str) -> strawberry.Schema:
    """A schema with caches for documents and limits on what one may ask at once."""
    # an extension is made anew for each request, since it holds that request's state; the rules
    # are made once, since the cache of validated documents tells rules apart by identity
    limits: list[AddValidationRules] = [
        QueryDepthLimiter(max_depth=8),
        MaxAliasesLimiter(max_alias_count=15),
    ]
    if environment != "development":
        limits.append(DisableIntrospection())
    rules = [rule for limit in limits for rule in limit.validation_rules]
    return strawberry.Schema(
        query=query,
        mutation=mutation,
        extensions=[
            lambda: MaxTokensLimiter(max_token_count=1000),
            lambda: ParserCache(maxsize=CACHED_DOCUMENTS),
            lambda: AddValidationRules(rules),
            lambda: ValidationCache(maxsize=CACHED_DOCUMENTS),
            lambda: MaskErrors(should_mask_error=_internal, error_message=MASKED),
        ],
    )


def mount(app: FastAPI, made: strawberry.Schema, frame: Frame, **context: Any) -> None:
    """Serve it at ``/graphql`` with POST only; each request pays its cost."""

    async def pay() -> AsyncIterator[None]:
        async with frame.cost.paid():
            yield

    # scope "function": the rest of the cost is paid before the answer is sent, not behind it
    async def paid(
        request: Request, _: Annotated[None, Depends(pay, scope="function")]
    ) -> dict[str, Any]:
        return {"request": request, **context}

    router: Any = GraphQLRouter(
        made, context_getter=paid, graphql_ide=None, allow_queries_via_get=False
    )
    app.include_router(router, prefix="/graphql")
