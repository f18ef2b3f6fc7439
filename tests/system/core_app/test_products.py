"""The local copy of products, from events."""

import asyncio
import json
import uuid
from datetime import UTC, datetime
from typing import Any

import psycopg
import pytest

from system.shared.messaging import EXCHANGE, Broker, Letter
from tests.system.brokers import RabbitMq
from tests.system.core_app.access import Customer
from tests.system.core_app.fake_aggregator import FakeAggregator, offer_id
from tests.system.core_app.streams import over_websocket
from tests.system.replicas import Replica, until

pytestmark = pytest.mark.system

LIST = """query P($insurer: String) { products(insurer: $insurer) { nodes {
  id insurer code name kind baseRate validFrom
} } }"""


@pytest.fixture(scope="module")
def events(broker: RabbitMq) -> dict[str, str]:
    """A real broker."""
    return broker.environment()


def updated(product: uuid.UUID, version: int, **more: Any) -> dict[str, Any]:
    """An event of a product."""
    payload = {
        "productId": str(product),
        "insurer": "alpha",
        "code": "osago",
        "name": "OSAGO",
        "kind": "osago",
        "baseRate": "4118.00",
        "coefficients": {"region": {"77": "1.8"}},
        "commissionPercent": "10.0",
        "active": True,
        "validFrom": "2026-01-01",
    }
    return {
        "event_id": str(uuid.uuid4()),
        "event_type": "products.updated",
        "version": 1,
        "aggregate_id": str(product),
        "aggregate_version": version,
        "occurred_at": datetime.now(UTC).isoformat(),
        "payload": {**payload, **more},
    }


def publish(broker: RabbitMq, *events: dict[str, Any]) -> None:
    """As the relay of the producer does."""

    async def send() -> None:
        async with Broker(broker.settings()).channel() as channel:
            letters = [
                Letter(
                    exchange=EXCHANGE,
                    routing_key="products.updated.v1",
                    body=json.dumps(event).encode(),
                    message_id=event["event_id"],
                    headers={},
                )
                for event in events
            ]
            await channel.publish(letters)

    asyncio.run(send())


def shown(customer: Customer, insurer: str | None = None) -> list[dict[str, str]]:
    """The products that a customer sees."""
    found: list[dict[str, str]] = customer.graphql(LIST, insurer=insurer)["data"]["products"][
        "nodes"
    ]
    return found


def test_products_follow_their_events_in_their_order(
    anna: Customer, core_app: Replica, broker: RabbitMq, keys: list[str]
) -> None:
    product = uuid.uuid4()
    first, second = updated(product, 1), updated(product, 2, name="OSAGO plus")
    publish(broker, second, first, first)
    until(lambda: [one["name"] for one in shown(anna)] == ["OSAGO plus"], "both are applied")
    assert shown(anna, "alpha")[0] == {
        "id": str(product),
        "insurer": "alpha",
        "code": "osago",
        "name": "OSAGO plus",
        "kind": "osago",
        "baseRate": "4118.00",
        "validFrom": "2026-01-01",
    }
    assert shown(anna, "beta") == []
    partner = core_app.http.get("/partner/v1/products", headers={"X-API-Key": keys[4]}).json()
    assert partner == {"products": shown(anna), "after": None}
    publish(broker, updated(product, 3, active=False))
    until(lambda: shown(anna) == [], "it is not sold any more")


def test_a_policy_names_its_product(
    anna: Customer, broker: RabbitMq, aggregator: FakeAggregator, database: psycopg.Connection
) -> None:
    product = uuid.uuid4()
    publish(broker, updated(product, 1, insurer="beta"))
    until(lambda: len(shown(anna, "beta")) == 1, "the product is there")
    aggregator.reset()
    application = anna.apply(str(uuid.uuid4()))
    over_websocket(anna, application)
    buy = 'mutation B($id: ID!) { buyOffer(offerId: $id, idempotencyKey: "k") { id } }'
    bought = anna.graphql(buy, id=offer_id(application, "beta"))["data"]["buyOffer"]["id"]
    told = database.execute(
        "SELECT payload ->> 'productId' FROM outbox WHERE aggregate_id = %s", (bought,)
    ).fetchone()
    assert told == (str(product),)
