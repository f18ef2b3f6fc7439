"""Reads what is there: three databases, the brokers' dead letters, the journal."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import psycopg

from tests.checker.journal import Journal
from tests.checker.proof import Entry, Facts, Policy
from tests.system.brokers import RabbitMq

Connect = Callable[[str], psycopg.Connection]
DEAD = ("core-app.dead", "ins-comp-settlement.dead", "tests.dead")


@dataclass(frozen=True, kw_only=True)
class Sources:
    """Where to look. ``copies``: whether core-app's copy of products is being kept, too."""

    connect: Connect
    core_app: str = "core_app"
    products: str = "products"
    settlement: str = "settlement"
    copies: bool = True
    brokers: Mapping[str, RabbitMq] = field(default_factory=dict)


def read(sources: Sources, journal: Journal) -> Facts:
    """All of it, the producers first: what is issued in between would seem to be settled early."""
    with sources.connect(sources.settlement) as register:
        entries = _rows(
            register, "SELECT policy_id, insurer, premium, commission_percent, owed FROM entries"
        )
        applied = _rows(
            register, "SELECT product_id, version FROM commission_history ORDER BY number"
        )
        copies = {"settlement": _versions(register, "product_id")}
        waiting = {"settlement": _rows(register, "SELECT count(*) FROM inbox_waiting")[0][0]}
    with sources.connect(sources.core_app) as core:
        policies = _rows(core, "SELECT id, insurer, premium FROM policies")
        applications = _rows(core, "SELECT id FROM applications")
        if sources.copies:
            copies["core-app"] = _versions(core, "id")
            waiting["core-app"] = _rows(core, "SELECT count(*) FROM inbox_waiting")[0][0]
    with sources.connect(sources.products) as products:
        newest = _versions(products, "id")
    return Facts(
        applications=frozenset(str(one) for (one,) in applications),
        policies=[Policy(id=str(i), insurer=who, premium=much) for i, who, much in policies],
        entries=[
            Entry(policy_id=str(i), insurer=who, premium=much, percent=part, owed=owed)
            for i, who, much, part, owed in entries
        ],
        products=newest,
        applied=[(str(product), version) for product, version in applied],
        copies=copies,
        waiting=waiting,
        dead={
            f"{queue} of {zone}": broker.count(queue)
            for zone, broker in sources.brokers.items()
            for queue in DEAD
        },
        journal=journal.read(),
    )


def _rows(connection: psycopg.Connection, sql: str) -> list[tuple[Any, ...]]:
    return connection.execute(sql.encode()).fetchall()


def _versions(connection: psycopg.Connection, key: str) -> dict[str, int]:
    return {
        str(product): version
        for product, version in _rows(connection, f"SELECT {key}, version FROM products")
    }
