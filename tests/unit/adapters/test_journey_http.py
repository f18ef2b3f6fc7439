"""What a journey asks for is sent as it says, judged once, and counted from when it was due."""

import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

import pytest

from insurectl.adapters.locust.http import Answer, JourneyHttp, Reply
from insurectl.adapters.locust.tally import Sample

OK = Reply(200, {}, b"{}")


@dataclass
class Wire:
    """Each request takes a second, and gets ``reply``."""

    reply: Reply = OK
    at_s: float = 100.0
    sent: list[tuple[str, str, Mapping[str, str], bytes | None]] = field(default_factory=list)
    kept: list[Sample] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.http = JourneyHttp(self.send, self.kept.append, lambda: self.at_s)

    def send(self, *request: object) -> Reply:
        self.sent.append(request)  # type: ignore[arg-type] # the four of Send
        self.at_s += 1.0
        return self.reply


def test_only_the_first_request_counts_from_when_the_arrival_was_due() -> None:
    wire = Wire()
    wire.http.arrive(98.0)
    wire.http.get("/", name="first")
    wire.http.get("/", name="second")
    wire.http.settle()
    assert [sample[:3] for sample in wire.kept] == [("first", 98, 101), ("second", 101, 102)]


def test_a_user_of_the_closed_model_waits_from_when_it_asks() -> None:
    wire = Wire()
    wire.http.arrive(None)
    wire.http.get("/", name="look")
    wire.http.settle()
    assert wire.kept == [Sample("look", 100, 101, "200", None)]


@pytest.mark.parametrize(
    ("reply", "accept", "status", "failure"),
    [
        pytest.param(Reply(204, {}, b""), (), "204", None, id="fine"),
        pytest.param(Reply(302, {}, b""), (), "302", None, id="a redirect without a place"),
        pytest.param(Reply(404, {}, b""), (), "404", "HTTP 404", id="not there"),
        pytest.param(Reply(429, {}, b""), (429,), "429", None, id="asked for"),
        pytest.param(Reply(503, {}, b""), (429,), "503", "HTTP 503", id="not asked for"),
        pytest.param(Reply(0, {}, b"", "timeout"), (), "timeout", "timeout", id="no answer"),
    ],
)
def test_an_answer_is_judged_by_its_status(
    reply: Reply, accept: tuple[int, ...], status: str, failure: str | None
) -> None:
    wire = Wire(reply)
    wire.http.get("/", name="look", accept=accept)
    wire.http.settle()
    assert wire.kept == [Sample("look", 100, 101, status, failure)]
    assert wire.http.failed is (failure is not None)


def test_the_journey_has_the_last_word_until_its_next_request() -> None:
    wire = Wire()
    answer = wire.http.get("/", name="look")
    answer.fail("another's card")
    wire.http.get("/", name="again")
    answer.fail("too late to say")
    wire.http.settle()
    assert [sample.failure for sample in wire.kept] == ["another's card", None]


def test_an_answer_is_counted_once() -> None:
    wire = Wire()
    wire.http.get("/", name="look")
    wire.http.settle()
    wire.http.settle()
    wire.http.give_up()
    assert len(wire.kept) == 1


def test_a_new_arrival_has_not_failed() -> None:
    wire = Wire(Reply(500, {}, b""))
    wire.http.get("/", name="look")
    wire.http.settle()
    wire.http.arrive(None)
    assert wire.http.failed is False


def test_what_has_no_answer_when_the_run_ends_has_failed() -> None:
    def give_up_meanwhile(*request: object) -> Reply:
        wire.at_s += 30
        wire.http.give_up()
        return Reply(200, {}, b"")

    wire = Wire()
    wire.http = JourneyHttp(give_up_meanwhile, wire.kept.append, lambda: wire.at_s)
    wire.http.get("/", name="look")
    assert wire.kept == [Sample("look", 100, 130, "unfinished", "unfinished")]


def test_a_body_is_sent_as_json_and_headers_are_added() -> None:
    wire = Wire()
    wire.http.post("/buy", name="buy", json={"a": [1]}, headers={"X-API-Key": "k"})
    [(method, path, headers, body)] = wire.sent
    assert (method, path, body) == ("POST", "/buy", b'{"a":[1]}')
    assert headers["Content-Type"] == "application/json"
    assert headers["X-API-Key"] == "k"


@pytest.mark.parametrize(
    ("reply", "data", "status", "failure"),
    [
        pytest.param((200, {"data": {"a": 1}}), {"a": 1}, "200", None, id="data"),
        pytest.param((200, {"data": None, "errors": [{"extensions": {"code": "NOT_FOUND"}}]}),
                     None, "200 NOT_FOUND", "GraphQL error NOT_FOUND", id="an error's code"),
        pytest.param((200, {"errors": [{}]}), None, "200 without a code",
                     "GraphQL error without a code", id="an error without one"),
        pytest.param((200, [1]), None, "200", "the answer is no GraphQL", id="a list"),
        pytest.param((502, {"data": {"a": 1}}), None, "502", "HTTP 502", id="a bad status"),
    ],
)  # fmt: skip
def test_graphql_fails_by_its_errors_too(
    reply: tuple[int, object], data: object, status: str, failure: str | None
) -> None:
    wire = Wire(Reply(reply[0], {}, json.dumps(reply[1]).encode()))
    assert wire.http.graphql("{a}", name="a", variables={"x": 1}) == data
    wire.http.settle()
    assert wire.kept == [Sample("a", 100, 101, status, failure)]
    assert wire.sent[0][:2] == ("POST", "/graphql")
    assert wire.sent[0][3] == b'{"query":"{a}","variables":{"x":1}}'


@pytest.mark.parametrize(
    ("read", "expected"),
    [
        pytest.param(lambda answer: answer.json(), None, id="no JSON"),
        pytest.param(lambda answer: answer.text, "caf\ufffd", id="no UTF-8"),
        pytest.param(lambda answer: answer.header("Retry-After"), "7", id="a header"),
        pytest.param(lambda answer: answer.header("Other"), None, id="no such header"),
    ],
)
def test_whatever_came_can_be_read(read: Callable[[Answer], object], expected: object) -> None:
    assert read(Answer(Reply(200, {"Retry-After": "7"}, b"caf\xe9"), ())) == expected
