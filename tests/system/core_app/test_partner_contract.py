"""Whatever is sent to the partner API is answered as its contract says."""

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from tests.system.conformance import CHECKS
from tests.system.core_app.conftest import StartCoreApp
from tests.system.replicas import ROOT, Replica

pytestmark = pytest.mark.system

schema = schemathesis.openapi.from_path(ROOT / "system" / "contracts" / "partner.openapi.json")


@pytest.fixture(scope="module")
def unlimited(start_core_app: StartCoreApp) -> Replica:
    """A replica whose limit is out of the way."""
    return start_core_app(PARTNER_PER_MINUTE=10**6)


@schema.parametrize()
@settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True)
def test_any_request_is_answered_as_the_contract_says(
    unlimited: Replica, keys: list[str], case: schemathesis.Case
) -> None:
    case.call_and_validate(base_url=unlimited.url, headers={"X-API-Key": keys[0]}, checks=CHECKS)
