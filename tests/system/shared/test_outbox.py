"""The outbox and its relay, with a real database and a real broker."""

import asyncio
import uuid

import psycopg
import pytest
from prometheus_client import REGISTRY

from system.shared import contracts, outbox
from system.shared.outbox import Relay
from tests.system.event_streams import CONSUMER, FAST, Streams, add, at_work, comes, payload

pytestmark = pytest.mark.system

SETTLE_S = 0.5  # ten rounds of a relay
QUEUE = f"{CONSUMER}.events"


def _one(name: str) -> float:
    return REGISTRY.get_sample_value(name) or 0.0


def test_an_event_is_there_only_if_its_transaction_was(streams: Streams) -> None:
    async def play() -> None:
        async with streams.database() as database:
            async with database.pool.connection() as connection, connection.transaction():
                await add(connection, uuid.uuid4(), 1)
                raise psycopg.Rollback
            kept = await streams.add(database, uuid.uuid4(), 1)
        assert streams.rows("SELECT event_id FROM outbox") == [(kept,)]

    asyncio.run(play())


def test_a_producer_cannot_add_what_the_contract_refuses(streams: Streams) -> None:
    async def play() -> None:
        policy = uuid.uuid4()
        wrong = {**payload(policy), "premium": {"amount": 5400.0, "currency": "RUB"}}
        async with streams.database() as database, database.pool.connection() as connection:
            with pytest.raises(contracts.Refused, match="amount must be string"):
                await outbox.add(
                    connection,
                    event_type="policies.issued",
                    version=1,
                    aggregate_id=policy,
                    aggregate_version=1,
                    payload=wrong,
                )
        assert streams.rows("SELECT 1 FROM outbox") == []

    asyncio.run(play())


def test_a_version_is_given_once(streams: Streams) -> None:
    async def play() -> None:
        policy = uuid.uuid4()
        async with streams.database() as database:
            await streams.add(database, policy, 1)
            with pytest.raises(psycopg.errors.UniqueViolation):
                await streams.add(database, policy, 1)

    asyncio.run(play())


@pytest.mark.parametrize(
    ("by_id_alone", "late_one_comes"),
    [
        pytest.param(False, True, id="by xid below the snapshot's xmin"),
        pytest.param(True, False, id="negative control: by id alone"),
    ],
)
def test_a_row_that_commits_late_is_not_skipped(
    streams: Streams, by_id_alone: bool, late_one_comes: bool
) -> None:
    async def play() -> tuple[set[str], set[str]]:
        async with streams.database() as database:
            relay = Relay(
                database, streams.broker, zone="a", settings=FAST, by_id_alone=by_id_alone
            )
            async with database.pool.connection() as connection, at_work(relay.run):
                async with connection.transaction():
                    late = await add(connection, uuid.uuid4(), 1)
                    early = await streams.add(database, uuid.uuid4(), 1)
                    await asyncio.sleep(SETTLE_S)
                last = await streams.add(database, uuid.uuid4(), 1)
                found: set[str] = set()

                async def arrived() -> bool:
                    found.update(one["event_id"] for one in await streams.published())
                    return str(last) in found

                await comes(arrived, "the last event is published")
            assert str(early) in found
            return found, {str(late)}

    found, late = asyncio.run(play())
    assert (late <= found) is late_one_comes
    assert len(found) == (3 if late_one_comes else 2)


def test_each_zone_publishes_every_event(streams: Streams) -> None:
    async def play() -> None:
        async with streams.database() as database:
            added = [str(await streams.add(database, uuid.uuid4(), 1)) for _ in range(20)]
            relays = [
                Relay(database, streams.broker, zone=zone, settings=FAST) for zone in ("a", "b")
            ]
            async with at_work(*(relay.run for relay in relays)):
                await comes(lambda: streams.rabbit.count(QUEUE) == 40, "both published")
            found = [one["event_id"] for one in await streams.published()]
            assert sorted(found) == sorted([*added, *added])

    asyncio.run(play())


def test_one_relay_a_zone_is_at_work_and_another_takes_over(streams: Streams) -> None:
    async def play() -> None:
        async with streams.database() as database:
            first, second = (
                Relay(database, streams.broker, zone="a", settings=FAST) for _ in range(2)
            )
            async with at_work(first.run, second.run) as tasks:
                await asyncio.sleep(SETTLE_S)
                await streams.add(database, uuid.uuid4(), 1)
                await comes(lambda: streams.rabbit.count(QUEUE) > 0, "it is published")
                await asyncio.sleep(SETTLE_S)
                assert await asyncio.to_thread(streams.rabbit.count, QUEUE) == 1
                tasks[0].cancel()
                await streams.add(database, uuid.uuid4(), 1)
                await comes(lambda: streams.rabbit.count(QUEUE) == 2, "the other goes on")

    asyncio.run(play())


def test_a_relay_that_lost_its_session_begins_again_where_it_was(streams: Streams) -> None:
    async def play() -> None:
        async with streams.database() as database:
            relay = Relay(database, streams.broker, zone="a", settings=FAST)
            async with at_work(relay.run):
                await streams.add(database, uuid.uuid4(), 1)
                await comes(lambda: streams.rabbit.count(QUEUE) == 1, "it is published")
                ended = streams.rows(
                    "SELECT pg_terminate_backend(pid) FROM pg_locks WHERE locktype = 'advisory'"
                )
                assert ended == [(True,)]
                await streams.add(database, uuid.uuid4(), 1)
                await comes(lambda: streams.rabbit.count(QUEUE) == 2, "it goes on")

    asyncio.run(play())


def test_rows_go_when_every_zone_has_passed_them(streams: Streams) -> None:
    streams.rows("INSERT INTO outbox_cursors (zone) VALUES ('b')")

    async def play() -> None:
        async with streams.database() as database:
            for _ in range(5):
                await streams.add(database, uuid.uuid4(), 1)
            zone_a = Relay(database, streams.broker, zone="a", settings=FAST)
            zone_b = Relay(database, streams.broker, zone="b", settings=FAST)
            async with at_work(zone_a.run):
                await comes(lambda: streams.rabbit.count(QUEUE) == 5, "zone a has them")
                await asyncio.sleep(SETTLE_S)
                assert streams.rows("SELECT count(*) FROM outbox") == [(5,)]
                async with at_work(zone_b.run):
                    await comes(lambda: not streams.rows("SELECT 1 FROM outbox"), "all pruned")

    asyncio.run(play())


def test_a_zone_that_is_gone_for_good_holds_nothing_back(streams: Streams) -> None:
    streams.rows(
        "INSERT INTO outbox_cursors (zone, seen_at) VALUES ('b', now() - interval '2 days')"
    )

    async def play() -> None:
        async with streams.database() as database:
            await streams.add(database, uuid.uuid4(), 1)
            relay = Relay(database, streams.broker, zone="a", settings=FAST)
            async with at_work(relay.run):
                await comes(lambda: not streams.rows("SELECT 1 FROM outbox"), "it is pruned")
        assert streams.rows("SELECT zone FROM outbox_cursors") == [("a",)]

    asyncio.run(play())


def test_a_row_that_its_contract_refuses_stops_no_other(streams: Streams) -> None:
    async def play() -> None:
        async with streams.database() as database:
            bad = await streams.add(database, uuid.uuid4(), 1)
            good = await streams.add(database, uuid.uuid4(), 1)
            streams.rows("UPDATE outbox SET payload = payload - 'insurer' WHERE event_id = %s", bad)
            relay = Relay(database, streams.broker, zone="a", settings=FAST)
            async with at_work(relay.run):
                await comes(lambda: streams.rabbit.count(QUEUE) == 1, "the good one is published")
            assert [one["event_id"] for one in await streams.published()] == [str(good)]
            [dead] = await streams.published("tests.dead")
            assert dead["event_id"] == str(bad)
            assert "must contain ['insurer']" in dead["reason"]

    asyncio.run(play())


def test_a_transaction_left_open_shows_as_lag(streams: Streams) -> None:
    async def play() -> None:
        async with streams.database() as database:
            relay = Relay(database, streams.broker, zone="a", settings=FAST)
            async with at_work(relay.run), database.pool.connection() as connection:
                async with connection.transaction():
                    await connection.execute("SELECT pg_current_xact_id()")
                    await streams.add(database, uuid.uuid4(), 1)
                    await comes(lambda: _one("outbox_lag_seconds") > 1, "lag grows")
                    assert _one("outbox_pending_events") == 1
                await comes(lambda: _one("outbox_lag_seconds") == 0, "lag is gone")
                assert _one("outbox_pending_events") == 0

    asyncio.run(play())
