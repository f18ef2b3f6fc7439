"""What a journey speaks through: requests with a name, judged and counted once."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from insurectl.adapters.locust.tally import Sample

JSON = {"Content-Type": "application/json", "Accept": "application/json"}


class Reply(NamedTuple):
    """Bare answer of the client. ``problem``: why there was none (then ``status`` is 0)."""

    status: int
    headers: Mapping[str, str]
    body: bytes
    problem: str = ""


Send = Callable[[str, str, Mapping[str, str], bytes | None], Reply]


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


@dataclass(slots=True)
class _Open:
    """The last request. Without an answer it is still in flight."""

    name: str
    counts_from_s: float  # the arrival's intended start, or the request's own begin
    ended_s: float = 0.0
    answer: Answer | None = None


class JourneyHttp:
    """Http of one session. ``now``: seconds from the start of the load, as all times here."""

    def __init__(
        self, send: Send, keep: Callable[[Sample], None], now: Callable[[], float]
    ) -> None:
        self._send, self._keep, self._now = send, keep, now
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
        self.settle()
        began_s = self._now() if self._intended_s is None else self._intended_s
        self._intended_s = None
        self._open = request = _Open(name, began_s)
        answer = Answer(self._send(method, path, headers, body), accept)
        request.answer, request.ended_s = answer, self._now()
        return answer


def _dumps(content: object) -> bytes:
    return json.dumps(content, separators=(",", ":")).encode()


def _code(errors: Any) -> str:
    first = errors[0] if isinstance(errors, list) else errors
    extensions = first.get("extensions") if isinstance(first, dict) else None
    code = extensions.get("code") if isinstance(extensions, dict) else None
    return str(code or "without a code")
