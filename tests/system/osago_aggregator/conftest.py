"""One Redis with its Sentinels, the insurers and two replicas for a module."""

from collections.abc import Iterator

import pytest

from tests.system.osago_aggregator.aggregators import World
from tests.system.replicas import Replica


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """With no replica of osago-aggregator yet."""
    made = World(tmp_path_factory.mktemp("osago"))
    try:
        yield made
    finally:
        made.end()


@pytest.fixture(scope="module")
def replicas(world: World) -> list[Replica]:
    """Two that share what they know."""
    return [world.aggregator(), world.aggregator()]
