"""A small HTTP server on loopback for tests: answers, delays, stalls, and counts what came."""

import asyncio
import socket
import threading
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field


@dataclass
class HttpServer:
    """``answers``: path -> (status, extra headers, body); others get 200 and ``{}``. Each answer
    comes after ``delay_s``, and not while the server stalls. ``streams``: path -> pieces of a body,
    each with the pause before it; an empty one ends the connection before the body's end."""

    url: str = ""
    delay_s: float = 0.0
    answers: dict[str, tuple[int, str, bytes]] = field(default_factory=dict)
    streams: dict[str, list[tuple[float, bytes]]] = field(default_factory=dict)
    seen: Counter[str] = field(default_factory=Counter)
    heads: list[str] = field(default_factory=list)
    connections: int = 0

    def __post_init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._going: asyncio.Event = asyncio.Event()
        self._going.set()
        self.serves = threading.Event()

    def stall(self, seconds: float) -> None:
        """From now on nobody gets an answer for so long; may be called from any thread."""
        self._loop.call_soon_threadsafe(self._going.clear)
        self._loop.call_soon_threadsafe(self._loop.call_later, seconds, self._going.set)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        try:
            while True:
                head = (await reader.readuntil(b"\r\n\r\n")).decode("latin-1")
                length = [
                    line for line in head.lower().split("\r\n") if line.startswith("content-length")
                ]
                body = await reader.readexactly(int(length[0].split(":")[1]) if length else 0)
                if (path := head.split(" ", 2)[1]) in self.streams:
                    self.seen[path] += 1
                    self.heads.append(head)
                    await self._stream(writer, self.streams[path])
                    continue
                writer.write(await self._answer(head, body))
                await writer.drain()
        except (asyncio.IncompleteReadError, ConnectionError):
            pass  # the client is gone
        finally:
            writer.close()

    async def _stream(
        self, writer: asyncio.StreamWriter, pieces: list[tuple[float, bytes]]
    ) -> None:
        writer.write(
            b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n"
            b"Transfer-Encoding: chunked\r\n\r\n"
        )
        for pause_s, piece in [*pieces, (0.0, b"end")]:
            await asyncio.sleep(pause_s)
            if not piece:
                raise ConnectionError
            chunk = b"0\r\n\r\n" if piece == b"end" else b"%x\r\n%s\r\n" % (len(piece), piece)
            writer.write(chunk)
            await writer.drain()

    async def _answer(self, head: str, body: bytes) -> bytes:
        path = head.split(" ", 2)[1]
        self.seen[path] += 1
        self.heads.append(head + body.decode())
        if self.delay_s:
            await asyncio.sleep(self.delay_s)
        await self._going.wait()
        status, headers, content = self.answers.get(path, (200, "", b"{}"))
        lines = f"HTTP/1.1 {status} x\r\nContent-Length: {len(content)}\r\n{headers}\r\n"
        return lines.encode() + content

    def run(self, listening: socket.socket) -> None:
        """Serve until ``stop``."""
        asyncio.set_event_loop(self._loop)
        self._loop.run_until_complete(asyncio.start_server(self._serve, sock=listening))
        self.serves.set()
        self._loop.run_forever()
        self._loop.run_until_complete(self._end())
        self._loop.close()

    async def _end(self) -> None:
        others = asyncio.all_tasks() - {asyncio.current_task()}
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)
        await asyncio.sleep(0.01)  # what was closed is closed in the loop's next rounds

    def stop(self) -> None:
        """From any thread."""
        self._loop.call_soon_threadsafe(self._loop.stop)


@contextmanager
def serving(port: int = 0) -> Iterator[HttpServer]:
    """A server on a free port, or this one."""
    with socket.create_server(("127.0.0.1", port), backlog=1000) as listening:
        server = HttpServer(f"http://127.0.0.1:{listening.getsockname()[1]}")
        thread = threading.Thread(target=server.run, args=(listening,))
        thread.start()
        server.serves.wait()  # a test may be over before the server is
        try:
            yield server
        finally:
            server.stop()
            thread.join()
