"""``python -m tests.bench.card_load PORT CONNECTIONS SECONDS``: client cards as fast as they come.

A closed loop on kept connections, without an HTTP library: one would take longer to ask than the
service takes to answer. Prints a JSON object.
"""

import asyncio
import json
import sys
import time
from itertools import cycle
from typing import cast

import uvloop

from system.shared.ids import seeded_client
from tests.bench.card_service import CALLER, CLIENTS, SEED

WARMUP_S = 1.5
CARD = """query Card($id: UUID!) { client(id: $id) {
  id name age birthDate documents { id type number issueDate expiryDate } } }"""


def _request(client: int) -> bytes:
    variables = {"id": str(seeded_client(SEED, client))}
    body = json.dumps({"query": CARD, "variables": variables}).encode()
    head = (
        "POST /graphql HTTP/1.1\r\nHost: bench\r\nContent-Type: application/json\r\n"
        f"Authorization: {CALLER}\r\nContent-Length: {len(body)}\r\n\r\n"
    )
    return head.encode() + body


class _Asker(asyncio.Protocol):
    """One connection; the class counts."""

    requests = cycle([_request(client) for client in range(1, CLIENTS + 1)])
    done = wrong = 0
    latencies_s: list[float] = []  # noqa: RUF012 # of all connections

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = cast("asyncio.Transport", transport)  # uvloop's is none by its class
        self._ask()

    def _ask(self) -> None:
        self._got, self._began_s = b"", time.perf_counter()
        self._transport.write(next(_Asker.requests))

    def data_received(self, data: bytes) -> None:
        self._got += data
        head, end, body = self._got.partition(b"\r\n\r\n")
        if not end:
            return
        length = int(head.lower().partition(b"content-length: ")[2].partition(b"\r\n")[0])
        if len(body) < length:
            return
        _Asker.latencies_s.append(time.perf_counter() - self._began_s)
        _Asker.done += 1
        good = head.startswith(b"HTTP/1.1 200") and body.count(b'"issueDate"') == 2
        _Asker.wrong += not good
        self._ask()

    def connection_lost(self, exc: Exception | None) -> None:
        _Asker.wrong += 1


async def _play(port: int, connections: int, seconds: float) -> dict[str, float]:
    loop = asyncio.get_running_loop()
    for _ in range(connections):
        await loop.create_connection(_Asker, "127.0.0.1", port)
    await asyncio.sleep(WARMUP_S)
    done, began_s, cpu_s = _Asker.done, time.perf_counter(), time.process_time()
    await asyncio.sleep(seconds)
    took_s = time.perf_counter() - began_s
    latencies_s = sorted(_Asker.latencies_s[done:])
    return {
        "rps": (_Asker.done - done) / took_s,
        "requests": _Asker.done,
        "wrong": _Asker.wrong,
        "cpu": (time.process_time() - cpu_s) / took_s,
        "p50_ms": 1000 * latencies_s[len(latencies_s) // 2],
        "p99_ms": 1000 * latencies_s[len(latencies_s) * 99 // 100],
    }


if __name__ == "__main__":
    asked = int(sys.argv[1]), int(sys.argv[2]), float(sys.argv[3])
    print(json.dumps(uvloop.run(_play(*asked))))
