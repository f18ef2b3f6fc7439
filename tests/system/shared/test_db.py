"""The pool: what holds beyond what its library promises."""

import asyncio

import pytest

from system.shared.db import Database
from tests.system.event_streams import Streams

pytestmark = pytest.mark.system


@pytest.mark.parametrize("turns", range(12))
def test_who_is_cancelled_while_waiting_for_a_connection_ends(streams: Streams, turns: int) -> None:
    """At whatever turn of the loop the connection comes."""

    async def work(database: Database) -> None:
        async with database.pool.connection():
            pass
        await asyncio.Event().wait()

    async def play() -> None:
        database = Database(streams.settings.model_copy(update={"pool_size": 1}))
        await database.open()
        try:
            async with database.pool.connection():
                waiting = asyncio.create_task(work(database))
                await asyncio.sleep(0.05)
            for _ in range(turns):
                await asyncio.sleep(0)
            waiting.cancel()
            done, _ = await asyncio.wait([waiting], timeout=2)
            assert done, "its cancellation was lost"
            assert await database.rows("SELECT 1 AS one") == [{"one": 1}]  # the pool has it again
        finally:
            waiting.cancel()
            await database.close()

    asyncio.run(play())
