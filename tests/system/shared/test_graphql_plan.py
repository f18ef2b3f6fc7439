"""A planned query gives what graphql-core gives, whatever the query is."""

import asyncio
import gc
from collections.abc import Iterator
from contextlib import suppress
from typing import Any

import pytest
from graphql import execute, parse, print_schema
from hypothesis import HealthCheck, given, settings
from hypothesis_graphql import queries

from system.shared.graphql import schema
from system.shared.graphql_plan import plan
from tests.system.shared.graphql_example import Query

CORE = schema(Query, None, "production").core
CONTEXT = {"person": "anna"}

# graphql-core leaves coroutines behind where a field beside them fails; a plan must not
pytestmark = pytest.mark.filterwarnings(
    "ignore:coroutine '(?!_waiting|_or_null|_list|_never_null).* was never awaited:RuntimeWarning",
)


@pytest.fixture(autouse=True)
def left_behind() -> Iterator[None]:
    """Collected here, where it is no news, and not in the middle of a later test."""
    yield
    gc.collect()


async def reference(query: str, variables: dict[str, Any]) -> tuple[Any, bool]:
    result: Any = execute(CORE, parse(query), context_value=CONTEXT, variable_values=variables)
    if not hasattr(result, "data"):
        result = await result
    return result.data, not result.errors


async def planned(query: str, variables: dict[str, Any]) -> Any:
    """None when there is no plan, or when it gives up."""
    document = parse(query)
    operation: Any = document.definitions[0]
    made = plan(CORE, document, operation)
    if made is None:
        return None
    with suppress(Exception):  # whatever it was, the service asks graphql-core instead
        return await made.run(variables, CONTEXT)
    return None


@settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
@given(queries(print_schema(CORE)))
def test_a_plan_gives_the_same_or_gives_up(query: str) -> None:
    wanted, well = asyncio.run(reference(query, {}))
    found = asyncio.run(planned(query, {}))
    assert found == (wanted if well and found is not None else None)


def test_what_a_plan_can_it_does() -> None:
    cases: list[tuple[str, dict[str, Any]]] = [
        ("{ node(id: 1) { id label weight born tags __typename } }", {}),
        ("query Q($i: Int!) { node(id: $i) { id next { next(steps: 2) { id } } } }", {"i": 3}),
        ("query Q($i: Int) { maybe(id: $i) { id } }", {}),
        ("query Q($i: Int) { maybe(id: $i) { id } }", {"i": None}),
        ("query Q($i: Int) { maybe(id: $i) { id } }", {"i": 2}),
        ("query Q($n: Int) { node(id: 0) { others(first: $n) { id others { id } } } }", {"n": 3}),
        ("query Q($n: Int) { node(id: 0) { others(first: $n) { id } } }", {}),
        ("query Q($t: String) { node(id: 0) { twin(askedFor: $t) { id } } }", {"t": "none"}),
        ("query Q($b: Boolean!) { node(id: 0) { next(back: $b) { id } } }", {"b": True}),
        ("{ nodes(ids: [1, -1, 2]) { id label others { id label } twin { id } } }", {}),
        ("query Q($i: [Int!]!) { nodes(ids: $i) { id } }", {"i": [1, -1]}),
        ("query Q($i: [Int!]!) { nodes(ids: $i) { id } }", {"i": 1}),
        ("{ a: node(id: 1) { b: id } ...f } fragment f on Query { a: node(id: 1) { ...g } }"
         " fragment g on Node { c: label ... on Node { tags } }", {}),
        ("{ person }", {}),
    ]  # fmt: skip
    for query, variables in cases:
        wanted, well = asyncio.run(reference(query, variables))
        assert well, query
        found = asyncio.run(planned(query, variables))
        assert found == wanted, query
        assert list(found) == list(wanted), query


def test_what_a_plan_cannot_it_leaves_alone() -> None:
    cases: list[tuple[str, dict[str, Any]]] = [
        ("query Q($i: Int = 2) { maybe(id: $i) { id twin { id } } }", {}),
        ("{ node(id: 1) { id @skip(if: true) } }", {}),
        ("{ node(id: 1000) { id } }", {}),
        ("{ node(id: 1) { labelOrError next { labelOrError } } }", {}),
        ("query Q($i: Int!) { node(id: $i) { id } }", {}),
        ("query Q($i: Int!) { node(id: $i) { id } }", {"i": "one"}),
        ("query Q($b: Boolean = true) { node(id: 0) { next(back: $b) { id } } }", {"b": None}),
        ("query Q($i: Int!) { nodes(ids: [1, $i]) { id } }", {"i": 2}),
        ("{ __schema { types { name } } }", {}),
    ]
    for query, variables in cases:
        assert asyncio.run(planned(query, variables)) is None, query


def test_a_plan_that_gives_up_leaves_nothing_unawaited() -> None:
    found = asyncio.run(planned("{ full(ids: [1, -1]) { id next { id } } }", {}))
    assert found is None
