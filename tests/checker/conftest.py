"""The servers of the controls; the campaign starts its own."""

from collections.abc import Iterator

import pytest

from tests.checker.servers import postgresql
from tests.system.brokers import RabbitMq, rabbitmq
from tests.system.replicas import Place


@pytest.fixture(scope="session")
def server() -> Iterator[Place]:
    """A PostgreSQL with nothing in it."""
    with postgresql() as place:
        yield place


@pytest.fixture(scope="session")
def broker() -> Iterator[RabbitMq]:
    """A RabbitMQ with nothing in it."""
    with rabbitmq() as started:
        yield started
