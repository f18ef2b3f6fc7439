"""A GraphQL endpoint that reads each document once, and says no more of an error than its code."""

from typing import Any

import strawberry
from fastapi import FastAPI, Request
from graphql import GraphQLError
from strawberry.extensions import (
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


class Refused(GraphQLError):
    """An error that the caller may read, with its code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, extensions={"code": code})


def _internal(error: GraphQLError) -> bool:
    """Our own refusals and the document's own faults are told; everything else is masked."""
    return error.original_error is not None and not isinstance(error.original_error, Refused)


def schema(query: type, mutation: type | None, environment: str) -> strawberry.Schema:
    """A schema with caches for documents and limits on what one may ask at once."""
    extensions: list[Any] = [
        ParserCache(maxsize=CACHED_DOCUMENTS),
        ValidationCache(maxsize=CACHED_DOCUMENTS),
        QueryDepthLimiter(max_depth=8),
        MaxAliasesLimiter(max_alias_count=15),
        MaxTokensLimiter(max_token_count=1000),
        MaskErrors(should_mask_error=_internal, error_message="the request could not be served"),
    ]
    if environment != "development":
        extensions.append(DisableIntrospection())
    return strawberry.Schema(query=query, mutation=mutation, extensions=extensions)


def mount(app: FastAPI, made: strawberry.Schema, frame: Frame, **context: Any) -> None:
    """Serve it at ``/graphql`` with POST only; each request pays its cost."""

    async def paid(request: Request) -> Any:
        async with frame.cost.paid():
            yield {"request": request, **context}

    router: Any = GraphQLRouter(
        made, context_getter=paid, graphql_ide=None, allow_queries_via_get=False
    )
    app.include_router(router, prefix="/graphql")
