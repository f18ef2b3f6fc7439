"""Clients with cards from a seed, written with COPY: thousands in a second."""

import psycopg

from system.client_info.cards import Row, card
from system.shared.ids import seeded_client
from system.shared.settings import DatabaseSettings

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
        rows: dict[str, list[Row]] = {table: [] for table in TABLES}
        for client in range(1, clients + 1):
            if seeded_client(number, client) not in known:
                for table, row in card(number, client):
                    rows[table].append(row)
        for table, columns in TABLES.items():
            with connection.cursor().copy(f"COPY {table} ({columns}) FROM STDIN".encode()) as copy:
                for row in rows[table]:
                    copy.write_row(row)
        return len(rows["clients"])
