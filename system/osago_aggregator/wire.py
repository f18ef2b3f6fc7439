"""HTTP/1.1 to one address: kept connections, one call at a time on each.

In place of aiohttp's client, which takes three times the CPU a call (measured); at the OSAGO peak
these calls are most of what the whole system does. It knows no redirects, cookies, TLS or proxies.
"""

import asyncio
from collections import deque
from dataclasses import dataclass
from urllib.parse import urlsplit

import httptools

LARGEST = 64 * 1024


class WireError(Exception):
    """The connection was refused, broke off, or carried no HTTP."""


class Late(WireError):
    """There was no whole answer in time."""


class _Untouched(WireError):
    """It broke off before anything of the answer came."""


@dataclass
class Answer:
    """Header names are in lower case."""

    status: int
    headers: dict[str, str]
    body: bytes


class _Connection(asyncio.Protocol):
    """One connection; ``httptools`` calls the ``on_`` methods."""

    def __init__(self) -> None:
        self._parser = httptools.HttpResponseParser(self)
        self._transport: asyncio.Transport | None = None
        self._answer: asyncio.Future[Answer] | None = None
        self._headers: dict[str, str] = {}
        self._pieces: list[bytes] = []
        self._size = 0
        self._began = False
        self.open = True

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment] # uvloop's are of no class of asyncio

    def connection_lost(self, exc: Exception | None) -> None:
        kind = WireError if self._began else _Untouched
        self._fail(kind(f"the connection broke off ({exc or 'closed'})"))

    def data_received(self, data: bytes) -> None:
        self._began = True
        try:
            self._parser.feed_data(data)
        except httptools.HttpParserError as error:
            self._fail(WireError(f"no HTTP: {error}"))

    def on_header(self, name: bytes, value: bytes) -> None:
        self._headers[name.decode("latin-1").lower()] = value.decode("latin-1")

    def on_body(self, body: bytes) -> None:
        self._size += len(body)
        if self._size > LARGEST:
            self._fail(WireError("the answer is too large"))
        else:
            self._pieces.append(body)

    def on_message_complete(self) -> None:
        status = self._parser.get_status_code()
        if status < 200:  # informational: the answer is still to come
            self._headers = {}
            return
        if not self._parser.should_keep_alive():
            self.close()
        waiting, self._answer = self._answer, None
        if waiting is None:  # an answer to nothing: the next one would be taken for another's
            self.close()
        elif not waiting.done():
            waiting.set_result(Answer(status, self._headers, b"".join(self._pieces)))

    async def call(self, request: bytes, timeout_s: float) -> Answer:
        """Send it and wait for its answer; WireError."""
        assert self._transport is not None
        self._headers, self._pieces, self._size, self._began = {}, [], 0, False
        loop = asyncio.get_running_loop()
        self._answer = loop.create_future()
        self._transport.write(request)
        # a timer on the future costs half of what asyncio.timeout does
        late = loop.call_later(timeout_s, self._fail, Late(f"no answer within {timeout_s:g} s"))
        try:
            return await self._answer
        except asyncio.CancelledError:  # its answer may still come, to nobody
            self.close()
            raise
        finally:
            late.cancel()

    def close(self) -> None:
        """At once; a call that waits gets a WireError."""
        self.open = False
        if self._transport is not None:
            self._transport.abort()

    def _fail(self, error: WireError) -> None:
        self.close()
        if self._answer is not None and not self._answer.done():
            self._answer.set_exception(error)


class Wire:
    """Connections to ``url``. How many there are is bounded by who calls. ``headers`` go with each
    call; ``keepalive``: whether a connection may carry a second call."""

    def __init__(self, url: str, headers: dict[str, str], *, keepalive: bool) -> None:
        parts = urlsplit(url)
        if parts.scheme != "http" or not parts.hostname:
            raise ValueError(f"{url} is no http:// address")
        self._host, self._port = parts.hostname, parts.port or 80
        self._prefix = parts.path.rstrip("/")
        own = {"Host": parts.netloc, **headers}
        if not keepalive:
            own["Connection"] = "close"
        self._common = "".join(f"{name}: {value}\r\n" for name, value in own.items())
        self._keepalive = keepalive
        self._idle: deque[_Connection] = deque()
        self._all: set[_Connection] = set()

    async def call(
        self, path: str, timeout_s: float, headers: str = "", body: bytes | None = None
    ) -> Answer:
        """GET, or POST of a JSON body. ``headers``: whole lines. A kept connection may have been
        closed by its peer just now: then the call is made again, once, on a new one."""
        request = self._request(path, headers, body)
        connection = self._kept()
        if connection is not None:
            try:
                return await self._on(connection, request, timeout_s)
            except _Untouched:
                pass
        return await self._on(await self._connected(timeout_s), request, timeout_s)

    async def close(self) -> None:
        """All connections, with what they carry."""
        for connection in list(self._all):
            connection.close()
        self._all.clear()
        self._idle.clear()
        await asyncio.sleep(0)  # they are closed by the loop's next turn

    def _request(self, path: str, headers: str, body: bytes | None) -> bytes:
        start = f"{'GET' if body is None else 'POST'} {self._prefix}{path} HTTP/1.1\r\n"
        if body is None:
            return f"{start}{self._common}{headers}\r\n".encode("latin-1")
        about = f"Content-Type: application/json\r\nContent-Length: {len(body)}\r\n"
        return f"{start}{self._common}{headers}{about}\r\n".encode("latin-1") + body

    def _kept(self) -> _Connection | None:
        while self._idle:
            connection = self._idle.pop()  # the last one used: the others may be left to age
            if connection.open:
                return connection
            self._all.discard(connection)
        return None

    async def _connected(self, timeout_s: float) -> _Connection:
        loop = asyncio.get_running_loop()
        try:
            async with asyncio.timeout(timeout_s):
                _, connection = await loop.create_connection(_Connection, self._host, self._port)
        except TimeoutError:
            raise Late(f"no connection within {timeout_s:g} s") from None
        except OSError as error:
            raise WireError(f"no connection ({error.strerror or error})") from error
        self._all.add(connection)
        return connection

    async def _on(self, connection: _Connection, request: bytes, timeout_s: float) -> Answer:
        try:
            return await connection.call(request, timeout_s)
        finally:
            if connection.open and self._keepalive:
                self._idle.append(connection)
            else:
                connection.close()
                self._all.discard(connection)
