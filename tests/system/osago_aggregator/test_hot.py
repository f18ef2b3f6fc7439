"""Products and tariffs: asked once, told to all, stale while the insurer is down."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from tests.system.osago_aggregator.aggregators import CODES, World
from tests.system.replicas import Replica, until

pytestmark = pytest.mark.system


def origin_calls(replicas: list[Replica]) -> float:
    """Of all replicas."""
    return sum(replica.metric("hot_cache_origin_calls_total") for replica in replicas)


def tariff(replica: Replica, path: str = "alpha/osago-base") -> dict[str, Any]:
    """One that is there."""
    answer = replica.http.get(f"/v1/tariffs/{path}")
    assert answer.status_code == 200, answer.text
    told: dict[str, Any] = answer.json()
    return told


def test_fifty_callers_of_two_replicas_make_one_call(world: World, replicas: list[Replica]) -> None:
    world.behave()
    before = origin_calls(replicas)
    with ThreadPoolExecutor(50) as pool:
        told = list(pool.map(lambda n: tariff(replicas[n % 2]), range(50)))
    assert len({one["baseRate"] for one in told}) == 1
    assert not any(one["stale"] for one in told)
    assert origin_calls(replicas) == before + 1


def test_a_change_reaches_the_memory_of_every_replica(
    world: World, replicas: list[Replica]
) -> None:
    world.behave()
    path = "beta/osago-plus"
    assert {tariff(replica, path)["version"] for replica in replicas} == {1}
    world.behave(beta={"tariff_version": 2})
    assert {tariff(replica, path)["version"] for replica in replicas} == {1}
    assert replicas[0].http.delete(f"/v1/tariffs/{path}").status_code == 204
    until(lambda: tariff(replicas[1], path)["version"] == 2, "the other replica forgot it")
    assert tariff(replicas[0], path)["version"] == 2


def test_all_products_are_one_call_an_insurer(world: World, replicas: list[Replica]) -> None:
    world.behave()
    before = origin_calls(replicas)
    told = [replica.http.get("/v1/products").json() for replica in replicas * 3]
    assert all([one["insurer"] for one in lists["insurers"]] == CODES for lists in told)
    assert all(len(one["products"]) == 3 for lists in told for one in lists["insurers"])
    assert origin_calls(replicas) == before + len(CODES)


def test_while_an_insurer_is_down_the_last_is_served_and_says_so(world: World) -> None:
    world.behave()
    replica = world.aggregator(HOT_LIFETIME_S=1, HOT_STALE_S=5)
    try:
        path = "gamma/osago-taxi"
        fresh = tariff(replica, path)
        world.behave(gamma={"error_ratio": 1})
        until(lambda: tariff(replica, path)["stale"], "it is past its lifetime")
        stale = tariff(replica, path)
        assert stale["baseRate"] == fresh["baseRate"]
        assert stale["asOf"] == fresh["asOf"]
        gone = "/v1/tariffs/gamma/osago-taxi"
        until(lambda: replica.http.get(gone).status_code == 503, "it is too old to be told")
        products = replica.http.get("/v1/products").json()
        assert products["missing"] == ["gamma"]
        world.behave()
        until(lambda: replica.http.get(gone).status_code == 200, "the insurer is asked again")
        assert tariff(replica, path)["stale"] is False
    finally:
        replica.end()
        world.replicas.remove(replica)


@pytest.mark.parametrize(
    "path",
    [
        pytest.param("/v1/tariffs/nobody/osago-base", id="an insurer that is not there"),
        pytest.param("/v1/tariffs/alpha/nothing", id="a product that is not there"),
        pytest.param("/v1/products?insurer=nobody", id="products of nobody"),
    ],
)
def test_what_is_not_there_is_404(world: World, replicas: list[Replica], path: str) -> None:
    world.behave()
    assert [replica.http.get(path).status_code for replica in replicas * 2] == [404] * 4
