"""The short form of ``python -m tests.checker``: two zones of real services, killed in a loop."""

import pytest

from tests.checker.campaign import run

pytestmark = pytest.mark.system

SECONDS = 40


@pytest.mark.timeout(600)
def test_whatever_is_killed_every_policy_is_settled_once_and_in_order() -> None:
    told = run(SECONDS, seed=7, offers=False)
    print(told.line())
    assert told.faults == []
    # a campaign that did next to nothing would prove nothing
    assert sum(told.kills.values()) >= 5
    assert len(told.facts.policies) >= 20
    assert told.bought
    assert len(told.facts.applied) >= 10
