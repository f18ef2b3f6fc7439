"""Offers come as they come, whatever one insurer does."""

import time
import uuid
from typing import Any

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
from tests.system.replicas import Replica

pytestmark = pytest.mark.system


def test_all_insurers_offer_and_any_replica_tells(world: World, replicas: list[Replica]) -> None:
    world.behave()
    number = submit(replicas[0])
    told = done(replicas[1], number)
    assert states(told) == dict.fromkeys(CODES, "offered")
    assert sorted(offer["insurer"] for offer in told["offers"]) == sorted(CODES)
    for offer in told["offers"]:
        assert offer["offerId"] == str(uuid.uuid5(uuid.UUID(number), offer["insurer"]))
        assert float(offer["premium"]["amount"]) > 0


def test_offers_arrive_one_by_one_while_an_insurer_is_frozen(
    world: World, replicas: list[Replica]
) -> None:
    slow: dict[str, dict[str, Any]] = {c: {"offer_ms": 100 + 300 * n} for n, c in enumerate(CODES)}
    world.behave(**{**slow, "beta": {"freeze": True}})
    began = time.monotonic()
    number = submit(replicas[0])
    came = []
    for event in events(replicas[1], number):
        came.append(event)
        if len(came) == 9:
            break
    assert [event.kind for event in came] == ["offer"] * 9
    assert [event.number for event in came] == list(range(1, 10))
    assert [event.data["insurer"] for event in came] == [c for c in CODES if c != "beta"]
    assert came[0].at_s - began < 1.0
    assert came[-1].at_s - came[0].at_s > 2.0
    assert states(status(replicas[1], number))["beta"] == "pending"
    world.behave()
    assert states(done(replicas[0], number))["beta"] == "offered"


@pytest.mark.parametrize(
    ("behaviour", "state"),
    [
        pytest.param({"error_ratio": 1}, "failed", id="always answers 500"),
        pytest.param({"wrong_ratio": 1}, "failed", id="answers nonsense"),
        pytest.param({"limit_ratio": 1}, "failed", id="always answers 429"),
        pytest.param({"freeze": True}, "timeout", id="frozen"),
        pytest.param({"create_ms": 60_000}, "timeout", id="slow to create"),
        pytest.param({"offer_ms": 60_000}, "timeout", id="slow to offer"),
        pytest.param({"slow_body_ms": 60_000}, "timeout", id="its body never ends"),
        pytest.param({"refuse_ratio": 1}, "refused", id="refuses"),
        pytest.param({"slow_body_ms": 200}, "offered", id="its body takes a moment"),
        pytest.param({"error_ratio": 0.3, "wrong_ratio": 0.1}, "offered", id="fails at times"),
    ],
)
def test_the_other_nine_are_undisturbed(
    world: World, replicas: list[Replica], behaviour: dict[str, Any], state: str
) -> None:
    replica = world.aggregator()  # with a breaker and a budget of its own
    world.behave(delta=behaviour)
    number = submit(replica, deadline_ms=4500)
    told = done(replica, number)
    replica.end()
    expected = {**dict.fromkeys(CODES, "offered"), "delta": state}
    assert states(told) == expected
    assert len(told["offers"]) == (10 if state == "offered" else 9)


def test_an_application_ends_at_its_deadline(world: World, replicas: list[Replica]) -> None:
    world.behave(alpha={"freeze": True}, kappa={"offer_ms": 60_000})
    began = time.monotonic()
    number = submit(replicas[0], deadline_ms=1500)
    came = list(events(replicas[1], number))
    took = time.monotonic() - began
    assert came[-1].kind == "done"
    assert 1.4 < took < 2.5
    ends = {event.data["insurer"]: event.data["state"] for event in came if event.kind == "insurer"}
    assert ends == {"alpha": "timeout", "kappa": "timeout"}


def test_the_deadline_is_at_most_a_minute(world: World, replicas: list[Replica]) -> None:
    world.behave()
    asked = application()
    answer = replicas[0].http.post(
        "/v1/applications", json=asked, headers={"X-Deadline-Ms": "999999999"}
    )
    at = time.strptime(answer.json()["deadlineAt"][:19], "%Y-%m-%dT%H:%M:%S")
    left = time.mktime(at) - time.mktime(time.gmtime())
    assert 55 < left <= 61


def test_the_same_again_is_the_same_and_another_is_a_conflict(
    world: World, replicas: list[Replica]
) -> None:
    world.behave()
    before = world.created("alpha")
    asked = application()
    answers = [
        replica.http.post("/v1/applications", json=asked) for replica in replicas for _ in range(3)
    ]
    assert {answer.status_code for answer in answers} == {202}
    assert len({answer.json()["deadlineAt"] for answer in answers}) == 1
    other = {**asked, "startsOn": "2027-01-01"}
    refused = replicas[1].http.post("/v1/applications", json=other)
    assert (refused.status_code, refused.json()["code"]) == (409, "CONFLICT")
    told = done(replicas[0], asked["id"])
    assert len(told["offers"]) == 10
    assert world.created("alpha") == before + 1


def test_a_stream_is_resumed_on_another_replica_without_loss_or_repeat(
    world: World, replicas: list[Replica]
) -> None:
    world.behave(**{code: {"offer_ms": 100 + 150 * n} for n, code in enumerate(CODES)})
    number = submit(replicas[0])
    first = []
    for event in events(replicas[0], number):
        first.append(event)
        if len(first) == 4:
            break
    second = list(events(replicas[1], number, after=first[-1].number))
    told = [event.number for event in first + second]
    assert told == list(range(1, 12))
    assert second[-1].kind == "done"
    assert {e.data["insurer"] for e in first + second if e.kind == "offer"} == set(CODES)


def test_a_stream_after_the_end_tells_all(world: World, replicas: list[Replica]) -> None:
    world.behave()
    number = submit(replicas[0])
    done(replicas[0], number)
    came = list(events(replicas[1], number))
    assert [event.kind for event in came] == ["offer"] * 10 + ["done"]
