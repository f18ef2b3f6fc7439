"""The inbox, with a real database and a real broker."""

import asyncio
import json
import uuid
from collections.abc import Mapping
from typing import Any

import pytest
from psycopg import AsyncConnection

from system.shared.db import Database
from system.shared.inbox import Consumer, Handler, Poisoned, listed, replay
from tests.system.event_streams import (
    CONSUMER,
    EAGER,
    Streams,
    at_work,
    comes,
    event,
    note,
)

pytestmark = pytest.mark.system

SETTLE_S = 0.5
QUEUE, DEAD = f"{CONSUMER}.events", f"{CONSUMER}.dead"


def _consumer(
    streams: Streams, database: Database, handler: Handler = note, **more: Any
) -> Consumer:
    handlers = {"policies.issued": handler, "products.updated": handler}
    made = {"settings": EAGER, **more}
    return Consumer(database, streams.broker, name=CONSUMER, handlers=handlers, **made)


async def _drained(streams: Streams) -> None:
    """All that was sent is applied, waits or is dead: a last event of its own comes through."""
    last = event(uuid.uuid4(), 1)
    await streams.send(last)
    told = "SELECT 1 FROM inbox WHERE event_id = %s"
    await comes(lambda: bool(streams.rows(told, last["event_id"])), "all was seen")


def _play(streams: Streams, *events: Mapping[str, Any], **more: Any) -> None:
    async def play() -> None:
        async with (
            streams.database() as database,
            at_work(_consumer(streams, database, **more).run),
        ):
            for one in events:
                await streams.send(one)
            await _drained(streams)

    asyncio.run(play())


@pytest.mark.parametrize(
    ("deduplicate", "effects"),
    [
        pytest.param(True, [1], id="inbox on"),
        pytest.param(False, [1, 1, 1], id="negative control: inbox off"),
    ],
)
def test_a_copy_of_an_event_does_nothing(
    streams: Streams, deduplicate: bool, effects: list[int]
) -> None:
    policy = uuid.uuid4()
    one = event(policy, 1)
    _play(streams, one, one, one, deduplicate=deduplicate)
    assert streams.effects(policy) == effects


@pytest.mark.parametrize(
    ("ordered", "effects"),
    [
        pytest.param(True, [1, 2, 3, 4], id="by version"),
        pytest.param(False, [3, 4, 1, 2], id="negative control: versions ignored"),
    ],
)
@pytest.mark.parametrize("batch", [1, 100])
def test_events_of_an_aggregate_are_applied_in_order(
    streams: Streams, ordered: bool, effects: list[int], batch: int
) -> None:
    policy = uuid.uuid4()
    settings = EAGER.model_copy(update={"batch": batch})
    made = [event(policy, version) for version in (3, 4, 1, 2)]
    _play(streams, *made, ordered=ordered, settings=settings)
    assert streams.effects(policy) == effects
    assert streams.rows("SELECT 1 FROM inbox_waiting") == []


def test_an_event_ahead_of_its_predecessor_waits(streams: Streams) -> None:
    policy = uuid.uuid4()
    second = event(policy, 2)
    _play(streams, second, second)
    assert streams.effects(policy) == []
    assert streams.rows("SELECT aggregate_version FROM inbox_waiting") == [(2,)]
    _play(streams, event(policy, 1), second)
    assert streams.effects(policy) == [1, 2]
    assert streams.rows("SELECT 1 FROM inbox_waiting") == []


def test_a_copy_that_is_older_than_the_inbox_does_nothing(streams: Streams) -> None:
    policy = uuid.uuid4()
    one = event(policy, 1)
    _play(streams, one)
    streams.rows("UPDATE inbox SET at = now() - interval '30 days'")
    pruned = "SELECT 1 FROM inbox WHERE at < now() - interval '1 day'"

    async def play() -> None:
        async with streams.database() as database, at_work(_consumer(streams, database).run):
            await comes(lambda: not streams.rows(pruned), "it is pruned")
            await streams.send(one)
            await _drained(streams)

    asyncio.run(play())
    assert streams.effects(policy) == [1]


def test_consumers_of_two_zones_have_one_effect(streams: Streams) -> None:
    policies = [uuid.uuid4() for _ in range(60)]

    async def play() -> None:
        async with streams.database() as database:
            works = [_consumer(streams, database).run for _ in range(2)]
            async with at_work(*works):
                made = [event(policy, version) for policy in policies for version in (1, 2)]
                await streams.send(*made, *reversed(made))
                await comes(
                    lambda: streams.rows("SELECT count(*) FROM inbox") == [(len(made),)],
                    "all is applied",
                )
                await _drained(streams)

    asyncio.run(play())
    assert [streams.effects(policy) for policy in policies] == [[1, 2]] * len(policies)


def _body(**more: Any) -> bytes:
    return json.dumps({**event(uuid.uuid4(), 1), **more}).encode()


@pytest.mark.parametrize(
    ("body", "reason"),
    [
        pytest.param(b"", "not JSON", id="nothing"),
        pytest.param(b"\xff\xfe{}", "not JSON", id="bad UTF-8"),
        pytest.param(b"[" * 100_000, "not JSON", id="nested without end"),
        pytest.param(b"[]", "an event is an object", id="no object"),
        pytest.param(b'{"event_type": 5}', "event_type is text", id="wrong types"),
        pytest.param(_body(version=9), "no contract policies.issued.v9", id="unknown version"),
        pytest.param(_body(event_type="a.b"), "no contract a.b.v1", id="unknown type"),
        pytest.param(_body(aggregate_id="1"), "aggregate_id must match", id="no UUID"),
        pytest.param(_body(aggregate_version=0), "bigger than or equal to 1", id="version 0"),
        pytest.param(_body(aggregate_version=1 << 70), "must be smaller", id="version too large"),
        pytest.param(_body(occurred_at="2026-02-31T10:00:00Z"), "date-time", id="no such day"),
        pytest.param(_body(occurred_at="2026-02-01T10:00:00"), "date-time", id="no offset"),
        pytest.param(_body(payload={}), "must contain", id="empty payload"),
        pytest.param(_body(more="\x00"), "NUL", id="NUL in an unknown field"),
        pytest.param(_body(more="\ud800"), "not JSON", id="half of a surrogate pair"),
        pytest.param(_body(more=float("inf")), "not JSON", id="infinity"),
        pytest.param(_body(more="x" * 300_000), "bytes are more than", id="too large"),
    ],
)
def test_what_the_contract_refuses_is_dead_with_the_reason(
    streams: Streams, body: bytes, reason: str
) -> None:
    async def play() -> None:
        async with streams.database() as database, at_work(_consumer(streams, database).run):
            await streams.send_bodies(body, message_id="poison")
            await _drained(streams)
        [dead] = await listed(streams.broker, CONSUMER)
        assert dead.event_id == "poison"
        assert reason in dead.reason

    asyncio.run(play())
    assert streams.rows("SELECT count(*) FROM inbox") == [(1,)]


async def _refuse(connection: AsyncConnection[Any], told: Mapping[str, Any]) -> None:
    await note(connection, told)  # must not stay
    raise Poisoned("no such insurer")


async def _break(connection: AsyncConnection[Any], told: Mapping[str, Any]) -> None:
    await note(connection, told)
    assert told["no such field"]


async def _violate(connection: AsyncConnection[Any], told: Mapping[str, Any]) -> None:
    await note(connection, told)
    await connection.execute("INSERT INTO effects (event_id) VALUES (NULL)")


@pytest.mark.parametrize(
    ("fails", "reason"),
    [
        pytest.param(_refuse, "no such insurer", id="the handler says so"),
        pytest.param(_break, "KeyError: 'no such field'", id="a bug in the handler"),
        pytest.param(_violate, "NotNullViolation", id="a constraint"),
    ],
)
def test_a_poisoned_event_holds_back_its_own_aggregate_and_no_other(
    streams: Streams, fails: Handler, reason: str
) -> None:
    sick, well = uuid.uuid4(), uuid.uuid4()
    cured = False

    async def handler(connection: AsyncConnection[Any], told: Mapping[str, Any]) -> None:
        poison = told["aggregate_id"] == str(sick) and told["aggregate_version"] == 2
        await (fails if poison and not cured else note)(connection, told)

    async def play() -> None:
        nonlocal cured
        async with (
            streams.database() as database,
            at_work(_consumer(streams, database, handler).run),
        ):
            made = [event(one, version) for version in (1, 2, 3) for one in (sick, well)]
            await streams.send(*made)
            await _drained(streams)
            assert streams.effects(well) == [1, 2, 3]
            assert streams.effects(sick) == [1]
            [dead] = await listed(streams.broker, CONSUMER)
            assert (dead.aggregate_id, dead.aggregate_version) == (str(sick), 2)
            assert reason in dead.reason
            cured = True
            assert await replay(streams.broker, CONSUMER, uuid.UUID(dead.event_id)) == 1
            await _drained(streams)
            assert streams.effects(sick) == [1, 2, 3]
            assert await listed(streams.broker, CONSUMER) == []
            applied = streams.rows("SELECT event_id::text FROM inbox")
            assert (dead.event_id,) in applied

    asyncio.run(play())


def test_one_that_waited_can_turn_out_to_be_poisoned(streams: Streams) -> None:
    policy = uuid.uuid4()

    async def handler(connection: AsyncConnection[Any], told: Mapping[str, Any]) -> None:
        await (_refuse if told["aggregate_version"] == 2 else note)(connection, told)

    async def play() -> None:
        async with (
            streams.database() as database,
            at_work(_consumer(streams, database, handler).run),
        ):
            await streams.send(*(event(policy, version) for version in (3, 2, 1)))
            await _drained(streams)
        [dead] = await listed(streams.broker, CONSUMER)
        assert dead.aggregate_version == 2

    asyncio.run(play())
    assert streams.effects(policy) == [1]
    assert streams.rows("SELECT aggregate_version FROM inbox_waiting") == [(3,)]


def test_a_replay_sends_only_what_was_asked_for(streams: Streams) -> None:
    async def play() -> None:
        async with (
            streams.database() as database,
            at_work(_consumer(streams, database, _refuse).run),
        ):
            made = [event(uuid.uuid4(), 1) for _ in range(3)]
            await streams.send(*made)
            await comes(lambda: streams.rabbit.count(DEAD) == 3, "all are dead")
        assert await replay(streams.broker, CONSUMER, uuid.uuid4()) == 0
        assert await replay(streams.broker, CONSUMER, uuid.UUID(made[1]["event_id"])) == 1
        left = [one.event_id for one in await listed(streams.broker, CONSUMER)]
        assert left == [made[0]["event_id"], made[2]["event_id"]]
        assert await replay(streams.broker, CONSUMER) == 2
        found = await streams.published(QUEUE)
        again = {one["event_id"]: one["payload"] for one in found}
        assert again == {one["event_id"]: one["payload"] for one in made}
        assert all(one["reason"] is None for one in found)

    asyncio.run(play())


def test_what_fails_for_a_while_is_tried_again_and_has_one_effect(streams: Streams) -> None:
    policy, failures = uuid.uuid4(), 3

    async def handler(connection: AsyncConnection[Any], told: Mapping[str, Any]) -> None:
        nonlocal failures
        await note(connection, told)
        if told["aggregate_id"] == str(policy) and failures:
            failures -= 1
            raise ConnectionError("for a while")

    async def play() -> None:
        async with (
            streams.database() as database,
            at_work(_consumer(streams, database, handler).run),
        ):
            await streams.send(event(policy, 1), event(policy, 2))
            await comes(lambda: len(streams.effects(policy)) == 2, "both are applied")

    asyncio.run(play())
    assert failures == 0
    assert streams.effects(policy) == [1, 2]


def test_nothing_is_lost_while_the_database_is_away(streams: Streams) -> None:
    name, policies = streams.settings.name, [uuid.uuid4() for _ in range(20)]

    async def play() -> None:
        async with streams.database() as database, at_work(_consumer(streams, database).run):
            with streams.server.connect("postgres") as connection:
                connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS false".encode())
                try:
                    connection.execute(
                        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s",
                        (name,),
                    )
                    await streams.send(*(event(policy, 1) for policy in policies))
                    await asyncio.sleep(SETTLE_S)
                finally:
                    connection.execute(f"ALTER DATABASE {name} ALLOW_CONNECTIONS true".encode())
            await _drained(streams)
        assert await listed(streams.broker, CONSUMER) == []

    asyncio.run(play())
    assert [streams.effects(policy) for policy in policies] == [[1]] * len(policies)


def test_a_consumer_handles_exactly_what_it_is_sent(streams: Streams) -> None:
    async def play() -> None:
        async with streams.database() as database:
            with pytest.raises(ValueError, match=r"is sent .* but handles"):
                Consumer(
                    database, streams.broker, name=CONSUMER, handlers={"policies.issued": note}
                )

    asyncio.run(play())
