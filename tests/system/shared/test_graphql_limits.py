"""What a document may ask, and what it is said to cost."""

from typing import Any

import pytest
from graphql import GraphQLError

from system.shared.graphql import Refused, schema
from system.shared.graphql_limits import Limits, check_values, total
from tests.system.shared.graphql_example import Query

SCHEMA = schema(Query, None, "production")


def cost(query: str, **variables: Any) -> int:
    """What the only operation costs; raises what it is refused with."""
    found = SCHEMA.documents.prepared(query)
    for error in found.errors:
        raise error
    limits = Limits()
    asked = found.operation(None).asked
    return total(asked, variables, limits) if asked else 0


@pytest.mark.parametrize(
    ("query", "variables", "wanted"),
    [
        pytest.param("query Q($n: Int) { node(id: 1) { others(first: $n) { id label } } }",
                     {"n": 50}, 102, id="a page is as long as its variable says"),
        pytest.param("query Q($n: Int) { node(id: 1) { others(first: $n) { id label } } }",
                     {}, 6, id="without it, as the schema says"),
        pytest.param("query Q($n: Int = 7) { node(id: 1) { others(first: $n) { id label } } }",
                     {}, 16, id="or as the document says"),
        pytest.param("query Q($n: Int) { node(id: 1) { others(first: $n) {"
                     " id others(first: $n) { id } } } }",
                     {"n": 10}, 122, id="pages in pages multiply"),
        pytest.param("query Q($ids: [Int!]!) { nodes(ids: $ids) { id label } }",
                     {"ids": [1] * 30}, 61, id="a list is as long as what asks for it"),
        pytest.param("query Q($n: Int) { node(id: 1) { ...f } }"
                     " fragment f on Node { others(first: $n) { id ...g } }"
                     " fragment g on Node { label }",
                     {"n": 50}, 102, id="fragments count where they stand"),
    ],
)  # fmt: skip
def test_a_field_costs_one_as_often_as_its_list_is_long(
    query: str, variables: dict[str, Any], wanted: int
) -> None:
    assert cost(query, **variables) == wanted


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("{ node(id: 1) {" + "next { " * 7 + "id" + " }" * 9, id="too deep"),
        pytest.param("{ node(id: 1) { others(first: 101) { id } } }", id="page too big"),
        pytest.param("{ node(id: 1) { others(first: -1) { id } } }", id="negative page"),
        pytest.param("query Q($n: Int = 200) { node(id: 1) { others(first: $n) { id } } }",
                     id="default too big"),
        pytest.param("{ node(id: 1) { others(first: 100) { others(first: 100) { id } } } }",
                     id="too dear"),
        pytest.param("{ node(id: 1) {" + " id" * 11 + " } }", id="one field too often"),
        pytest.param("{" + " a: __typename" * 16 + " }", id="too many aliases"),
        pytest.param("{ node(id: 1) { id" + " @include(if: true)" * 21 + " } }", id="directives"),
        pytest.param("query Q(" + " ".join(f"$a{n}: Int @a @b @c" for n in range(9)) + ") { a }",
                     id="directives of variables"),
    ],
)  # fmt: skip
def test_what_asks_too_much_is_refused(query: str) -> None:
    with pytest.raises(Refused) as refused:
        cost(query)
    assert refused.value.extensions == {"code": "LIMIT_EXCEEDED"}


@pytest.mark.parametrize(
    "query",
    [
        pytest.param("{ node(id: 1) {" + "next { " * 6 + "id" + " }" * 8, id="as deep as may be"),
        pytest.param("{ node(id: 1) { others(first: 100) { id } } }", id="the biggest page"),
        pytest.param("{ node(id: 1) {" + " id" * 10 + " } }", id="ten times one field"),
        pytest.param("{ node(id: 1) { ...f ...f } } fragment f on Node { id }", id="a fragment"),
        pytest.param("{" + " ".join(f"a{n}: __typename" for n in range(15)) + "}", id="aliases"),
    ],
)
def test_what_asks_enough_is_not(query: str) -> None:
    cost(query)


@pytest.mark.parametrize(
    "values",
    [
        pytest.param({"a": [1] * 101}, id="a long list"),
        pytest.param({"a": [[1] * 100] * 20}, id="many values"),
        pytest.param({"a": {"a": {"a": {"a": {"a": {"a": {"a": {"a": 1}}}}}}}}, id="deep"),
        pytest.param({str(number): 1 for number in range(1001)}, id="many variables"),
    ],
)
def test_variables_have_their_limits(values: dict[str, Any]) -> None:
    with pytest.raises(Refused):
        check_values(values, Limits())


def test_variables_within_the_limits_pass() -> None:
    check_values({"a": [1] * 100, "b": {"c": {"d": [{"e": 1}]}}}, Limits())


def test_a_variable_that_is_no_page_is_left_to_its_type() -> None:
    query = "query Q($n: Int) { node(id: 1) { others(first: $n) { id } } }"
    for value in ("many", [1], {"a": 1}, None, True):
        assert cost(query, n=value) < 100
    with pytest.raises(GraphQLError):
        cost(query, n=1e999)
