"""core-app with the real osago-aggregator, its Redis and the insurers behind it."""

import uuid
from collections.abc import Iterator

import pytest

from tests.system.conftest import Start
from tests.system.core_app.access import Customer, Secrets
from tests.system.core_app.streams import insurers, over_sse, over_websocket
from tests.system.osago_aggregator.aggregators import CODES, CORE_SECRET, World

pytestmark = pytest.mark.system

BUY = """mutation Buy($id: ID!, $key: String!) {
  buyOffer(offerId: $id, idempotencyKey: $key) { insurer premium { amount currency } }
}"""


@pytest.fixture(scope="module")
def secrets(tmp_path_factory: pytest.TempPathFactory) -> Secrets:
    """Core-app has the secret that the aggregator's tests know."""
    made = Secrets(tmp_path_factory.mktemp("secrets"), others=(CORE_SECRET,))
    made.write()
    (made.folder / "call-core-app").write_text(CORE_SECRET, encoding="utf-8")
    return made


@pytest.fixture(scope="module")
def world(tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """Redis and insurers."""
    made = World(tmp_path_factory.mktemp("osago"))
    try:
        yield made
    finally:
        made.end()


def test_an_application_gets_the_offers_of_all_who_make_one(
    world: World,
    start: Start,
    secrets: Secrets,
    events: dict[str, str],
    anna_id: str,
) -> None:
    world.behave(beta={"refuse_ratio": 1}, gamma={"error_ratio": 1}, kappa={"offer_ms": 900})
    aggregator = world.aggregator()
    client_info = start("client_info", **secrets.of_called)
    core_app = start(
        "core_app",
        **events,
        **secrets.of_core_app,
        CLIENT_INFO_URL=client_info.url,
        OSAGO_AGGREGATOR_URL=aggregator.url,
    )
    anna = Customer(core_app, anna_id)
    application = anna.apply(str(uuid.uuid4()))
    told = over_websocket(anna, application)
    assert set(insurers(told)) == set(CODES) - {"beta", "gamma"}
    assert insurers(told)[-1] == "kappa"
    assert told[-1]["status"] == "OFFERED"
    assert {data["insurer"] for _, data, _ in over_sse(anna, application)[:-1]} == set(
        insurers(told)
    )
    offer = told[0]["offer"]
    bought = anna.graphql(BUY, id=offer["id"], key=str(uuid.uuid4()))["data"]["buyOffer"]
    assert bought == {name: offer[name] for name in ("insurer", "premium")}
