"""What needs no server: the lines that replicas tell each other, policy numbers, the pace."""

import asyncio
import uuid
from datetime import UTC, datetime
from decimal import Decimal

import pytest

from system.core_app import wire
from system.core_app.aggregator import Away, Pace
from system.core_app.domain import DIGITS, Offer, policy_number
from system.core_app.offer_store import Closed
from system.shared.ids import uuid7


def offer(insurer: str = "alpha") -> Offer:
    """Of a new application."""
    return Offer(
        id=uuid7(),
        application_id=uuid7(),
        insurer=insurer,
        product_code="osago €",
        premium=Decimal("5000.50"),
        currency="RUB",
        valid_until=datetime(2030, 1, 1, tzinfo=UTC),
        received_at=datetime(2026, 1, 1, 12, 30, 0, 123456, tzinfo=UTC),
    )


def test_a_line_says_all_of_an_offer_and_of_an_end() -> None:
    for told, line in (
        (one := offer(), wire.offer_line(one)),
        (end := Closed(application_id=uuid7(), status="OFFERED", offers=3), wire.closed_line(end)),
    ):
        assert wire.read(line) == told
        assert list(wire.application_ids(line)) == [(told.application_id, line)]


@pytest.mark.parametrize("count", [0, 1, 50, 500])
def test_lines_share_notifications_that_postgresql_still_takes(count: int) -> None:
    lines = [wire.offer_line(offer()) for _ in range(count)]
    payloads = wire.payloads(lines)
    assert all(len(payload.encode()) < 8000 for payload in payloads)
    assert [line for one in payloads for _, line in wire.application_ids(one)] == lines
    assert len(payloads) <= count // 20 + 1


def test_a_policy_number_tells_its_whole_id() -> None:
    for policy_id in (uuid.UUID(int=0), uuid.UUID(int=2**128 - 1), uuid7()):
        number = policy_number(policy_id)
        value = 0
        for digit in number.removeprefix("OSG-"):
            value = value * 32 + DIGITS.index(digit)
        assert (len(number), value) == (30, policy_id.int)


def test_the_pace_lets_a_burst_through_and_then_one_after_the_other() -> None:
    async def waits() -> list[float]:
        pace, loop = Pace(per_s=20), asyncio.get_running_loop()
        found = []
        for _ in range(25):
            began = loop.time()
            await pace.turn(at_most_s=10)
            found.append(loop.time() - began)
        with pytest.raises(Away):
            await pace.turn(at_most_s=0.0)
        return found

    found = asyncio.run(waits())
    assert sum(found[:20]) < 0.5
    assert sum(found[20:]) > 0.2
