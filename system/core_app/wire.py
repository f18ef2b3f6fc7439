"""What replicas tell each other of offers, through PostgreSQL's notifications: a line each, which
begins with the application's id, so that who has no listener for it need not read on."""

import json
from collections.abc import Iterable, Iterator
from datetime import datetime
from decimal import Decimal
from uuid import UUID

from system.core_app.domain import Offer
from system.core_app.offer_store import Closed

AT_MOST = 7900  # PostgreSQL takes less than 8,000 bytes a notification
ID = 36  # characters of an id


def offer_line(offer: Offer) -> str:
    """With all that a listener shows, so that nobody has to ask for it."""
    told = [
        str(offer.id),
        offer.insurer,
        offer.product_code,
        str(offer.premium),
        offer.currency,
        offer.valid_until.isoformat(),
        offer.received_at.isoformat(),
    ]
    return f"{offer.application_id}{json.dumps(told)}"


def closed_line(closed: Closed) -> str:
    """No more comes for this application."""
    return f"{closed.application_id}{json.dumps([closed.status, closed.offers])}"


def payloads(lines: Iterable[str]) -> list[str]:
    """As few notifications as hold these lines; JSON in ASCII has a byte a character."""
    found: list[str] = []
    for line in lines:
        if found and len(found[-1]) + 1 + len(line) <= AT_MOST:
            found[-1] += f"\n{line}"
        else:
            found.append(line)
    return found


def application_ids(payload: str) -> Iterator[tuple[UUID, str]]:
    """Each line with its application."""
    for line in payload.split("\n"):
        yield UUID(line[:ID]), line


def read(line: str) -> Offer | Closed:
    """What the line tells."""
    application_id, told = UUID(line[:ID]), json.loads(line[ID:])
    if len(told) == 2:
        return Closed(application_id=application_id, status=told[0], offers=told[1])
    number, insurer, code, premium, currency, valid_until, received_at = told
    return Offer(
        id=UUID(number),
        application_id=application_id,
        insurer=insurer,
        product_code=code,
        premium=Decimal(premium),
        currency=currency,
        valid_until=datetime.fromisoformat(valid_until),
        received_at=datetime.fromisoformat(received_at),
    )
