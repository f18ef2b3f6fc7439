"""The web page's GraphQL: applications and the client card."""

import json
import uuid
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from system.shared.ids import seeded_client
from tests.system.conftest import SEED, Start
from tests.system.replicas import CREATE, Replica, application, codes, until

pytestmark = pytest.mark.system

CLIENT = str(seeded_client(SEED, 1))
UNKNOWN = str(seeded_client(SEED, 10**6))
READ = "query Read($id: ID!) { application(id: $id) { id status client { id name } } }"
CARD = """query Card($id: UUID!) { clientCard(id: $id) {
  id name age birthDate documents { type number issueDate expiryDate } relatives { name age }
} }"""


def new_key() -> str:
    """An idempotency key that was never used."""
    return str(uuid.uuid4())


def test_an_acknowledged_application_can_be_read_again(core_app: Replica) -> None:
    made = core_app.create(CLIENT, new_key())["data"]["createApplication"]
    assert uuid.UUID(made["id"]).version == 7
    assert made["status"] == "ACCEPTED"
    assert made["client"]["id"] == CLIENT
    read = core_app.graphql(READ, id=made["id"])["data"]["application"]
    assert read == {name: made[name] for name in ("id", "status", "client")}


def test_the_same_key_gives_the_same_application_whoever_comes_first(
    core_app: Replica, database: psycopg.Connection
) -> None:
    key = new_key()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: core_app.create(CLIENT, key), range(8)))
    assert len({answer["data"]["createApplication"]["id"] for answer in answers}) == 1
    stored = database.execute(
        "SELECT count(*) FROM applications WHERE idempotency_key = %s", (key,)
    ).fetchone()
    assert stored == (1,)


def test_a_key_is_refused_for_another_application(core_app: Replica) -> None:
    key = new_key()
    assert "errors" not in core_app.create(CLIENT, key)
    assert codes(core_app.create(CLIENT, key, year=2021)) == ["IDEMPOTENCY_CONFLICT"]


@pytest.mark.parametrize(
    ("client", "key", "vehicle", "code"),
    [
        pytest.param(UNKNOWN, "some-key", {}, "NOT_FOUND", id="unknown client"),
        pytest.param(CLIENT, "", {}, "INVALID_REQUEST", id="empty key"),
        pytest.param(CLIENT, "k" * 201, {}, "INVALID_REQUEST", id="key too long"),
        pytest.param(CLIENT, "some-key", {"vin": "I" * 17}, "INVALID_REQUEST", id="no VIN"),
        pytest.param(CLIENT, "some-key", {"year": 1200}, "INVALID_REQUEST", id="before cars"),
        pytest.param(CLIENT, "some-key", {"make": "a\0b"}, "INVALID_REQUEST", id="NUL in text"),
        pytest.param(CLIENT, "a\0b", {}, "INVALID_REQUEST", id="NUL in key"),
    ],
)
def test_a_wrong_application_is_refused_with_a_code(
    core_app: Replica, client: str, key: str, vehicle: dict[str, object], code: str
) -> None:
    answer = core_app.create(client, key, **vehicle)
    assert codes(answer) == [code]
    assert answer["data"] is None


def test_an_unknown_application_is_null(core_app: Replica) -> None:
    assert core_app.graphql(READ, id=str(uuid.uuid4())) == {"data": {"application": None}}


def test_the_client_card_comes_from_client_info(core_app: Replica, client_info: Replica) -> None:
    theirs = client_info.graphql(CARD.replace("clientCard", "client"), id=CLIENT)
    assert core_app.graphql(CARD, id=CLIENT)["data"]["clientCard"] == theirs["data"]["client"]
    assert codes(core_app.graphql(CARD, id=UNKNOWN)) == ["NOT_FOUND"]


def test_applications_are_counted_by_channel(core_app: Replica) -> None:
    sample = 'insurance_applications_created_total{channel="web"}'
    before, key = core_app.metric(sample), new_key()
    for _ in range(2):  # the second is a repeat and makes none
        core_app.create(CLIENT, key)
    assert core_app.metric(sample) == before + 1


@pytest.mark.parametrize(
    ("service", "document"),
    [
        pytest.param("core_app", "{ __schema { types { name } } }", id="introspection, core-app"),
        pytest.param("client_info", "{ __schema { types { name } } }", id="introspection, client"),
        pytest.param(
            "core_app",
            "{" + " ".join(f"a{n}: application(id: 1) {{ id }}" for n in range(20)) + "}",
            id="many aliases",
        ),
        pytest.param("core_app", "{" + "__typename " * 2000 + "}", id="many tokens"),
        pytest.param("core_app", "{ application(id: 1) { ...a } }", id="unknown fragment"),
        pytest.param(
            "core_app",
            "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }",
            id="fragments in a circle",
        ),
        pytest.param("core_app", "{ a " * 480 + "}" * 480, id="deeply nested"),
        pytest.param("core_app", "{ a(b: " + "[" * 900 + " }", id="deeply nested list"),
        pytest.param("core_app", "{ not GraphQL", id="no GraphQL"),
        pytest.param("core_app", '{ clientCard(id: "no-id") { id } }', id="no UUID"),
    ],
)
def test_a_hostile_document_is_refused_without_running(
    core_app: Replica, client_info: Replica, service: str, document: str
) -> None:
    replica = {"core_app": core_app, "client_info": client_info}[service]
    logged = replica.stdout.read_text()
    answer = replica.graphql(document)
    assert answer["errors"]
    assert "INTERNAL" not in codes(answer)
    assert replica.stdout.read_text() == logged, "a caller's fault is no error of the service"
    assert not answer.get("data")


def test_a_variable_of_the_wrong_kind_is_told_and_not_masked(core_app: Replica) -> None:
    (error,) = core_app.graphql(CARD, id="no-id")["errors"]
    assert "no-id" in error["message"]


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{", b'"text"', b'{"query": 5}', b"\xff", b"[" * 10**5]
)
def test_a_body_that_is_no_request_is_the_callers_fault(core_app: Replica, body: bytes) -> None:
    headers = {"content-type": "application/json"}
    for path in ("/graphql", "/partner/v1/applications"):
        status = core_app.http.post(path, content=body, headers=headers).status_code
        assert 400 <= status < 500, path


@pytest.mark.parametrize("field", ["make", "registrationNumber"])
def test_half_a_character_is_refused(core_app: Replica, field: str) -> None:
    asked = json.dumps(application(CLIENT, **{field: "\ud800"}))
    headers = {"content-type": "application/json", "Idempotency-Key": new_key()}
    body = f'{{"query": {json.dumps(CREATE)}, "variables": {{"input": {asked}, "key": "k"}}}}'
    web = core_app.http.post("/graphql", content=body, headers=headers)
    assert codes(web.json()) == ["INVALID_REQUEST"]
    partner = core_app.http.post("/partner/v1/applications", content=asked, headers=headers)
    assert partner.status_code == 422


def test_many_at_once_each_get_their_own_answer(core_app: Replica) -> None:
    clients = [str(seeded_client(SEED, number)) for number in range(1, 21)]
    documents = [f"{CARD} # {number}" for number in range(20)]
    with ThreadPoolExecutor(10) as pool:
        asked = zip(documents, clients, strict=True)
        answers = pool.map(lambda pair: core_app.graphql(pair[0], id=pair[1]), asked)
        assert [answer["data"]["clientCard"]["id"] for answer in answers] == clients


def test_without_client_info_it_says_so_stores_nothing_and_recovers(
    start: Start, database: psycopg.Connection
) -> None:
    away = start("client_info")
    replica = start("core_app", CLIENT_INFO_URL=away.url)
    away.end()
    key = new_key()
    seen = [codes(replica.create(CLIENT, key)) for _ in range(15)]
    assert seen == [["UNAVAILABLE"]] * 15
    stored = database.execute(
        "SELECT count(*) FROM applications WHERE idempotency_key = %s", (key,)
    ).fetchone()
    assert stored == (0,)
    start("client_info", SERVICE_PORT=away.port)
    until(lambda: "errors" not in replica.create(CLIENT, key), "the same key is served again")


def test_an_inner_error_is_masked_and_logged(
    start: Start, client_info: Replica, database: psycopg.Connection
) -> None:
    replica = start("core_app", CLIENT_INFO_URL=client_info.url)
    database.execute("ALTER TABLE applications RENAME TO hidden")
    try:
        answer = replica.create(CLIENT, new_key())
    finally:
        database.execute("ALTER TABLE hidden RENAME TO applications")
    assert [error["message"] for error in answer["errors"]] == ["the request could not be served"]
    assert codes(answer) == ["INTERNAL"]
    assert "UndefinedTable" in replica.stdout.read_text()
    for line in replica.stdout.read_text().splitlines():
        assert json.loads(line)["service"] == "core-app"
    assert replica.stderr.read_text() == ""
