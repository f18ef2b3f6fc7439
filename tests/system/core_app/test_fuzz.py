"""Any document that the schema allows is answered, or refused with a code."""

import pytest
import schemathesis

from tests.system.core_app.access import bearer
from tests.system.core_app.conftest import StartCoreApp
from tests.system.graphql_fuzz import is_answered, usual
from tests.system.replicas import ROOT, Replica

pytestmark = pytest.mark.system
schema = schemathesis.graphql.from_path(ROOT / "system" / "contracts" / "core-app.graphql")


@pytest.fixture(scope="module")
def production(start_core_app: StartCoreApp) -> Replica:
    """A replica as in production."""
    return start_core_app(ENVIRONMENT="production")


@schema.parametrize()
@usual
def test_any_document(production: Replica, anna_id: str, case: schemathesis.Case) -> None:
    is_answered(case, f"{production.url}/graphql", {"Authorization": bearer(anna_id)})
