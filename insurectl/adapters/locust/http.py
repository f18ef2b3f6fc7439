"""What a journey speaks through: requests with a name, judged and counted once."""

import json
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from insurectl.adapters.locust.event_stream import Event, Events
from insurectl.adapters.locust.tally import Sample

JSON = {"Content-Type": "application/json", "Accept": "application/json"}


class Reply(NamedTuple):
    """Bare answer of the client. ``problem``: why there was none (then ``status`` is 0)."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    problem: str = ""


Send = Callable[[str, str, Mapping[str, str], bytes | None], Reply]
Stream = Callable[[str, Mapping[str, str], Callable[[bytes], bool], float], Reply]


class Answer:
    """One answer, whose verdict the journey may still change until its next request."""

    def __init__(self, reply: Reply, accept: Sequence[int]) -> None:
        self._reply = reply
        self.status = reply.status
        self.label = reply.problem or str(reply.status)
        self.failure: str | None = None
        if reply.problem:
            self.failure = reply.problem
        elif reply.status >= 400 and reply.status not in accept:
            self.failure = f"HTTP {reply.status}"

    @property
    def text(self) -> str:
        return self._reply.body.decode("utf-8", errors="replace")

    def header(self, name: str) -> str | None:
        return self._reply.headers.get(name)

    def json(self) -> Any:
        try:
            return json.loads(self._reply.body)
        except ValueError:
            return None

    def fail(self, reason: str) -> None:
        self.failure = reason


class Streamed(Answer):
    """An answer that came event by event."""

    def __init__(self, reply: Reply, events: Sequence[Event]) -> None:
        super().__init__(reply, ())
        self.events = tuple(events)


@dataclass(slots=True)
class _Open:
    """The last request. Without an answer it is still in flight."""

    name: str
    counts_from_s: float  # the arrival's intended start, or the request's own begin
    ended_s: float = 0.0
    answer: Answer | None = None
    first_name: str | None = None  # a stream's, as long as its first event has not come


class JourneyHttp:
    """Http of one session. ``now``: seconds from the start of the load, as all times here."""

    def __init__(
        self,
        send: Send,
        keep: Callable[[Sample], None],
        now: Callable[[], float],
        stream: Stream | None = None,
        sleep: Callable[[float], None] = time.sleep,  # gevent's, where it plays
    ) -> None:
        self._send, self._keep, self._now = send, keep, now
        self._stream, self._sleep = stream, sleep
        self._intended_s: float | None = None
        self._open: _Open | None = None
        self.failed = False

    def arrive(self, intended_s: float | None) -> None:
        """A new arrival. The first request's latency counts from ``intended_s``: if it had to
        wait in the generator, or behind others, a person would have waited too."""
        self._intended_s, self.failed = intended_s, False

    def get(
        self,
        path: str,
        *,
        name: str,
        headers: Mapping[str, str] | None = None,
        accept: Sequence[int] = (),
    ) -> Answer:
        return self._request("GET", path, name, dict(headers or {}), None, accept)

    def post(
        self,
        path: str,
        *,
        name: str,
        json: object,
        headers: Mapping[str, str] | None = None,
        accept: Sequence[int] = (),
    ) -> Answer:
        body = _dumps(json)
        return self._request("POST", path, name, {**JSON, **(headers or {})}, body, accept)

    def put(
        self,
        path: str,
        *,
        name: str,
        json: object,
        headers: Mapping[str, str] | None = None,
        accept: Sequence[int] = (),
    ) -> Answer:
        body = _dumps(json)
        return self._request("PUT", path, name, {**JSON, **(headers or {})}, body, accept)

    def delete(
        self,
        path: str,
        *,
        name: str,
        headers: Mapping[str, str] | None = None,
        accept: Sequence[int] = (),
    ) -> Answer:
        return self._request("DELETE", path, name, dict(headers or {}), None, accept)

    def stream(
        self,
        path: str,
        *,
        name: str,
        headers: Mapping[str, str] | None = None,
        until: str = "done",
        first: str = "offer",
        first_name: str | None = None,
        within_s: float = 65.0,
    ) -> Streamed:
        assert self._stream is not None, "nothing to stream over"
        request = self._begin(name)
        request.first_name = first_name
        events = Events()

        def take(piece: bytes) -> bool:
            fresh = events.take(piece)
            if request.first_name and any(event.kind == first for event in fresh):
                self._first(request, None)
            return any(event.kind == until for event in fresh)

        asked = {"Accept": "text/event-stream", **(headers or {})}
        answer = Streamed(self._stream(path, asked, take, within_s), events.all)
        request.answer, request.ended_s = answer, self._now()
        if answer.failure is None and not any(event.kind == until for event in events.all):
            answer.fail(f"it ended without {until}")
        if request.first_name:
            self._first(request, answer.failure or f"no {first} came")
        return answer

    def poll(
        self,
        path: str,
        *,
        name: str,
        found: Callable[[Answer], bool],
        headers: Mapping[str, str] | None = None,
        accept: Sequence[int] = (),
        every_s: float = 1.0,
        within_s: float = 30.0,
    ) -> Answer:
        request = self._begin(name)
        until_s = self._now() + within_s
        while True:
            answer = Answer(self._send("GET", path, dict(headers or {}), None), accept)
            there = answer.failure is None and found(answer)
            if there or answer.failure is not None or self._now() + every_s > until_s:
                break
            self._sleep(every_s)
        if not there and answer.failure is None:
            answer.fail(f"it was not there within {within_s:g} s")
        request.answer, request.ended_s = answer, self._now()
        return answer

    def graphql(
        self,
        query: str,
        *,
        name: str,
        variables: Mapping[str, object] | None = None,
        path: str = "/graphql",
        headers: Mapping[str, str] | None = None,
    ) -> Any:
        body = {"query": query, "variables": variables or {}}
        answer = self.post(path, name=name, json=body, headers=headers)
        if answer.failure is not None:
            return None
        content = answer.json()
        if not isinstance(content, dict):
            answer.fail("the answer is no GraphQL")
            return None
        if content.get("errors"):
            code = _code(content["errors"])
            answer.label = f"{answer.status} {code}"
            answer.fail(f"GraphQL error {code}")
            return None
        return content.get("data")

    def settle(self) -> None:
        """The journey is done with its last answer: count it as it stands."""
        last, self._open = self._open, None
        if last is None or last.answer is None:
            return
        failure = last.answer.failure
        self.failed = self.failed or failure is not None
        self._keep(
            Sample(
                name=last.name,
                began_s=last.counts_from_s,
                ended_s=last.ended_s,
                status=last.answer.label,
                failure=failure,
            )
        )

    def give_up(self) -> None:
        """The run is over: what still has no answer failed, after at least this long."""
        if self._open is not None and self._open.answer is None:
            reply = Reply(0, {}, b"", "unfinished")
            self._open.answer, self._open.ended_s = Answer(reply, ()), self._now()
            if self._open.first_name:
                self._first(self._open, "unfinished")
        self.settle()

    def _request(
        self,
        method: str,
        path: str,
        name: str,
        headers: Mapping[str, str],
        body: bytes | None,
        accept: Sequence[int],
    ) -> Answer:
        request = self._begin(name)
        answer = Answer(self._send(method, path, headers, body), accept)
        request.answer, request.ended_s = answer, self._now()
        return answer

    def _begin(self, name: str) -> _Open:
        """Another request; the one before is settled."""
        self.settle()
        began_s = self._now() if self._intended_s is None else self._intended_s
        self._intended_s = None
        self._open = _Open(name, began_s)
        return self._open

    def _first(self, request: _Open, failure: str | None) -> None:
        """The first event of a stream came, or will not come any more: counted on its own."""
        name, request.first_name = request.first_name or "", None
        status = "200" if failure is None else failure
        self.failed = self.failed or failure is not None
        self._keep(Sample(name, request.counts_from_s, self._now(), status, failure))


def _dumps(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def _code(errors: Any) -> str:
    first = errors[0] if isinstance(errors, list) else errors
    extensions = first.get("extensions") if isinstance(first, dict) else None
    code = extensions.get("code") if isinstance(extensions, dict) else None
    return str(code or "without a code")
