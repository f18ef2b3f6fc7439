"""Replicas of core-app with everything that they call."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest

from system.shared.ids import seeded_client
from tests.system.conftest import SEED, Start
from tests.system.core_app.access import Customer, Secrets
from tests.system.core_app.fake_aggregator import FakeAggregator
from tests.system.replicas import Replica

StartCoreApp = Callable[..., Replica]


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Secrets:
    """Files with keys and credentials."""
    made = Secrets(tmp_path_factory.mktemp("secrets"))
    made.write()
    return made


@pytest.fixture(scope="module")
def aggregator() -> Iterator[FakeAggregator]:
    """An osago-aggregator with two insurers that answer at once."""
    with FakeAggregator() as serving:
        yield serving


@pytest.fixture(scope="module")
def start_client_info(start: Start, secrets: Secrets) -> StartCoreApp:
    """Starts a replica of client-info that core-app may call."""
    return lambda **more: start("client_info", **{**secrets.of_called, **more})


@pytest.fixture(scope="module")
def client_info(start_client_info: StartCoreApp) -> Replica:
    """A replica of client-info without costs."""
    return start_client_info()


@pytest.fixture(scope="module")
def events(secrets: Secrets) -> dict[str, str]:
    """Where the broker is: nowhere, but for modules that say otherwise. People are served all the
    same."""
    return {
        "BROKER_HOST": "127.0.0.1",
        "BROKER_PORT": "1",
        "BROKER_USER": "nobody",
        "BROKER_PASSWORD_FILE": str(secrets.folder / "call-core-app"),
    }


@pytest.fixture(scope="module")
def start_core_app(
    start: Start,
    client_info: Replica,
    aggregator: FakeAggregator,
    secrets: Secrets,
    events: dict[str, str],
) -> StartCoreApp:
    """Starts a replica of core-app without costs, unless the test says otherwise."""
    usual = {
        **events,
        **secrets.of_core_app,
        "CLIENT_INFO_URL": client_info.url,
        "OSAGO_AGGREGATOR_URL": aggregator.url,
    }

    def begin(**more: Any) -> Replica:
        return start("core_app", **{**usual, **more})

    return begin


@pytest.fixture(scope="module")
def core_app(start_core_app: StartCoreApp) -> Replica:
    """A replica that asks ``client_info`` and ``aggregator``."""
    return start_core_app()


@pytest.fixture(scope="module")
def other_core_app(start_core_app: StartCoreApp) -> Replica:
    """Another replica, in the other zone."""
    return start_core_app(SERVICE_ZONE="b")


@pytest.fixture(scope="module")
def anna_id() -> str:
    """A seeded client's."""
    return str(seeded_client(SEED, 1))


@pytest.fixture(scope="module")
def anna(core_app: Replica, anna_id: str) -> Customer:
    """A seeded client."""
    return Customer(core_app, anna_id)


@pytest.fixture(scope="module")
def boris(core_app: Replica) -> Customer:
    """Another one."""
    return Customer(core_app, str(seeded_client(SEED, 2)))
