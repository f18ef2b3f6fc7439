"""The GraphQL endpoint of every service: what it takes, what it tells, what it hides."""

import json
from collections.abc import AsyncIterator

import pytest
from graphql import get_introspection_query

from system.shared.graphql import BODY, schema
from system.shared.graphql_documents import KEPT, KEPT_LENGTH, Documents
from system.shared.graphql_limits import Limits
from tests.system.shared.graphql_example import Client, Query, codes, example

JSON = {"content-type": "application/json"}


@pytest.fixture(params=[False, True], ids=["as it is", "planned"])
def client(request: pytest.FixtureRequest) -> Client:
    return Client(example(planned=request.param)[0])


def test_a_query_is_answered(client: Client) -> None:
    answer = client.ask("query Q($id: Int!) { node(id: $id) { id } }", variables={"id": 6})
    assert answer == {"data": {"node": {"id": "2"}}}


@pytest.mark.parametrize(
    ("body", "status", "code"),
    [
        pytest.param(b"", 400, "BAD_REQUEST", id="nothing"),
        pytest.param(b"{", 400, "BAD_REQUEST", id="half"),
        pytest.param(b"null", 400, "BAD_REQUEST", id="null"),
        pytest.param(b"[]", 400, "BATCH_REFUSED", id="a batch"),
        pytest.param(b'"text"', 400, "BAD_REQUEST", id="a text"),
        pytest.param(b"\xff", 400, "BAD_REQUEST", id="no UTF-8"),
        pytest.param(b"\xff\xfe{\x00}\x00", 400, "BAD_REQUEST", id="UTF-16"),
        pytest.param(b"[" * 60_000, 400, "BAD_REQUEST", id="deep"),
        pytest.param(b"{}", 400, "BAD_REQUEST", id="no query"),
        pytest.param(b'{"query": 5}', 400, "BAD_REQUEST", id="query is a number"),
        pytest.param(b'{"query": ""}', 400, "BAD_REQUEST", id="query is empty"),
        pytest.param(b'{"query": "{a}", "variables": []}', 400, "BAD_REQUEST", id="variables"),
        pytest.param(b'{"query": "{a}", "operationName": 1}', 400, "BAD_REQUEST", id="name"),
        pytest.param(b'{"query": "{a}", "variables": {"a": NaN}}', 400, "BAD_REQUEST", id="NaN"),
        pytest.param(
            b'{"query": "{a}", "variables": {"a": 1' + b"0" * 5000 + b"}}",
            400,
            "BAD_REQUEST",
            id="a number of 5000 digits",
        ),
        pytest.param(b"{" + b" " * BODY + b"}", 413, "CONTENT_TOO_LARGE", id="large"),
    ],
)
def test_what_is_no_request_is_a_problem(
    client: Client, body: bytes, status: int, code: str
) -> None:
    response = client.request("POST", content=body, headers=JSON)
    assert (response.status_code, response.json()["code"]) == (status, code)
    assert response.headers["content-type"] == "application/problem+json"


def test_a_body_in_parts_is_not_read_beyond_its_limit(client: Client) -> None:
    async def parts() -> AsyncIterator[bytes]:
        for _ in range(100):
            yield b" " * (BODY // 4)

    response = client.request("POST", content=parts(), headers=JSON)
    assert response.status_code == 413


@pytest.mark.parametrize("kind", ["text/plain", "application/x-www-form-urlencoded", None])
def test_a_page_of_another_site_cannot_ask(client: Client, kind: str | None) -> None:
    headers = {"content-type": kind} if kind else {}
    response = client.request("POST", content=b'{"query": "{ __typename }"}', headers=headers)
    assert (response.status_code, response.json()["code"]) == (415, "UNSUPPORTED_MEDIA_TYPE")


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD", "PATCH"])
def test_it_takes_POST_only(client: Client, method: str) -> None:
    response = client.request(method, "/graphql?query={__typename}")
    assert (response.status_code, response.headers["allow"]) == (405, "POST")


@pytest.mark.parametrize(
    ("query", "code"),
    [
        pytest.param("{ node(id: 1000) { id } }", "NOT_FOUND", id="our own refusal"),
        pytest.param("{ node(id: 1) { labelOrError } }", "INTERNAL", id="an error inside"),
        pytest.param("{ secret }", "UNAUTHENTICATED", id="nobody signed in"),
        pytest.param("{ nod(id: 1) { id } }", "INVALID_REQUEST", id="unknown field"),
        pytest.param("{ node { id } }", "INVALID_REQUEST", id="argument is absent"),
        pytest.param("{ not GraphQL", "INVALID_REQUEST", id="no GraphQL"),
        pytest.param("{ node(id: 1) { } }", "INVALID_REQUEST", id="empty selection"),
        pytest.param("query A { __typename } query B { __typename }", "INVALID_REQUEST", id="two"),
        pytest.param("subscription { count(to: 1) }", "INVALID_REQUEST", id="subscription"),
        pytest.param("query Q($id: Int!) { node(id: $id) { id } }", "INVALID_REQUEST", id="no $id"),
        pytest.param('{ node(id: "\\uD83D") { id } }', "INVALID_REQUEST", id="half a character"),
        pytest.param("{ __schema { types { name } } }", "INTROSPECTION_OFF", id="introspection"),
    ],
)
def test_an_error_has_a_code_and_no_secret(client: Client, query: str, code: str) -> None:
    answer = client.ask(query)
    assert codes(answer) == [code], answer
    assert answer["data"] is None
    assert "secret" not in json.dumps(answer).replace('"secret"', "")
    assert "Did you mean" not in json.dumps(answer)
    assert client.ask(query) == answer, "the second time, from memory"


def test_an_error_in_one_place_leaves_the_others() -> None:
    query = "{ maybe(id: 0) { labelOrError } nodes(ids: [1, -1, 2]) { id labelOrError } }"
    plain, planned = (Client(example(planned=one)[0]).ask(query) for one in (False, True))
    assert plain == planned
    assert plain["data"] == {
        "maybe": {"labelOrError": "label 0"},
        "nodes": [None, None, {"id": "2", "labelOrError": "label 2"}],
    }
    assert [error["path"] for error in plain["errors"]] == [["nodes", 0, "labelOrError"]]


def test_the_operation_is_chosen_by_its_name(client: Client) -> None:
    query = "query A { node(id: 1) { id } } query B { node(id: 2) { id } }"
    assert client.ask(query, operationName="B")["data"] == {"node": {"id": "2"}}
    assert codes(client.ask(query, operationName="C")) == ["INVALID_REQUEST"]


def test_a_mutation_is_done_once() -> None:
    for planned in (False, True):
        app, counter = example(planned=planned)
        assert Client(app).ask("mutation { countUp }") == {"data": {"countUp": 1}}
        assert counter == [1]


def test_the_person_is_in_the_context(client: Client) -> None:
    assert client.ask("{ person }")["data"] == {"person": None}
    known = client.ask("{ person secret }", {"Authorization": "Bearer anna"})
    assert known["data"] == {"person": "anna", "secret": "told"}


@pytest.mark.parametrize("authorization", ["", "Basic anna", "Bearer ", "x" * 5000])
def test_a_false_credential_is_refused_before_anything_is_run(
    client: Client, authorization: str
) -> None:
    body = {"query": "{ __typename }"}
    response = client.request("POST", json=body, headers={"Authorization": authorization})
    assert response.status_code == 401
    assert codes(response.json()) == ["UNAUTHENTICATED"]


def test_where_nobody_may_be_anonymous_a_request_without_a_credential_is_refused() -> None:
    client = Client(example(anonymous=False)[0])
    response = client.request("POST", json={"query": "{ __typename }"})
    assert (response.status_code, codes(response.json())) == (401, ["UNAUTHENTICATED"])
    assert "errors" not in client.ask("{ __typename }", {"Authorization": "Bearer anna"})


def test_the_schema_is_told_in_development_only() -> None:
    told = Client(example(environment="development")[0]).ask(get_introspection_query())
    assert {one["name"] for one in told["data"]["__schema"]["types"]} > {"Node", "Query"}


def test_a_flood_of_documents_leaves_those_that_are_in_use() -> None:
    made = example_documents()
    hot = "{ node(id: 1) { id } }"
    made.prepared(hot)
    kept = made.prepared(hot)
    for number in range(3 * KEPT):
        made.prepared(f"{{ node(id: {number}) {{ weight }} }}")
        made.prepared(f"{{ nothing{number} }}")
    assert made.prepared(hot) is kept
    assert len(made) <= 2 * KEPT


def test_memory_for_documents_is_bounded_by_their_length() -> None:
    made = example_documents()
    length = 10_000
    for number in range(3 * KEPT_LENGTH // length):
        made.prepared(f"{{ node(id: {number}) {{ id }} }} #" + "x" * length)
    assert len(made) <= KEPT_LENGTH // length


def test_a_refused_document_is_read_once() -> None:
    made = example_documents()
    assert made.prepared("{ nothing }") is made.prepared("{ nothing }")


def example_documents() -> Documents:
    return Documents(schema(Query, None, "production").core, Limits(), planned=False)
