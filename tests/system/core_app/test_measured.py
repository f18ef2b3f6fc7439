"""What a replica says of the requests that it answered."""

import pytest

from tests.system.core_app.access import Customer
from tests.system.replicas import Replica

pytestmark = pytest.mark.system


def test_requests_are_measured_by_route_and_status(
    anna: Customer, core_app: Replica, keys: list[str]
) -> None:
    headers = {"X-API-Key": keys[10]}
    missing = "00000000-0000-7000-8000-000000000000"
    core_app.http.get(f"/partner/v1/applications/{missing}", headers=headers)
    anna.graphql("{ __typename }")
    core_app.http.get("/some/where")
    labels = 'http_request_method="{}",http_response_status_code="{}",http_route="{}"'
    for method, status, route in (
        ("GET", 404, "/partner/v1/applications/{application_id}"),
        ("POST", 200, "/graphql"),
        ("GET", 404, "unmatched"),
    ):
        sample = "http_server_request_duration_seconds_count"
        assert core_app.metric(f"{sample}{{{labels.format(method, status, route)}}}") == 1
    assert core_app.metric("process_resident_memory_bytes") > 0
