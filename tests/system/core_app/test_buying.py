"""Buying an offer: once, by its owner, with the event in the same transaction."""

import asyncio
import json
import uuid
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import psycopg
import pytest

from system.core_app.domain import policy_number
from system.shared import contracts
from system.shared.messaging import Broker
from tests.system.brokers import RabbitMq
from tests.system.conftest import Start
from tests.system.core_app.access import Customer
from tests.system.core_app.fake_aggregator import FakeAggregator, offer_id
from tests.system.core_app.streams import over_websocket
from tests.system.replicas import Replica, codes, until

pytestmark = pytest.mark.system

BUY = """mutation Buy($id: ID!, $key: String!) { buyOffer(offerId: $id, idempotencyKey: $key) {
  id number insurer premium { amount currency } startsOn issuedAt applicationId
} }"""
MINE = "{ myPolicies { nodes { id number } hasNextPage } }"
READ = """query Read($id: ID!) { application(id: $id) { status policy { id } } }"""


def new_key() -> str:
    """An idempotency key that was never used."""
    return str(uuid.uuid4())


def with_offers(customer: Customer, aggregator: FakeAggregator, **more: Any) -> str:
    """An application with two offers."""
    aggregator.reset(**more)
    application = customer.apply(new_key())
    assert over_websocket(customer, application)[-1]["status"] == "OFFERED"
    return application


def buy(customer: Customer, application: str, insurer: str, key: str) -> dict[str, Any]:
    """The answer's body."""
    return customer.graphql(BUY, id=offer_id(application, insurer), key=key)


def event_of(database: psycopg.Connection, policy: str) -> list[dict[str, Any]]:
    """The events of a policy, as the relay would send them."""
    rows = database.execute(
        "SELECT event_id, event_type, version, aggregate_id, aggregate_version, occurred_at,"
        " payload FROM outbox WHERE aggregate_id = %s",
        (policy,),
    )
    names = [column.name for column in rows.description or ()]
    return [dict(zip(names, row, strict=True)) for row in rows]


def test_a_bought_offer_is_a_policy_and_an_event(
    anna: Customer, aggregator: FakeAggregator, database: psycopg.Connection
) -> None:
    application = with_offers(anna, aggregator)
    policy = buy(anna, application, "alpha", new_key())["data"]["buyOffer"]
    assert policy["number"] == policy_number(uuid.UUID(policy["id"]))
    assert (policy["insurer"], policy["applicationId"]) == ("alpha", application)
    assert policy["premium"] == {"amount": "5000.50", "currency": "RUB"}
    read = anna.graphql(READ, id=application)["data"]["application"]
    assert read == {"status": "BOUGHT", "policy": {"id": policy["id"]}}
    mine = anna.graphql(MINE)["data"]["myPolicies"]["nodes"]
    assert mine[0] == {"id": policy["id"], "number": policy["number"]}
    (event,) = event_of(database, policy["id"])
    payload = event["payload"]
    assert (event["event_type"], event["version"], event["aggregate_version"]) == (
        "policies.issued",
        1,
        1,
    )
    assert (payload["policyId"], payload["clientId"]) == (policy["id"], anna.client_id)
    assert payload["premium"] == {"amount": "5000.50", "currency": "RUB"}
    assert (payload["channel"], payload["startsOn"]) == ("web", "2030-01-01")
    for name in ("event_id", "aggregate_id"):
        event[name] = str(event[name])
    contracts.check({**event, "occurred_at": event["occurred_at"].isoformat()})


def test_the_same_key_buys_once_whoever_comes_first(
    anna: Customer, aggregator: FakeAggregator, database: psycopg.Connection
) -> None:
    application, key = with_offers(anna, aggregator), new_key()
    with ThreadPoolExecutor(6) as pool:
        answers = list(pool.map(lambda _: buy(anna, application, "alpha", key), range(6)))
    (policy,) = {answer["data"]["buyOffer"]["id"] for answer in answers}
    assert len(event_of(database, policy)) == 1


def test_of_many_who_buy_at_once_one_gets_the_policy(
    anna: Customer, aggregator: FakeAggregator, database: psycopg.Connection
) -> None:
    application = with_offers(anna, aggregator)
    with ThreadPoolExecutor(6) as pool:
        names = ["alpha", "beta"] * 3
        answers = list(pool.map(lambda name: buy(anna, application, name, new_key()), names))
    bought = [answer for answer in answers if "errors" not in answer]
    assert len(bought) == 1
    refused = [codes(answer) for answer in answers if "errors" in answer]
    assert refused == [["NOT_FOR_SALE"]] * 5
    count = database.execute(
        "SELECT count(*) FROM policies WHERE application_id = %s", (application,)
    ).fetchone()
    assert count == (1,)


def test_a_key_that_bought_one_offer_buys_no_other(
    anna: Customer, aggregator: FakeAggregator
) -> None:
    key = new_key()
    application = with_offers(anna, aggregator)
    assert "errors" not in buy(anna, application, "alpha", key)
    assert codes(buy(anna, application, "beta", key)) == ["IDEMPOTENCY_CONFLICT"]
    other = with_offers(anna, aggregator)
    assert codes(buy(anna, other, "alpha", key)) == ["IDEMPOTENCY_CONFLICT"]


def test_an_offer_that_expired_can_not_be_bought(
    anna: Customer, aggregator: FakeAggregator
) -> None:
    application = with_offers(anna, aggregator, valid_s=-1)
    assert codes(buy(anna, application, "alpha", new_key())) == ["NOT_FOR_SALE"]


def test_an_offer_can_be_bought_while_others_are_awaited(
    anna: Customer, aggregator: FakeAggregator
) -> None:
    aggregator.reset(insurers={"alpha": 0.0, "beta": 3.0})
    application = anna.apply(new_key())
    answer = buy(anna, application, "alpha", key := new_key())
    while "errors" in answer and codes(answer) == ["NOT_FOUND"]:
        answer = buy(anna, application, "alpha", key)
    assert answer["data"]["buyOffer"]["insurer"] == "alpha"
    assert over_websocket(anna, application)[-1]["status"] == "BOUGHT"
    # when collecting ends later it stays bought
    assert codes(buy(anna, application, "alpha", new_key())) == ["NOT_FOR_SALE"]
    assert anna.graphql(READ, id=application)["data"]["application"]["status"] == "BOUGHT"


def test_the_relay_brings_the_event_to_the_broker(
    anna: Customer, aggregator: FakeAggregator, start: Start, broker: RabbitMq
) -> None:
    relay = start("core_app", command="relay", OUTBOX_IDLE_PAUSE_S=0.05)
    application = with_offers(anna, aggregator)
    policy = buy(anna, application, "alpha", new_key())["data"]["buyOffer"]["id"]

    async def arrived() -> set[str]:
        async with Broker(broker.settings()).channel() as channel:
            queue = await channel.queue("ins-comp-settlement", ["policies.issued.v1"])
            found = set()
            while message := await queue.get(fail=False):
                found.add(json.loads(message.body)["aggregate_id"])
            return found  # not acknowledged: they go back

    until(lambda: policy in asyncio.run(arrived()), "the event is in the queue")
    until(lambda: relay.metric("outbox_pending_events") == 0, "nothing is left")
    assert relay.metric("outbox_published_events_total") >= 1
    assert relay.http.post("/graphql", json={}).status_code == 404


def test_another_clients_application_offer_and_policy_are_as_unknown_as_none(
    anna: Customer,
    boris: Customer,
    core_app: Replica,
    aggregator: FakeAggregator,
    keys: list[str],
) -> None:
    application = with_offers(anna, aggregator)
    assert codes(buy(boris, application, "alpha", new_key())) == ["NOT_FOUND"]
    policy = buy(anna, application, "alpha", new_key())["data"]["buyOffer"]["id"]
    assert boris.graphql(READ, id=application) == {"data": {"application": None}}
    assert over_websocket(boris, application) == [{"error": "NOT_FOUND"}]
    stream = f"/web/v1/applications/{application}/offers"
    assert core_app.http.get(stream, headers=boris.headers).status_code == 404
    assert core_app.http.get(stream).status_code == 401
    theirs = boris.graphql("{ myPolicies { nodes { id } } applications { nodes { id } } }")["data"]
    assert policy not in [one["id"] for one in theirs["myPolicies"]["nodes"]]
    assert application not in [one["id"] for one in theirs["applications"]["nodes"]]
    partner = {"X-API-Key": keys[0], "Idempotency-Key": new_key()}
    for path in (
        f"applications/{application}",
        f"applications/{application}/offers",
        f"policies/{policy}",
    ):
        assert core_app.http.get(f"/partner/v1/{path}", headers=partner).status_code == 404
    asked = {"offerId": offer_id(application, "alpha")}
    refused = core_app.http.post("/partner/v1/policies", json=asked, headers=partner)
    assert (refused.status_code, refused.json()["code"]) == (404, "NOT_FOUND")
