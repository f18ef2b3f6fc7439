"""The partners' REST: keys, repeats, problem documents and the exact limit."""

import stat
import subprocess
import time
import uuid
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from system.core_app.seed import api_key
from system.shared.ids import seeded_client
from tests.system.conftest import PARTNERS, SEED
from tests.system.core_app.fake_aggregator import FakeAggregator
from tests.system.replicas import Replica, application, run_service, until

pytestmark = pytest.mark.system

CLIENT = str(seeded_client(SEED, 2))
UNKNOWN = str(seeded_client(SEED, 10**6))
PATH = "/partner/v1/applications"


def post(
    replica: Replica, api_key: str | None, key: str | None = None, **asked: object
) -> httpx.Response:
    """Apply as a partner does."""
    headers = {"Idempotency-Key": key or str(uuid.uuid4())}
    if api_key is not None:
        headers["X-API-Key"] = api_key
    return replica.http.post(PATH, json=asked or application(CLIENT), headers=headers)


def lasting(answer: httpx.Response) -> dict[str, str]:
    """What does not change while offers are collected."""
    return {name: value for name, value in answer.json().items() if name != "status"}


def test_the_seeded_keys_can_be_computed_and_the_database_has_none(
    keys: list[str], database: psycopg.Connection
) -> None:
    assert keys == [api_key(SEED, number) for number in range(1, PARTNERS + 1)]
    for table in ("partners", "partner_keys"):
        query = f"SELECT string_agg(p::text, ' ') FROM {table} p"  # no input in it
        (stored,) = database.execute(query.encode()).fetchone() or ()
        assert not any(key in stored or key[3:] in stored for key in keys)


def test_a_partner_reads_what_it_made(core_app: Replica, keys: list[str]) -> None:
    made = post(core_app, keys[0])
    assert made.status_code == 201
    assert "Idempotency-Replayed" not in made.headers
    read = core_app.http.get(f"{PATH}/{made.json()['id']}", headers={"X-API-Key": keys[0]})
    assert (read.status_code, lasting(read)) == (200, lasting(made))


def test_another_partner_cannot_read_it(core_app: Replica, keys: list[str]) -> None:
    made = post(core_app, keys[0]).json()
    read = core_app.http.get(f"{PATH}/{made['id']}", headers={"X-API-Key": keys[1]})
    assert (read.status_code, read.json()["code"]) == (404, "NOT_FOUND")


def test_a_repeat_says_that_it_is_one(core_app: Replica, keys: list[str]) -> None:
    key = str(uuid.uuid4())
    first, again = post(core_app, keys[2], key), post(core_app, keys[2], key)
    assert (again.status_code, again.headers["Idempotency-Replayed"]) == (200, "true")
    assert lasting(again) == lasting(first)


def test_two_partners_may_use_the_same_key(core_app: Replica, keys: list[str]) -> None:
    key = str(uuid.uuid4())
    assert [post(core_app, keys[n], key).status_code for n in (3, 4)] == [201, 201]


@pytest.mark.parametrize("given", [None, "", "pk_" + "0" * 40, "k" * 150])
def test_without_a_known_key_it_is_401(core_app: Replica, given: str | None) -> None:
    refused = post(core_app, given)
    assert (refused.status_code, refused.json()["code"]) == (401, "UNKNOWN_KEY")


@pytest.mark.parametrize(
    ("asked", "status", "code"),
    [
        pytest.param(application(UNKNOWN), 404, "NOT_FOUND", id="unknown client"),
        pytest.param(application(CLIENT, vin="short"), 422, "INVALID_REQUEST", id="no VIN"),
        pytest.param(application(CLIENT, colour="red"), 422, "INVALID_REQUEST", id="unknown field"),
        pytest.param(application(CLIENT, make="a\0b"), 422, "INVALID_REQUEST", id="NUL in text"),
        pytest.param({"clientId": 1}, 422, "INVALID_REQUEST", id="not the schema"),
    ],
)
def test_a_wrong_application_is_a_problem_document(
    core_app: Replica, keys: list[str], asked: dict[str, object], status: int, code: str
) -> None:
    refused = post(core_app, keys[5], **asked)
    assert (refused.status_code, refused.json()["code"]) == (status, code)
    assert refused.json()["status"] == status
    assert refused.headers["content-type"] == "application/problem+json"
    assert refused.headers["RateLimit"].startswith('"partner";r=')


def test_what_is_too_large_is_not_read_to_its_end(core_app: Replica, keys: list[str]) -> None:
    headers = {"X-API-Key": keys[10], "Idempotency-Key": "k", "content-type": "application/json"}
    for content in (b" " * 10**6, iter([b" " * 10**5] * 10)):  # with a length, and in chunks
        refused = core_app.http.post(PATH, content=content, headers=headers)
        assert (refused.status_code, refused.json()["code"]) == (413, "CONTENT_TOO_LARGE")


def test_a_partner_sees_offers_buys_one_and_reads_its_policy(
    core_app: Replica, keys: list[str], aggregator: FakeAggregator
) -> None:
    aggregator.reset()
    made = post(core_app, keys[11]).json()
    mine = {"X-API-Key": keys[11]}

    def offers() -> dict[str, Any]:
        time.sleep(1)  # ten requests a minute
        told = core_app.http.get(f"{PATH}/{made['id']}/offers", headers=mine)
        assert '"partner";r=' in told.headers["RateLimit"]
        found: dict[str, Any] = told.json()
        return found

    until(lambda: offers()["done"], "collecting is over")
    told = offers()
    assert (told["status"], len(told["offers"])) == ("OFFERED", 2)
    asked, key = {"offerId": told["offers"][0]["id"]}, {"Idempotency-Key": "buy", **mine}
    bought = core_app.http.post("/partner/v1/policies", json=asked, headers=key)
    again = core_app.http.post("/partner/v1/policies", json=asked, headers=key)
    assert (bought.status_code, again.status_code) == (201, 200)
    assert bought.json() == again.json()
    assert again.headers["Idempotency-Replayed"] == "true"
    path = f"/partner/v1/policies/{bought.json()['id']}"
    assert core_app.http.get(path, headers=mine).json() == bought.json()
    other = core_app.http.get(path, headers={"X-API-Key": keys[10]})
    assert (other.status_code, other.json()["code"]) == (404, "NOT_FOUND")


def test_a_key_is_changed_without_a_gap(
    core_app: Replica, prepared: dict[str, dict[str, str]], keys: list[str], tmp_path: Path
) -> None:
    at, words = prepared["core_app"], ["--partner", "partner 3"]

    def command(*more: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return run_service("core_app", "partner-key", *more, environment=at, check=check)

    file = tmp_path / "new"
    (old,) = command("list", *words).stdout.splitlines()
    command("rotate", *words, "--key-file", str(file))
    new = file.read_text().strip()
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    missing = str(uuid.uuid4())

    def statuses() -> list[int]:
        answers = [
            core_app.http.get(f"{PATH}/{missing}", headers={"X-API-Key": key})
            for key in (keys[2], new)
        ]
        return [answer.status_code for answer in answers]

    assert statuses() == [404, 404]
    third = command("rotate", *words, "--key-file", str(tmp_path / "third"), check=False)
    assert (third.returncode, "revoke one" in third.stderr) == (1, True)
    assert not (tmp_path / "third").exists()
    told = command("revoke", *words, "--fingerprint", old.split()[0])
    assert statuses() == [401, 404]
    assert new not in told.stdout + told.stderr + third.stderr
    for wrong in (["--partner", "nobody"], words):
        refused = command("revoke", *wrong, "--fingerprint", "0" * 12, check=False)
        assert (refused.returncode, "Traceback" in refused.stderr) == (1, False)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", "/nothing/here", 404, id="no such path"),
        pytest.param("DELETE", PATH, 405, id="no such method"),
    ],
)
def test_what_is_not_there_is_a_problem_document(
    core_app: Replica, method: str, path: str, status: int
) -> None:
    refused = core_app.http.request(method, path)
    assert refused.status_code == status
    assert refused.headers["content-type"] == "application/problem+json"


def test_exactly_ten_of_many_at_once_pass_over_two_replicas(
    core_app: Replica, other_core_app: Replica, keys: list[str]
) -> None:
    replicas = [core_app, other_core_app]
    with ThreadPoolExecutor(10) as pool:
        answers = list(pool.map(lambda n: post(replicas[n % 2], keys[6]), range(30)))
    statuses = [answer.status_code for answer in answers]
    assert (statuses.count(201), statuses.count(429)) == (10, 20)
    for refused in (answer for answer in answers if answer.status_code == 429):
        assert 1 <= int(refused.headers["Retry-After"]) <= 60
        assert refused.headers["RateLimit"].startswith('"partner";r=0;t=')
        assert refused.headers["RateLimit-Policy"] == '"partner";q=10;w=60'
        assert refused.json()["code"] == "LIMIT_EXCEEDED"
    assert replicas[0].metric("partner_requests_limited_total") > 0


def test_the_window_moves_and_frees_one_place_for_each_request_that_left_it(
    core_app: Replica, keys: list[str], database: psycopg.Connection
) -> None:
    assert [post(core_app, keys[7]).status_code for _ in range(11)] == [201] * 10 + [429]
    # in place of waiting: what a partner did becomes older
    older = """UPDATE partner_requests SET at = at - make_interval(secs => %s) WHERE ctid IN (
        SELECT r.ctid FROM partner_requests r JOIN partners p ON p.id = partner_id
        WHERE p.name = 'partner 8' ORDER BY at LIMIT %s)"""
    database.execute(older, (30, 10))
    assert post(core_app, keys[7]).status_code == 429
    database.execute(older, (31, 3))
    assert [post(core_app, keys[7]).status_code for _ in range(4)] == [201] * 3 + [429]


def test_one_partners_limit_is_not_anothers(core_app: Replica, keys: list[str]) -> None:
    for _ in range(11):
        last = post(core_app, keys[8])
    assert last.status_code == 429
    assert post(core_app, keys[9]).status_code == 201
