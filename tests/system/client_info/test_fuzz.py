"""Any document that the schema allows is answered, or refused with a code."""

import hashlib
from pathlib import Path

import pytest
import schemathesis

from tests.system.conftest import Start
from tests.system.graphql_fuzz import is_answered, usual
from tests.system.replicas import ROOT, Replica

pytestmark = pytest.mark.system
CALLER = {"Authorization": "Service core-app:only-for-tests"}
schema = schemathesis.graphql.from_path(ROOT / "system" / "contracts" / "client-info.graphql")


@pytest.fixture(scope="module")
def card(start: Start, tmp_path_factory: pytest.TempPathFactory) -> Replica:
    """As in production."""
    callers: Path = tmp_path_factory.mktemp("secrets") / "callers"
    callers.write_text(f"core-app {hashlib.sha256(b'only-for-tests').hexdigest()}\n")
    return start("client_info", CALLERS_FILE=callers, ENVIRONMENT="production")


@schema.parametrize()
@usual
def test_any_document(card: Replica, case: schemathesis.Case) -> None:
    is_answered(case, f"{card.url}/graphql", CALLER)
