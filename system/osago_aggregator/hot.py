"""Hot tariffs and products: kept in process and in Redis, fetched once a key, zone and lifetime."""

import asyncio
import json
import time
import uuid
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from prometheus_client import Counter

from system.osago_aggregator.domain import compact
from system.osago_aggregator.store import Store
from system.shared.redis_client import Away

CHANNEL = "osago:hot"
HITS = Counter("hot_cache_hits", "Reads that were served from this process.")
MISSES = Counter("hot_cache_misses", "Reads that were not.")
ORIGIN = Counter("hot_cache_origin_calls", "Times an insurer was asked.")
VALUES = "osago:hot:"
LOCK_MS = 15_000  # longer than the insurer may take, with its repeats: see hot_origin_s
LEFT_ALONE_MS = 5000  # an insurer that could not be asked, by all replicas
LOOK_AGAIN_S = 0.03
MOST_IN_PROCESS = 1000
Origin = Callable[[], Awaitable[Any]]


class OriginAway(Exception):
    """The insurer does not answer, and nothing young enough is kept."""


@dataclass(frozen=True)
class Hot:
    """A value, and when it was fetched; Unix time."""

    value: Any
    at_s: float
    stale: bool = False


class HotCache:
    """``lifetime_s``: how old a value may be; ``stale_s``: how much older while its insurer is
    down, and then it says so."""

    def __init__(self, store: Store, lifetime_s: float, stale_s: float) -> None:
        self._store, self._lifetime_s, self._stale_s = store, lifetime_s, stale_s
        self._here: dict[str, Hot] = {}
        self._flights: dict[str, asyncio.Task[Hot]] = {}

    async def get(self, key: str, origin: Origin) -> Hot:
        """The value; ``origin`` fetches it, for all who ask at that time."""
        kept = self._here.get(key)
        if kept is not None and self._fresh(kept):
            HITS.inc()
            return kept
        MISSES.inc()
        flight = self._flights.get(key)
        if flight is None:
            flight = self._flights[key] = asyncio.create_task(self._renewed(key, origin))
            flight.add_done_callback(lambda _: self._flights.pop(key, None))
        return await asyncio.shield(flight)

    async def outdated(self, key: str) -> None:
        """Make all replicas ask again."""
        names = [VALUES + key, f"{VALUES}{key}:lock", f"{VALUES}{key}:down"]
        batch = self._store.batch
        asked = [batch.call("DEL", *names), batch.call("PUBLISH", CHANNEL, _message(key))]
        await asyncio.gather(*asked)

    def hear(self, message: str) -> None:
        """A replica says that a key has a younger value than that of some moment."""
        at, _, key = message.partition(" ")
        kept = self._here.get(key)
        if kept is not None and kept.at_s < float(at):
            del self._here[key]

    def forget(self) -> None:
        """Messages may have been missed: look into Redis again."""
        self._here.clear()

    def _fresh(self, hot: Hot) -> bool:
        return time.time() - hot.at_s < self._lifetime_s

    async def _renewed(self, key: str, origin: Origin) -> Hot:
        before = self._here.get(key)
        try:
            found = await self._shared(key, origin)
        except Away:
            if before is not None:
                return self._stale(before)
            found = await self._fetched(origin)
        if self._fresh(found):
            if len(self._here) >= MOST_IN_PROCESS:
                del self._here[next(iter(self._here))]
            self._here[key] = found
        return found

    async def _shared(self, key: str, origin: Origin) -> Hot:
        """From Redis; or from the insurer, by the one replica that holds the lock."""
        name, token, batch = VALUES + key, uuid.uuid4().hex, self._store.batch
        while True:
            asked = batch.call("MGET", name, f"{name}:down")
            lock = batch.call("SET", f"{name}:lock", token, "NX", "PX", LOCK_MS)
            (text, down), locked = await asked, await lock
            kept = None if text is None else Hot(*json.loads(text))
            if kept is not None and self._fresh(kept):
                if locked:
                    await batch.script("unlock", [f"{name}:lock", f"{name}:none"], token, 1)
                return kept
            if down is not None:
                if locked:
                    await batch.script("unlock", [f"{name}:lock", f"{name}:none"], token, 1)
                return self._stale(kept)
            if locked:
                return await self._fetch(name, token, kept, origin)
            await asyncio.sleep(LOOK_AGAIN_S)

    async def _fetch(self, name: str, token: str, kept: Hot | None, origin: Origin) -> Hot:
        keys = [name, f"{name}:lock", f"{name}:down"]
        try:
            found = await self._fetched(origin)
        except OriginAway:
            await self._store.batch.script("unlock", keys[1:], token, LEFT_ALONE_MS)
            return self._stale(kept)
        text = compact([found.value, found.at_s])
        kept_ms = int((self._lifetime_s + self._stale_s) * 1000)
        message = _message(name.removeprefix(VALUES), found.at_s)
        await self._store.batch.script("keep", keys[:2], token, text, kept_ms, CHANNEL, message)
        return found

    async def _fetched(self, origin: Origin) -> Hot:
        ORIGIN.inc()
        return Hot(await origin(), time.time())

    def _stale(self, kept: Hot | None) -> Hot:
        if kept is None or time.time() - kept.at_s > self._lifetime_s + self._stale_s:
            raise OriginAway("the insurer does not answer, and what is kept is too old")
        return Hot(kept.value, kept.at_s, stale=True)


def _message(key: str, at_s: float | None = None) -> str:
    return f"{time.time() if at_s is None else at_s} {key}"
