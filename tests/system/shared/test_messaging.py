"""The broker: what is published stays, whoever is killed."""

import asyncio
import uuid
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

import pytest
from aiormq.exceptions import PublishError
from psycopg import AsyncConnection

from system.shared.inbox import Consumer
from system.shared.messaging import Broker
from system.shared.outbox import Relay
from tests.system.event_streams import (
    CONSUMER,
    EAGER,
    FAST,
    Streams,
    at_work,
    comes,
    event,
    letter,
    note,
)
from tests.system.replicas import free_port

pytestmark = pytest.mark.system

POLICIES, VERSIONS = 40, 5


def test_an_event_waits_for_a_consumer_that_was_never_up(streams: Streams) -> None:
    async def play() -> None:
        await streams.send(event(uuid.uuid4(), 1))
        assert len(await streams.published(f"{CONSUMER}.events")) == 1

    asyncio.run(play())


def test_what_no_queue_takes_is_an_error(streams: Streams) -> None:
    async def play() -> None:
        nowhere = replace(letter(b"{}", "one"), routing_key="policies.issued.v9")
        async with streams.broker.channel() as channel:
            with pytest.raises(PublishError):
                await channel.publish([nowhere])

    asyncio.run(play())


def test_a_replica_can_say_that_it_has_no_broker(streams: Streams) -> None:
    async def play() -> None:
        away = streams.rabbit.settings().model_copy(update={"port": free_port()})
        broker = Broker(away)
        with pytest.raises(ConnectionError):
            async with broker.channel():
                pass
        assert "no connection" in await broker.check()
        async with streams.broker.channel():
            assert await streams.broker.check() == ""
        assert "no connection" in await streams.broker.check()

    asyncio.run(play())


def test_a_broker_that_is_killed_loses_nothing_and_doubles_nothing(streams: Streams) -> None:
    """Killed by the handler itself: after some events, before the effect is committed and before
    anything of its batch is acknowledged; so that batch comes a second time."""
    policies = [uuid.uuid4() for _ in range(POLICIES)]
    killed = False

    async def handler(connection: AsyncConnection[Any], told: Mapping[str, Any]) -> None:
        nonlocal killed
        await note(connection, told)
        if not killed and told["aggregate_id"] == str(policies[20]):
            killed = True
            await asyncio.to_thread(streams.rabbit.kill)

    async def play() -> None:
        handlers = {"policies.issued": handler, "products.updated": handler}
        async with streams.database() as database:
            relay = Relay(database, streams.broker, zone="a", settings=FAST)
            consumer = Consumer(
                database, streams.broker, name=CONSUMER, handlers=handlers, settings=EAGER
            )
            async with at_work(relay.run, consumer.run):
                for version in range(1, VERSIONS + 1):
                    for policy in policies:
                        await streams.add(database, policy, version)
                await comes(lambda: killed, "the broker was killed")
                await asyncio.to_thread(streams.rabbit.start)
                told = "SELECT count(DISTINCT event_id) FROM effects"
                every = [(POLICIES * VERSIONS,)]
                await comes(lambda: streams.rows(told) == every, "all has come")
                assert streams.rows("SELECT count(*) FROM effects") == every

    asyncio.run(play())
    wanted = list(range(1, VERSIONS + 1))
    assert [streams.effects(policy) for policy in policies] == [wanted] * POLICIES
