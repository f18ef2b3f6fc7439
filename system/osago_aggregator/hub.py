"""One subscription a replica: what Redis publishes goes to whoever follows here."""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import structlog
from redis.asyncio import Redis
from redis.asyncio.client import PubSub
from redis.exceptions import RedisError

from system.shared.service import Readiness

LOG = structlog.get_logger()
PING_S, SILENT_S, AGAIN_S = 2.0, 5.0, 0.2
DRAIN_LOOK_S = 0.2


class Follower:
    """One who follows an application. ``stale``: something may have been missed, so what is
    stored has to be read."""

    def __init__(self) -> None:
        self.messages: deque[tuple[int, str]] = deque()
        self.stale = True
        self.over = False
        self._news = asyncio.Event()

    def wake(self) -> None:
        """Look again."""
        self._news.set()

    async def news(self, timeout_s: float) -> bool:
        """Whether there is any within that time."""
        if not self._news.is_set():
            try:
                async with asyncio.timeout(timeout_s):
                    await self._news.wait()
            except TimeoutError:
                return False
        self._news.clear()
        return True


class Hub:
    """``channels``: handlers of what comes on other channels. ``missed``: called when messages may
    have been missed."""

    def __init__(
        self,
        redis: Redis,
        events: str,
        channels: dict[str, Callable[[str], None]],
        missed: Callable[[], None],
    ) -> None:
        self._redis, self._events, self._channels, self._missed = redis, events, channels, missed
        self._followers: dict[str, set[Follower]] = {}
        self._whole = True

    @contextmanager
    def following(self, application: str) -> Iterator[Follower]:
        """Register before reading what is stored, so that nothing falls in between."""
        follower = Follower()
        self._followers.setdefault(application, set()).add(follower)
        try:
            yield follower
        finally:
            others = self._followers[application]
            others.discard(follower)
            if not others:
                del self._followers[application]

    async def leave(self, readiness: Readiness) -> None:
        """While this replica drains, let all who follow go on at another one; never returns."""
        while True:
            await asyncio.sleep(DRAIN_LOOK_S)
            if readiness.reason == "draining":
                for follower in self._all():
                    follower.over = True
                    follower.wake()

    async def listen(self) -> None:
        """Subscribe, again after each loss; never returns."""
        while True:
            try:
                async with self._redis.pubsub() as subscription:
                    await subscription.subscribe(self._events, *self._channels)
                    await self._hear(subscription)
            except (RedisError, OSError) as error:
                if self._whole:  # once a loss, not once an attempt
                    LOG.warning(
                        "the subscription was lost", reason=f"{type(error).__name__}: {error}"
                    )
                self._whole = False
            await asyncio.sleep(AGAIN_S)

    async def _hear(self, subscription: PubSub) -> None:
        """Until nothing is heard for so long that the server must be gone, or frozen."""
        heard = pinged = time.monotonic()
        while time.monotonic() - heard < SILENT_S:
            if time.monotonic() - pinged > PING_S:
                await subscription.ping()
                pinged = time.monotonic()
            message = await subscription.get_message(timeout=PING_S)
            if message is None:
                continue
            heard = time.monotonic()
            if message["type"] == "message":
                self._tell(message["channel"], message["data"])
            elif message["type"] == "subscribe" and message["channel"] == self._events:
                self._resume()

    def _tell(self, channel: str, data: str) -> None:
        if channel != self._events:
            self._channels[channel](data)
            return
        application, _, rest = data.partition(" ")
        for follower in self._followers.get(application, ()):
            number, _, event = rest.partition(" ")
            follower.messages.append((int(number), event))
            follower.wake()

    def _resume(self) -> None:
        self._whole = True
        self._missed()
        for follower in self._all():
            follower.stale = True
            follower.wake()

    def _all(self) -> list[Follower]:
        return [follower for some in self._followers.values() for follower in some]
