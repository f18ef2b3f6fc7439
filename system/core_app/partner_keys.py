"""``python -m system.core_app partner-key``: change a partner's API key without a gap."""

import argparse
import os
from pathlib import Path

import psycopg

from system.core_app import partners
from system.shared.settings import DatabaseSettings


def add_command(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """``partner-key list | rotate | revoke``."""
    parser = commands.add_parser("partner-key", help="list, rotate or revoke a partner's API keys")
    actions = parser.add_subparsers(dest="action", required=True)
    listing = actions.add_parser("list", help="fingerprints of the valid keys, oldest first")
    rotating = actions.add_parser("rotate", help="another key; the one before stays valid")
    rotating.add_argument(
        "--key-file", type=Path, required=True, help="is made with mode 0600; must not be there"
    )
    revoking = actions.add_parser("revoke", help="end a key")
    revoking.add_argument("--fingerprint", required=True, help="as list shows it")
    for one in (listing, rotating, revoking):
        one.add_argument("--partner", required=True, help="id or name")


def run(asked: argparse.Namespace) -> None:
    """One of them; no key is ever printed."""
    with psycopg.connect(**DatabaseSettings().conninfo()) as connection:  # type: ignore[arg-type] # keywords of libpq
        try:
            if asked.action == "rotate":
                _rotate(connection, asked.partner, asked.key_file)
            elif asked.action == "revoke":
                partners.revoke(connection, asked.partner, asked.fingerprint)
            for fingerprint, since in partners.listed(connection, asked.partner):
                print(f"{fingerprint}  valid since {since}")
        except partners.Unrotated as error:
            raise SystemExit(f"error: {error}") from None


def _rotate(connection: psycopg.Connection, partner: str, path: Path) -> None:
    """The key is on disk before the database takes it: a key that nobody has would be of no use."""
    key = partners.rotate(connection, partner)
    try:
        opened = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
    except OSError as error:
        raise partners.Unrotated(f"{path}: {error.strerror}") from None
    with os.fdopen(opened, "w", encoding="utf-8") as file:
        file.write(f"{key}\n")
