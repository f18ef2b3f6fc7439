"""Offers: collected, kept once, and told to everybody who waits, on whatever replica."""

import time
import uuid
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.system.core_app.access import Customer
from tests.system.core_app.conftest import StartCoreApp
from tests.system.core_app.fake_aggregator import FakeAggregator, offer_id
from tests.system.core_app.streams import (
    insurers,
    over_sse,
    over_websocket,
    socket,
    subscribe,
)
from tests.system.replicas import Replica, until

pytestmark = pytest.mark.system

SLOW = {"alpha": 0.0, "beta": 0.6, "gamma": 1.2}
WRONG = ["no JSON", "{}", "[]", '{"offerId": "x"}', "5"]
STATUS = "query S($id: ID!) { application(id: $id) { status offers { id insurer } } }"


def new_key() -> str:
    """An idempotency key that was never used."""
    return str(uuid.uuid4())


@pytest.fixture
def slow(aggregator: FakeAggregator) -> FakeAggregator:
    """Three insurers, one after the other; a test may change what it does."""
    aggregator.reset(insurers=SLOW)
    return aggregator


def offers(customer: Customer, application: str) -> list[dict[str, str]]:
    """Of an application, so far."""
    kept: list[dict[str, str]] = customer.graphql(STATUS, id=application)["data"]["application"][
        "offers"
    ]
    return kept


def status(customer: Customer, application: str) -> str:
    """Of an application."""
    told: str = customer.graphql(STATUS, id=application)["data"]["application"]["status"]
    return told


def test_offers_come_live_over_any_replica_and_transport_each_once(
    anna: Customer, other_core_app: Replica, slow: FakeAggregator
) -> None:
    other = anna.at(other_core_app)
    application = anna.apply(new_key())
    with ThreadPoolExecutor(4) as pool:
        sockets = [pool.submit(over_websocket, one, application) for one in (anna, other)]
        streams = [pool.submit(over_sse, one, application) for one in (anna, other)]
        for told in (one.result() for one in sockets):
            assert insurers(told) == list(SLOW)
            assert told[-1] == {"done": True, "status": "OFFERED", "offer": None}
            assert told[0]["offer"]["premium"] == {"amount": "5000.50", "currency": "RUB"}
        for events in (one.result() for one in streams):
            assert [data.get("insurer") for _, data, _ in events] == [*SLOW, None]
            assert events[-1][:2] == ("done", {"status": "OFFERED"})
    assert slow.submitted == [application]
    assert 58_000 < slow.deadlines_ms[0] <= 60_000


def test_the_first_offer_does_not_wait_for_the_last(anna: Customer, slow: FakeAggregator) -> None:
    with socket(anna) as opened:
        updates = subscribe(opened, anna.apply(new_key()))
        began = time.monotonic()
        assert next(updates)["offer"]["insurer"] == "alpha"
        assert time.monotonic() - began < SLOW["beta"]
        assert insurers(list(updates)) == ["beta", "gamma"]


def test_who_comes_late_gets_first_what_is_there(anna: Customer, slow: FakeAggregator) -> None:
    application = anna.apply(new_key())
    until(lambda: len(offers(anna, application)) >= 2, "two offers are kept")
    assert insurers(over_websocket(anna, application)) == list(SLOW)
    until(lambda: status(anna, application) == "OFFERED", "collecting is over")
    again = over_websocket(anna, application)
    assert (insurers(again), again[-1]["done"]) == (list(SLOW), True)


def test_a_stream_goes_on_behind_the_last_event(anna: Customer, slow: FakeAggregator) -> None:
    application = anna.apply(new_key())
    events = over_sse(anna, application)
    for number, (_, _, last) in enumerate(events[:-1]):
        rest = over_sse(anna, application, last)
        assert [data.get("insurer") for _, data, _ in rest] == [*list(SLOW)[number + 1 :], None]
    assert len(over_sse(anna, application, "nobody,,x")) == 4


def test_a_stream_that_breaks_is_taken_up_and_nothing_is_kept_twice(
    anna: Customer, slow: FakeAggregator, database: psycopg.Connection
) -> None:
    slow.cut_after = 2
    application = anna.apply(new_key())
    with socket(anna) as opened:
        updates = subscribe(opened, application)
        first = [next(updates)["offer"]["insurer"] for _ in range(2)]
        slow.cut_after = 0
        assert first + insurers(list(updates)) == list(SLOW)
    kept = database.execute(
        "SELECT id::text FROM offers WHERE application_id = %s", (application,)
    ).fetchall()
    assert {one for (one,) in kept} == {offer_id(application, name) for name in SLOW}
    assert slow.submitted == [application]


def test_an_aggregator_that_is_away_is_asked_again(anna: Customer, slow: FakeAggregator) -> None:
    slow.down = True
    application = anna.apply(new_key())
    assert status(anna, application) == "ACCEPTED"
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(over_websocket, anna, application)
        time.sleep(1)
        slow.down = False
        assert insurers(told.result()) == list(SLOW)


def test_offers_that_make_no_sense_hold_up_no_other(anna: Customer, slow: FakeAggregator) -> None:
    slow.wrong = WRONG
    sample = "osago_offers_refused_total"
    before = anna.replica.metric(sample)
    assert insurers(over_websocket(anna, anna.apply(new_key()))) == list(SLOW)
    assert anna.replica.metric(sample) == before + len(WRONG)


def test_without_any_offer_the_person_is_told_so(anna: Customer, slow: FakeAggregator) -> None:
    slow.reset(insurers={})
    application = anna.apply(new_key())
    over = {"done": True, "status": "NO_OFFERS", "offer": None}
    assert over_websocket(anna, application) == [over]
    assert over_sse(anna, application)[0][:2] == ("done", {"status": "NO_OFFERS"})


def test_what_the_aggregator_rejects_is_not_asked_again_and_harms_no_other(
    anna: Customer, slow: FakeAggregator
) -> None:
    slow.reset(insurers=SLOW, rejects=True)
    made = [anna.apply(new_key()) for _ in range(20)]
    told = [over_websocket(anna, one)[-1]["status"] for one in made]
    assert (told, slow.submitted) == (["NO_OFFERS"] * 20, made)
    slow.reset(insurers=SLOW)
    assert insurers(over_websocket(anna, anna.apply(new_key()))) == list(SLOW)


def test_at_the_deadline_it_is_over_whatever_the_aggregator_does(
    anna: Customer, slow: FakeAggregator, database: psycopg.Connection
) -> None:
    slow.reset(insurers={"alpha": 0.0}, done=False)
    application = anna.apply(new_key())
    until(lambda: len(offers(anna, application)) == 1, "an offer is kept")
    # in place of waiting; the collector goes on by the time that it knows
    database.execute(
        "UPDATE applications SET created_at = created_at - interval '57 s' WHERE id = %s",
        (application,),
    )
    began = time.monotonic()
    told = over_websocket(anna, application)
    assert insurers(told) == ["alpha"]
    assert told[-1] == {"done": True, "status": "OFFERED", "offer": None}
    assert time.monotonic() - began < 10


def test_who_waits_holds_neither_a_connection_nor_a_worker(
    anna: Customer, slow: FakeAggregator
) -> None:
    slow.reset(insurers={"alpha": 0.0, "beta": 8.0})
    sample = 'db_client_connection_count{state="used"}'
    applications = [anna.apply(new_key()) for _ in range(12)]
    with ThreadPoolExecutor(12) as pool:
        ways = [over_websocket, over_sse] * 6
        waiting = [pool.submit(way, anna, one) for way, one in zip(ways, applications, strict=True)]
        until(lambda: anna.replica.metric("osago_offer_watchers") == 12, "all wait")
        until(lambda: anna.replica.metric(sample) == 0, "no connection is held")
        assert anna.replica.metric("service_workers_busy") == 0
        assert all(one.result() for one in waiting)


def test_a_lost_listening_connection_is_opened_again_and_nothing_is_missed(
    anna: Customer, slow: FakeAggregator, database: psycopg.Connection
) -> None:
    sample = "osago_offer_listens_total"
    before = anna.replica.metric(sample)
    with socket(anna) as opened:
        updates = subscribe(opened, anna.apply(new_key()))
        told = [next(updates)["offer"]["insurer"]]
        ended = database.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid <> pg_backend_pid()"
            " AND query IN ('LISTEN offers', 'SELECT 1') AND application_name = 'core-app feed'"
        ).rowcount
        assert ended >= 1
        assert told + insurers(list(updates)) == list(SLOW)
    until(lambda: anna.replica.metric(sample) > before, "it listens again")


def test_a_replica_that_leaves_hands_its_applications_over_at_once(
    anna: Customer, start_core_app: StartCoreApp, slow: FakeAggregator
) -> None:
    slow.reset(insurers={"alpha": 0.0, "beta": 12.0})
    leaves = anna.at(start_core_app(DRAIN_DELAY_S=0, DRAIN_TIMEOUT_S=1))
    application = leaves.apply(new_key())
    with ThreadPoolExecutor(1) as pool:
        told = pool.submit(over_websocket, anna, application)
        until(lambda: len(offers(anna, application)) == 1, "an offer is kept")
        leaves.replica.process.terminate()
        assert leaves.replica.process.wait(timeout=20) == 0
        assert insurers(told.result()) == ["alpha", "beta"]
    assert slow.submitted == [application]
