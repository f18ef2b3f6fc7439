"""What is served is what stands in system/contracts."""

import json
from pathlib import Path

import pytest
from graphql import (
    GraphQLSchema,
    build_client_schema,
    build_schema,
    get_introspection_query,
    lexicographic_sort_schema,
    print_schema,
)

from tests.system.conftest import Start
from tests.system.replicas import ROOT, Replica

pytestmark = pytest.mark.system

CONTRACTS = ROOT / "system" / "contracts"


@pytest.mark.parametrize("service", ["core_app", "client_info"])
def test_the_graphql_contract_is_what_is_served(start: Start, service: str) -> None:
    # production tells nobody its schema
    replica = start(service, CLIENT_INFO_URL="http://127.0.0.1:1", ENVIRONMENT="development")
    told = replica.graphql(get_introspection_query())
    served = build_client_schema(told["data"])
    kept = build_schema(_read(CONTRACTS / f"{service.replace('_', '-')}.graphql"))
    assert _sorted(served) == _sorted(kept)


def test_the_partners_contract_is_what_is_served(core_app: Replica) -> None:
    served = core_app.http.get("/partner/v1/openapi.json").json()
    assert served == json.loads(_read(CONTRACTS / "partner.openapi.json"))


def _sorted(schema: GraphQLSchema) -> str:
    return print_schema(lexicographic_sort_schema(schema))


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
