"""What replicas share in Redis. Each change is one script, so it happens whole or not at all, and
each may be sent again: after a lost connection nobody knows whether it was done."""

import asyncio
import json
import random
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from redis.asyncio import Redis

from system.osago_aggregator.domain import Outcome
from system.shared.redis_client import Away, Batch

APPLICATIONS, RUNNING, EVENTS = "osago:app:", "osago:running", "osago:events"
SCRIPTS = {path.stem: path.read_text() for path in Path(__file__).parent.glob("scripts/*.lua")}
KEPT_MS = 180_000  # after its end: long enough for whoever follows to come back
LEASE_MS = 6000
PATIENCE_S = 3.0  # for which a request waits for Redis; a failover takes about that
PROBE_S = 0.2
REFERENCES_S = 0.2  # what an insurer settles within that needs no reference stored
Kind = TypeVar("Kind")


class Presence:
    """Whether Redis answers."""

    def __init__(self) -> None:
        self._here = asyncio.Event()
        self._since_s = 0.0

    def seen(self, answered: bool) -> None:
        """It answered, or did not."""
        if not answered:
            self._here.clear()
        elif not self._here.is_set():
            self._since_s = time.monotonic()
            self._here.set()

    @property
    def ever(self) -> bool:
        """Whether it has answered at all."""
        return self._since_s > 0

    @property
    def here(self) -> bool:
        """As of the last command."""
        return self._here.is_set()

    def for_s(self) -> float:
        """For how long it has answered without a gap."""
        return time.monotonic() - self._since_s if self.here else 0.0

    async def wait(self) -> None:
        """Until it answers."""
        await self._here.wait()


@dataclass(frozen=True, kw_only=True)
class Accepted:
    """What Redis has of an application that was submitted."""

    verdict: int  # 1: taken now, 0: known, -1: known with another body
    left_s: float
    status: str
    owner: str
    deadline_ms: int


@dataclass(frozen=True, kw_only=True)
class Stored:
    """An application as it stands in Redis."""

    body: dict[str, Any]
    status: str
    deadline_ms: int
    insurers: tuple[str, ...]
    states: dict[str, str]
    references: dict[str, str]
    events: list[str]

    def told(self) -> dict[str, dict[str, Any]]:
        """What each insurer's event says, in the order they came."""
        said = [json.loads(event.partition(" ")[2]) for event in self.events]
        return {one["insurer"]: one for one in said if "insurer" in one}

    def by_insurer(self) -> dict[str, str]:
        """The events themselves."""
        own = (event for event in self.events if not event.startswith("done "))
        return dict(zip(self.told(), own, strict=True))


class Store:
    """Commands on the applications. ``owner``: who this replica is, in leases."""

    def __init__(self, redis: Redis, owner: str) -> None:
        self.redis, self.owner = redis, owner
        self.presence = Presence()
        self.batch = Batch(redis, SCRIPTS, self.presence.seen)
        self._references: dict[str, dict[str, str]] = {}

    async def probe(self) -> None:
        """Ask for Redis while it is away, so that all others can just wait; never returns."""
        while True:
            if not self.presence.here:
                try:
                    await self.batch.call("PING")
                except Away:
                    await asyncio.sleep(PROBE_S)
                    continue
            await asyncio.sleep(PROBE_S)

    async def patiently(self, ask: Callable[[], Awaitable[Kind]]) -> Kind:
        """For a request: its answer, or Away when Redis stays away too long for it."""
        until = time.monotonic() + PATIENCE_S
        while True:
            try:
                async with asyncio.timeout(max(0.0, until - time.monotonic())):
                    await self.presence.wait()
            except TimeoutError:
                raise Away("Redis does not answer") from None
            try:
                return await ask()
            except Away:
                if time.monotonic() > until:
                    raise
                await asyncio.sleep(PROBE_S * random.random())

    async def surely(self, ask: Callable[[], Awaitable[Kind]]) -> Kind:
        """For running work: its answer, however long Redis is away."""
        while True:
            await self.presence.wait()
            try:
                return await ask()
            except Away:
                await asyncio.sleep(PROBE_S * random.random())

    async def accept(
        self, application: str, digest: str, body: str, left_s: float, insurers: Sequence[str]
    ) -> Accepted:
        """Take it, unless it is there."""
        keys = [APPLICATIONS + application, RUNNING]
        left_ms, joined = int(left_s * 1000), ",".join(insurers)
        told = await self.batch.script(
            "accept",
            keys,
            application,
            digest,
            body,
            left_ms,
            self.owner,
            LEASE_MS,
            KEPT_MS,
            joined,
        )
        verdict, left, status, owner, deadline = told
        return Accepted(
            verdict=int(verdict),
            left_s=int(left) / 1000,
            status=status,
            owner=owner,
            deadline_ms=int(deadline),
        )

    async def settle(self, application: str, insurer: str, outcome: Outcome, event: str) -> int:
        """How many events it has then; -1 when Redis has lost it."""
        key = APPLICATIONS + application
        self._references.get(application, {}).pop(f"r:{insurer}", None)
        keys = [key, f"{key}:events", RUNNING]
        return int(
            await self.batch.script(
                "settle", keys, application, insurer, outcome.state, event, EVENTS, KEPT_MS
            )
        )

    def refer(self, application: str, insurer: str, reference: str) -> None:
        """Note a reference, a little later and together with others: when it gets lost, the
        insurer gives the same again."""
        if not self._references:
            asyncio.get_running_loop().call_later(REFERENCES_S, self._write_references)
        self._references.setdefault(application, {})[f"r:{insurer}"] = reference

    def _write_references(self) -> None:
        due, self._references = self._references, {}
        for application, found in due.items():
            if found and self.presence.here:
                pairs = [word for pair in found.items() for word in pair]
                self.batch.script("refer", [APPLICATIONS + application], *pairs)

    async def renew(self, applications: Sequence[str]) -> list[int]:
        """For each how many events it has; -1: lost; -2: another's."""
        return list(
            await self.batch.script(
                "renew", [RUNNING], APPLICATIONS, self.owner, LEASE_MS, *applications
            )
        )

    async def claim(self, most: int) -> list[tuple[str, float]]:
        """Take over what nobody works at; ids with the seconds that are left."""
        told = await self.batch.script("claim", [RUNNING], APPLICATIONS, self.owner, LEASE_MS, most)
        return [(told[n], int(told[n + 1]) / 1000) for n in range(0, len(told), 2)]

    async def release(self, applications: Sequence[str]) -> None:
        """Leave them to others."""
        await self.batch.script("release", [RUNNING], APPLICATIONS, self.owner, *applications)

    async def events(self, application: str, after: int) -> tuple[bool, list[str]]:
        """Whether it is there, and its events after the first so many."""
        key = APPLICATIONS + application
        there = self.batch.call("EXISTS", key)
        found = self.batch.call("LRANGE", f"{key}:events", after, -1)
        return bool(await there), list(await found)

    async def read(self, application: str) -> Stored | None:
        """All of it; None when it is not there."""
        key = APPLICATIONS + application
        asked = self.batch.call("HGETALL", key), self.batch.call("LRANGE", f"{key}:events", 0, -1)
        fields, events = await asked[0], await asked[1]
        if "body" not in fields:
            return None
        return Stored(
            body=json.loads(fields["body"]),
            status=fields["status"],
            deadline_ms=int(fields["deadline"]),
            insurers=tuple(fields["insurers"].split(",")),
            states=_with_prefix(fields, "s:"),
            references=_with_prefix(fields, "r:"),
            events=events,
        )


def _with_prefix(fields: Mapping[str, str], prefix: str) -> dict[str, str]:
    return {
        name.removeprefix(prefix): value
        for name, value in fields.items()
        if name.startswith(prefix)
    }
