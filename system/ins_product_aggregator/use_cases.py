"""Collecting: ask the insurers whose round is due, keep what has changed, tell of it."""

import asyncio
import random
from dataclasses import dataclass
from typing import NoReturn

import structlog
from prometheus_client import Counter, Histogram

from system.ins_product_aggregator import events, store
from system.ins_product_aggregator.clients import InsurerAway, Insurers
from system.ins_product_aggregator.domain import Collected, changes
from system.shared.db import Database

LOG = structlog.get_logger()
DURATION = Histogram(
    "product_collect_duration_seconds",
    "Time to ask one insurer for everything and to keep what has changed.",
    buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 20),
)
ERRORS = Counter(
    "product_collect_errors", "Rounds in which an insurer gave nothing usable.", ["insurer"]
)
CHANGES = Counter("product_changes", "Products that were found new or changed, and published.")
SOONEST_S = 0.2  # between two looks for a round that is due


@dataclass(frozen=True)
class World:
    """What collecting works with. ``every_s``: from one round of an insurer to its next."""

    database: Database
    insurers: Insurers
    codes: tuple[str, ...]
    every_s: float
    chance: random.Random


async def collect_forever(world: World) -> NoReturn:
    """Round after round; the rounds are shared out by the database among all replicas."""
    await store.know(world.database, world.codes)
    while True:
        await collect(world)
        left_s = await store.due_in_s(world.database, world.codes)
        # a tenth of chance, so that the replicas do not all look at the same moment for ever
        pause_s = max(SOONEST_S, left_s) * world.chance.uniform(1.0, 1.1)
        await asyncio.sleep(min(pause_s, world.every_s))


async def collect(world: World) -> int:
    """One look: all insurers that are due, at once. Returns how many products had changed."""
    every_s = world.every_s * world.chance.uniform(0.95, 1.05)
    claimed = await store.claim(world.database, world.codes, every_s)
    async with asyncio.TaskGroup() as group:
        tasks = [
            group.create_task(_collect_one(world, insurer, token))
            for insurer, token in claimed.items()
        ]
    return sum(task.result() for task in tasks)


async def _collect_one(world: World, insurer: str, token: int) -> int:
    with DURATION.time():
        try:
            collected = await world.insurers.collect(insurer)
        except InsurerAway as error:
            ERRORS.labels(insurer).inc()
            LOG.warning("an insurer gave nothing usable", insurer=insurer, reason=str(error))
            return 0
        if collected.kept:
            ERRORS.labels(insurer).inc()
        return await apply(world.database, insurer, token, collected)


async def apply(database: Database, insurer: str, token: int, collected: Collected) -> int:
    """Keep and publish the changes in one transaction; how many there were. What was collected
    in a round that another one has overtaken is dropped: it may be older than what is there."""
    async with database.pool.connection() as connection, connection.transaction():
        if not await store.hold(connection, insurer, token):
            LOG.warning("a later round was begun meanwhile", insurer=insurer)
            return 0
        before = await store.products(connection, insurer)
        changed = changes(insurer, before, collected)
        for product in changed:
            await store.keep(connection, product)
            await events.updated(connection, product)
    if changed:
        CHANGES.inc(len(changed))
        LOG.info("products changed", insurer=insurer, number=len(changed))
    return len(changed)
