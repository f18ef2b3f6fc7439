"""What is served is what stands in system/contracts."""

import asyncio
import json
from collections.abc import Callable
from pathlib import Path

import httpx
import pytest
from fastapi import FastAPI
from graphql import (
    GraphQLSchema,
    build_client_schema,
    build_schema,
    get_introspection_query,
    lexicographic_sort_schema,
    print_schema,
)

from tests.system.core_app.access import SECRET, Secrets, bearer
from tests.system.replicas import ROOT

CONTRACTS = ROOT / "system" / "contracts"
CALLER = f"Service core-app:{SECRET}"
Make = Callable[[str], FastAPI]


@pytest.fixture
def make(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Make:
    """Makes a service in this process; what is asked here needs none of its servers."""
    secrets = Secrets(tmp_path)
    secrets.write()
    password = tmp_path / "password"
    password.touch(mode=0o600)
    environment = {
        **secrets.of_core_app,
        **secrets.of_called,
        "CLIENT_INFO_URL": "http://127.0.0.1:1",
        "OSAGO_AGGREGATOR_URL": "http://127.0.0.1:1",
        "DATABASE_HOST": "127.0.0.1",
        "DATABASE_NAME": "any",
        "DATABASE_USER": "any",
        "DATABASE_PASSWORD_FILE": str(password),
        "BROKER_HOST": "127.0.0.1",
        "BROKER_USER": "any",
        "BROKER_PASSWORD_FILE": str(password),
        "ENVIRONMENT": "development",  # production tells nobody its schema
    }
    for name, value in environment.items():
        monkeypatch.setenv(name, value)

    def begin(service: str) -> FastAPI:
        from system.client_info import app as client_info
        from system.core_app import app as core_app

        monkeypatch.setenv("SERVICE_NAME", service)
        return {"core-app": core_app, "client-info": client_info}[service].make()[0]

    return begin


def ask(app: FastAPI, method: str, path: str, **more: object) -> httpx.Response:
    """One request, without a network."""

    async def send() -> httpx.Response:
        transport = httpx.ASGITransport(app=app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.request(method, path, **more)  # type: ignore[arg-type] # httpx's own words

    return asyncio.run(send())


@pytest.mark.parametrize(
    ("service", "authorization"),
    [
        pytest.param("core-app", lambda: bearer("olga", "operator"), id="core-app"),
        pytest.param("client-info", lambda: CALLER, id="client-info"),
    ],
)
def test_the_graphql_contract_is_what_is_served(
    make: Make, service: str, authorization: Callable[[], str]
) -> None:
    asked = {"query": get_introspection_query()}
    headers = {"Authorization": authorization()}
    answer = ask(make(service), "POST", "/graphql", json=asked, headers=headers).json()
    served = build_client_schema(answer["data"])
    kept = build_schema(_read(CONTRACTS / f"{service}.graphql"))
    assert _sorted(served) == _sorted(kept)


def test_the_partners_contract_is_what_is_served(make: Make) -> None:
    served = ask(make("core-app"), "GET", "/partner/v1/openapi.json").json()
    assert served == json.loads(_read(CONTRACTS / "partner.openapi.json"))


def _sorted(schema: GraphQLSchema) -> str:
    return print_schema(lexicographic_sort_schema(schema))


def _read(path: Path) -> str:
    return path.read_text(encoding="utf-8")
