"""How core-app reaches client-info: over one connection, or over one a call."""

import asyncio
import json
from uuid import UUID

import pytest

from system.core_app.app import CoreAppSettings
from system.core_app.clients import ClientInfo
from tests.http_server import serving

CLIENT = UUID(int=1)
FOUND = json.dumps({"data": {"client": {"id": str(CLIENT), "name": "Ada"}}}).encode()


def connections(calls: int, *, keepalive: bool) -> int:
    """That so many calls need, one after another."""
    with serving() as server:
        server.answers["/graphql"] = (200, "" if keepalive else "Connection: close\r\n", FOUND)

        async def ask() -> None:
            clients = ClientInfo(server.url, keepalive=keepalive)
            for _ in range(calls):
                assert (await clients.client(CLIENT))["name"] == "Ada"
            await clients.close()

        asyncio.run(ask())
        assert ("connection: close" in server.heads[0].lower()) is not keepalive
        return server.connections


@pytest.mark.parametrize(
    ("keepalive", "made"),
    [
        pytest.param(True, 1, id="kept where a mesh chooses a replica for each request"),
        pytest.param(False, 5, id="one a call where a replica is chosen for each connection"),
    ],
)
def test_a_connection_is_kept_only_where_it_may_be(keepalive: bool, made: int) -> None:
    assert connections(5, keepalive=keepalive) == made


@pytest.mark.parametrize(
    ("told", "kept"),
    [pytest.param(None, True, id="not told"), pytest.param("0", False, id="0")],
)
def test_the_environment_says_whether_it_is_kept(
    monkeypatch: pytest.MonkeyPatch, told: str | None, kept: bool
) -> None:
    monkeypatch.setenv("CLIENT_INFO_URL", "http://client-info:8080")
    monkeypatch.setenv("OSAGO_AGGREGATOR_URL", "http://osago-aggregator:8080")
    monkeypatch.setenv("TOKEN_PUBLIC_KEY_FILE", "token-public.pem")
    monkeypatch.setenv("CALL_SECRET_FILE", "call-core-app")
    for name in ("CLIENT_INFO_KEEPALIVE", "OSAGO_AGGREGATOR_KEEPALIVE"):
        monkeypatch.delenv(name, raising=False)
        if told is not None:
            monkeypatch.setenv(name, told)
    settings = CoreAppSettings()
    assert settings.client_info_keepalive is settings.osago_aggregator_keepalive is kept
