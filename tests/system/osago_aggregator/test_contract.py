"""Whatever is sent to osago-aggregator and to the insurers is answered as their contracts say."""

import pytest
import schemathesis
from hypothesis import HealthCheck, settings

from tests.system.conformance import CHECKS
from tests.system.osago_aggregator.aggregators import CORE, OWN, World
from tests.system.replicas import ROOT, Replica

pytestmark = pytest.mark.system

CONTRACTS = ROOT / "system" / "contracts"
osago = schemathesis.openapi.from_path(CONTRACTS / "osago-aggregator.openapi.json")
insurer = schemathesis.openapi.from_path(CONTRACTS / "insurer.openapi.json")
usual = settings(
    max_examples=20, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


@osago.parametrize()
@usual
def test_osago_aggregator(world: World, replicas: list[Replica], case: schemathesis.Case) -> None:
    case.call_and_validate(base_url=replicas[0].url, headers=CORE, checks=CHECKS)


@insurer.parametrize()
@usual
def test_an_insurer(world: World, case: schemathesis.Case) -> None:
    case.call_and_validate(base_url=world.stub.url, headers=OWN, checks=CHECKS)
