"""The frame of every service: health, metrics, cost, drain."""

import asyncio
import signal
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass, field
from http import HTTPStatus
from typing import Any

import psycopg
import structlog
import uvicorn
from fastapi import FastAPI, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse, PlainTextResponse
from prometheus_client import CONTENT_TYPE_LATEST, Gauge, disable_created_metrics, generate_latest
from starlette.exceptions import HTTPException as StarletteHTTPException

from system.shared.cost import Cost
from system.shared.db import Database
from system.shared.settings import ServiceSettings
from system.shared.telemetry import RequestMetrics, start_logs

LOG = structlog.get_logger()
Check = Callable[[], Awaitable[str]]  # why not ready, or ""
RESTART_PAUSE_S = 1.0
READY_TIME = Gauge("service_ready_time_seconds", "When this replica became ready; Unix time.")


@dataclass
class Readiness:
    """Why this replica does not serve yet, or no longer; empty when it does."""

    reason: str = "starting"


@dataclass(frozen=True)
class Frame:
    """What a service's routes are built on."""

    settings: ServiceSettings
    database: Database | None
    cost: Cost
    readiness: Readiness = field(default_factory=Readiness)


def build(
    frame: Frame,
    start_s: float,
    opened: Callable[[], Awaitable[None]] | None = None,
    closed: Callable[[], Awaitable[None]] | None = None,
    *,
    checks: Sequence[Check] = (),
    background: Sequence[Callable[[], Awaitable[None]]] = (),
    **docs: Any,
) -> FastAPI:
    """The application with health, metrics and problem documents; routes are added to it.

    ``background`` runs from ``opened`` to ``closed``; one that fails or returns is begun again
    after a pause.
    """
    disable_created_metrics()  # type: ignore[no-untyped-call] # nobody asks when a counter began

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if frame.database is not None:
            await frame.database.open()
        if opened is not None:
            await opened()
        tasks = [asyncio.create_task(_become_ready(frame.readiness, start_s))]
        tasks += [asyncio.create_task(keep_running(work)) for work in background]
        yield
        await _cancelled(tasks)
        if closed is not None:
            await closed()
        if frame.database is not None:
            await frame.database.close()

    app = FastAPI(lifespan=lifespan, **docs)
    app.add_middleware(RequestMetrics)

    @app.get("/health/live", include_in_schema=False)
    async def live() -> PlainTextResponse:
        return PlainTextResponse("ok")

    @app.get("/health/ready", include_in_schema=False)
    async def ready() -> PlainTextResponse:
        reason = frame.readiness.reason or await _first_reason(frame.database, checks)
        return PlainTextResponse(reason or "ok", 503 if reason else 200)

    @app.get("/metrics", include_in_schema=False)
    async def metrics() -> Response:
        return Response(generate_latest(), media_type=CONTENT_TYPE_LATEST)

    _problems(app)
    return app


def problem(status: int, code: str, detail: str, headers: dict[str, str] | None = None) -> Response:
    """An RFC 9457 problem document."""
    body = {
        "type": f"urn:insure-system:problem:{code}",
        "title": HTTPStatus(status).phrase,
        "status": status,
        "detail": detail,
        "code": code,
    }
    return JSONResponse(body, status, headers, media_type="application/problem+json")


def _problems(app: FastAPI) -> None:
    @app.exception_handler(StarletteHTTPException)
    async def http_error(_: Request, error: StarletteHTTPException) -> Response:
        code = HTTPStatus(error.status_code).name
        return problem(error.status_code, code, str(error.detail), dict(error.headers or {}))

    @app.exception_handler(RequestValidationError)
    async def invalid(_: Request, error: RequestValidationError) -> Response:
        told = "; ".join(f"{'.'.join(map(str, e['loc']))}: {e['msg']}" for e in error.errors())
        return problem(422, "INVALID_REQUEST", told)

    @app.exception_handler(Exception)
    async def bug(_: Request, error: Exception) -> Response:
        LOG.error("unexpected error", exc_info=error)
        return problem(500, "INTERNAL", "the request could not be served")


async def _become_ready(readiness: Readiness, start_s: float) -> None:
    await asyncio.sleep(start_s)
    readiness.reason = ""
    READY_TIME.set_to_current_time()
    LOG.info("ready", start_s=start_s)


async def _first_reason(database: Database | None, checks: Sequence[Check]) -> str:
    """Why not ready; empty when there is none."""
    if database is not None and not await database.reachable():
        return "the database does not answer"
    for check in checks:
        if reason := await check():
            return reason
    return ""


async def keep_running(work: Callable[[], Awaitable[None]]) -> None:
    """Begin it again, after a pause, whenever it fails or returns; until cancelled."""
    name = getattr(work, "__qualname__", repr(work))
    while True:
        try:
            await work()
            LOG.warning("background work returned", work=name, again_s=RESTART_PAUSE_S)
        except Exception as error:
            # whatever it was: work in the background has nobody else who would begin it again
            causes = _causes(error)
            lost = all(isinstance(cause, (OSError, psycopg.Error)) for cause in causes)
            LOG.error(
                "background work failed",
                work=name,
                again_s=RESTART_PAUSE_S,
                reason="; ".join(f"{type(cause).__name__}: {cause}" for cause in causes),
                exc_info=None if lost else error,  # a server that is away is no bug of ours
            )
        await asyncio.sleep(RESTART_PAUSE_S)


def _causes(error: Exception) -> list[Exception]:
    if not isinstance(error, ExceptionGroup):
        return [error]
    return [cause for one in error.exceptions for cause in _causes(one)]


async def _cancelled(tasks: Sequence[asyncio.Task[None]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


class _Server(uvicorn.Server):
    """uvicorn, with a drain in front of its shutdown: not ready first, then closed."""

    readiness: Readiness
    drain_delay_s: float

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        """In place of uvicorn's own handlers, which close the listener at once."""
        loop = asyncio.get_running_loop()
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, self._drain)
        yield

    def _drain(self) -> None:
        if self.readiness.reason == "draining":
            return
        self.readiness.reason = "draining"
        LOG.info("draining", delay_s=self.drain_delay_s)
        asyncio.get_running_loop().call_later(self.drain_delay_s, self._leave)

    def _leave(self) -> None:
        self.should_exit = True


def serve(app: FastAPI, frame: Frame) -> None:
    """Serve until SIGTERM; what is in flight is finished. Exit 3 (uvicorn's) on a failed start."""
    settings = frame.settings
    start_logs(settings.name, settings.zone, settings.replica)
    config = uvicorn.Config(
        app,
        host=settings.host,
        port=settings.port,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=round(settings.drain_timeout_s),
        timeout_keep_alive=30,
    )
    server = _Server(config)
    server.readiness, server.drain_delay_s = frame.readiness, settings.drain_delay_s
    with asyncio.Runner(loop_factory=config.get_loop_factory()) as runner:
        runner.run(server.serve())
