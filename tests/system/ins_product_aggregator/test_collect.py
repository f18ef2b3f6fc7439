"""Rounds against a real PostgreSQL, with insurers whose every answer is set by the test."""

import asyncio
import json
import random
from collections.abc import Awaitable, Callable, Iterator
from typing import Any
from uuid import uuid4

import psycopg
import pytest
from psycopg import sql
from psycopg.rows import dict_row

from system.ins_product_aggregator import store, use_cases
from system.ins_product_aggregator.clients import Insurers
from system.ins_product_aggregator.domain import Collected
from system.ins_product_aggregator.use_cases import World, collect
from system.shared.db import Database, migrate
from system.shared.settings import DatabaseSettings
from tests.http_server import HttpServer, serving
from tests.system.replicas import ROOT, Place

pytestmark = pytest.mark.system

PRODUCT: dict[str, Any] = {
    "code": "osago-base",
    "name": "Base",
    "kind": "osago",
    "baseRate": "4118.00",
    "coefficients": {"region": {"77": "1.80"}},
    "commissionPercent": "12.50",
    "active": True,
    "validFrom": "2026-01-01",
}
CODES = ("alpha", "beta", "gamma")
Play = Callable[[World], Awaitable[Any]]


@pytest.fixture
def settings(server: Place) -> Iterator[DatabaseSettings]:
    """A database of its own for each test, with the service's tables."""
    name = f"products_{uuid4().hex[:8]}"
    with server.connect("postgres") as connection:
        connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    settings = DatabaseSettings(
        host=str(server.folder), name=name, user="postgres", password_file=server.password_file
    )
    migrate(settings, ROOT / "system" / "ins_product_aggregator" / "migrations", "outbox")
    yield settings
    with server.connect("postgres") as connection:
        drop = sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name))
        connection.execute(drop)


@pytest.fixture
def insurers() -> Iterator[HttpServer]:
    """All three list one product with its tariff."""
    with serving() as server:
        for insurer in CODES:
            lists(server, insurer, [PRODUCT])
        yield server


def lists(server: HttpServer, insurer: str, products: list[dict[str, Any]]) -> None:
    """From now on the insurer lists these, each with the tariff that it names."""
    answer(server, insurer, "products", {"products": products})
    for product in products:
        tariff = {name: product[name] for name in ("baseRate", "coefficients")}
        told = {"product": product["code"], **tariff, "version": 1}
        answer(server, insurer, f"tariffs/{product['code']}", told)


def answer(server: HttpServer, insurer: str, path: str, body: object, status: int = 200) -> None:
    text = body if isinstance(body, bytes) else json.dumps(body).encode()
    server.answers[f"/insurers/{insurer}/v1/{path}"] = (status, "", text)


def play(
    settings: DatabaseSettings,
    insurers: HttpServer,
    *plays: Play,
    every_s: float = 0.001,
    timeout_s: float = 3.0,
) -> list[Any]:
    """Each play with a replica of its own, all at once; what they returned."""

    async def one(number: int, asked: Play) -> Any:
        database = Database(settings)
        await database.open()
        clients = Insurers(insurers.url, "Service x:y", timeout_s=timeout_s, keepalive=True)
        try:
            await store.know(database, CODES)
            return await asked(World(database, clients, CODES, every_s, random.Random(number)))
        finally:
            await clients.close()
            await database.close()

    async def all_of_them() -> list[Any]:
        return await asyncio.gather(*(one(n, asked) for n, asked in enumerate(plays)))

    return asyncio.run(all_of_them())


def again(settings: DatabaseSettings, insurers: HttpServer, **more: float) -> int:
    """One round of one replica; how many products had changed."""
    asyncio.run(asyncio.sleep(0.01))  # the round before is due again
    found: int = play(settings, insurers, collect, **more)[0]
    return found


def published(settings: DatabaseSettings) -> list[tuple[str, int, bool, str]]:
    """The events in the outbox, and that each is the version of a product's row at some time."""
    with connect(settings) as connection:
        rows = connection.execute(
            "SELECT payload, aggregate_id, aggregate_version FROM outbox ORDER BY id"
        ).fetchall()
        newest = connection.execute(
            "SELECT id FROM products AS p WHERE version <>"
            " (SELECT max(aggregate_version) FROM outbox WHERE aggregate_id = p.id)"
        ).fetchall()
    assert newest == []
    assert all(row["payload"]["productId"] == str(row["aggregate_id"]) for row in rows)
    return [
        (
            row["payload"]["insurer"],
            row["aggregate_version"],
            row["payload"]["active"],
            row["payload"]["baseRate"],
        )
        for row in rows
    ]


def connect(settings: DatabaseSettings) -> psycopg.Connection[dict[str, Any]]:
    return psycopg.connect(**settings.conninfo(), row_factory=dict_row, autocommit=True)  # type: ignore[arg-type] # keywords of libpq


FIRST = [(insurer, 1, True, "4118") for insurer in CODES]


def test_only_changes_are_published(settings: DatabaseSettings, insurers: HttpServer) -> None:
    assert again(settings, insurers) == 3
    assert sorted(published(settings)) == FIRST
    assert again(settings, insurers) == 0
    lists(insurers, "beta", [{**PRODUCT, "baseRate": "5000.00"}])
    assert again(settings, insurers) == 1
    assert published(settings)[3:] == [("beta", 2, True, "5000")]


def test_a_product_that_is_no_longer_listed_is_not_active(
    settings: DatabaseSettings, insurers: HttpServer
) -> None:
    again(settings, insurers)
    lists(insurers, "alpha", [])
    assert [again(settings, insurers), again(settings, insurers)] == [1, 0]
    lists(insurers, "alpha", [PRODUCT])
    assert again(settings, insurers) == 1
    assert published(settings)[3:] == [("alpha", 2, False, "4118"), ("alpha", 3, True, "4118")]


@pytest.mark.parametrize(
    ("status", "body"),
    [
        pytest.param(500, b"", id="down"),
        pytest.param(404, b"{}", id="not there"),
        pytest.param(302, b"", id="elsewhere"),
        pytest.param(200, b"\xff\xfe", id="no text"),
        pytest.param(200, b"[" * 100_000, id="nested without end"),
        pytest.param(200, b"[]", id="not what was asked for"),
        pytest.param(200, b" " * (1024 * 1024 + 1), id="too large"),
        pytest.param(200, {"products": [{**PRODUCT, "baseRate": "-5"}]}, id="a wrong product"),
        pytest.param(200, {"products": [PRODUCT, {**PRODUCT}]}, id="one twice"),
    ],
)
def test_what_there_was_is_kept_when_an_insurer_answers_wrong_things(
    settings: DatabaseSettings, insurers: HttpServer, status: int, body: object
) -> None:
    again(settings, insurers)
    lists(insurers, "gamma", [{**PRODUCT, "baseRate": "7000.00"}])
    answer(insurers, "beta", "products", body, status)
    before = errors("beta")
    assert again(settings, insurers) == 1  # gamma's: the others are not held back
    assert published(settings)[3:] == [("gamma", 2, True, "7000")]
    assert errors("beta") == before + 1


def errors(insurer: str) -> float:
    return use_cases.ERRORS.labels(insurer)._value.get()


def test_a_tariff_that_cannot_be_had_leaves_its_product_as_it_was(
    settings: DatabaseSettings, insurers: HttpServer
) -> None:
    again(settings, insurers)
    other = {**PRODUCT, "code": "osago-plus", "baseRate": "9000"}
    lists(insurers, "alpha", [{**PRODUCT, "baseRate": "1.00"}, other])
    answer(insurers, "alpha", "tariffs/osago-base", {"product": "osago-plus"})
    assert again(settings, insurers) == 1
    assert published(settings)[3:] == [("alpha", 1, True, "9000")]


def test_the_tariff_says_what_a_product_costs(
    settings: DatabaseSettings, insurers: HttpServer
) -> None:
    tariff = {"product": "osago-base", "baseRate": "6500.5", "coefficients": {}, "version": 2}
    answer(insurers, "alpha", "tariffs/osago-base", tariff)
    again(settings, insurers)
    assert ("alpha", 1, True, "6500.5") in published(settings)


def test_an_insurer_that_hangs_costs_its_own_round_and_no_more(
    settings: DatabaseSettings, insurers: HttpServer
) -> None:
    insurers.delay_s = 2
    assert again(settings, insurers, timeout_s=0.3) == 0
    insurers.delay_s = 0
    assert again(settings, insurers) == 3


def test_a_passing_fault_is_asked_again_a_few_times(
    settings: DatabaseSettings, insurers: HttpServer
) -> None:
    answer(insurers, "alpha", "products", b"", 503)
    again(settings, insurers, timeout_s=10)
    assert insurers.seen["/insurers/alpha/v1/products"] == 3
    assert insurers.seen["/insurers/beta/v1/products"] == 1


def test_replicas_share_the_rounds(settings: DatabaseSettings, insurers: HttpServer) -> None:
    found = play(settings, insurers, *[collect] * 6, every_s=60)
    assert sum(found) == 3
    assert [insurers.seen[f"/insurers/{code}/v1/products"] for code in CODES] == [1, 1, 1]
    assert sorted(published(settings)) == FIRST


def test_many_rounds_at_once_publish_each_change_once(
    settings: DatabaseSettings, insurers: HttpServer
) -> None:
    """Rounds that are due all the time, so that replicas run over each other."""

    async def rounds(world: World) -> int:
        changed = 0
        for _ in range(15):
            changed += await collect(world)
        return changed

    assert sum(play(settings, insurers, *[rounds] * 4)) == 3
    lists(insurers, "beta", [{**PRODUCT, "baseRate": "5000.00"}])
    assert sum(play(settings, insurers, *[rounds] * 4)) == 1
    assert published(settings)[3:] == [("beta", 2, True, "5000")]


def test_what_a_slow_round_collected_does_not_undo_a_later_one(
    settings: DatabaseSettings, insurers: HttpServer
) -> None:
    async def slow_and_quick(world: World) -> list[int]:
        slow = await store.claim(world.database, CODES, 0.0)
        old = await world.insurers.collect("alpha")
        lists(insurers, "alpha", [{**PRODUCT, "baseRate": "5000.00"}])
        quick = await collect(world)
        late = await use_cases.apply(world.database, "alpha", slow["alpha"], old)
        return [quick, late]

    assert play(settings, insurers, slow_and_quick)[0] == [3, 0]
    assert ("alpha", 1, True, "5000") in published(settings)


def test_row_and_event_are_written_together_or_not_at_all(
    settings: DatabaseSettings, insurers: HttpServer
) -> None:
    with connect(settings) as connection:
        connection.execute("ALTER TABLE outbox RENAME TO hidden")

    async def fails(world: World) -> None:
        token = (await store.claim(world.database, CODES, 0.0))["alpha"]
        collected: Collected = await world.insurers.collect("alpha")
        with pytest.raises(psycopg.errors.UndefinedTable):
            await use_cases.apply(world.database, "alpha", token, collected)

    play(settings, insurers, fails)
    with connect(settings) as connection:
        assert connection.execute("SELECT * FROM products").fetchall() == []
