"""Whatever is sent, the answer is a 4xx problem document."""

import json
import uuid
from typing import Any

import pytest

from tests.system.osago_aggregator.aggregators import OWN, World, application
from tests.system.replicas import ROOT, VEHICLE, Replica

pytestmark = pytest.mark.system

KNOWN = "/v1/applications"
UNKNOWN = "00000000-0000-4000-8000-000000000000"


def refused(answer: Any, status: int) -> None:
    """A problem document with that status."""
    assert answer.status_code == status, answer.text
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status
    assert "Traceback" not in answer.text


@pytest.mark.parametrize(
    ("body", "status"),
    [
        pytest.param(b"", 400, id="empty"),
        pytest.param(b"{", 400, id="half of a document"),
        pytest.param(b"\xff\xfe\x00", 400, id="no UTF-8"),
        pytest.param(b"[" * 60_000, 400, id="deeper than a parser goes"),
        pytest.param(b"[]", 422, id="a list"),
        pytest.param(b"null", 422, id="null"),
        pytest.param(b'"' + b"a" * 70_000 + b'"', 413, id="too large"),
    ],
)
def test_a_body_that_is_no_application(
    world: World, replicas: list[Replica], body: bytes, status: int
) -> None:
    refused(replicas[0].http.post(KNOWN, content=body), status)


def test_a_body_without_an_end_is_cut_off(world: World, replicas: list[Replica]) -> None:
    refused(replicas[0].http.post(KNOWN, content=(b" " * 1000 for _ in range(100))), 413)


@pytest.mark.parametrize(
    "change",
    [
        pytest.param({"id": "1"}, id="an id that is none"),
        pytest.param({"id": 1}, id="a number for an id"),
        pytest.param({"startsOn": "2026-13-01"}, id="no date"),
        pytest.param({"startsOn": 5.5}, id="a number for a date"),
        pytest.param({"vehicle": []}, id="a list for a vehicle"),
        pytest.param({"vehicle": {**VEHICLE, "vin": "short"}}, id="no VIN"),
        pytest.param({"vehicle": {**VEHICLE, "year": "2020"}}, id="text for a year"),
        pytest.param({"vehicle": {**VEHICLE, "year": 10**30}}, id="a year far away"),
        pytest.param({"vehicle": {**VEHICLE, "make": "\ud800"}}, id="half of a character"),
        pytest.param({"vehicle": {**VEHICLE, "colour": "red"}}, id="an unknown field of it"),
        pytest.param({"premium": "1.00"}, id="an unknown field"),
    ],
)
def test_a_field_that_makes_no_sense(
    world: World, replicas: list[Replica], change: dict[str, Any]
) -> None:
    body = json.dumps({**application(), **change}).encode()
    answer = replicas[0].http.post(KNOWN, content=body)
    refused(answer, 400 if "\\ud800" in body.decode() else 422)


@pytest.mark.parametrize("deadline", ["-1", "1.5", "soon", "9" * 40, "\xb2"])
def test_a_deadline_that_is_none(world: World, replicas: list[Replica], deadline: str) -> None:
    told = {b"X-Deadline-Ms": deadline.encode("latin-1")}
    refused(replicas[0].http.post(KNOWN, json=application(), headers=told), 422)


@pytest.mark.parametrize("number", ["-1", "abc", "1e3", "9" * 30])
def test_an_event_number_that_is_none(world: World, replicas: list[Replica], number: str) -> None:
    path = f"{KNOWN}/{uuid.uuid4()}/offers/stream"
    refused(replicas[0].http.get(path, headers={"Last-Event-ID": number}), 422)


@pytest.mark.parametrize(
    ("method", "path", "status"),
    [
        pytest.param("GET", f"{KNOWN}/{uuid.uuid4()}", 404, id="an unknown application"),
        pytest.param("GET", f"{KNOWN}/{uuid.uuid4()}/offers/stream", 404, id="its stream"),
        pytest.param("GET", f"{KNOWN}/osago:running", 422, id="an id that is none"),
        pytest.param("GET", f"{KNOWN}/..%2f..%2fetc", 404, id="a path out of here"),
        pytest.param("PUT", KNOWN, 405, id="a method that is not served"),
        pytest.param("GET", "/v1/tariffs/ALPHA/%00", 422, id="a product that can't be one"),
        pytest.param("GET", "/v1/products?insurer=%ff", 422, id="an insurer that can't be one"),
        pytest.param("DELETE", "/v1/products/nobody", 404, id="an insurer that is not there"),
        pytest.param("GET", "/v2", 404, id="nothing"),
    ],
)
def test_what_is_not_served(
    world: World, replicas: list[Replica], method: str, path: str, status: int
) -> None:
    refused(replicas[0].http.request(method, path), status)


@pytest.mark.parametrize(
    "path",
    [
        KNOWN,
        f"{KNOWN}/{UNKNOWN}",
        f"{KNOWN}/{UNKNOWN}/offers/stream",
        "/v1/products",
        "/v1/tariffs/alpha/osago-base",
    ],
)
@pytest.mark.parametrize(
    "authorization",
    [
        pytest.param("", id="nobody"),
        pytest.param("Service core-app:wrong", id="a wrong secret"),
        pytest.param(OWN["Authorization"], id="a service that may not call"),
        pytest.param("Bearer abc", id="a person"),
        pytest.param("Service \xff:\xff", id="no text"),
    ],
)
def test_only_core_app_may_call(
    world: World, replicas: list[Replica], path: str, authorization: str
) -> None:
    told = {b"Authorization": authorization.encode("latin-1")}
    method = "POST" if path == KNOWN else "GET"
    refused(replicas[0].http.request(method, path, headers=told), 401)


def test_the_contract_is_what_is_served(world: World, replicas: list[Replica]) -> None:
    kept = (ROOT / "system/contracts/osago-aggregator.openapi.json").read_text(encoding="utf-8")
    assert replicas[0].http.get("/openapi.json").json() == json.loads(kept)
