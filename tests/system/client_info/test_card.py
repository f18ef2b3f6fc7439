"""The client card: filters, pages, who may read it, and how little is read."""

import hashlib
import json
import re
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import psycopg
import pytest

from system.client_info.cards import FULL, FULL_EVERY, GROUPS
from system.shared.ids import seeded_client
from tests.system.conftest import SEED, Start
from tests.system.replicas import Place, Replica, codes, run_service
from tests.system.shared.graphql_attacks import ATTACKS

pytestmark = pytest.mark.system

CLIENT = str(seeded_client(SEED, 1))
RICH = str(seeded_client(SEED, FULL_EVERY))  # one with a full card
UNKNOWN = str(seeded_client(SEED, 10**6))
CALLER = "Service core-app:only-for-tests"
JSON = {"content-type": "application/json"}


@pytest.fixture(scope="module")
def callers(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("secrets") / "callers-client-info"
    path.write_text(f"core-app {hashlib.sha256(b'only-for-tests').hexdigest()}\n")
    return path


@pytest.fixture(scope="module")
def rows(prepared: dict[str, dict[str, str]], server: Place) -> Iterator[psycopg.Connection]:
    """client-info's database, with a client that has a full card."""
    words = ("seed", "--seed", str(SEED), "--clients", str(FULL_EVERY))
    run_service("client_info", *words, environment=prepared["client_info"])
    with server.connect("client_info") as connection:
        yield connection


@pytest.fixture(scope="module")
def card(start: Start, callers: Path, rows: psycopg.Connection) -> Replica:
    """A replica as it stands in production, and a caller whom it knows."""
    replica = start("client_info", CALLERS_FILE=callers, ENVIRONMENT="production")
    replica.http.headers["Authorization"] = CALLER
    return replica


def client(card: Replica, fields: str, client_id: str = CLIENT, **variables: Any) -> dict[str, Any]:
    names = {"d": "Date", "t": "String", "n": "Int", "a": "String", "names": "[String!]"}
    declared = "".join(f", ${name}: {names[name]}" for name in variables)
    query = f"query Card($id: UUID!{declared}) {{ client(id: $id) {{ {fields} }} }}"
    answer = card.graphql(query, id=client_id, **variables)
    assert "errors" not in answer, answer
    found: dict[str, Any] = answer["data"]["client"]
    return found


def test_a_card_has_documents_and_relatives(card: Replica, rows: psycopg.Connection) -> None:
    found = client(card, "id name age birthDate documents { type number } relatives { name }")
    stored = rows.execute(
        "SELECT name, birth_date FROM clients WHERE id = %s", (CLIENT,)
    ).fetchone()
    assert stored is not None
    assert (found["id"], found["name"], found["birthDate"]) == (CLIENT, stored[0], str(stored[1]))
    assert {one["type"] for one in found["documents"]} == {"passport", "driving_licence"}
    known = rows.execute(
        "SELECT count(*) FROM relatives WHERE client_id = %s", (CLIENT,)
    ).fetchone()
    assert known == (len(found["relatives"]),)


def test_documents_can_be_chosen_by_type_and_by_day(card: Replica) -> None:
    everything = client(card, "documents { type issueDate expiryDate }")["documents"]
    assert [one["issueDate"] for one in everything] == sorted(
        (one["issueDate"] for one in everything), reverse=True
    )
    passports = client(card, "documents(type: $t) { type }", t="passport")["documents"]
    assert passports == [{"type": "passport"}]
    for day in (everything[0]["issueDate"], everything[1]["expiryDate"], "1990-01-01"):
        valid = client(card, "documents(validOn: $d) { type }", d=day)["documents"]
        wanted = [one for one in everything if one["issueDate"] <= day <= one["expiryDate"]]
        assert [one["type"] for one in valid] == [one["type"] for one in wanted], day


def test_a_document_without_an_end_is_valid_forever(
    card: Replica, rows: psycopg.Connection
) -> None:
    owner = str(seeded_client(SEED, 2))
    rows.execute("UPDATE documents SET expiry_date = NULL WHERE client_id = %s", (owner,))
    found = client(card, "documents(validOn: $d) { expiryDate }", owner, d="2999-01-01")
    assert found["documents"] == [{"expiryDate": None}] * 2


def test_relatives_can_be_chosen_by_relation(card: Replica) -> None:
    for number in range(1, 20):
        owner = str(seeded_client(SEED, number))
        everyone = client(card, "relatives { relationType name }", owner)["relatives"]
        for kind in ("spouse", "child", "nobody"):
            found = client(card, "relatives(relationType: $t) { relationType name }", owner, t=kind)
            assert found["relatives"] == [one for one in everyone if one["relationType"] == kind]


def test_attributes_can_be_chosen_by_group_and_name(card: Replica) -> None:
    groups = client(card, "attributeGroups { name count }")["attributeGroups"]
    assert groups == [{"name": name, "count": len(GROUPS[name])} for name in sorted(GROUPS)]
    found = client(card, "attributes(group: $t) { nodes { group name } }", t="contact")
    names = [one["name"] for one in found["attributes"]["nodes"]]
    assert names == sorted(GROUPS["contact"])
    chosen = client(card, "attributes(names: $names) { nodes { group name } }", names=["city", "x"])
    assert [one["group"] for one in chosen["attributes"]["nodes"]] == ["address", "contact"]
    none = client(card, "attributes(names: $names) { nodes { name } }", names=[])
    assert none["attributes"]["nodes"] == []


@pytest.mark.parametrize(
    ("field", "item", "owner", "size"),
    [
        pytest.param("attributes", "group name value", RICH, 97, id="attributes of a full card"),
        pytest.param("documentPage", "id issueDate", CLIENT, 1, id="documents one by one"),
        pytest.param("relativePage", "id", str(seeded_client(SEED, 3)), 1, id="relatives"),
    ],
)
def test_pages_give_each_item_once_and_in_order(
    card: Replica, rows: psycopg.Connection, field: str, item: str, owner: str, size: int
) -> None:
    seen: list[dict[str, Any]] = []
    page: dict[str, Any] = {"endCursor": None, "hasNextPage": True}
    asked = f"{field}(first: $n, after: $a) {{ nodes {{ {item} }} endCursor hasNextPage }}"
    while page["hasNextPage"]:
        page = client(card, asked, owner, n=size, a=page["endCursor"])[field]
        assert len(page["nodes"]) <= size
        seen += page["nodes"]
    table = {"attributes": "attributes", "documentPage": "documents", "relativePage": "relatives"}
    count = f"SELECT count(*) FROM {table[field]} WHERE client_id = %s"
    assert rows.execute(count.encode(), (owner,)).fetchone() == (len(seen),)
    assert len({json.dumps(one) for one in seen}) == len(seen)
    if field == "attributes":
        assert len(seen) == FULL
        places = [(one["group"], one["name"]) for one in seen]
        assert places == sorted(places)


@pytest.mark.parametrize(
    "after", ["x", "WyJhIl0", "bnVsbA", "WzFd", "\u00fc", "WyJhIiwgImIiLCAiYyJd", "=" * 50]
)
def test_a_cursor_of_somebody_elses_making_is_refused(card: Replica, after: str) -> None:
    for field in ("attributes", "documentPage", "relativePage"):
        asked = f"client(id: $id) {{ {field}(after: $a) {{ endCursor }} }}"
        answer = card.graphql(f"query Q($id: UUID!, $a: String) {{ {asked} }}", id=CLIENT, a=after)
        assert codes(answer) == ["INVALID_REQUEST"], (field, answer)


def test_many_clients_come_in_the_order_of_their_ids(card: Replica) -> None:
    ids = [str(seeded_client(SEED, number)) for number in (5, 3, 5)] + [UNKNOWN]
    answer = card.graphql("query Q($ids: [UUID!]!) { clients(ids: $ids) { id } }", ids=ids)
    assert answer["data"]["clients"] == [*({"id": one} for one in ids[:3]), None]


@pytest.mark.parametrize(
    ("fields", "tables"),
    [
        pytest.param("id name", {"clients": 1}, id="no list, no more tables"),
        pytest.param("id documents { id }", {"clients": 1, "documents": 1}, id="documents"),
        pytest.param(
            "documents { id } relatives { id }",
            {"clients": 1, "documents": 1, "relatives": 1},
            id="documents and relatives",
        ),
        pytest.param(
            'a: documents(type: "a") { id } b: documents(type: "b") { id }',
            {"clients": 1, "documents": 2},
            id="two filters are two statements",
        ),
    ],
)
def test_fifty_clients_cost_a_statement_a_table(
    card: Replica,
    rows: psycopg.Connection,
    server: Place,
    fields: str,
    tables: dict[str, int],
) -> None:
    ids = [str(seeded_client(SEED, number)) for number in range(1, 51)]
    query = f"query Q($ids: [UUID!]!) {{ clients(ids: $ids) {{ {fields} }} }}"
    sent = statements(rows, server, lambda: card.graphql(query, ids=ids))
    assert {
        table: sum(bool(re.search(rf"(FROM|JOIN) {table}\b", one)) for one in sent)
        for table in tables
    } == tables
    assert len(sent) == sum(tables.values()), sent


def test_an_unplanned_query_costs_no_more_statements(
    card: Replica, rows: psycopg.Connection, server: Place
) -> None:
    ids = [str(seeded_client(SEED, number)) for number in range(1, 51)]
    query = "query Q($ids: [UUID!]!) { clients(ids: $ids) { documents { id @include(if: true) } } }"
    assert len(statements(rows, server, lambda: card.graphql(query, ids=ids))) == 2


def statements(rows: psycopg.Connection, server: Place, ask: Any) -> list[str]:
    """What PostgreSQL itself says that it was asked for, without looks whether it is there."""
    log = server.folder / "log"
    rows.execute("ALTER SYSTEM SET log_statement = 'all'")
    rows.execute("SELECT pg_reload_conf()")
    try:
        until_logged(rows, log)
        before = log.stat().st_size
        answer = ask()
        assert "errors" not in answer, answer
        told = log.read_bytes()[before:].decode()
    finally:
        rows.execute("ALTER SYSTEM RESET log_statement")
        rows.execute("SELECT pg_reload_conf()")
    return [line for line in told.splitlines() if "SELECT" in line and " FROM " in line]


def until_logged(rows: psycopg.Connection, log: Path) -> None:
    """Until the servers' processes have read their new settings."""
    for number in range(200):
        mark = f"mark {number}"
        rows.execute(f"SELECT pg_sleep(0.02) /* {mark} */".encode())
        if mark in log.read_text(encoding="utf-8", errors="replace"):
            return
    raise AssertionError("PostgreSQL does not log its statements")


@pytest.mark.parametrize(
    "authorization",
    [
        None,
        "",
        "Service",
        "Service core-app:",
        "Service core-app:wrong",
        "Service web:only-for-tests",
        "Bearer only-for-tests",
        "Service core-app:\u00ff",
        "Service core-app:" + "x" * 5000,
    ],
)
def test_only_a_known_caller_reads_a_card(card: Replica, authorization: str | None) -> None:
    headers = {**JSON, "Authorization": (authorization or "").encode("latin-1")}
    if authorization is None:
        del headers["Authorization"]
        card.http.headers.pop("Authorization")
    try:
        body = {"query": f'{{ client(id: "{CLIENT}") {{ name }} }}'}
        response = card.http.post("/graphql", json=body, headers=headers)
    finally:
        card.http.headers["Authorization"] = CALLER
    assert response.status_code == 401
    assert codes(response.json()) == ["UNAUTHENTICATED"]
    assert response.json()["data"] is None


def test_it_does_not_start_open_to_all_in_production(prepared: dict[str, dict[str, str]]) -> None:
    environment = {**prepared["client_info"], "SERVICE_NAME": "client-info"}
    ended = run_service("client_info", "serve", environment=environment, check=False)
    assert ended.returncode != 0
    assert "CALLERS_FILE" in ended.stderr


@pytest.mark.parametrize("name", ATTACKS)
def test_a_known_attack_is_refused(card: Replica, name: str) -> None:
    logged = card.stdout.read_text()
    for _ in range(2):  # the second time from memory
        response = card.http.post("/graphql", content=ATTACKS[name], headers=JSON)
        answer = response.json()
        if response.status_code == 200:
            assert codes(answer)[0] in ("LIMIT_EXCEEDED", "INVALID_REQUEST", "INTROSPECTION_OFF")
            assert answer["data"] is None
        else:
            assert 400 <= response.status_code < 500
            assert answer["code"]
    assert card.stdout.read_text() == logged, "a caller's fault is no error of the service"


@pytest.mark.parametrize(
    ("query", "variables", "code"),
    [
        pytest.param("client(id: $id) { name }", {"id": UNKNOWN}, "NOT_FOUND", id="unknown"),
        pytest.param("client(id: $id) { name }", {"id": "no"}, "INVALID_REQUEST", id="no UUID"),
        pytest.param("client(id: $id) { name }", {"id": None}, "INVALID_REQUEST", id="null"),
        pytest.param("client(id: $id) { name }", {}, "INVALID_REQUEST", id="no variable"),
        pytest.param("client(id: $id) { nam }", {"id": CLIENT}, "INVALID_REQUEST", id="no field"),
        pytest.param(
            'client(id: $id) { documents(type: "a\\u0000b") { id } }',
            {"id": CLIENT},
            "INVALID_REQUEST",
            id="NUL in a filter",
        ),
        pytest.param(
            'client(id: $id) { attributes(names: ["\\uD83D"]) { endCursor } }',
            {"id": CLIENT},
            "INVALID_REQUEST",
            id="half a character in a filter",
        ),
        pytest.param(
            'client(id: $id) { documents(validOn: "tomorrow") { id } }',
            {"id": CLIENT},
            "INVALID_REQUEST",
            id="no day",
        ),
        pytest.param(
            "client(id: $id) { attributes(first: -1) { endCursor } }",
            {"id": CLIENT},
            "LIMIT_EXCEEDED",
            id="negative page",
        ),
    ],
)
def test_a_wrong_request_is_told_with_a_code(
    card: Replica, query: str, variables: dict[str, Any], code: str
) -> None:
    answer = card.graphql(f"query Q($id: UUID!) {{ {query} }}", **variables)
    assert codes(answer) == [code], answer
    assert answer["data"] is None
    assert "Did you mean" not in answer["errors"][0]["message"]


def test_an_inner_error_is_masked_and_the_next_request_is_served(
    card: Replica, rows: psycopg.Connection
) -> None:
    rows.execute("ALTER TABLE relatives RENAME TO hidden")
    try:
        query = "query Q($id: UUID!) { client(id: $id) { relatives { name } } }"
        answer = card.graphql(query, id=CLIENT)
    finally:
        rows.execute("ALTER TABLE hidden RENAME TO relatives")
    assert codes(answer) == ["INTERNAL"]
    assert "hidden" not in json.dumps(answer)
    assert "relatives" not in answer["errors"][0]["message"]
    assert "UndefinedTable" in card.stdout.read_text()
    assert client(card, "relatives { name }")["relatives"] is not None


def test_a_busy_replica_leaves_a_connection_for_others(
    start: Start, callers: Path, rows: psycopg.Connection
) -> None:
    replica = start("client_info", CALLERS_FILE=callers, DATABASE_POOL_SIZE=1)
    query = "query Q($id: UUID!) { client(id: $id) { documents { id } relatives { id } } }"
    over, served = threading.Event(), list[int]()

    def ask(number: int) -> None:
        with httpx.Client(base_url=replica.url, trust_env=False, timeout=30) as http:
            while not over.is_set():
                body = {"query": query, "variables": {"id": str(seeded_client(SEED, number))}}
                answer = http.post("/graphql", json=body, headers={"Authorization": CALLER})
                assert "errors" not in answer.json()
                served.append(number)

    with ThreadPoolExecutor(8) as pool:
        asked = [pool.submit(ask, number) for number in range(1, 9)]
        try:
            while len(served) < 200 and not any(one.done() for one in asked):
                assert replica.says() == 200
        finally:
            over.set()
        for one in asked:
            one.result()
    assert len(served) >= 200
