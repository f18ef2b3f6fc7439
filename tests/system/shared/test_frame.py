"""The frame of a service: its background work, its reasons for not being ready, no database."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import httpx
import pytest

from system.shared.cost import Cost
from system.shared.service import Frame, build
from system.shared.settings import CostSettings, ServiceSettings
from tests.system.event_streams import comes


@asynccontextmanager
async def _served(**more: object) -> AsyncIterator[httpx.AsyncClient]:
    frame = Frame(ServiceSettings(name="tests"), None, Cost(CostSettings(), None))
    app = build(frame, 0.0, **more)  # type: ignore[arg-type] # passed on as it came
    transport = httpx.ASGITransport(app)
    async with (
        app.router.lifespan_context(app),
        httpx.AsyncClient(transport=transport, base_url="http://tests") as client,
    ):
        await comes(lambda: frame.readiness.reason == "", "it has started")
        yield client


def test_a_service_without_a_database_is_ready() -> None:
    async def play() -> None:
        async with _served() as client:
            assert (await client.get("/health/ready")).status_code == 200

    asyncio.run(play())


def test_a_check_says_why_a_service_is_not_ready() -> None:
    async def well() -> str:
        return ""

    async def sick() -> str:
        return "there is no broker"

    async def play() -> None:
        async with _served(checks=[well, sick]) as client:
            answer = await client.get("/health/ready")
            assert (answer.status_code, answer.text) == (503, "there is no broker")
            assert (await client.get("/health/live")).status_code == 200

    asyncio.run(play())


def test_background_work_is_begun_again_and_ended_with_the_service(
    capsys: pytest.CaptureFixture[str],
) -> None:
    begun: list[str] = []

    async def work() -> None:
        begun.append("begun")
        if len(begun) == 1:
            raise ConnectionError("the broker is away")
        if len(begun) == 2:
            return
        try:
            await asyncio.Event().wait()
        finally:
            begun.append("ended")

    async def play() -> None:
        async with _served(background=[work]):
            await comes(lambda: len(begun) == 3, "it was begun three times")

    asyncio.run(play())
    assert begun == ["begun", "begun", "begun", "ended"]
    assert "the broker is away" in capsys.readouterr().out
