"""A GraphQL endpoint that reads each document once, and says no more of an error than its code.

A route of its own in place of Strawberry's: that one takes longer to carry a request than the
request takes, and knows no limit on bodies, batches and variables."""

import json
from collections.abc import Awaitable, Callable, Mapping
from http import HTTPStatus
from typing import Any

import strawberry
import structlog
from fastapi import FastAPI
from graphql import ExecutionResult, GraphQLError, OperationType, execute
from starlette.middleware import Middleware
from starlette.requests import HTTPConnection
from starlette.types import ASGIApp, Receive, Scope, Send
from strawberry.execution import optimized_is_awaitable

from system.shared.access import Unauthenticated
from system.shared.graphql_documents import Documents, Operation, Prepared
from system.shared.graphql_limits import Limits, Refused, check_values, total
from system.shared.service import Frame, problem

__all__ = ["Refused", "Schema", "mount", "schema"]

LOG = structlog.get_logger()
PATH = "/graphql"
BODY = 64 * 1024  # bytes of a request, or of a message on a socket
MASKED = "the request could not be served"
JSON_HEADER = (b"content-type", b"application/json")
Who = Callable[[str], object]


class Schema(strawberry.Schema):
    """A schema with limits on what one may ask at once, and its documents."""

    def __init__(self, limits: Limits, *, planned: bool, **types: Any) -> None:
        super().__init__(**types)
        self.limits = limits
        self.core = self._schema
        self.documents = Documents(self.core, limits, planned=planned)


def schema(
    query: type,
    mutation: type | None,
    environment: str,
    subscription: type | None = None,
    *,
    planned: bool = False,
) -> Schema:
    """Outside development nobody is told what else there is. ``planned``: see graphql_plan."""
    limits = Limits(introspection=environment == "development")
    types = {"query": query, "mutation": mutation, "subscription": subscription}
    return Schema(limits, planned=planned, **types)


def mount(
    app: FastAPI,
    made: Schema,
    frame: Frame,
    *,
    person: Who | None = None,
    anonymous: bool = True,
    subscriptions: bool = False,
    **context: Any,
) -> None:
    """Serve it at ``/graphql`` with POST only; each request pays its cost.

    ``person`` reads an ``Authorization`` header, and what it returns is the context's ``person``,
    None without a header; ``anonymous=False`` refuses a request without one. What it refuses with
    Unauthenticated is answered 401 with an error of that code. ``subscriptions``: over WebSocket at
    the same path (graphql-transport-ws).
    """
    requests = Requests(made, person, anonymous=anonymous, context=context)
    places: dict[str, ASGIApp] = {"http": _Http(requests, frame)}
    if subscriptions:
        from system.shared.graphql_socket import Socket  # noqa: PLC0415 # most services have none

        places["websocket"] = Socket(requests)
    # inside of the metrics, in front of FastAPI's own layers and router: they cost a third of what
    # such a request takes
    app.user_middleware.append(Middleware(_Place, places=places))


class _Place:
    """What is asked at the path, by its kind; all else goes on."""

    def __init__(self, app: ASGIApp, places: Mapping[str, ASGIApp]) -> None:
        self._app, self._places = app, places

    def __call__(self, scope: Scope, receive: Receive, send: Send) -> Awaitable[None]:
        if scope.get("path") == PATH:
            return self._places.get(scope["type"], self._app)(scope, receive, send)
        return self._app(scope, receive, send)


class BadRequest(Exception):
    """What came is no GraphQL request at all."""

    def __init__(self, status: int, code: str, detail: str) -> None:
        super().__init__(detail)
        self.status, self.code = status, code


class Requests:
    """From what was sent to what may be run, the same for every transport."""

    def __init__(
        self, made: Schema, person: Who | None, *, anonymous: bool, context: Mapping[str, Any]
    ) -> None:
        self.schema, self._context = made, context
        self._person, self._anonymous = person, anonymous

    def person(self, authorization: str | None, *, socket: bool = False) -> object:
        """Who asks; raises Unauthenticated. On a socket nobody is anonymous."""
        if self._person is None:
            return None
        if authorization is None:
            if socket or not self._anonymous:
                raise Unauthenticated("the request does not say who asks")
            return None
        return self._person(authorization)

    def context(self, scope: Scope, person: object) -> dict[str, Any]:
        """What resolvers get."""
        return {"request": HTTPConnection(scope), "person": person, **self._context}

    def read(self, body: object) -> tuple[str, dict[str, Any], str | None]:
        """The parts of a request; raises BadRequest."""
        if isinstance(body, list):
            raise BadRequest(400, "BATCH_REFUSED", "one operation a request")
        if not isinstance(body, dict):
            raise BadRequest(400, "BAD_REQUEST", "the request body must be a JSON object")
        query, variables = body.get("query"), body.get("variables")
        name = body.get("operationName")
        if not isinstance(query, str) or not query:
            raise BadRequest(400, "BAD_REQUEST", "query: this must be a text")
        if not isinstance(variables, dict | None):
            raise BadRequest(400, "BAD_REQUEST", "variables: this must be an object")
        if not isinstance(name, str | None):
            raise BadRequest(400, "BAD_REQUEST", "operationName: this must be a text")
        return query, variables or {}, name or None

    def prepared(
        self, query: str, variables: dict[str, Any], name: str | None
    ) -> tuple[Prepared, Operation | None, list[GraphQLError]]:
        """The document, what is to be run of it, and why not."""
        found = self.schema.documents.prepared(query)
        if found.errors:
            return found, None, list(found.errors)
        try:
            if variables:
                check_values(variables, self.schema.limits)
            operation = found.operation(name)
            if operation.asked:
                total(operation.asked, variables, self.schema.limits)
        except Refused as error:
            return found, None, [error]
        return found, operation, []


class _Http:
    """The ASGI application of the path."""

    def __init__(self, requests: Requests, frame: Frame) -> None:
        self._requests, self._cost = requests, frame.cost

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        scope["route"] = self  # known to the metrics
        try:
            authorization = _checked_headers(scope)
            body = parse_json(await _body(receive))
            query, variables, name = self._requests.read(body)
            person = self._requests.person(authorization)
        except BadRequest as error:
            headers = {"Allow": "POST"} if error.status == HTTPStatus.METHOD_NOT_ALLOWED else None
            answer = problem(error.status, error.code, str(error), headers)
            await answer(scope, receive, send)
            return
        except Unauthenticated as error:
            refused = [told(Refused("UNAUTHENTICATED", str(error)))]
            await _send(send, 401, {"data": None, "errors": refused})
            return
        document, operation, errors = self._requests.prepared(query, variables, name)
        if operation is not None and operation.kind is OperationType.SUBSCRIPTION:
            errors = [Refused("INVALID_REQUEST", "a subscription needs a WebSocket")]
        if errors:
            await _send(send, 200, {"data": None, "errors": [told(error) for error in errors]})
            return
        async with self._cost.paid():
            context = self._requests.context(scope, person)
            result = await self._run(document, operation, variables, name, context)
        await _send(send, 200, result)

    async def _run(
        self,
        prepared: Prepared,
        operation: Operation | None,
        variables: dict[str, Any],
        name: str | None,
        context: dict[str, Any],
    ) -> dict[str, Any]:
        assert prepared.document is not None
        assert operation is not None
        failed: Exception | None = None
        if operation.plan is not None:
            try:
                return {"data": await operation.plan.run(variables, context)}
            except Exception as error:  # whatever it was, below it happens again and is told
                failed = error
        result = execute(
            self._requests.schema.core,
            prepared.document,
            context_value=context,
            variable_values=variables,
            operation_name=name,
            is_awaitable=optimized_is_awaitable,  # type: ignore[arg-type] # says bool, means guard
            hide_suggestions=not self._requests.schema.limits.introspection,
        )
        done = result if isinstance(result, ExecutionResult) else await result
        if failed is not None and not done.errors:
            LOG.warning("a plan failed where graphql-core did not", exc_info=failed)
        return answered(done)


def answered(result: ExecutionResult) -> dict[str, Any]:
    """The answer's body."""
    if not result.errors:
        return {"data": result.data}
    return {"data": result.data, "errors": [told(error) for error in result.errors]}


def told(error: GraphQLError) -> dict[str, Any]:
    """Our own refusals and the faults of document and variables are told; what went wrong inside
    is logged and stays inside. Each has a code."""
    cause: BaseException | None = error
    while isinstance(cause, GraphQLError):
        cause = cause.original_error
    shown: dict[str, Any] = {**error.formatted}
    extensions: dict[str, Any] = {"code": "INVALID_REQUEST", **(error.extensions or {})}
    if isinstance(cause, Unauthenticated):
        extensions = {"code": "UNAUTHENTICATED"}
    elif cause is not None and not _of_variables(error):
        LOG.error("unexpected error", exc_info=cause)
        shown["message"], extensions = MASKED, {"code": "INTERNAL"}
    return {**shown, "extensions": extensions}


def _of_variables(error: GraphQLError) -> bool:
    """A scalar's parser refused what was sent: no field was asked yet, so there is no path."""
    return error.path is None and error.nodes is not None


def _checked_headers(scope: Scope) -> str | None:
    """The Authorization header; raises BadRequest for what need not be read further."""
    if scope["method"] != "POST":
        raise BadRequest(405, "METHOD_NOT_ALLOWED", "POST only")
    authorization, kind = None, b""
    for name, value in scope["headers"]:
        if name == b"content-type":
            kind = value
        elif name == b"authorization":
            authorization = value.decode("latin-1")
        elif name == b"content-length" and (not value.isdigit() or int(value) > BODY):
            raise _too_large()
    # a page of another site can send text/plain without asking, but not this
    if not kind.lower().startswith(b"application/json"):
        raise BadRequest(415, "UNSUPPORTED_MEDIA_TYPE", "application/json only")
    return authorization


def _too_large() -> BadRequest:
    return BadRequest(413, "CONTENT_TOO_LARGE", f"at most {BODY} bytes")


async def _body(receive: Receive) -> bytes:
    message = await receive()
    body: bytes = message.get("body", b"")
    while message.get("more_body"):
        message = await receive()
        body += message.get("body", b"")
        if len(body) > BODY:
            raise _too_large()
    return body


def _no_number(text: str) -> object:
    raise ValueError(f"{text} is no number of JSON")


_decode = json.JSONDecoder(parse_constant=_no_number).decode
encode = json.JSONEncoder(separators=(",", ":")).encode


def parse_json(body: bytes | str) -> object:
    """Raises BadRequest."""
    try:
        return _decode(body if isinstance(body, str) else body.decode())
    except (ValueError, RecursionError):
        raise BadRequest(400, "BAD_REQUEST", "the request body is no JSON") from None


async def _send(send: Send, status: int, answer: dict[str, Any]) -> None:
    body = encode(answer).encode()
    length = (b"content-length", str(len(body)).encode())
    start = {"type": "http.response.start", "status": status, "headers": [JSON_HEADER, length]}
    await send(start)
    await send({"type": "http.response.body", "body": body})
