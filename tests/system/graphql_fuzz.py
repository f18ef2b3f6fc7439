"""Whatever documents a GraphQL schema allows, and what makes an answer to one a good answer."""

import schemathesis
from hypothesis import HealthCheck, settings

usual = settings(
    max_examples=40, deadline=None, suppress_health_check=list(HealthCheck), derandomize=True
)


def is_answered(case: schemathesis.Case, url: str, headers: dict[str, str]) -> None:
    """With data, or with errors that each have a code which tells of the request and not of a bug
    of the service."""
    answer = case.call(base_url=url, headers=headers)
    assert answer.status_code in (200, 400), (answer.status_code, answer.text, case.body)
    told = answer.json()
    codes = [error["extensions"]["code"] for error in told.get("errors", [])]
    assert "data" in told or codes, told
    assert "INTERNAL" not in codes, (told, case.body)
    assert "Traceback" not in answer.text
