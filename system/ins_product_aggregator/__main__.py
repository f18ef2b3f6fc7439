"""``python -m system.ins_product_aggregator [serve | migrate]``."""

import argparse
from pathlib import Path

from system.shared.settings import DatabaseSettings


def main() -> None:
    """Serve, or prepare the database."""
    parser = argparse.ArgumentParser(prog="system.ins_product_aggregator")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve")
    commands.add_parser("migrate")
    asked = parser.parse_args()
    if asked.command == "migrate":
        from system.shared.db import migrate  # noqa: PLC0415

        done = migrate(DatabaseSettings(), Path(__file__).parent / "migrations", "outbox")
        print(f"migrations run: {', '.join(done) or 'none was due'}")
    else:
        from system.ins_product_aggregator.app import make  # noqa: PLC0415
        from system.shared.service import serve  # noqa: PLC0415

        serve(*make())


if __name__ == "__main__":
    main()
