"""The checker is green when everything works, and each of three faults that one would make turns
it red: the same load, the same checks, one switch."""

import asyncio
from collections.abc import Iterator
from contextlib import AsyncExitStack
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql

from system.ins_comp_settlement.events import NAME, handlers
from system.shared.db import Database, migrate
from system.shared.inbox import Consumer
from system.shared.messaging import Broker
from system.shared.relay import Relay
from system.shared.settings import DatabaseSettings, InboxSettings, OutboxSettings
from tests.checker import load
from tests.checker.facts import Sources, read
from tests.checker.journal import Journal
from tests.checker.proof import Fault, faults
from tests.system.brokers import RabbitMq
from tests.system.replicas import ROOT, Place

pytestmark = pytest.mark.system

PATIENCE_S = 40
SHARED = {"core_app": ("outbox", "inbox"), "ins_product_aggregator": ("outbox",)}
SHARED["ins_comp_settlement"] = ("inbox",)


@dataclass(frozen=True)
class Switches:
    """All true: as it is in production."""

    inbox: bool = True
    versions: bool = True
    by_snapshot: bool = True


@pytest.fixture
def names(server: Place) -> Iterator[dict[str, DatabaseSettings]]:
    """Three databases with tables; a service each."""
    mark = uuid4().hex[:6]
    made = {}
    for service, shared in SHARED.items():
        name = f"{service}_{mark}"
        with server.connect("postgres") as connection:
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
        made[service] = DatabaseSettings(
            host=str(server.folder), name=name, user="postgres", password_file=server.password_file
        )
        migrate(made[service], ROOT / "system" / service / "migrations", *shared)
    yield made
    for settings in made.values():
        with server.connect("postgres") as connection:
            drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(settings.name))
            connection.execute(drop)


@pytest.mark.parametrize(
    ("switches", "kinds"),
    [
        pytest.param(Switches(), set(), id="as it is: green"),
        pytest.param(Switches(inbox=False), {"settled twice", "order broken"}, id="inbox off"),
        pytest.param(Switches(versions=False), {"order broken"}, id="versions ignored"),
        pytest.param(Switches(by_snapshot=False), {"not settled", "wrong sum"}, id="id alone"),
    ],
)
def test_the_checker_is_green_only_when_nothing_is_switched_off(
    names: dict[str, DatabaseSettings],
    server: Place,
    broker: RabbitMq,
    tmp_path: Path,
    switches: Switches,
    kinds: set[str],
) -> None:
    broker.empty()
    sources = Sources(
        connect=server.connect,
        core_app=names["core_app"].name,
        products=names["ins_product_aggregator"].name,
        settlement=names["ins_comp_settlement"].name,
        copies=False,
        brokers={"a": broker},
    )
    with server.connect(sources.settlement) as connection:
        # what would stop a doubled entry even without the inbox; here the inbox is on trial
        connection.execute("ALTER TABLE entries DROP CONSTRAINT settled_once")
    journal = Journal(tmp_path / "journal")
    found = asyncio.run(play(names, broker, switches, journal, sources))
    journal.close()
    told = {fault.kind for fault in found}
    assert kinds <= told if kinds else not told, found[:10]


async def play(
    names: dict[str, DatabaseSettings],
    rabbit: RabbitMq,
    switches: Switches,
    journal: Journal,
    sources: Sources,
) -> list[Fault]:
    """Two zones' relays into one broker, so that every event comes twice; what the checker says
    once everything that will ever arrive has arrived."""
    async with AsyncExitStack() as stack:
        databases = {}
        for service, settings in names.items():
            databases[service] = Database(settings.model_copy(update={"pool_size": 12}))
            await databases[service].open()
            stack.push_async_callback(databases[service].close)
        core, products = databases["core_app"], databases["ins_product_aggregator"]
        register = databases["ins_comp_settlement"]
        made = [
            Relay(
                database,
                Broker(rabbit.settings()),
                zone=zone,
                settings=OutboxSettings(pause_s=0.01, idle_pause_s=0.02),
                by_id_alone=not switches.by_snapshot,
            ).run()
            for database in (core, products)
            for zone in ("a", "b")
        ]
        made.append(
            Consumer(
                register,
                Broker(rabbit.settings()),
                name=NAME,
                handlers=handlers(Decimal(10)),
                settings=InboxSettings(),
                deduplicate=switches.inbox,
                ordered=switches.versions,
            ).run()
        )
        tasks = [asyncio.create_task(one) for one in made]
        try:
            # relays that were not yet at work would see everything in its final order
            first = await load.sell(core, journal, insurer="first", amount="1.00")
            await _until_settled(register, str(first), tasks)
            await _hurt(core, products, journal)
            last = await load.sell(core, journal, insurer="last", amount="1.00")
            await _until_settled(register, str(last), tasks)
            return await _settled_down(sources, journal)
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)


async def _hurt(core: Database, products: Database, journal: Journal) -> None:
    """Policies that commit late among others that do not, products that change out of order."""
    async with asyncio.TaskGroup() as group:
        for number in range(6):
            slow_s = 1.5 if number % 2 else 0.0
            group.create_task(
                load.sell(core, journal, insurer="alpha", amount=f"{number}.05", open_s=slow_s)
            )
            await asyncio.sleep(0.05)
    for number in range(4):
        await load.change_in_turn(products, f"p{number % 2}")
        await load.change_out_of_order(products, f"p{number % 2}")


async def _until_settled(
    register: Database, policy_id: str, tasks: list[asyncio.Task[None]]
) -> None:
    """A policy that no switch can keep from the register."""
    for _ in range(PATIENCE_S * 10):
        for task in tasks:
            if task.done():
                task.result()
        if await register.rows("SELECT 1 FROM entries WHERE policy_id = %s", (policy_id,)):
            return
        await asyncio.sleep(0.1)
    raise AssertionError(f"not settled within {PATIENCE_S} s: a policy")


async def _settled_down(sources: Sources, journal: Journal) -> list[Fault]:
    """What is wrong once nothing changes any more; at once when nothing is."""
    before: Any = None
    while True:
        facts = await asyncio.to_thread(read, sources, journal)
        found = faults(facts)
        state = (len(facts.entries), len(facts.applied), found)
        if not found or state == before:
            return found
        before = state
        await asyncio.sleep(2)


def test_the_register_itself_refuses_a_second_entry_of_a_policy(
    names: dict[str, DatabaseSettings],
    server: Place,
) -> None:
    """So even with the inbox off a policy would not be settled twice."""
    insert = (
        "INSERT INTO entries (id, policy_id, insurer, month, premium, currency,"
        " commission_percent, owed, issued_at) VALUES (gen_random_uuid(), %s, 'alpha',"
        " '2026-01-01', 1, 'RUB', 0, 1, '2026-01-01')"
    )
    with server.connect(names["ins_comp_settlement"].name) as connection:
        connection.execute(insert, (uuid4(),))
        [policy_id] = connection.execute("SELECT policy_id FROM entries").fetchall()[0]
        with pytest.raises(psycopg.errors.UniqueViolation):
            connection.execute(insert, (policy_id,))
