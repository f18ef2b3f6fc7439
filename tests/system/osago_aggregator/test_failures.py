"""A replica dies, Redis fails over: what was accepted goes on."""

import signal
import time
import uuid
from collections.abc import Iterator

import pytest

from tests.system.osago_aggregator.aggregators import (
    CODES,
    World,
    application,
    done,
    events,
    states,
    status,
    submit,
)
from tests.system.replicas import Replica, until

pytestmark = pytest.mark.system

NUMBER = 8


@pytest.fixture
def pair(world: World) -> Iterator[list[Replica]]:
    """Two replicas of this test's own."""
    made = [world.aggregator(), world.aggregator()]
    yield made
    for replica in made:
        replica.end()
        world.replicas.remove(replica)


def test_another_replica_finishes_what_a_killed_one_began(
    world: World, pair: list[Replica]
) -> None:
    world.behave(**{code: {"offer_ms": 200 + 1500 * n} for n, code in enumerate(CODES)})
    before = {code: world.created(code) for code in CODES}
    numbers = [submit(pair[0]) for _ in range(NUMBER)]
    until(lambda: len(status(pair[1], numbers[-1])["offers"]) >= 2, "some offers are there")
    early = status(pair[1], numbers[0])["offers"]
    pair[0].process.send_signal(signal.SIGKILL)
    for number in numbers:
        told = done(pair[1], number)
        assert states(told) == dict.fromkeys(CODES, "offered")
        assert len({offer["offerId"] for offer in told["offers"]}) == len(told["offers"]) == 10
    assert status(pair[1], numbers[0])["offers"][: len(early)] == early
    assert pair[1].metric("osago_takeovers_total") == NUMBER
    assert {code: world.created(code) - before[code] for code in CODES} == dict.fromkeys(
        CODES, NUMBER
    )


def test_a_frozen_replica_that_comes_back_leaves_them_to_the_other(
    world: World, pair: list[Replica]
) -> None:
    world.behave(kappa={"offer_ms": 25_000})
    number = submit(pair[0])
    pair[0].process.send_signal(signal.SIGSTOP)
    until(lambda: pair[1].metric("osago_applications_running") == 1, "the other took it over")
    pair[0].process.send_signal(signal.SIGCONT)
    until(lambda: pair[0].metric("osago_applications_running") == 0, "the first let go of it")
    assert pair[1].metric("osago_applications_running") == 1
    world.behave(kappa={"offer_ms": 25_000})
    assert len(done(pair[1], number)["offers"]) == 10


def test_a_replica_that_drains_hands_over_at_once(world: World, pair: list[Replica]) -> None:
    world.behave(kappa={"offer_ms": 6000})
    number = submit(pair[0])
    stream = events(pair[0], number)
    first = [next(stream) for _ in range(3)]
    pair[0].process.send_signal(signal.SIGTERM)
    rest = list(stream)
    assert [event.kind for event in rest if event.kind == "done"] == []
    assert pair[0].process.wait(timeout=15) == 0
    resumed = list(events(pair[1], number, after=(first + rest)[-1].number))
    assert [e.number for e in first + rest + resumed] == list(range(1, 12))
    assert pair[1].metric("osago_takeovers_total") == 1


def test_an_expired_application_that_nobody_had_is_closed(
    world: World, pair: list[Replica]
) -> None:
    world.behave(kappa={"freeze": True})
    number = submit(pair[0], deadline_ms=2000)
    until(lambda: len(status(pair[1], number)["offers"]) == 9, "the others offered")
    pair[0].process.send_signal(signal.SIGKILL)
    told = done(pair[1], number)
    assert states(told)["kappa"] == "timeout"
    assert len(told["offers"]) == 9


def test_a_killed_primary_of_redis_loses_nothing(world: World, pair: list[Replica]) -> None:
    world.behave(**{code: {"offer_ms": 300 + 1200 * n} for n, code in enumerate(CODES)})
    number = submit(pair[0])
    stream = events(pair[1], number)
    came = [next(stream) for _ in range(2)]
    dead = world.redis.kill_primary()
    answers = set()
    while world.redis.primary() == dead:
        told = pair[0].http.post("/v1/applications", json=application())
        answers.add(told.status_code)
        assert told.status_code == 202 or told.headers["Retry-After"]
    world.redis.await_failover(dead)
    came += list(stream)
    world.redis.begin(f"redis-{dead}")
    assert answers <= {202, 503}
    assert [event.number for event in came] == list(range(1, 12))
    assert {event.data["insurer"] for event in came[:-1]} == set(CODES)
    later = submit(pair[1])
    assert len(done(pair[0], later)["offers"]) == 10
    for replica in pair:
        assert "unexpected error" not in replica.stdout.read_text()
        assert "Traceback" not in replica.stderr.read_text()


def test_what_a_failover_lost_is_stored_again_by_its_owner(
    world: World, pair: list[Replica]
) -> None:
    world.behave(kappa={"offer_ms": 9000})
    number = submit(pair[0])
    until(lambda: len(status(pair[1], number)["offers"]) == 9, "nine offered")
    before = status(pair[1], number)
    with world.redis.client() as redis:
        redis.delete(f"osago:app:{number}", f"osago:app:{number}:events")
        redis.zrem("osago:running", number)
    path = f"/v1/applications/{number}"
    until(lambda: pair[1].http.get(path).status_code == 200, "it is there again")
    until(lambda: status(pair[1], number)["offers"] == before["offers"], "with all its offers")
    assert len(done(pair[1], number)["offers"]) == 10


def test_without_redis_it_answers_503_and_lives(world: World, pair: list[Replica]) -> None:
    world.behave()
    names = [f"redis-{n}" for n in range(2)] + [f"sentinel-{n}" for n in range(3)]
    for name in names:
        world.redis.signal(name, signal.SIGSTOP)
    try:
        began = time.monotonic()
        told = pair[0].http.post("/v1/applications", json=application())
        assert (told.status_code, told.headers["Retry-After"]) == (503, "2")
        assert told.json()["code"] == "UNAVAILABLE"
        assert time.monotonic() - began < 10
        assert pair[0].http.get(f"/v1/applications/{uuid.uuid4()}").status_code == 503
        assert pair[0].says() == 200
    finally:
        for name in names:
            world.redis.signal(name, signal.SIGCONT)

    def taken() -> bool:
        return pair[0].http.post("/v1/applications", json=application()).status_code == 202

    until(taken, "it takes applications again")
    assert len(done(pair[1], submit(pair[0]))["offers"]) == 10
