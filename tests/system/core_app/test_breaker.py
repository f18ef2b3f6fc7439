"""core-app's calls to client-info when client-info fails."""

import asyncio
from uuid import UUID

import httpx
import pytest

from system.core_app.clients import ClientInfo
from system.core_app.domain import ClientInfoAway

CLIENT = UUID(int=1)
ALWAYS = "HTTP/1.1 {}\r\nContent-Length: {}\r\nConnection: close\r\n\r\n{}"


async def calls(number: int, answer: str | None) -> int:
    """How many connections a peer got that gives this answer, or hangs up, when asked so often."""
    got = 0

    async def peer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        nonlocal got
        got += 1
        if answer is not None:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer.encode())
            await writer.drain()
        writer.close()
        await writer.wait_closed()

    server = await asyncio.start_server(peer, "127.0.0.1", 0)
    async with server:
        port = server.sockets[0].getsockname()[1]
        clients = ClientInfo(f"http://127.0.0.1:{port}")
        for _ in range(number):
            with pytest.raises(ClientInfoAway):
                await clients.client(CLIENT)
        await clients.close()
    return got


def test_after_ten_failures_it_is_left_alone() -> None:
    assert asyncio.run(calls(30, ALWAYS.format("500 Broken", 0, ""))) == 10


def test_a_lost_connection_is_tried_twice_because_it_only_reads() -> None:
    assert asyncio.run(calls(3, None)) == 6


@pytest.mark.parametrize("body", ["no JSON", "[]", "null", '{"data": 5}', '{"errors": [{}]}'])
def test_an_answer_that_makes_no_sense_is_a_failure_of_client_info(body: str) -> None:
    assert asyncio.run(calls(1, ALWAYS.format("200 OK", len(body), body))) == 1


def test_nobody_there_is_told_at_once() -> None:
    async def ask() -> None:
        clients = ClientInfo("http://127.0.0.1:1")
        with pytest.raises(ClientInfoAway) as told:
            await clients.client(CLIENT)
        assert isinstance(told.value.__cause__, httpx.ConnectError)
        await clients.close()

    asyncio.run(ask())
