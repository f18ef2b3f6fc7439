"""A GraphQL endpoint that reads each document once, and says no more of an error than its code."""

from collections.abc import AsyncIterator
from typing import Annotated, Any

import strawberry
import structlog
from fastapi import Depends, FastAPI, HTTPException, Request
from graphql import GraphQLError
from graphql.validation import ASTValidationRule, ValidationContext, ValidationRule
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
from strawberry.types import ExecutionContext

from system.shared.service import Frame

LOG = structlog.get_logger()
CACHED_DOCUMENTS = 200
MASKED = "the request could not be served"


class Refused(GraphQLError):
    """An error that the caller may read, with its code."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message, extensions={"code": code})


def _internal(error: GraphQLError) -> bool:
    """Our own refusals and the faults of document and variables are told, all else is masked."""
    cause = error.original_error
    while isinstance(cause, GraphQLError) and cause.original_error is not None:
        cause = cause.original_error
    return not (cause is None or isinstance(cause, GraphQLError) or _of_variables(error))


def _of_variables(error: GraphQLError) -> bool:
    """A scalar's parser refused what was sent: no field was asked yet, so there is no path."""
    return error.path is None and error.nodes is not None


class _Masked(MaskErrors):
    """What went wrong inside stays inside; outside there is a code."""

    def __init__(self) -> None:
        super().__init__(should_mask_error=_internal, error_message=MASKED)

    def anonymise_error(self, error: GraphQLError) -> GraphQLError:
        hidden = super().anonymise_error(error)
        hidden.extensions = {"code": "INTERNAL"}
        return hidden


class _Schema(strawberry.Schema):
    def process_errors(
        self,
        errors: list[GraphQLError],
        execution_context: ExecutionContext | None = None,  # noqa: ARG002 # Strawberry gives it
    ) -> None:
        """Log what is ours to mend; a caller's fault is no error of the service."""
        for error in filter(_internal, errors):
            LOG.error("unexpected error", exc_info=error.original_error)


def _total(rule: type[ASTValidationRule]) -> type[ASTValidationRule]:
    """The same rule for documents of any kind: Strawberry's raise a KeyError for a fragment that
    is not there (found by test with 0.341), which would look like a fault of ours."""

    class Total(rule):  # type: ignore[valid-type, misc] # a class known at run time only
        def __init__(self, context: ValidationContext) -> None:
            try:
                super().__init__(context)
            except (KeyError, RecursionError):
                ValidationRule.__init__(self, context)
                context.report_error(GraphQLError("a fragment is not there, or leads to itself"))

    return Total


class _Router(GraphQLRouter[dict[str, Any], None]):
    def decode_json(self, data: str | bytes) -> object:
        """400 for what is no request at all; Strawberry itself would answer 500."""
        try:
            body = super().decode_json(data)
        except (UnicodeDecodeError, RecursionError):
            raise HTTPException(400, "Unable to parse request body as JSON") from None
        if not isinstance(body, dict | list):
            raise HTTPException(400, "The request body must be a JSON object")
        return body


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
    rules = [_total(rule) for limit in limits for rule in limit.validation_rules]
    return _Schema(
        query=query,
        mutation=mutation,
        extensions=[
            lambda: MaxTokensLimiter(max_token_count=1000),
            lambda: ParserCache(maxsize=CACHED_DOCUMENTS),
            lambda: AddValidationRules(rules),
            lambda: ValidationCache(maxsize=CACHED_DOCUMENTS),
            _Masked,
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

    router = _Router(made, context_getter=paid, graphql_ide=None, allow_queries_via_get=False)
    # its contract is the SDL, not OpenAPI
    app.include_router(router, prefix="/graphql", include_in_schema=False)
