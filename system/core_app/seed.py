"""Partners from a seed; the database keeps only hashes of their keys."""

import hashlib
import hmac
import uuid
from pathlib import Path

import psycopg

from system.core_app.partners import digest
from system.shared.settings import DatabaseSettings


def api_key(seed: int, partner: int) -> str:
    """The key of a seeded partner."""
    digest = hmac.new(str(seed).encode(), f"partner-{partner}".encode(), hashlib.sha256)
    return f"pk_{digest.hexdigest()[:40]}"


def seed(settings: DatabaseSettings, partners: int, number: int, keys_file: Path) -> int:
    """Bring the partners up to that many and write their keys; returns how many were added."""
    keys = [api_key(number, partner) for partner in range(1, partners + 1)]
    added = 0
    with psycopg.connect(**settings.conninfo()) as connection:  # type: ignore[arg-type] # keywords of libpq
        for partner, key in enumerate(keys, start=1):
            number_of = uuid.uuid5(uuid.NAMESPACE_URL, f"insure-system/{number}/partner-{partner}")
            cursor = connection.execute(
                "INSERT INTO partners (id, name) VALUES (%s, %s) ON CONFLICT DO NOTHING",
                (number_of, f"partner {partner}"),
            )
            added += cursor.rowcount
            # one that was revoked stays revoked
            connection.execute(
                "INSERT INTO partner_keys (key_hash, partner_id) VALUES (%s, %s)"
                " ON CONFLICT DO NOTHING",
                (digest(key), number_of),
            )
    keys_file.touch(mode=0o600)
    keys_file.chmod(0o600)  # touch leaves the mode of a file that was there
    keys_file.write_text("".join(f"{key}\n" for key in keys), encoding="utf-8")
    return added
