"""What a journey's requests go over: the pieces of Locust's fast client, put together shorter.

That client (FastHttpUser) spends more than half of its time on what is the same in each request:
it parses the address, merges headers three times, asks the cookie jar. Here that is done once,
and the client's own way is taken only where there are cookies or a redirect. And it asks with
``select`` whether a kept connection still lives, which knows no file number above 1023: with more
connections than that, each request would open a new one.
"""

import socket
import time
import zlib
from collections.abc import Callable, Mapping
from contextlib import suppress
from functools import lru_cache, partial
from typing import Any

import gevent.socket  # type: ignore[import-untyped] # it has no types
from geventhttpclient.client import HTTPClient, HTTPClientPool
from geventhttpclient.header import Headers
from geventhttpclient.response import (
    HTTPConnectionClosed,
    HTTPParseError,
    HTTPSocketPoolResponse,
)
from geventhttpclient.url import URL
from geventhttpclient.useragent import CompatResponse, UserAgent
from geventhttpclient.useragent import ConnectionError as AgentError

from insurectl.adapters.locust.http import Reply

Take = Callable[[bytes], bool]
ANY_STATUS = frozenset(range(100, 600))  # the journey's Http judges, not the agent
BLOCK = 16384
PEEK = int(socket.MSG_PEEK | socket.MSG_DONTWAIT)
NO_ANSWER = (OSError, AgentError, HTTPParseError, zlib.error)
KINDS: tuple[tuple[type[BaseException], str], ...] = (
    (ConnectionRefusedError, "refused"),
    (TimeoutError, "timeout"),
    (ConnectionResetError, "reset"),
    (BrokenPipeError, "reset"),
    (HTTPConnectionClosed, "closed"),
    (HTTPParseError, "no HTTP"),
)


class Connection:
    """One at a time; stays open as long as the server lets it. ``agent``: of a FastHttpUser;
    ``headers``: go with each request."""

    def __init__(self, agent: UserAgent, base_url: str, headers: Mapping[str, str]) -> None:
        self._agent, self._base_url = agent, base_url
        self._headers = {"Accept-Encoding": "gzip, deflate", **headers}
        agent.valid_response_codes = ANY_STATUS  # type: ignore[misc] # this agent's alone
        server = _OneServer(URL(base_url), agent.clientpool.client_args)
        agent.clientpool, self._pool = server, server.client._connection_pool
        host = URL(base_url).netloc.rpartition("@")[2]
        self._fixed = (
            f"HTTP/1.1\r\nHost: {host}\r\nUser-Agent: insurectl\r\n{_lines(self._headers)}"
        )

    def forget(self) -> None:
        """Drop the cookies: they belong to one arrival."""
        if self._has_cookies():
            assert self._agent.cookiejar is not None
            self._agent.cookiejar.clear()

    def send(self, method: str, path: str, headers: Mapping[str, str], body: bytes | None) -> Reply:
        """Waits for the whole answer; follows redirects on the same server."""
        try:
            if self._has_cookies():
                answer = self._as_the_agent_does(self._base_url + path, method, headers, body)
            else:
                answer = CompatResponse(self._exchange(method, path, headers, body or b""))
                if "set-cookie" in answer.headers or "location" in answer.headers:
                    answer = self._followed(answer, method, path, headers, body)
            headers_of: Any = answer.headers  # reads as a Mapping does, ignoring case
            return Reply(answer.status_code, headers_of, answer.content)
        except NO_ANSWER as error:
            return Reply(0, {}, b"", kind(error))

    def stream(self, path: str, headers: Mapping[str, str], take: Take, within_s: float) -> Reply:
        """GET a body that comes in pieces; ``take`` gets each as it comes and says whether that
        was all that is wanted. A body of an answer that is no 200 is read as any other."""
        until_s = time.monotonic() + within_s
        try:
            answer = self._exchange("GET", path, headers, b"")
            try:
                rest = self._pieces(answer, take, until_s)
            finally:
                answer.release()
            headers_of: Any = answer.info()
            return Reply(answer.status_code, headers_of, rest)
        except NO_ANSWER as error:
            return Reply(0, {}, b"", kind(error))

    def _pieces(self, answer: HTTPSocketPoolResponse, take: Take, until_s: float) -> bytes:
        """Hands them on; gives back what was not for ``take``."""
        rest = bytearray()
        while True:
            piece = bytes(answer._body_buffer)
            answer._body_buffer.clear()
            if answer.status_code != 200:
                rest += piece
            elif piece and take(piece):
                return b""
            sock = answer._sock
            if answer.message_complete or sock is None:
                return bytes(rest)
            left_s = until_s - time.monotonic()
            if left_s <= 0:
                raise TimeoutError
            sock.settimeout(left_s)
            try:
                data = sock.recv(BLOCK)
            finally:
                sock.settimeout(self._pool.network_timeout)
            try:
                answer.feed(data)
            except HTTPParseError:
                if data:
                    raise
            if not data and not answer.message_complete:
                raise HTTPConnectionClosed("connection closed.")

    def _exchange(
        self, method: str, path: str, headers: Mapping[str, str], body: bytes
    ) -> HTTPSocketPoolResponse:
        """A kept connection may have been closed just now: what can't have done anything yet is
        sent once more, over a new one."""
        length = f"Content-Length: {len(body)}\r\n" if body or method == "POST" else ""
        head = (
            f"{method} {_target(self._base_url + path)} {self._fixed}{_lines(headers)}{length}\r\n"
        )
        again = method == "GET" and not self._pool._socket_queue.empty()
        while True:
            sock = self._pool.get_socket()
            with suppress(ConnectionResetError, BrokenPipeError):  # an answer may be there already
                sock.sendall(head.encode("latin-1") + body)
            try:
                return HTTPSocketPoolResponse(
                    sock, self._pool, block_size=BLOCK, method=method, headers_type=Headers
                )
            except (HTTPConnectionClosed, ConnectionResetError):
                if not again:
                    raise
                again = False

    def _followed(
        self,
        answer: CompatResponse,
        method: str,
        path: str,
        headers: Mapping[str, str],
        body: bytes | None,
    ) -> CompatResponse:
        """Take its cookies, and go where it sends us."""
        request = self._agent.request_type(
            self._base_url + path, method, Headers({**self._headers, **headers}), body
        )
        if self._agent.cookiejar is not None:
            self._agent.cookiejar.extract_cookies(answer, request)  # type: ignore[arg-type] # reads as one
        where = answer.headers.getlist("location")
        if answer.status_code not in self._agent.redirect_response_codes or not where:
            return answer
        answer.content  # noqa: B018 # read, so that the connection is free
        request.redirect(answer.status_code, where[0])
        payload: Any = request.payload
        left = dict(request.headers.items())
        return self._as_the_agent_does(request.url, request.method, left, payload)

    def _as_the_agent_does(
        self, url: str, method: str, headers: Mapping[str, str], body: bytes | None
    ) -> CompatResponse:
        return self._agent.urlopen(
            url, method=method, headers={**self._headers, **headers}, payload=body
        )

    def _has_cookies(self) -> bool:
        jar: Any = self._agent.cookiejar
        return bool(jar is not None and jar._cookies)  # to ask its length means to walk through it


def kind(error: BaseException) -> str:
    """What kind of failure it is, in a word or two: requests are counted by it."""
    cause = getattr(error, "original", None) or error  # the agent wraps what it may try again
    for type_, text in KINDS:
        if isinstance(cause, type_):
            return text
    if isinstance(cause, OSError) and cause.strerror:
        return cause.strerror.lower()
    return cause.text if isinstance(cause, AgentError) and cause.text else type(cause).__name__


class _OneServer(HTTPClientPool):
    """Load goes to the server that was named and to no other, whatever it redirects to."""

    def __init__(self, base: URL, client_args: dict[str, Any]) -> None:
        super().__init__(**client_args)
        self._netloc = base.netloc
        self.client = HTTPClient.from_url(base, **client_args)
        pool = self.client._connection_pool
        pool._is_socket_alive = _lives  # type: ignore[method-assign] # see the module's text
        pool._resolve = partial(_resolved, base.host, base.port)  # type: ignore[method-assign] # so

    def get_client(self, url: str | URL) -> HTTPClient:
        if (url if isinstance(url, URL) else URL(url)).netloc != self._netloc:
            raise AgentError(None, "redirected to another server")
        return self.client


def _lives(sock: Any) -> bool:
    """A kept connection has nothing to read; if it has, its end was reached or it is garbled."""
    try:
        sock._sock.recv(1, PEEK)
    except BlockingIOError:
        return True
    except OSError:
        return False
    return False


def _lines(headers: Mapping[str, str]) -> str:
    """ValueError for a header that would end before its end."""
    lines = "".join([f"{name}: {value}\r\n" for name, value in headers.items()])
    if lines.count("\r") != len(headers) or lines.count("\n") != len(headers):
        raise ValueError(f"a header contains a line break: {dict(headers)!r}")
    return lines


@lru_cache
def _resolved(host: str, port: int) -> Any:
    """Asked for once a run; the agent asks in another thread, each time."""
    return gevent.socket.getaddrinfo(host, port, 0, socket.SOCK_STREAM)


@lru_cache(maxsize=4096)
def _target(url: str) -> str:
    return URL(url).quoted_uri or "/"
