"""Server-sent events: what is stored, then what is published, numbered without a gap."""

import asyncio
import time
from collections.abc import AsyncIterator

from starlette.responses import Response
from starlette.types import Receive, Scope, Send

from system.osago_aggregator.domain import LONGEST_S
from system.osago_aggregator.hub import Follower, Hub
from system.osago_aggregator.store import Store
from system.shared.redis_client import Away

HEARTBEAT_S = 10.0
LONGEST_STREAM_S = LONGEST_S + 30  # an application is over by then, whoever had to take it over
HEARTBEAT = b": still here\n\n"


class Events(Response):
    """The stream of one application, after the first ``after`` events. In place of Starlette's
    StreamingResponse: thousands are open at the peak, and one task each has to do."""

    def __init__(self, store: Store, hub: Hub, application: str, after: int) -> None:
        super().__init__(media_type="text/event-stream", headers={"Cache-Control": "no-store"})
        del self.headers["content-length"]
        self._store, self._hub, self._application, self._after = store, hub, application, after

    async def __call__(self, _: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        with self._hub.following(self._application) as follower:
            watch = asyncio.create_task(_hang_up(receive, follower))
            try:
                async for piece in self._pieces(follower):
                    await send({"type": "http.response.body", "body": piece, "more_body": True})
            finally:
                watch.cancel()
        await send({"type": "http.response.body", "body": b""})

    async def _pieces(self, follower: Follower) -> AsyncIterator[bytes]:
        last, until_s = self._after, time.monotonic() + LONGEST_STREAM_S
        while not follower.over and time.monotonic() < until_s:
            events, known = await self._new(follower, last)
            if events:
                yield b"".join(_piece(last + n, event) for n, event in enumerate(events, 1))
                last += len(events)
            if not known or (events and events[-1].startswith("done ")):
                return
            if not follower.messages and not await follower.news(HEARTBEAT_S):
                follower.stale = True  # cheap, and heals whatever went by unheard
                yield HEARTBEAT

    async def _new(self, follower: Follower, last: int) -> tuple[list[str], bool]:
        """The events after that one, and whether the application is known (still)."""
        events: list[str] = []
        while follower.messages and not follower.stale:
            number, event = follower.messages.popleft()
            if number == last + len(events) + 1:
                events.append(event)
            elif number > last + len(events) + 1:
                follower.stale = True
        if follower.stale:
            try:
                known, stored = await self._store.events(self._application, last)
            except Away:  # it comes back, and the hub says so
                follower.messages.clear()
                return events, True
            follower.stale = False
            return (stored if len(stored) > len(events) else events), known
        return events, True


async def _hang_up(receive: Receive, follower: Follower) -> None:
    while (await receive())["type"] != "http.disconnect":
        pass
    follower.over = True
    follower.wake()


def _piece(number: int, event: str) -> bytes:
    kind, _, data = event.partition(" ")
    return f"id: {number}\nevent: {kind}\ndata: {data}\n\n".encode()
