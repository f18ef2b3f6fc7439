"""Clients with cards from a seed, written with COPY: thousands in a second."""

import random
import uuid
from collections.abc import Iterator
from datetime import date, timedelta

import psycopg

from system.shared.ids import seeded_client
from system.shared.settings import DatabaseSettings

FIRST = ("Anna", "Boris", "Vera", "Grigory", "Daria", "Egor", "Zoya", "Ivan", "Ksenia", "Lev")
LAST = ("Orlov", "Volkov", "Sokolov", "Belov", "Kozlov", "Gromov", "Lebedev", "Morozov")
GROUPS = {"contact": ("email", "phone", "city"), "driving": ("experience", "class", "accidents")}
TODAY = date(2026, 1, 1)  # a fixed day, so that the same seed gives the same rows
TABLES = {
    "clients": "id, name, birth_date",
    "documents": "id, client_id, type, number, issue_date, expiry_date",
    "relatives": "id, client_id, relation_type, name, age",
    "attributes": "client_id, group_name, name, value",
}


def seed(settings: DatabaseSettings, clients: int, number: int) -> int:
    """Bring the clients up to that many; returns how many were added."""
    with psycopg.connect(**settings.conninfo()) as connection:  # type: ignore[arg-type] # keywords of libpq
        connection.execute("LOCK TABLE clients IN SHARE ROW EXCLUSIVE MODE")
        known = {row[0] for row in connection.execute("SELECT id FROM clients")}
        rows: dict[str, list[tuple[object, ...]]] = {table: [] for table in TABLES}
        for client in range(1, clients + 1):
            if seeded_client(number, client) not in known:
                for table, row in _card(number, client):
                    rows[table].append(row)
        for table, columns in TABLES.items():
            with connection.cursor().copy(f"COPY {table} ({columns}) FROM STDIN".encode()) as copy:
                for row in rows[table]:
                    copy.write_row(row)
        return len(rows["clients"])


def _card(number: int, client: int) -> Iterator[tuple[str, tuple[object, ...]]]:
    rng = random.Random(f"{number}/{client}")
    key = seeded_client(number, client)
    name = f"{rng.choice(FIRST)} {rng.choice(LAST)}"
    yield "clients", (key, name, TODAY - timedelta(days=rng.randrange(18 * 366, 80 * 365)))
    for kind in ("passport", "driving_licence"):
        issued = TODAY - timedelta(days=rng.randrange(30, 3000))
        serial = f"{rng.randrange(10**10):010d}"
        row = (uuid.uuid5(key, kind), key, kind, serial, issued, issued + timedelta(days=3650))
        yield "documents", row
    for relative in range(rng.randrange(4)):
        kind = rng.choice(("spouse", "child", "parent"))
        kin = (
            uuid.uuid5(key, f"relative-{relative}"),
            key,
            kind,
            rng.choice(FIRST),
            rng.randrange(90),
        )
        yield "relatives", kin
    for group, names in GROUPS.items():
        for attribute in names:
            yield "attributes", (key, group, attribute, f"{rng.randrange(10**6)}")
