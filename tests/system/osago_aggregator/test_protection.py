"""The insurers are protected from the aggregator, and the aggregator from them."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.system.osago_aggregator.aggregators import (
    World,
    application,
    done,
    states,
    status,
    submit,
)
from tests.system.replicas import Replica, until

pytestmark = pytest.mark.system


def calls(world: World) -> float:
    """Calls the insurers got, of all kinds and outcomes: the metric does not name the insurer, so
    the replicas of these tests know only one."""
    text = world.stub.http.get("/metrics").text
    lines = [line for line in text.splitlines() if line.startswith(COUNT) and "/insurers/" in line]
    return sum(float(line.rsplit(" ", 1)[1]) for line in lines if "admin" not in line)


COUNT = "http_server_request_duration_seconds_count"
ONE = {"INSURERS": 1}


def test_the_limit_of_an_insurer_holds_over_replicas(world: World) -> None:
    world.behave()
    told = {**ONE, "INSURER_RATES": '{"alpha": 10}'}
    pair = [world.aggregator(**told), world.aggregator(**told)]
    before, began = calls(world), time.monotonic()
    numbers = [submit(pair[n % 2]) for n in range(40)]
    for number in numbers:
        done(pair[0], number)
    took = time.monotonic() - began
    made = calls(world) - before
    for replica in pair:
        replica.end()
        world.replicas.remove(replica)
    assert made >= 80
    assert made <= 10 + 10 * took + 2  # its burst, and what comes in that time


def test_a_breaker_opens_spares_the_insurer_and_closes(world: World) -> None:
    world.behave(alpha={"error_ratio": 1})
    replica = world.aggregator(**ONE, INSURER_OPEN_S=1)
    state = 'insurer_breaker_state{insurer="alpha"}'
    try:
        with ThreadPoolExecutor(8) as pool:
            list(pool.map(lambda _: submit(replica), range(30)))
        until(lambda: replica.metric(state) == 2, "the breaker opened")
        before = calls(world)
        with ThreadPoolExecutor(8) as pool:
            numbers = list(pool.map(lambda _: submit(replica), range(30)))
        assert {states(done(replica, number))["alpha"] for number in numbers} == {"failed"}
        assert calls(world) - before < 20  # one probe now and then
        world.behave()

        def offered() -> bool:
            return states(done(replica, submit(replica)))["alpha"] == "offered"

        until(offered, "it is asked again")
        assert replica.metric(state) == 0
    finally:
        replica.end()
        world.replicas.remove(replica)


def test_repeats_are_a_share_of_calls(world: World) -> None:
    world.behave(alpha={"limit_ratio": 1})  # a refusal that no breaker counts
    replica = world.aggregator(**ONE)
    try:
        before = calls(world)
        with ThreadPoolExecutor(8) as pool:
            numbers = list(pool.map(lambda _: submit(replica), range(100)))
        for number in numbers:
            assert states(done(replica, number))["alpha"] == "failed"
        assert calls(world) - before <= 100 + 10 + 100 * 0.2
        assert 10 <= replica.metric("insurer_retries_total") <= 30
    finally:
        replica.end()
        world.replicas.remove(replica)


def test_a_frozen_insurer_holds_a_bounded_number_of_calls(world: World) -> None:
    world.behave(alpha={"freeze": True})
    replica = world.aggregator(INSURER_IN_FLIGHT=3, INSURER_WAITING=5, INSURER_TIMEOUT_S=60)
    try:
        numbers = []
        for _ in range(12):  # one after another, so that the bounds of the other nine are not met
            numbers.append(submit(replica))
            until(lambda: len(status(replica, numbers[-1])["offers"]) == 9, "nine offered")
        assert replica.metric('insurer_in_flight{insurer="alpha"}') == 3
        assert replica.metric('insurer_waiting{insurer="alpha"}') == 5

        def told() -> list[str]:
            return [states(status(replica, number))["alpha"] for number in numbers]

        until(lambda: told() == ["pending"] * 8 + ["failed"] * 4, "the rest was turned away")
    finally:
        replica.end()
        world.replicas.remove(replica)


def test_more_than_a_replica_can_work_at_is_refused(world: World) -> None:
    world.behave(kappa={"freeze": True})
    replica: Replica = world.aggregator(APPLICATIONS_MAX=2)
    try:
        for _ in range(2):
            submit(replica, deadline_ms=3000)
        told = replica.http.post("/v1/applications", json=application())
        assert (told.status_code, told.headers["Retry-After"]) == (503, "2")
    finally:
        replica.end()
        world.replicas.remove(replica)
