"""The probe against a small real server that keeps, forgets, doubles or refuses on purpose."""

import json
import re
import threading
import time
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
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
from insurectl.adapters.write_probe import WriteProbe
from insurectl.errors import TargetNotReady
from insurectl.ports import ProbeLog
from system.shared.access import Person, Tokens

PROBE = """
path: /graphql
customer: b408d4a9-e523-5db7-a50c-54f15825ba6b
values: {client: "7"}
id: [result, id]
write: 'write key="$key" client="$client"'
read: 'read id="$id"'
"""
ENOUGH = 5


class Register(ThreadingHTTPServer):
    """Gives each key one id. A test puts other answers in the way."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), _Handler)
        self.ids: dict[str, str] = {}
        self.written = 0
        self.authorizations: set[str | None] = set()
        self.lock = threading.Lock()
        self.in_the_way: Callable[[str, str], dict[str, Any] | int | None] = lambda kind, key: None

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.server_port}"

    def answer(self, document: str) -> dict[str, Any] | int | None:
        kind, key = re.findall(r'^(\w+) \w+="([^"]*)"', document)[0]
        with self.lock:
            other = self.in_the_way(kind, key)
            if other is not None:
                return other
            if kind == "write":
                self.written += 1
                found = self.ids.setdefault(key, f"id of {key}")
            else:
                found = key if key in self.ids.values() else ""
        return {"data": {"result": {"id": found} if found else None}}

    def wait(self) -> None:
        """Until there are enough writes."""
        deadline = time.monotonic() + 20
        while self.written < ENOUGH:
            assert time.monotonic() < deadline
            time.sleep(0.01)


class _Handler(BaseHTTPRequestHandler):
    server: Register

    def do_POST(self) -> None:
        body = self.rfile.read(int(self.headers["Content-Length"]))
        self.server.authorizations.add(self.headers["Authorization"])
        answer = self.server.answer(json.loads(body)["query"])
        self.send_response(answer if isinstance(answer, int) else 200)
        self.end_headers()
        if not isinstance(answer, int):
            self.wfile.write(json.dumps(answer).encode())

    def log_message(self, format: str, *args: object) -> None:
        """Says nothing."""


@pytest.fixture
def register() -> Iterator[Register]:
    with Register() as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield server
        server.shutdown()
        thread.join()


@pytest.fixture
def probe(tmp_path: Path) -> WriteProbe:
    (tmp_path / "probe.yaml").write_text(PROBE)
    return WriteProbe(tmp_path / "probe.yaml", pause_s=0.001, timeout_s=5, check_s=0.2)


def play(
    probe: WriteProbe,
    register: Register,
    log: Path,
    then: Callable[[], object] = lambda: None,
    credentials: str = "",
) -> ProbeLog:
    """Some writes, then whatever befalls the server, then the check."""
    probe.start(register.url, log, credentials)
    register.wait()
    probe._stop.set()
    assert probe._writer is not None
    probe._writer.result()
    then()
    return probe.finish()


def test_nothing_is_lost_where_nothing_is(
    probe: WriteProbe, register: Register, tmp_path: Path
) -> None:
    found = play(probe, register, tmp_path / "log")
    assert (found.lost, found.doubled) == (0, 0)
    assert len(found.writes) >= ENOUGH
    assert all((ok, failure) == (True, "") for _, ok, failure in found.writes)


def test_every_outcome_is_in_the_log(probe: WriteProbe, register: Register, tmp_path: Path) -> None:
    found = play(probe, register, tmp_path / "log")
    lines = [json.loads(line) for line in (tmp_path / "log").read_text().splitlines()]
    assert [line["acknowledged"] for line in lines] == [f"id of {line['key']}" for line in lines]
    assert len(lines) == len(found.writes)


def test_a_forgotten_write_is_one_lost(
    probe: WriteProbe, register: Register, tmp_path: Path
) -> None:
    found = play(
        probe, register, tmp_path / "log", lambda: register.ids.pop(next(iter(register.ids)))
    )
    assert (found.lost, found.doubled) == (1, 0)


def test_a_second_application_for_one_key_is_one_doubled(
    probe: WriteProbe, register: Register, tmp_path: Path
) -> None:
    def double() -> None:
        first = next(iter(register.ids))
        second = {"data": {"result": {"id": "another"}}}
        register.in_the_way = lambda kind, key: second if (kind, key) == ("write", first) else None

    found = play(probe, register, tmp_path / "log", double)
    assert (found.lost, found.doubled) == (0, 1)


@pytest.mark.parametrize(
    "answer",
    [
        pytest.param(
            {"data": None, "errors": [{"extensions": {"code": "UNAVAILABLE"}}]}, id="GraphQL"
        ),
        pytest.param(503, id="HTTP"),
        pytest.param([], id="no GraphQL"),
    ],
)
def test_no_answer_for_a_while_is_no_loss(
    probe: WriteProbe, register: Register, tmp_path: Path, answer: Any
) -> None:
    probe.check_s = 20
    refused: set[tuple[str, str]] = set()

    def once(kind: str, key: str) -> Any:
        if (kind, key) in refused:
            return None
        refused.add((kind, key))
        return answer

    def away() -> None:
        register.in_the_way = once

    found = play(probe, register, tmp_path / "log", away)
    assert (found.lost, found.doubled) == (0, 0)
    assert refused


def test_a_system_that_can_not_be_asked_is_told(
    probe: WriteProbe, register: Register, tmp_path: Path
) -> None:
    def away() -> None:
        register.in_the_way = lambda kind, key: 503

    with pytest.raises(TargetNotReady, match=r"no answer within 0\.2 s: HTTP 503"):
        play(probe, register, tmp_path / "log", away)


def test_a_failed_write_has_its_kind_and_is_not_looked_for(
    probe: WriteProbe, register: Register, tmp_path: Path
) -> None:
    answers: list[Any] = [{"errors": [{"extensions": {"code": "NOT_FOUND"}}]}, 502, {"data": None}]
    register.in_the_way = lambda kind, key: answers.pop(0) if answers else None
    found = play(probe, register, tmp_path / "log")
    failures = [failure for _, ok, failure in found.writes if not ok]
    assert failures == ["NOT_FOUND", "HTTP 502", "no id in the answer"]
    assert (found.lost, found.doubled) == (0, 0)


def test_a_proxy_is_not_asked(
    probe: WriteProbe, register: Register, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("http_proxy", "http://127.0.0.1:1")
    assert all(ok for _, ok, _ in play(probe, register, tmp_path / "log").writes)


def test_it_writes_and_reads_as_the_customer_of_its_file(
    probe: WriteProbe, register: Register, tmp_path: Path
) -> None:
    key = Ed25519PrivateKey.generate()
    pem = key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()).decode()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    LoadCredentials(token_private_pem=pem).write(tmp_path / "credentials.json")
    play(probe, register, tmp_path / "log", credentials=str(tmp_path / "credentials.json"))
    [authorization] = register.authorizations
    person = Tokens(public).person(authorization)
    assert person == Person("b408d4a9-e523-5db7-a50c-54f15825ba6b", "customer")


def test_a_log_that_can_not_be_written_is_no_silent_end(
    probe: WriteProbe, register: Register, tmp_path: Path
) -> None:
    probe.start(register.url, tmp_path / "not there" / "log", "")
    with pytest.raises(FileNotFoundError):
        probe.finish()
