"""``python -m system.client_info [serve | migrate | seed]``."""

import argparse
from pathlib import Path

from system.shared.settings import DatabaseSettings


def main() -> None:
    """Serve, or prepare the database."""
    parser = argparse.ArgumentParser(prog="system.client_info")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve")
    commands.add_parser("migrate")
    seeding = commands.add_parser("seed")
    seeding.add_argument("--clients", type=int, default=5000)
    seeding.add_argument("--seed", type=int, default=7)
    asked = parser.parse_args()
    if asked.command == "migrate":
        from system.shared.db import migrate  # noqa: PLC0415

        done = migrate(DatabaseSettings(), Path(__file__).parent / "migrations")
        print(f"migrations run: {', '.join(done) or 'none was due'}")
    elif asked.command == "seed":
        from system.client_info.seed import seed  # noqa: PLC0415

        print(f"clients added: {seed(DatabaseSettings(), asked.clients, asked.seed)}")
    else:
        from system.client_info.app import make  # noqa: PLC0415
        from system.shared.service import serve  # noqa: PLC0415

        serve(*make())


if __name__ == "__main__":
    main()
