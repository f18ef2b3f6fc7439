"""Who may read the register, and what is answered to requests that make no sense."""

import json
import time
from collections.abc import Callable

import pytest
import schemathesis
from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from hypothesis import HealthCheck, settings

from tests.system.ins_comp_settlement.conftest import PUBLIC, Settlement, bearer
from tests.system.ins_comp_settlement.events import issued
from tests.system.replicas import ROOT

pytestmark = pytest.mark.system

Made = Callable[[], dict[str, str]]

FOREIGN = Ed25519PrivateKey.generate().private_bytes(
    Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()
)
CONTRACT = ROOT / "system" / "contracts" / "ins-comp-settlement.openapi.json"
ROUTES = [
    ("GET", "/register"),
    ("GET", "/balances"),
    ("GET", "/statements/alpha/2026-01"),
    ("POST", "/months/2020-01/close"),
    ("GET", "/months"),
]


@pytest.mark.parametrize(("method", "path"), ROUTES)
@pytest.mark.parametrize(
    ("made", "status", "code"),  # in the test, since a token lives for minutes
    [
        pytest.param(dict, 401, "UNAUTHENTICATED", id="nobody"),
        pytest.param(lambda: bearer("customer"), 403, "FORBIDDEN", id="a customer"),
        pytest.param(lambda: bearer(private=FOREIGN), 401, "UNAUTHENTICATED", id="a forged token"),
        pytest.param(
            lambda: bearer(now_s=time.time() - 3600), 401, "UNAUTHENTICATED", id="an expired token"
        ),
        pytest.param(lambda: {"X-API-Key": "partner"}, 401, "UNAUTHENTICATED", id="a partner"),
        pytest.param(
            lambda: {"Authorization": "Service core-app:secret"},
            401,
            "UNAUTHENTICATED",
            id="a service",
        ),
        pytest.param(
            lambda: {"Authorization": "Bearer x.y.z"}, 401, "UNAUTHENTICATED", id="no token"
        ),
    ],
)
def test_only_operators_are_let_in(
    settlement: Settlement, method: str, path: str, made: Made, status: int, code: str
) -> None:
    answer = settlement.replica.http.request(method, f"/settlement/v1{path}", headers=made())
    assert (answer.status_code, answer.json()["code"]) == (status, code)
    assert answer.headers["content-type"] == "application/problem+json"
    if method == "POST":
        told = settlement.get("/months").json()["items"]
        assert "2020-01" not in {one["month"] for one in told}


def test_who_is_not_let_in_is_not_told_what_would_be_valid(settlement: Settlement) -> None:
    answer = settlement.replica.http.get("/settlement/v1/register?limit=x")
    assert answer.status_code == 401


@pytest.mark.parametrize(
    ("path", "status"),
    [
        pytest.param("/register?limit=0", 422, id="a page of nothing"),
        pytest.param("/register?limit=201", 422, id="a page too large"),
        pytest.param("/register?limit=x", 422, id="no number"),
        pytest.param("/register?after=1", 422, id="no cursor"),
        pytest.param("/register?policyId=x", 422, id="no id"),
        pytest.param("/register?month=2026-13", 422, id="no month"),
        pytest.param("/register?month=2026-1", 422, id="a month written otherwise"),
        pytest.param("/register?insurer=%00", 422, id="a NUL"),
        pytest.param("/register?insurer=%ff", 422, id="no UTF-8"),
        pytest.param("/register?insurer=alpha%0a", 422, id="a line break behind it"),
        pytest.param("/register?insurer=' OR true --", 422, id="SQL"),
        pytest.param("/statements/alpha/2026", 422, id="no month in the path"),
        pytest.param("/statements/alpha/2026-02?format=xml", 422, id="a form there is not"),
        pytest.param("/statements/nobody/2026-02", 404, id="an insurer there is not"),
        pytest.param("/statements/=1/2026-02", 422, id="no insurer"),
        pytest.param("/statements", 404, id="nothing there"),
        pytest.param("/months/2026-01/close", 405, id="reading what is to be done"),
    ],
)
def test_a_request_that_makes_no_sense_gets_a_problem(
    settlement: Settlement, path: str, status: int
) -> None:
    answer = settlement.get(path)
    assert answer.status_code == status
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["status"] == status


@pytest.mark.parametrize("month", ["2026-13", "2026-00", "1999-12", "2026-1", "x", "2026-01%0a"])
def test_what_is_no_month_can_not_be_closed(settlement: Settlement, month: str) -> None:
    assert settlement.close(month).status_code == 422


def test_the_contract_is_what_is_served(settlement: Settlement) -> None:
    served = settlement.replica.http.get("/settlement/v1/openapi.json").json()
    assert served == json.loads(CONTRACT.read_text(encoding="utf-8"))


schema = schemathesis.openapi.from_path(CONTRACT)


@schema.parametrize()
@settings(max_examples=30, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_whatever_is_asked_the_contract_is_kept(
    settlement: Settlement, case: schemathesis.Case
) -> None:
    case.call_and_validate(base_url=settlement.replica.url, headers=bearer())


def test_no_secret_is_in_what_it_says(settlement: Settlement) -> None:
    settlement.told(issued("alpha"))
    said = settlement.replica.stdout.read_text() + settlement.replica.stderr.read_text()
    assert "only-for-tests" not in said
    assert PUBLIC.decode() not in said
