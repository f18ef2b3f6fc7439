"""P11: events a second through outbox, relay and broker, and how old they are when they arrive.

PostgreSQL (with fsync), RabbitMQ, the relay in a process of its own, and here the producer and a
reader of the queue, all on this machine. The producer writes ten events a transaction in SQL, so
that what is measured is not a Python loop that inserts.
"""

import asyncio
import json
import math
import multiprocessing
import statistics
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime

import psycopg
from aio_pika.abc import AbstractIncomingMessage

from system.shared.db import Database
from system.shared.messaging import Broker, BrokerSettings
from system.shared.outbox import Relay
from system.shared.settings import DatabaseSettings, OutboxSettings
from tests.bench.figure import Figure
from tests.system.brokers import RabbitMq, rabbitmq
from tests.system.event_streams import CONSUMER, make_database
from tests.system.replicas import Place, postgres

BACKLOG = 20_000
RATE_PER_S, STEADY_S, WARM_S = 2000, 10, 2
A_TRANSACTION = 10
RUNS = 3
PATIENCE_S = 120
ADD = """INSERT INTO outbox
    (event_id, event_type, version, aggregate_id, aggregate_version, occurred_at, payload)
SELECT gen_random_uuid(), 'policies.issued', 1, id, 1, clock_timestamp(), jsonb_build_object(
    'policyId', id, 'applicationId', gen_random_uuid(), 'offerId', gen_random_uuid(),
    'insurer', 'alpha', 'productId', gen_random_uuid(), 'clientId', gen_random_uuid(),
    'channel', 'web', 'premium', '{"amount": "5400.00", "currency": "RUB"}'::jsonb,
    'issuedAt', '2026-11-02T10:00:00+00:00', 'startsOn', '2026-11-10')
FROM (SELECT gen_random_uuid() AS id FROM generate_series(1, %s)) new"""


def figures() -> Iterator[Figure]:
    """First a backlog, then a steady rate."""
    with postgres() as server, rabbitmq() as broker:
        rates, lags = [], []
        for number in range(RUNS):
            settings = make_database(server, f"bench{number}")
            broker.empty()
            rates.append(_backlog(server, broker, settings))
            lags.append(asyncio.run(_steady(server, broker, settings)))
    yield Figure(
        goal="P11",
        what=f"events/s through relay and broker, a backlog of {BACKLOG}",
        value=statistics.median(rates),
        unit="/s",
        wanted=2000,
        sense="min",
        runs=RUNS,
        note=f"{min(rates):.0f} to {max(rates):.0f}; until the queue holds all of them",
    )
    p99s = [p99 for p99, _ in lags]
    yield Figure(
        goal="P11",
        what=f"p99 from an event's insert to its arrival at a reader, {RATE_PER_S}/s for "
        f"{STEADY_S} s",
        value=statistics.median(p99s),
        unit="s",
        wanted=1,
        sense="max",
        runs=RUNS,
        note=f"{min(p99s):.3f} to {max(p99s):.3f} s; "
        f"sent at {min(rate for _, rate in lags):.0f}/s or more",
    )


def _backlog(server: Place, broker: RabbitMq, settings: DatabaseSettings) -> float:
    with server.connect(settings.name) as connection:
        connection.execute(ADD.encode(), (BACKLOG,))
        with _relay(settings, broker.settings()):
            _until_published(connection, 1)
            began_s, before = time.monotonic(), _left(connection)
            _until_published(connection, BACKLOG)
            return before / (time.monotonic() - began_s)


def _left(connection: psycopg.Connection) -> int:
    """Rows beyond the cursor: the broker has confirmed the others."""
    row = connection.execute(
        "SELECT count(*) FROM outbox WHERE (xid, id) > (SELECT xid, id FROM outbox_cursors)"
    ).fetchone()
    assert row is not None
    return int(row[0])


def _until_published(connection: psycopg.Connection, count: int) -> None:
    deadline_s = time.monotonic() + PATIENCE_S
    told = "SELECT 1 FROM outbox_cursors WHERE xid > '0'"
    while connection.execute(told).fetchone() is None or BACKLOG - _left(connection) < count:
        assert time.monotonic() < deadline_s, f"not within {PATIENCE_S} s"
        time.sleep(0.02)


async def _steady(
    server: Place, broker: RabbitMq, settings: DatabaseSettings
) -> tuple[float, float]:
    """p99 lag after the warm-up, and the rate at which was really sent."""
    await asyncio.to_thread(broker.empty)
    lags: list[tuple[float, float]] = []

    async def read(message: AbstractIncomingMessage) -> None:
        occurred_s = datetime.fromisoformat(json.loads(message.body)["occurred_at"]).timestamp()
        lags.append((occurred_s, time.time() - occurred_s))

    with _relay(settings, broker.settings()):
        async with Broker(broker.settings()).channel(prefetch=0) as channel:
            queue = await channel.queue(CONSUMER, ["policies.issued.v1"])
            await queue.consume(read, no_ack=True)
            began_s = time.time()
            took_s = await asyncio.to_thread(_produce, server, settings.name)
            wanted = RATE_PER_S * (WARM_S + STEADY_S)
            async with asyncio.timeout(PATIENCE_S):
                while len(lags) < wanted:
                    await asyncio.sleep(0.05)
    counted = sorted(lag for at_s, lag in lags if at_s >= began_s + WARM_S)
    return counted[math.ceil(0.99 * len(counted)) - 1], wanted / took_s


def _produce(server: Place, name: str) -> float:
    """Open: each transaction has its time, whether or not the one before was in time."""
    steps = RATE_PER_S * (WARM_S + STEADY_S) // A_TRANSACTION
    with server.connect(name) as connection:
        began_s = time.monotonic()
        for step in range(steps):
            time.sleep(max(0.0, began_s + step * A_TRANSACTION / RATE_PER_S - time.monotonic()))
            connection.execute(ADD.encode(), (A_TRANSACTION,))
        return time.monotonic() - began_s


@contextmanager
def _relay(settings: DatabaseSettings, broker: BrokerSettings) -> Iterator[None]:
    process = multiprocessing.get_context("spawn").Process(target=relay, args=(settings, broker))
    process.start()
    try:
        yield
    finally:
        process.kill()
        process.join(10)


def relay(settings: DatabaseSettings, broker: BrokerSettings) -> None:
    """What ``core-app-relay`` runs, on the same event loop."""
    import uvloop

    async def work() -> None:
        database = Database(settings)
        await database.open()
        await Relay(database, Broker(broker), zone="a", settings=OutboxSettings()).run()

    uvloop.run(work())
