"""The service as it runs: two zones of it, the insurers, a broker."""

import hashlib
import time
from pathlib import Path
from typing import Any

import psycopg
import pytest
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)

from system.shared.access import mint
from tests.system.brokers import RabbitMq
from tests.system.conftest import Prepared, Start
from tests.system.replicas import Place, Replica, run_service, until

pytestmark = pytest.mark.system

SECRET = "only-for-tests"
INSURERS, PRODUCTS = 3, 9
KEY = Ed25519PrivateKey.generate()
PRIVATE = KEY.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
PUBLIC = KEY.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)


@pytest.fixture(scope="module")
def files(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The secrets that the replicas are told of."""
    folder = tmp_path_factory.mktemp("secrets")
    digest = hashlib.sha256(SECRET.encode()).hexdigest()
    (folder / "callers").write_text(f"ins-product-aggregator {digest}\n")
    (folder / "secret").write_text(SECRET)
    (folder / "public").write_bytes(PUBLIC)
    return folder


@pytest.fixture(scope="module")
def stub(start: Start, files: Path) -> Replica:
    return start(
        "insurer_stub",
        INSURERS=INSURERS,
        CALLERS_FILE=files / "callers",
        TOKEN_PUBLIC_KEY_FILE=files / "public",
    )


@pytest.fixture(scope="module")
def zones(start: Start, stub: Replica, files: Path, broker: RabbitMq) -> list[Replica]:
    """One replica a zone; both publish to the tests' one broker."""
    broker.empty()
    return [
        start(
            "ins_product_aggregator",
            SERVICE_ZONE=zone,
            INSURER_STUB_URL=stub.url,
            INSURERS=INSURERS,
            CALL_SECRET_FILE=files / "secret",
            COLLECT_EVERY_S=0.5,
            COLLECT_TIMEOUT_S=2,
        )
        for zone in ("a", "b")
    ]


@pytest.fixture(scope="module")
def products(prepared: Prepared, server: Place) -> Any:
    with server.connect(prepared["ins_product_aggregator"]["DATABASE_NAME"]) as connection:
        yield connection


def behave(stub: Replica, insurer: str, **how: Any) -> None:
    """From now on the insurer behaves so; as usual where nothing is said."""
    token = mint(PRIVATE, subject="anna", role="operator", now_s=time.time())
    headers = {"Authorization": f"Bearer {token}"}
    answer = stub.http.put(f"/insurers/admin/{insurer}", json=how, headers=headers)
    assert answer.status_code == 200, answer.text


def versions(products: psycopg.Connection) -> dict[str, int]:
    """The sum of the versions of each insurer's products."""
    rows = products.execute("SELECT insurer, sum(version)::int FROM products GROUP BY insurer")
    return dict(rows.fetchall())


def changes(zones: list[Replica]) -> float:
    return sum(zone.metric("product_changes_total") for zone in zones)


def test_each_zone_publishes_each_change_once(
    zones: list[Replica], stub: Replica, products: psycopg.Connection, broker: RabbitMq
) -> None:
    until(lambda: sum(versions(products).values()) == PRODUCTS, "all are collected")
    time.sleep(1.5)  # rounds in which nothing has changed
    # what the first zone published before the second one was ever there may have been pruned
    before = broker.count("ins-comp-settlement.events")
    assert PRODUCTS <= before <= 2 * PRODUCTS
    behave(stub, "beta", tariff_version=2)
    until(lambda: versions(products)["beta"] == 6, "the change is found")
    published = before + 2 * 3
    until(lambda: broker.count("ins-comp-settlement.events") >= published, "both have published")
    time.sleep(1.5)
    assert versions(products) == {"alpha": 3, "beta": 6, "gamma": 3}
    assert changes(zones) == PRODUCTS + 3
    assert broker.count("ins-comp-settlement.events") == published
    assert broker.count("core-app.events") == published
    assert all(zone.metric("product_collect_duration_seconds_count") for zone in zones)


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"freeze": True}, id="hangs"),
        pytest.param({"error_ratio": 1}, id="fails"),
        pytest.param({"wrong_ratio": 1}, id="answers wrong things"),
        pytest.param({"limit_ratio": 1}, id="is asked too often"),
        pytest.param({"slow_body_ms": 60_000}, id="answers byte by byte"),
    ],
)
def test_the_others_are_collected_while_an_insurer(
    zones: list[Replica], stub: Replica, products: psycopg.Connection, how: dict[str, Any]
) -> None:
    until(lambda: sum(versions(products).values()) >= PRODUCTS, "all are collected")
    before = versions(products)
    failed = 'product_collect_errors_total{insurer="alpha"}'
    errors = sum(zone.metric(failed) for zone in zones)
    version = time.time_ns() // 1_000_000 % 900_000 + 10
    behave(stub, "alpha", **how, tariff_version=version)
    behave(stub, "gamma", tariff_version=version)
    until(lambda: versions(products)["gamma"] == before["gamma"] + 3, "gamma's are collected")
    until(lambda: sum(zone.metric(failed) for zone in zones) > errors, "the fault is counted")
    assert versions(products)["alpha"] == before["alpha"]
    active = products.execute("SELECT bool_and((content->>'active')::bool) FROM products")
    assert active.fetchone() == (True,)
    behave(stub, "alpha", tariff_version=version)
    until(lambda: versions(products)["alpha"] > before["alpha"], "alpha's are collected again")


def test_it_has_no_entrance_but_health_and_metrics(zones: list[Replica]) -> None:
    for path in ("/", "/v1/products", "/docs", "/openapi.json"):
        answer = zones[0].http.get(path)
        assert answer.status_code == 404
        assert answer.headers["content-type"] == "application/problem+json"


def test_without_its_secret_it_does_not_start(prepared: Prepared, broker: RabbitMq) -> None:
    environment = {
        **prepared["ins_product_aggregator"],
        **broker.environment(),
        "SERVICE_NAME": "ins-product-aggregator",
        "INSURER_STUB_URL": "http://127.0.0.1:1",
    }
    ended = run_service("ins_product_aggregator", "serve", environment=environment, check=False)
    assert ended.returncode != 0
    assert "CALL_SECRET_FILE is not set" in ended.stderr


def test_its_secret_is_in_nothing_that_it_says(zones: list[Replica]) -> None:
    for zone in zones:
        said = zone.stdout.read_text() + zone.stderr.read_text() + zone.http.get("/metrics").text
        assert SECRET not in said
