"""osago-aggregator as far as core-app knows it, for faults that the real one does not have. Any
number of these may stand for one zone's or another's; none knows what another was told."""

import asyncio
import json
import threading
from collections.abc import Awaitable, Callable
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

from aiohttp import web

from tests.system.core_app.access import SECRET

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@dataclass
class FakeAggregator:
    """``insurers``: code and after how many seconds its offer comes. ``down``: answers 503.
    ``cut_after``: streams end after so many offers, without ``done``; 0: they do not."""

    insurers: dict[str, float] = field(default_factory=lambda: {"alpha": 0.0, "beta": 0.05})
    down: bool = False
    cut_after: int = 0
    rejects: bool = False
    done: bool = True
    valid_s: float = 3600
    wrong: list[str] = field(default_factory=list)
    submitted: list[str] = field(default_factory=list)
    deadlines_ms: list[int] = field(default_factory=list)
    streams: list[str] = field(default_factory=list)
    url: str = ""
    _begun: dict[str, float] = field(default_factory=dict)

    def reset(self, **more: Any) -> None:
        """As it began, but for what is told here; applications stay."""
        for name, value in {**asdict(FakeAggregator()), **more}.items():
            if name not in ("url", "_begun"):
                setattr(self, name, value)

    def __enter__(self) -> "FakeAggregator":
        self._loop = asyncio.new_event_loop()
        self._serves = threading.Event()
        self._thread = threading.Thread(target=self._run)
        self._thread.start()
        self._serves.wait()
        return self

    def __exit__(self, *_: object) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        app = web.Application(middlewares=[self._known])
        app.router.add_post("/v1/applications", self._submit)
        app.router.add_get("/v1/applications/{id}/offers/stream", self._stream)
        runner = web.AppRunner(app, shutdown_timeout=0.1)
        self._loop.run_until_complete(runner.setup())
        site = web.TCPSite(runner, "127.0.0.1", 0)
        self._loop.run_until_complete(site.start())
        self.url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        self._serves.set()
        self._loop.run_forever()
        self._loop.run_until_complete(runner.cleanup())
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    @web.middleware
    async def _known(self, request: web.Request, handler: Handler) -> web.StreamResponse:
        if request.headers.get("Authorization") != f"Service core-app:{SECRET}":
            return web.json_response({}, status=401)
        if self.down:
            return web.json_response({}, status=503)
        return await handler(request)

    async def _submit(self, request: web.Request) -> web.Response:
        body = await request.json()
        self.submitted.append(body["id"])
        self.deadlines_ms.append(int(request.headers["X-Deadline-Ms"]))
        if self.rejects:
            return web.json_response({}, status=409)
        self._begun.setdefault(body["id"], self._loop.time())
        return web.json_response({"id": body["id"], "status": "running"}, status=202)

    async def _stream(self, request: web.Request) -> web.StreamResponse:
        application = request.match_info["id"]
        self.streams.append(application)
        if application not in self._begun:
            return web.json_response({}, status=404)
        answer = web.StreamResponse(headers={"Content-Type": "text/event-stream"})
        await answer.prepare(request)
        for told in self.wrong:
            await answer.write(f"event: offer\ndata: {told}\n\n".encode())
        order = sorted(self.insurers.items(), key=lambda one: one[1])
        for number, (insurer, after_s) in enumerate(order, 1):
            await asyncio.sleep(self._begun[application] + after_s - self._loop.time())
            offer = json.dumps(self._offer(application, insurer))
            await answer.write(f"id: {number}\nevent: offer\ndata: {offer}\n\n".encode())
            if number == self.cut_after:
                return answer
        if not self.done:
            await asyncio.sleep(100)
        await answer.write(b'event: insurer\ndata: {"insurer": "gamma", "state": "failed"}\n\n')
        await answer.write(b'id: 99\nevent: done\ndata: {"status": "done"}\n\n')
        return answer

    def _offer(self, application: str, insurer: str) -> dict[str, object]:
        now = datetime.now(UTC)
        return {
            "offerId": offer_id(application, insurer),
            "applicationId": application,
            "insurer": insurer,
            "productCode": "osago",
            "premium": {"amount": "5000.50", "currency": "RUB"},
            "validUntil": (now + timedelta(seconds=self.valid_s)).isoformat(),
            "receivedAt": now.isoformat(),
        }


def offer_id(application: str, insurer: str) -> str:
    """The same whoever is asked."""
    return str(uuid5(UUID(application), insurer))
