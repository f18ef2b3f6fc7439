"""insurer-stub: the insurers' API, and how they are made to behave."""

import json
import re
import time
import uuid
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from tests.system.osago_aggregator.aggregators import OWN, Keys, make_keys
from tests.system.replicas import ROOT, VEHICLE, Replica, until

pytestmark = pytest.mark.system

ADMIN = "/insurers/admin/alpha"
BASE = "/insurers/alpha/v1"


@pytest.fixture(scope="module")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Keys:
    """Of the services and of operators."""
    return make_keys(tmp_path_factory.mktemp("keys"))


@pytest.fixture(scope="module")
def stub(keys: Keys) -> Iterator[Replica]:
    """With twelve insurers, called as osago-aggregator does."""
    replica = Replica("insurer_stub", 0, {**keys.stub(), "INSURERS": "12"}, keys.folder)
    try:
        until(replica.ready, "insurer-stub is ready")
        replica.http.headers.update(OWN)
        yield replica
    finally:
        replica.end()


@pytest.fixture(autouse=True)
def usual(stub: Replica, keys: Keys) -> Iterator[None]:
    """The defaults again, after each test."""
    yield
    stub.http.delete(ADMIN, headers=keys.bearer()).raise_for_status()


def behave(stub: Replica, keys: Keys, **how: Any) -> None:
    """Of alpha."""
    told = {"create_ms": 0, "offer_ms": 0, "refuse_ratio": 0, **how}
    stub.http.put(ADMIN, json=told, headers=keys.bearer()).raise_for_status()


def asked(number: str) -> dict[str, Any]:
    """An application as the aggregator sends it."""
    return {"applicationId": number, "vehicle": VEHICLE, "startsOn": "2026-12-01"}


def create(stub: Replica, number: str, code: str = "alpha") -> httpx.Response:
    """Create it there."""
    path = f"/insurers/{code}/v1/applications"
    return stub.http.post(path, json=asked(number), headers={"Idempotency-Key": number})


def offer(stub: Replica, reference: str) -> httpx.Response:
    """Poll it."""
    return stub.http.get(f"{BASE}/applications/{reference}/offer")


def test_a_repeat_gets_the_same_reference_and_the_same_offer(stub: Replica, keys: Keys) -> None:
    behave(stub, keys)
    number = str(uuid.uuid4())
    first, second = create(stub, number), create(stub, number)
    assert (first.status_code, first.json()) == (201, second.json())
    reference = first.json()["reference"]
    told = [offer(stub, reference).json() for _ in range(2)]
    assert told[0] == told[1]
    assert told[0]["status"] == "ready"
    assert re.fullmatch(r"\d+\.\d\d", told[0]["offer"]["premium"]["amount"])
    assert create(stub, str(uuid.uuid4())).json()["reference"] != reference


def test_another_process_knows_the_reference(stub: Replica, keys: Keys) -> None:
    behave(stub, keys)
    reference = create(stub, str(uuid.uuid4())).json()["reference"]
    other = Replica("insurer_stub", 1, keys.stub(), keys.folder)
    try:
        until(other.ready, "another is ready")
        other.http.headers.update(OWN)
        other.http.put(ADMIN, json={"refuse_ratio": 0}, headers=keys.bearer())
        assert offer(other, reference).json() == offer(stub, reference).json()
    finally:
        other.end()


def test_an_offer_is_pending_until_its_time_and_says_when_to_ask(stub: Replica, keys: Keys) -> None:
    behave(stub, keys, offer_ms=800, cv=0)
    made = create(stub, str(uuid.uuid4()))
    pending = offer(stub, made.json()["reference"])
    assert (pending.status_code, pending.json()) == (202, {"status": "pending"})
    assert 0 < int(pending.headers["Retry-After-Ms"]) <= 800
    time.sleep(int(pending.headers["Retry-After-Ms"]) / 1000 + 0.01)
    assert offer(stub, made.json()["reference"]).status_code == 200


@pytest.mark.parametrize(
    ("how", "status"),
    [
        pytest.param({"error_ratio": 1}, 500, id="errors"),
        pytest.param({"limit_ratio": 1}, 429, id="too many calls"),
        pytest.param({"wrong_ratio": 1}, 200, id="wrong answers"),
    ],
)
def test_an_insurer_misbehaves_as_told_and_no_other_does(
    stub: Replica, keys: Keys, how: dict[str, Any], status: int
) -> None:
    behave(stub, keys, **how)
    got = create(stub, str(uuid.uuid4()))
    assert got.status_code == status
    assert (status == 429) is ("Retry-After" in got.headers)
    assert create(stub, str(uuid.uuid4()), "beta").status_code == 201


def test_a_frozen_insurer_answers_when_it_thaws(stub: Replica, keys: Keys) -> None:
    behave(stub, keys, freeze=True)
    with ThreadPoolExecutor(1) as pool:
        hanging = pool.submit(create, stub, str(uuid.uuid4()))
        time.sleep(0.5)
        assert not hanging.done()
        assert create(stub, str(uuid.uuid4()), "beta").status_code == 201
        behave(stub, keys)
        assert hanging.result(timeout=10).status_code == 201


def test_a_slow_body_comes_in_pieces(stub: Replica, keys: Keys) -> None:
    behave(stub, keys, slow_body_ms=600)
    began = time.monotonic()
    with stub.http.stream("GET", f"{BASE}/products") as answer:
        headers_s = time.monotonic() - began
        pieces = list(answer.iter_raw())
    assert time.monotonic() - began - headers_s > 0.4
    assert json.loads(b"".join(pieces))["products"]


def test_tariffs_change_with_their_version(stub: Replica, keys: Keys) -> None:
    behave(stub, keys)
    path = f"{BASE}/tariffs/osago-base"
    first = stub.http.get(path).json()
    behave(stub, keys, tariff_version=2)
    second = stub.http.get(path).json()
    assert (first["version"], second["version"]) == (1, 2)
    assert first["baseRate"] != second["baseRate"]
    listed = stub.http.get(f"{BASE}/products").json()["products"]
    assert listed[0]["baseRate"] == second["baseRate"]


def test_there_are_as_many_insurers_as_told(stub: Replica, keys: Keys) -> None:
    listed = stub.http.get("/insurers/admin", headers=keys.bearer()).json()
    assert len(listed) == 12
    assert list(listed)[-2:] == ["insurer-11", "insurer-12"]


NUMBER = str(uuid.uuid4())
GOOD = json.dumps(asked(NUMBER)).encode()


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"", 400, id="empty"),
        pytest.param(b"\xff", 400, id="no UTF-8"),
        pytest.param(b"[" * 60_000, 400, id="too deep"),
        pytest.param(b"[]", 422, id="a list"),
        pytest.param(GOOD.replace(b'"vehicle"', b'"car"'), 422, id="another field"),
        pytest.param(GOOD.replace(NUMBER.encode(), b"1"), 422, id="no id"),
        pytest.param(b" " * 70_000, 413, id="too large"),
    ],
)
def test_a_bad_body_is_refused(stub: Replica, body: bytes, status: int) -> None:
    told = {"Idempotency-Key": NUMBER}
    got = stub.http.post(f"{BASE}/applications", content=body, headers=told)
    assert (got.status_code, got.headers["content-type"]) == (status, "application/problem+json")


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", f"{BASE}/applications/x/offer", 404, id="an unknown reference"),
        pytest.param("GET", f"{BASE}/applications/%ff%00/offer", 404, id="a reference of no text"),
        pytest.param("GET", f"{BASE}/tariffs/nothing", 404, id="an unknown product"),
        pytest.param("GET", "/insurers/nobody/v1/products", 404, id="an unknown insurer"),
        pytest.param("GET", f"{BASE}/elsewhere", 404, id="nothing"),
        pytest.param("DELETE", f"{BASE}/products", 405, id="a method that is not served"),
        pytest.param("GET", "/", 404, id="the root"),
    ],
)
def test_what_is_not_there(stub: Replica, method: str, path: str, status: int) -> None:
    got = stub.http.request(method, path)
    assert (got.status_code, got.headers["content-type"]) == (status, "application/problem+json")


def test_a_reference_is_of_one_insurer(stub: Replica, keys: Keys) -> None:
    behave(stub, keys)
    reference = create(stub, str(uuid.uuid4())).json()["reference"]
    assert stub.http.get(f"/insurers/beta/v1/applications/{reference}/offer").status_code == 404


@pytest.mark.parametrize(
    "how",
    [
        pytest.param({"freeze": "perhaps"}, id="a wrong type"),
        pytest.param({"error_ratio": 2}, id="more than all"),
        pytest.param({"offer_ms": -1}, id="before it was asked"),
        pytest.param({"speed": 1}, id="an unknown field"),
        pytest.param([], id="a list"),
    ],
)
def test_a_behaviour_that_makes_no_sense(stub: Replica, keys: Keys, how: Any) -> None:
    before = stub.http.get(ADMIN, headers=keys.bearer()).json()
    got = stub.http.put(ADMIN, json=how, headers=keys.bearer())
    assert (got.status_code, got.headers["content-type"]) == (422, "application/problem+json")
    assert stub.http.get(ADMIN, headers=keys.bearer()).json() == before


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE"])
def test_only_an_operator_sets_the_behaviour(stub: Replica, keys: Keys, method: str) -> None:
    customer = keys.bearer("customer", str(uuid.uuid4()))
    assert stub.http.request(method, ADMIN, json={}, headers=customer).status_code == 403
    for nobody in (OWN, {"Authorization": "Bearer x"}, {"Authorization": ""}):
        assert stub.http.request(method, ADMIN, json={}, headers=nobody).status_code == 401


@pytest.mark.parametrize("authorization", ["", "Bearer x", "Service osago-aggregator:wrong"])
def test_only_the_aggregators_may_call(stub: Replica, authorization: str) -> None:
    told = {"Authorization": authorization}
    assert stub.http.get(f"{BASE}/products", headers=told).status_code == 401


def test_the_contract_names_what_is_served(stub: Replica) -> None:
    kept = json.loads((ROOT / "system/contracts/insurer.openapi.json").read_text("utf-8"))
    for path, operations in kept["paths"].items():
        real = path.format(code="alpha", reference="x", product="osago-base")
        for method in operations.keys() - {"parameters"}:
            got = stub.http.request(method.upper(), real, headers={"Authorization": ""})
            assert got.status_code == 401, f"{method} {path}"
