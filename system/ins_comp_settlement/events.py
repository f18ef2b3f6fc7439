"""What is consumed: policies that were issued, products that have changed."""

from collections.abc import Mapping
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any
from uuid import UUID

from system.ins_comp_settlement import use_cases
from system.ins_comp_settlement.domain import Policy, Product, Unusable, percent_of, premium_of
from system.ins_comp_settlement.store import Connection
from system.shared.inbox import Handler, Poisoned

NAME = "ins-comp-settlement"
ISSUED, UPDATED = "policies.issued", "products.updated"


def handlers(default_percent: Decimal) -> dict[str, Handler]:
    """What is done with each type of event."""

    async def issued(connection: Connection, event: Mapping[str, Any]) -> None:
        try:
            policy = _policy(event)
            await use_cases.book(connection, policy, default_percent, datetime.now(UTC))
        except Unusable as error:
            raise Poisoned(str(error)) from error

    async def updated(connection: Connection, event: Mapping[str, Any]) -> None:
        try:
            await use_cases.keep_product(connection, _product(event))
        except Unusable as error:
            raise Poisoned(str(error)) from error

    return {ISSUED: issued, UPDATED: updated}


def _policy(event: Mapping[str, Any]) -> Policy:
    """The contract was checked before; what is left is whether it can be true."""
    told = event["payload"]
    if told["policyId"] != event["aggregate_id"]:
        raise Unusable("the event's aggregate is another policy than its payload's")
    return Policy(
        id=UUID(told["policyId"]),
        insurer=told["insurer"],
        product_id=UUID(told["productId"]) if told["productId"] else None,
        premium=premium_of(told["premium"]["amount"]),
        currency=told["premium"]["currency"],
        issued_at=datetime.fromisoformat(told["issuedAt"]),
    )


def _product(event: Mapping[str, Any]) -> Product:
    told = event["payload"]
    if told["productId"] != event["aggregate_id"]:
        raise Unusable("the event's aggregate is another product than its payload's")
    return Product(
        id=UUID(told["productId"]),
        insurer=told["insurer"],
        code=told["code"],
        commission_percent=percent_of(told["commissionPercent"]),
        active=told["active"],
        version=event["aggregate_version"],
    )
