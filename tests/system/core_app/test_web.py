"""The web page's GraphQL: applications and the client card."""

import json
import uuid
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from system.shared.ids import seeded_client
from tests.system.conftest import SEED
from tests.system.core_app.access import SECRET, Customer, asked, bearer, token
from tests.system.core_app.conftest import StartCoreApp
from tests.system.replicas import CREATE, Replica, codes, until

pytestmark = pytest.mark.system

CLIENT = str(seeded_client(SEED, 1))
UNKNOWN = str(seeded_client(SEED, 10**6))
READ = "query Read($id: ID!) { application(id: $id) { id client { id name } } }"
WHOLE = """query Read($id: ID!) { application(id: $id) {
  startsOn vehicle { registrationNumber vin make model year powerHp }
} }"""
CARD = """{ myCard {
  id name age birthDate documents { type number issueDate expiryDate } relatives { name age }
} }"""
LIST = """query List($first: Int!, $after: String) { applications(first: $first, after: $after) {
  nodes { id } endCursor hasNextPage
} }"""


def new_key() -> str:
    """An idempotency key that was never used."""
    return str(uuid.uuid4())


def test_an_acknowledged_application_can_be_read_again(anna: Customer) -> None:
    made = anna.create(new_key())["data"]["createApplication"]
    assert uuid.UUID(made["id"]).version == 7
    assert made["status"] == "ACCEPTED"
    assert made["client"]["id"] == CLIENT
    read = anna.graphql(READ, id=made["id"])["data"]["application"]
    assert read == {name: made[name] for name in ("id", "client")}
    assert anna.graphql(WHOLE, id=made["id"])["data"]["application"] == asked()


def test_the_same_key_gives_the_same_application_whoever_comes_first(
    anna: Customer, database: psycopg.Connection
) -> None:
    key = new_key()
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: anna.create(key), range(8)))
    assert len({answer["data"]["createApplication"]["id"] for answer in answers}) == 1
    stored = database.execute(
        "SELECT count(*) FROM applications WHERE idempotency_key = %s", (key,)
    ).fetchone()
    assert stored == (1,)


def test_a_key_is_refused_for_another_application(anna: Customer) -> None:
    key = new_key()
    assert "errors" not in anna.create(key)
    assert codes(anna.create(key, year=2021)) == ["IDEMPOTENCY_CONFLICT"]


def test_two_customers_may_use_the_same_key(anna: Customer, boris: Customer) -> None:
    key = new_key()
    assert anna.apply(key) != boris.apply(key)


@pytest.mark.parametrize(
    ("key", "vehicle", "code"),
    [
        pytest.param("", {}, "INVALID_REQUEST", id="empty key"),
        pytest.param("k" * 201, {}, "INVALID_REQUEST", id="key too long"),
        pytest.param("some-key", {"vin": "I" * 17}, "INVALID_REQUEST", id="no VIN"),
        pytest.param("some-key", {"year": 1200}, "INVALID_REQUEST", id="before cars"),
        pytest.param("some-key", {"make": "a\0b"}, "INVALID_REQUEST", id="NUL in text"),
        pytest.param("a\0b", {}, "INVALID_REQUEST", id="NUL in key"),
    ],
)
def test_a_wrong_application_is_refused_with_a_code(
    anna: Customer, key: str, vehicle: dict[str, object], code: str
) -> None:
    answer = anna.create(key, **vehicle)
    assert codes(answer) == [code]
    assert answer["data"] is None


def test_who_has_no_card_can_not_apply(core_app: Replica) -> None:
    stranger = Customer(core_app, UNKNOWN)
    assert codes(stranger.create(new_key())) == ["NOT_FOUND"]
    assert codes(stranger.graphql(CARD)) == ["NOT_FOUND"]


def test_an_unknown_application_is_null(anna: Customer) -> None:
    assert anna.graphql(READ, id=str(uuid.uuid4())) == {"data": {"application": None}}


def test_applications_come_in_pages_the_newest_first(core_app: Replica) -> None:
    customer = Customer(core_app, str(seeded_client(SEED, 9)))
    made = [customer.apply(new_key()) for _ in range(5)]
    seen, after, more = [], None, True
    while more:
        page = customer.graphql(LIST, first=2, after=after)["data"]["applications"]
        assert 0 < len(page["nodes"]) <= 2
        seen += [one["id"] for one in page["nodes"]]
        after, more = page["endCursor"], page["hasNextPage"]
    assert seen == made[::-1]


@pytest.mark.parametrize("first", [-1, 101, 10**9])
def test_a_page_is_bounded(anna: Customer, first: int) -> None:
    assert codes(anna.graphql(LIST, first=first)) == ["LIMIT_EXCEEDED"]


@pytest.mark.parametrize(
    "query",
    [
        '{ applications(after: "x") { nodes { id } } }',
        '{ application(id: "x") { id } }',
        '{ products(insurer: "a\\u0000b") { nodes { id } } }',
        '{ products(insurer: "\\ud800") { nodes { id } } }',
        'mutation { buyOffer(offerId: "x", idempotencyKey: "k") { id } }',
    ],
)
def test_what_is_no_id_cursor_or_name_is_refused(anna: Customer, query: str) -> None:
    assert codes(anna.graphql(query)) == ["INVALID_REQUEST"]


def test_the_client_card_comes_from_client_info(anna: Customer, client_info: Replica) -> None:
    query = CARD.replace("{ myCard", "query Card($id: UUID!) { client(id: $id)", 1)
    theirs = client_info.http.post(
        "/graphql",
        json={"query": query, "variables": {"id": CLIENT}},
        headers={"Authorization": f"Service core-app:{SECRET}"},
    ).json()
    assert anna.graphql(CARD)["data"]["myCard"] == theirs["data"]["client"]
    assert anna.graphql("{ myCard { ...n } } fragment n on ClientCard { name documents { id } }")[
        "data"
    ]["myCard"]["documents"]


def test_applications_are_counted_by_channel(core_app: Replica, anna: Customer) -> None:
    sample = 'insurance_applications_created_total{channel="web"}'
    before, key = core_app.metric(sample), new_key()
    for _ in range(2):  # the second is a repeat and makes none
        anna.create(key)
    assert core_app.metric(sample) == before + 1


@pytest.mark.parametrize(
    "document",
    [
        pytest.param("{ __schema { types { name } } }", id="introspection"),
        pytest.param(
            "{" + " ".join(f"a{n}: application(id: 1) {{ id }}" for n in range(20)) + "}",
            id="many aliases",
        ),
        pytest.param("{" + "__typename " * 2000 + "}", id="many tokens"),
        pytest.param("{ application(id: 1) { ...a } }", id="unknown fragment"),
        pytest.param(
            "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }",
            id="fragments in a circle",
        ),
        pytest.param("{ a " * 480 + "}" * 480, id="deeply nested"),
        pytest.param("{ a(b: " + "[" * 900 + " }", id="deeply nested list"),
        pytest.param("{ not GraphQL", id="no GraphQL"),
        pytest.param(
            "{ applications(first: 100) { " + "nodes { offers { id } } " * 11 + "} }",
            id="one list many times",
        ),
        pytest.param("subscription { offers(applicationId: 1) { done } }", id="stream over POST"),
    ],
)
def test_a_hostile_document_is_refused_without_running(
    core_app: Replica, anna: Customer, document: str
) -> None:
    answer = anna.graphql(document)
    assert answer["errors"]
    assert "INTERNAL" not in codes(answer)
    logged = core_app.stdout.read_text()
    assert "unexpected error" not in logged, "a caller's fault is no error of the service"
    assert not answer.get("data")


@pytest.mark.parametrize(
    ("made", "code"),  # in the test, since a token lives for minutes
    [
        pytest.param(dict, "UNAUTHENTICATED", id="nobody"),
        pytest.param(lambda: {"Authorization": "Bearer x"}, "UNAUTHENTICATED", id="no token"),
        pytest.param(
            lambda: {"Authorization": f"Bearer {token(CLIENT, lifetime_s=-1)}"},
            "UNAUTHENTICATED",
            id="expired",
        ),
        pytest.param(
            lambda: {"Authorization": f"Bearer {token(CLIENT)[:-4]}AAAA"},
            "UNAUTHENTICATED",
            id="forged",
        ),
        pytest.param(
            lambda: {"Authorization": bearer("olga", "operator")}, "FORBIDDEN", id="operator"
        ),
    ],
)
def test_only_a_customer_is_served(
    core_app: Replica, made: Callable[[], dict[str, str]], code: str
) -> None:
    for query in (CARD, "{ products { nodes { id } } }"):
        answer = core_app.http.post("/graphql", json={"query": query}, headers=made())
        assert codes(answer.json()) == [code]
        assert answer.status_code == (401 if code == "UNAUTHENTICATED" else 200)


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{", b'"text"', b'{"query": 5}', b"\xff", b"[" * 10**4]
)
def test_a_body_that_is_no_request_is_the_callers_fault(
    core_app: Replica, anna: Customer, keys: list[str], body: bytes
) -> None:
    headers = {"content-type": "application/json", "X-API-Key": keys[11], **anna.headers}
    for path in ("/graphql", "/partner/v1/applications"):
        status = core_app.http.post(path, content=body, headers=headers).status_code
        assert 400 <= status < 500, path


@pytest.mark.parametrize("field", ["make", "registrationNumber"])
def test_half_a_character_is_refused(
    core_app: Replica, anna: Customer, keys: list[str], field: str
) -> None:
    told = json.dumps({**asked(**{field: "\ud800"})})
    headers = {"content-type": "application/json", "Idempotency-Key": new_key(), **anna.headers}
    body = f'{{"query": {json.dumps(CREATE)}, "variables": {{"input": {told}, "key": "k"}}}}'
    web = core_app.http.post("/graphql", content=body, headers=headers)
    assert codes(web.json()) == ["INVALID_REQUEST"]
    partner = json.dumps({**json.loads(told), "clientId": CLIENT})
    headers["X-API-Key"] = keys[10]
    refused = core_app.http.post("/partner/v1/applications", content=partner, headers=headers)
    assert refused.status_code == 422


def test_many_at_once_each_get_their_own_answer(core_app: Replica) -> None:
    customers = [Customer(core_app, str(seeded_client(SEED, number))) for number in range(1, 21)]
    documents = [f"{CARD} # {number}" for number in range(20)]
    with ThreadPoolExecutor(10) as pool:
        answers = pool.map(
            lambda pair: pair[0].graphql(pair[1]), zip(customers, documents, strict=True)
        )
        got = [answer["data"]["myCard"]["id"] for answer in answers]
    assert got == [customer.client_id for customer in customers]


def test_without_client_info_it_says_so_stores_nothing_and_recovers(
    start_client_info: StartCoreApp, start_core_app: StartCoreApp, database: psycopg.Connection
) -> None:
    away = start_client_info()
    customer = Customer(start_core_app(CLIENT_INFO_URL=away.url), CLIENT)
    away.end()
    key = new_key()
    seen = [codes(customer.create(key)) for _ in range(15)]
    assert seen == [["UNAVAILABLE"]] * 15
    stored = database.execute(
        "SELECT count(*) FROM applications WHERE idempotency_key = %s", (key,)
    ).fetchone()
    assert stored == (0,)
    start_client_info(SERVICE_PORT=away.port)
    until(lambda: "errors" not in customer.create(key), "the same key is served again")


def test_an_inner_error_is_masked_and_logged(
    start_core_app: StartCoreApp, database: psycopg.Connection
) -> None:
    customer = Customer(start_core_app(), CLIENT)
    database.execute("ALTER TABLE applications RENAME TO hidden")
    try:
        answer = customer.create(new_key())
    finally:
        database.execute("ALTER TABLE hidden RENAME TO applications")
    assert [error["message"] for error in answer["errors"]] == ["the request could not be served"]
    assert codes(answer) == ["INTERNAL"]
    assert "UndefinedTable" in customer.replica.stdout.read_text()
    for line in customer.replica.stdout.read_text().splitlines():
        assert json.loads(line)["service"] == "core-app"
    assert customer.replica.stderr.read_text() == ""
