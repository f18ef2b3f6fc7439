"""Hurt the system for a while under a small load, let it settle, and say what is wrong."""

import asyncio
import random
import tempfile
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from system.shared.access import mint
from system.shared.db import Database
from system.shared.settings import DatabaseSettings
from tests.checker import load
from tests.checker.customers import Customers
from tests.checker.facts import Sources, read
from tests.checker.journal import Journal
from tests.checker.proof import Facts, Fault, faults
from tests.checker.servers import INSURERS, ZONES, System, system, unix_s
from tests.system.redis_servers import RedisServers

SETTLE_S = 180
BROKER_SHARE, REDIS_SHARE = 0.15, 0.1  # of all kills
FAILOVER_S = 8.0  # until the next primary may be killed
CODES = ("alpha", "beta", "gamma")[:INSURERS]


@dataclass
class Told:
    """What a campaign did and found."""

    kills: Counter[str] = field(default_factory=Counter)
    facts: Facts = field(default_factory=Facts)
    faults: list[Fault] = field(default_factory=list)
    settled_s: float = 0.0
    bought: list[str] = field(default_factory=list)

    def line(self) -> str:
        """For a terminal or a log."""
        facts = self.facts
        acknowledged = sum(1 for one in facts.journal if one.outcome == "ok")
        kills = ", ".join(f"{name} {n}" for name, n in sorted(self.kills.items()))
        return (
            f"{sum(self.kills.values())} kills ({kills}); {len(facts.policies)} policies"
            f" ({len(self.bought)} of them bought over HTTP),"
            f" {len(facts.entries)} entries, {len(facts.applied)} product changes applied,"
            f" {acknowledged} calls acknowledged; settled {self.settled_s:.1f} s after the last"
            f" kill; {len(self.faults)} faults"
        )


def run(seconds: float, seed: int, *, offers: bool) -> Told:
    """The whole campaign; servers and files are gone afterwards. ``offers``: with osago-aggregator
    and Redis."""
    with system(offers=offers) as made, tempfile.TemporaryDirectory(prefix="ij-") as folder:
        journal = Journal(Path(folder) / "journal")
        try:
            return asyncio.run(_play(made, journal, seconds, seed))
        finally:
            journal.close()


async def _play(made: System, journal: Journal, seconds: float, seed: int) -> Told:
    told, chance = Told(), random.Random(seed)
    core, products = (_database(made, name) for name in ("core_app", "products"))
    sources = Sources(connect=made.place.connect, brokers=made.brokers)
    await core.open()
    await products.open()
    try:
        over = asyncio.Event()
        async with asyncio.TaskGroup() as group:
            customers = _customers(made, journal, core, random.Random(seed + 1))
            told.bought = customers.bought
            works = _load(made, journal, core, products, random.Random(seed + 2))
            for work in [customers.buy, customers.buy, *works]:
                group.create_task(_until(over, work))
            await _hurt(made, told, chance, seconds)
            over.set()
        await _settle(told, sources, journal)
    finally:
        await core.close()
        await products.close()
    return told


def _load(
    made: System, journal: Journal, core: Database, products: Database, chance: random.Random
) -> list[Callable[[], Awaitable[Any]]]:
    """Each is done again and again."""

    async def late() -> None:
        amount = f"{chance.randrange(1, 9000)}.{chance.randrange(100):02}"
        insurer = chance.choice(CODES)
        await load.sell(
            core, journal, insurer=insurer, amount=amount, open_s=chance.uniform(0.0, 1.0)
        )

    async def changed() -> None:
        code = f"product-{chance.randrange(3)}"
        if chance.random() < 0.5:
            await load.change_out_of_order(products, code)
        else:
            await load.change_in_turn(products, code)
        await asyncio.sleep(0.2)

    async def tariff() -> None:
        await _new_tariff(made, chance)
        await asyncio.sleep(1)

    return [late, late, changed, tariff]


def _customers(made: System, journal: Journal, core: Database, chance: random.Random) -> Customers:
    urls = tuple(made.url(f"core_app-serve-{zone}") for zone in ZONES)
    return Customers(urls, made.private_pem, core, journal, chance, offers=made.redis is not None)


async def _until(over: asyncio.Event, work: Callable[[], Awaitable[Any]]) -> None:
    while not over.is_set():
        await work()
        await asyncio.sleep(0.05)


async def _new_tariff(made: System, chance: random.Random) -> None:
    """An insurer changes what it asks for; the collectors find it."""
    token = mint(made.private_pem, subject="checker", role="operator", now_s=unix_s())
    behaviour = {"tariff_version": chance.randrange(1, 1000)}
    async with httpx.AsyncClient(base_url=made.url("insurer_stub-serve-a"), timeout=10) as http:
        headers = {"Authorization": f"Bearer {token}"}
        path = f"/insurers/admin/{chance.choice(CODES)}"
        answer = await http.put(path, json=behaviour, headers=headers)
        answer.raise_for_status()


async def _hurt(made: System, told: Told, chance: random.Random, seconds: float) -> None:
    """Kill, now this and now that, often a second one before the first is back."""
    until = time.monotonic() + seconds
    victims = [name for name, kept in made.services.items() if kept.service not in UNHURT]
    brokers: dict[str, asyncio.Task[None]] = {}
    failover = asyncio.create_task(asyncio.sleep(0))
    while time.monotonic() < until:
        await asyncio.sleep(chance.uniform(0.2, 1.5))
        zone = chance.choice(list(made.brokers))
        if chance.random() < BROKER_SHARE and (zone not in brokers or brokers[zone].done()):
            told.kills[f"broker-{zone}"] += 1
            brokers[zone] = asyncio.create_task(_broker_lost(made, zone, chance.uniform(0, 2)))
            continue
        if made.redis and chance.random() < REDIS_SHARE and failover.done():
            told.kills["redis primary"] += 1
            failover = asyncio.create_task(_primary_lost(made.redis, chance.uniform(0, 2)))
            continue
        name = chance.choice(victims)
        told.kills[name] += 1
        await asyncio.to_thread(made.services[name].kill)
        await asyncio.sleep(chance.uniform(0, 0.5))
        await asyncio.to_thread(made.services[name].start)
    await asyncio.gather(failover, *brokers.values())


# what is not on trial, and would only stop the load
UNHURT = {"client_info", "insurer_stub"}


async def _broker_lost(made: System, zone: str, away_s: float) -> None:
    await asyncio.to_thread(made.brokers[zone].kill)
    await asyncio.sleep(away_s)
    await asyncio.to_thread(made.brokers[zone].start)


async def _primary_lost(redis: RedisServers, away_s: float) -> None:
    lost = await asyncio.to_thread(redis.kill_primary)
    await asyncio.sleep(away_s)
    redis.begin(f"redis-{lost}")
    await asyncio.sleep(FAILOVER_S)


async def _settle(told: Told, sources: Sources, journal: Journal) -> None:
    """Nothing is hurt any more: what is wrong has to go away by itself, and stay away."""
    began = time.monotonic()
    while True:
        told.facts = await asyncio.to_thread(read, sources, journal)
        told.faults = faults(told.facts)
        told.settled_s = time.monotonic() - began
        if not told.faults or told.settled_s > SETTLE_S:
            break
        await asyncio.sleep(1)
    if not told.faults:
        await asyncio.sleep(3)  # copies that were still under way would come now
        told.facts = await asyncio.to_thread(read, sources, journal)
        told.faults = faults(told.facts)


def _database(made: System, name: str) -> Database:
    return Database(
        DatabaseSettings(
            host=str(made.place.folder),
            name=name,
            user="postgres",
            password_file=made.place.password_file,
            pool_size=10,
        )
    )
