"""``python -m system.core_app [serve | migrate | seed]``."""

import argparse
from pathlib import Path

from system.shared.settings import DatabaseSettings


def main() -> None:
    """Serve, or prepare the database."""
    parser = argparse.ArgumentParser(prog="system.core_app")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve")
    commands.add_parser("migrate")
    seeding = commands.add_parser("seed")
    seeding.add_argument("--partners", type=int, default=50)
    seeding.add_argument("--seed", type=int, default=7)
    seeding.add_argument("--keys-file", type=Path, required=True)
    asked = parser.parse_args()
    if asked.command == "migrate":
        from system.shared.db import migrate  # noqa: PLC0415

        done = migrate(DatabaseSettings(), Path(__file__).parent / "migrations")
        print(f"migrations run: {', '.join(done) or 'none was due'}")
    elif asked.command == "seed":
        from system.core_app.seed import seed  # noqa: PLC0415

        added = seed(DatabaseSettings(), asked.partners, asked.seed, asked.keys_file)
        print(f"partners added: {added}")
    else:
        from system.core_app.app import make  # noqa: PLC0415
        from system.shared.service import serve  # noqa: PLC0415

        serve(*make())


if __name__ == "__main__":
    main()
