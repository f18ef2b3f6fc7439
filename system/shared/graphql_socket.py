"""Subscriptions over WebSocket: the protocol graphql-transport-ws
(github.com/enisdenjo/graphql-ws, PROTOCOL.md), as much of it as a subscription needs."""

import asyncio
from contextlib import aclosing, suppress
from inspect import isawaitable
from typing import Any

import structlog
from graphql import ExecutionResult, GraphQLError, OperationType, subscribe
from starlette.types import Receive, Scope, Send
from starlette.websockets import WebSocket, WebSocketDisconnect, WebSocketState

from system.shared.access import Unauthenticated
from system.shared.graphql import BODY, BadRequest, Requests, answered, encode, parse_json, told
from system.shared.graphql_limits import Refused

LOG = structlog.get_logger()
PROTOCOL = "graphql-transport-ws"
HELLO_S = 5.0  # within that the client says who it is
OPERATIONS = 10  # at a time on one connection
ID_LENGTH = 100


class _Closed(Exception):
    """The connection ends, with a code of the protocol."""

    def __init__(self, code: int, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


class Socket:
    """The ASGI application of the path; no subscription holds a worker slot."""

    def __init__(self, requests: Requests) -> None:
        self._requests = requests

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        socket = WebSocket(scope, receive, send)
        if PROTOCOL not in socket.scope.get("subprotocols", []):
            await socket.close(4406)
            return
        await socket.accept(subprotocol=PROTOCOL)
        connection = _Connection(socket, self._requests)
        try:
            await connection.serve()
        except _Closed as end:
            if socket.application_state is WebSocketState.CONNECTED:
                with suppress(RuntimeError, WebSocketDisconnect):  # it left at the same moment
                    await socket.close(end.code, end.reason)
        except WebSocketDisconnect:
            pass
        finally:
            await connection.end()


class _Connection:
    def __init__(self, socket: WebSocket, requests: Requests) -> None:
        self._socket, self._requests = socket, requests
        self._running: dict[str, asyncio.Task[None]] = {}
        self._person: object = None

    async def serve(self) -> None:
        """Until one side ends it."""
        await self._hello()
        while True:
            message = await self._message()
            kind = message.get("type")
            if kind == "ping":
                await self._send({"type": "pong"})
            elif kind == "subscribe":
                await self._subscribe(message)
            elif kind == "complete":
                self._stop(str(message.get("id")))
            elif kind == "connection_init":
                raise _Closed(4429, "Too many initialisation requests")
            elif kind != "pong":
                raise _Closed(4400, "unknown type of message")

    async def end(self) -> None:
        """Nothing goes on behind a closed connection."""
        tasks = list(self._running.values())
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def _hello(self) -> None:
        try:
            async with asyncio.timeout(HELLO_S):
                message = await self._message()
                while message.get("type") == "ping":
                    await self._send({"type": "pong"})
                    message = await self._message()
        except TimeoutError:
            raise _Closed(4408, "Connection initialisation timeout") from None
        if message.get("type") != "connection_init":
            raise _Closed(4401, "Unauthorized")
        payload = message.get("payload") or {}
        authorization = payload.get("authorization") if isinstance(payload, dict) else None
        if not isinstance(authorization, str | None):
            raise _Closed(4400, "authorization: this must be a text")
        try:
            self._person = self._requests.person(authorization, socket=True)
        except Unauthenticated:
            raise _Closed(4403, "Forbidden") from None
        await self._send({"type": "connection_ack"})

    async def _message(self) -> dict[str, Any]:
        received = await self._socket.receive()
        if received["type"] == "websocket.disconnect":
            raise WebSocketDisconnect(received.get("code", 1005))
        text = received.get("text")
        if text is None:
            raise _Closed(4400, "text only")
        if len(text) > BODY:
            raise _Closed(1009, "the message is too long")
        try:
            message = parse_json(text)
        except BadRequest:
            raise _Closed(4400, "this is no JSON") from None
        if not isinstance(message, dict):
            raise _Closed(4400, "this is no message")
        return message

    async def _subscribe(self, message: dict[str, Any]) -> None:
        key = message.get("id")
        if not isinstance(key, str) or not 0 < len(key) <= ID_LENGTH:
            raise _Closed(4400, f"id: a text of 1 to {ID_LENGTH} characters")
        if key in self._running:
            raise _Closed(4409, "there is a subscriber of that id")
        if len(self._running) >= OPERATIONS:
            limit = Refused("LIMIT_EXCEEDED", f"at most {OPERATIONS} subscriptions a connection")
            await self._errors(key, [limit])
            return
        try:
            query, variables, name = self._requests.read(message.get("payload"))
        except BadRequest as error:
            raise _Closed(4400, str(error)) from None
        document, operation, errors = self._requests.prepared(query, variables, name)
        if operation is not None and operation.kind is not OperationType.SUBSCRIPTION:
            errors = [Refused("INVALID_REQUEST", "subscriptions only; POST the others")]
        if errors:
            await self._errors(key, errors)
            return
        source = subscribe(
            self._requests.schema.core,
            document.document,  # type: ignore[arg-type] # there are no errors, so there is one
            context_value=self._requests.context(self._socket.scope, self._person),
            variable_values=variables,
            operation_name=name,
            hide_suggestions=not self._requests.schema.limits.introspection,
        )
        self._running[key] = asyncio.create_task(self._stream(key, source))

    def _stop(self, key: str) -> None:
        if key in self._running:
            self._running.pop(key).cancel()

    async def _stream(self, key: str, source: Any) -> None:
        """One subscription to its end; whoever is slow to read slows it down and nobody else."""
        try:
            found: Any = await source if isawaitable(source) else source
            if isinstance(found, ExecutionResult):
                await self._errors(key, found.errors or [])
                return
            async with aclosing(found) as results:  # a source ends with its subscription
                async for result in results:
                    await self._send({"id": key, "type": "next", "payload": answered(result)})
            await self._finish({"id": key, "type": "complete"})
        except WebSocketDisconnect:
            LOG.info("a subscriber left")
        except Exception as error:  # a source may fail with anything
            await self._errors(key, [GraphQLError("", original_error=error)])

    async def _errors(self, key: str, errors: list[GraphQLError]) -> None:
        shown = [told(error) for error in errors]
        await self._finish({"id": key, "type": "error", "payload": shown})

    async def _finish(self, message: dict[str, Any]) -> None:
        self._running.pop(message["id"], None)  # first, so that its id is free for the next
        await self._send(message)

    async def _send(self, message: dict[str, Any]) -> None:
        try:
            await self._socket.send_text(encode(message))
        except RuntimeError as error:  # Starlette's word for a socket that was closed meanwhile
            raise WebSocketDisconnect(1006) from error
