"""What a lost replica had begun is finished by another."""

import uuid
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest

from tests.system.core_app.access import Customer
from tests.system.core_app.conftest import StartCoreApp
from tests.system.core_app.fake_aggregator import FakeAggregator, offer_id
from tests.system.core_app.streams import insurers, over_websocket, socket, subscribe
from tests.system.replicas import Replica, until

pytestmark = pytest.mark.system


def test_after_kill_9_another_zone_asks_its_own_aggregator_with_the_same_id(
    anna: Customer,
    aggregator: FakeAggregator,
    start_core_app: StartCoreApp,
    database: psycopg.Connection,
) -> None:
    aggregator.reset()
    with FakeAggregator(insurers={"alpha": 0.0, "beta": 100.0}) as of_lost_zone:
        lost = anna.at(start_core_app(SERVICE_ZONE="b", OSAGO_AGGREGATOR_URL=of_lost_zone.url))
        application = lost.apply(str(uuid.uuid4()))
        with socket(anna) as opened:
            updates = subscribe(opened, application)
            first = next(updates)["offer"]["insurer"]
            lost.replica.end()
            told = list(updates)
    assert [first, *insurers(told)] == ["alpha", "beta"]
    assert told[-1]["status"] == "OFFERED"
    assert application in aggregator.submitted
    kept = database.execute("SELECT id::text FROM offers WHERE application_id = %s", (application,))
    assert {one for (one,) in kept} == {offer_id(application, name) for name in ("alpha", "beta")}
    assert anna.replica.metric("osago_applications_taken_up_total") >= 1


def test_what_nobody_collects_any_more_is_closed(
    core_app: Replica, anna: Customer, database: psycopg.Connection
) -> None:
    """A row as a replica of the first version would have left it."""
    anna.apply(str(uuid.uuid4()))
    application = str(uuid.uuid4())
    database.execute(
        "INSERT INTO applications (id, client_id, client_name, channel, owner, idempotency_key,"
        " request_hash, vehicle, starts_on, status, created_at) SELECT %s, client_id, client_name,"
        " 'web', 'web', %s, request_hash, vehicle, starts_on, 'ACCEPTED', now() - interval '1 day'"
        " FROM applications WHERE client_id = %s LIMIT 1",
        (application, application, anna.client_id),
    )
    read = "query R($id: ID!) { application(id: $id) { status } }"

    def status() -> str:
        told: str = anna.graphql(read, id=application)["data"]["application"]["status"]
        return told

    until(lambda: status() == "NO_OFFERS", "it is closed")


def test_nobody_takes_up_what_is_being_collected(
    anna: Customer, other_core_app: Replica, aggregator: FakeAggregator
) -> None:
    aggregator.reset(insurers={"alpha": 9.0})  # longer than a lease
    with ThreadPoolExecutor(2) as pool:
        at_both = [anna, anna.at(other_core_app)]
        made = [one.apply(str(uuid.uuid4())) for one in at_both]
        told = list(pool.map(over_websocket, at_both, made))
    assert [insurers(one) for one in told] == [["alpha"], ["alpha"]]
    assert sorted(aggregator.streams) == sorted(made)
