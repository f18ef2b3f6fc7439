"""JSON logs, and request metrics under OpenTelemetry's names."""

import logging
import sys
import time

import structlog
from prometheus_client import Gauge, Histogram
from starlette.types import ASGIApp, Message, Receive, Scope, Send

DURATION = Histogram(
    "http_server_request_duration_seconds",
    "Time from a request's first byte to the last byte of its answer.",
    ["http_request_method", "http_route", "http_response_status_code"],
    buckets=(
        0.005,
        0.01,
        0.025,
        0.05,
        0.075,
        0.1,
        0.15,
        0.2,
        0.3,
        0.4,
        0.5,
        0.75,
        1,
        1.5,
        2,
        3,
        5,
        10,
    ),
)
ACTIVE = Gauge("http_server_active_requests", "Requests that are being served.")
METHODS = {"GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS"}


def start_logs(service: str, zone: str, replica: int) -> None:
    """One JSON object a line on stdout, with who says it."""
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stdout),
    )
    structlog.contextvars.bind_contextvars(service=service, zone=zone, replica=replica)


class RequestMetrics:
    """ASGI middleware: counts and times each request by its route, never by its raw path."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        began = time.perf_counter()
        status = 500

        async def seen(message: Message) -> None:
            nonlocal status
            if message["type"] == "http.response.start":
                status = message["status"]
            await send(message)

        ACTIVE.inc()
        try:
            await self._app(scope, receive, seen)
        finally:
            ACTIVE.dec()
            route = _route(scope)
            method = scope["method"] if scope["method"] in METHODS else "OTHER"
            DURATION.labels(method, route, str(status)).observe(time.perf_counter() - began)


def _route(scope: Scope) -> str:
    """The template of the path with its prefix; the ids in a path would be labels without end."""
    if "route" not in scope:
        return "unmatched"
    values = scope.get("path_params", {})
    names = {str(value): f"{{{name}}}" for name, value in values.items()}
    path: str = scope["path"]
    return "/".join(names.get(part, part) for part in path.split("/"))
