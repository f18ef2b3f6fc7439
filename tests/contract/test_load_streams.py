"""What a journey may count on beyond single requests: streams, people, before and after a run."""

import signal
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from insurectl.adapters.load_credentials import LoadCredentials
from insurectl.adapters.locust.engine import LocustEngine
from insurectl.errors import BadInput
from insurectl.planning.histogram import percentile
from insurectl.planning.slo import Limits
from insurectl.ports import LoadJob
from insurectl.records import LoadResult, RequestStats, Scenario
from system.shared.access import Person, Tokens
from tests.http_server import HttpServer, serving

UNLIMITED = Limits(generator_cpu=99, shortfall=1, host_cpu=99)  # a busy machine is no failure here
CLIENT = "0a6f2f0e-7c55-4c8e-9c3b-0d2f5f8f1a11"
OFFER, DONE = b'event: offer\ndata: {"insurer": "a"}\n\n', b"event: done\ndata: {}\n\n"
STREAM = 'self.http.stream("/offers", name="offers", first_name="first_offer", within_s={})'
JOURNEY = """from insurectl.scenario import Journey, task


class Person(Journey):
    def prepare(self) -> None:
        {prepare}

    def finish(self) -> None:
        {finish}

    @task()
    def go(self) -> None:
        {body}
"""
Play = Callable[..., LoadResult]


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with serving() as server:
        yield server


@pytest.fixture
def play(tmp_path: Path, server: HttpServer) -> Play:
    def run(
        body: str,
        *,
        rates: tuple[float, ...] = (20,),
        processes: int = 1,
        prepare: str = "pass",
        finish: str = "pass",
        credentials: str = "",
        on_second: Callable[[Any], None] = lambda _: None,
        **engine: Any,
    ) -> LoadResult:
        file = tmp_path / "journey.py"
        file.write_text(JOURNEY.format(body=body, prepare=prepare, finish=finish))
        scenario = Scenario(
            name="test", title="A test", path="test.yaml", journey_file=str(file), plan="play",
            model="open", arrivals="even", seed=7, warmup_s=0.0, stages=(), trace=None,
            thresholds=(), aborts=(), faults=(), services=(), costs={}, calibration=None, data={},
        )  # fmt: skip
        job = LoadJob(
            run_id="run-1", scenario=scenario, base_url=server.url, rates=rates, seed=7, scale=1.0,
            folder=tmp_path / "load", processes=processes, credentials_file=credentials,
        )  # fmt: skip
        return LocustEngine(limits=UNLIMITED, **engine).play(job, on_second)

    return run


def stats(result: LoadResult) -> dict[str, RequestStats]:
    return {one.name: one for one in result.requests}


# ---- streams ----


def test_a_stream_is_counted_by_its_first_event_and_by_its_end(
    play: Play, server: HttpServer
) -> None:
    server.streams["/offers"] = [
        (0.2, b": alive\n\n"),
        (0.1, OFFER[:9]),
        (0.1, OFFER[9:]),
        (0.6, DONE),
    ]
    found = stats(play(STREAM.format(30)))
    assert {name: (one.count, one.failed) for name, one in found.items()} == {
        "first_offer": (20, 0),
        "offers": (20, 0),
    }
    first_ms = percentile(found["first_offer"].histogram, 0.0)
    whole_ms = percentile(found["offers"].histogram, 0.0)
    assert first_ms is not None
    assert whole_ms is not None
    assert 390 < first_ms < whole_ms - 500
    assert whole_ms > 990


def test_the_journey_reads_what_came(play: Play, server: HttpServer) -> None:
    server.streams["/offers"] = [(0.0, OFFER + OFFER + DONE)]
    body = (
        f"answer = {STREAM.format(30)}\n        "
        'insurers = [event.json()["insurer"] for event in answer.events[:2]]\n        '
        'self.http.get("/" + "".join(insurers), name="seen")'
    )
    result = play(body)
    assert server.seen["/aa"] == 20
    assert result.total.failed == 0


def test_a_stream_is_left_at_the_event_that_is_waited_for(play: Play, server: HttpServer) -> None:
    server.streams["/offers"] = [(0.0, OFFER), (60.0, DONE)]
    body = 'self.http.stream("/offers", name="offers", until="offer")'
    found = stats(play(body))["offers"]
    assert (found.count, found.failed) == (20, 0)


@pytest.mark.parametrize(
    ("pieces", "status", "reason"),
    [
        pytest.param([(0.0, OFFER)], "200", "it ended without done", id="ends before the end"),
        pytest.param([(0.0, OFFER), (0.1, b"")], "closed", "closed", id="is cut off"),
        pytest.param([(0.0, OFFER), (9.0, DONE)], "timeout", "timeout", id="comes too late"),
    ],
)
def test_a_stream_without_its_end_failed(
    play: Play, server: HttpServer, pieces: Any, status: str, reason: str
) -> None:
    server.streams["/offers"] = pieces
    result = play(STREAM.format(1), drain_s=20.0)
    found = stats(result)
    assert found["offers"].status_counts == {status: 20}
    assert (found["offers"].failed, found["first_offer"].failed) == (20, 0)


def test_a_refused_stream_failed_with_its_first_event(play: Play, server: HttpServer) -> None:
    server.answers["/offers"] = (404, "", b"{}")
    found = stats(play(STREAM.format(30)))
    assert (found["offers"].status_counts, found["offers"].failed) == ({"404": 20}, 20)
    assert (found["first_offer"].status_counts, found["first_offer"].failed) == (
        {"HTTP 404": 20},
        20,
    )


def test_what_still_streams_when_the_run_is_over_failed(play: Play, server: HttpServer) -> None:
    server.streams["/offers"] = [(60.0, DONE)]
    found = stats(play(STREAM.format(90), drain_s=0.5))
    for name in ("offers", "first_offer"):
        assert found[name].status_counts == {"unfinished": 20}


def test_many_streams_are_open_at_once(play: Play, server: HttpServer) -> None:
    server.streams["/offers"] = [(0.5, OFFER), (9.5, DONE)]
    result = play(STREAM.format(60), rates=(200,) * 5, drain_s=60.0)
    found = stats(result)
    assert result.sent > 400
    assert server.connections == result.sent  # as none was over before the last began
    for name in ("offers", "first_offer"):
        assert (found[name].count, found[name].failed) == (result.sent, 0)


# ---- what is waited for ----


def test_what_is_polled_for_counts_once_with_all_of_its_time(
    play: Play, server: HttpServer
) -> None:
    body = (
        'seen = []\n        self.http.poll("/there", name="there", every_s=0.2,'
        " found=lambda _: seen.append(1) or len(seen) == 3)"
    )
    found = stats(play(body))["there"]
    assert (found.count, found.failed, server.seen["/there"]) == (20, 0, 60)
    fastest_ms = percentile(found.histogram, 0.0)
    assert fastest_ms is not None
    assert fastest_ms > 390


@pytest.mark.parametrize(
    ("status", "asked"), [pytest.param(200, 60, id="not found"), pytest.param(500, 20, id="error")]
)
def test_what_is_not_found_in_time_or_can_not_be_asked_for_failed(
    play: Play, server: HttpServer, status: int, asked: int
) -> None:
    server.answers["/there"] = (status, "", b"{}")
    body = (
        'self.http.poll("/there", name="there", every_s=0.1, within_s=0.25,'
        " found=lambda answer: False)"
    )
    found = stats(play(body))["there"]
    assert found.failed == 20
    assert 20 <= server.seen["/there"] <= asked


# ---- before and after ----


def test_a_run_is_prepared_once_and_finished_once_and_neither_is_counted(
    play: Play, server: HttpServer
) -> None:
    result = play(
        'self.http.get("/", name="look")',
        prepare='self.http.put("/set", name="set", json={})',
        finish='self.http.delete("/set", name="reset")',
        processes=2,
    )
    assert server.seen == {"/set": 2, "/": 20}
    methods = [head.split(" ")[0] for head in server.heads]
    assert (methods[0], methods[-1]) == ("PUT", "DELETE")
    assert result.total.count == 20


@pytest.mark.parametrize(
    ("prepare", "reason"),
    [
        pytest.param(
            'self.http.get("/none", name="ask")', "its prepare failed: ask: HTTP 404", id="a"
        ),
        pytest.param("1 / 0", "journey.py:6: ZeroDivisionError", id="fault"),
    ],
)
def test_a_run_that_can_not_be_prepared_does_not_begin(
    play: Play, server: HttpServer, prepare: str, reason: str
) -> None:
    server.answers["/none"] = (404, "", b"")
    with pytest.raises(BadInput, match=reason):
        play('self.http.get("/", name="look")', prepare=prepare)
    assert "/" not in server.seen


def test_a_run_that_is_ended_is_finished_too(play: Play, server: HttpServer) -> None:
    def interrupt_once(_: object) -> None:
        if not told:
            told.append(1)
            signal.raise_signal(signal.SIGINT)

    told: list[int] = []
    play(
        'self.http.get("/", name="look")',
        rates=(5,) * 30,
        finish='self.http.delete("/set", name="reset")',
        on_second=interrupt_once,
    )
    assert server.seen["/set"] == 1


# ---- people ----


def test_a_journey_signs_people_in_by_the_credentials(
    play: Play, server: HttpServer, tmp_path: Path
) -> None:
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    LoadCredentials(token_private_pem=pem, operator="o").write(tmp_path / "credentials.json")
    play(
        f'self.http.get("/", name="look", headers=self.headers("{CLIENT}"))',
        prepare='self.http.get("/", name="ask", headers=self.headers(self.operator, "operator"))',
        credentials=str(tmp_path / "credentials.json"),
    )
    lines = [line for head in server.heads for line in head.splitlines()]
    sent = {line.partition(": ")[2] for line in lines if line.startswith("Authorization")}
    assert {Tokens(public).person(one) for one in sent} == {
        Person(CLIENT, "customer"),
        Person("o", "operator"),
    }
    assert len(sent) == 2


def test_without_credentials_it_says_so(play: Play) -> None:
    with pytest.raises(BadInput, match="signs people in, and there is no key for that"):
        play('self.headers("x")')
