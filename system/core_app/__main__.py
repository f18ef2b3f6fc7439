"""``python -m system.core_app``: the service, its relay, and what is done by hand."""

import argparse
from pathlib import Path

from system.shared.settings import DatabaseSettings


def main() -> None:
    """Serve, relay, prepare the database, see to dead letters and partners' keys."""
    asked = _parser().parse_args()
    match asked.command:
        case "migrate":
            from system.shared.db import migrate  # noqa: PLC0415

            folder = Path(__file__).parent / "migrations"
            done = migrate(DatabaseSettings(), folder, "outbox", "inbox")
            print(f"migrations run: {', '.join(done) or 'none was due'}")
        case "seed":
            from system.core_app.seed import seed  # noqa: PLC0415

            added = seed(DatabaseSettings(), asked.partners, asked.seed, asked.keys_file)
            print(f"partners added: {added}")
        case "dead" | "replay":
            from system.shared import dead_letters  # noqa: PLC0415

            dead_letters.run(asked)
        case "partner-key":
            from system.core_app import partner_keys  # noqa: PLC0415

            partner_keys.run(asked)
        case _:
            _serve(relay=asked.command == "relay")


def _serve(*, relay: bool) -> None:
    from system.core_app import app  # noqa: PLC0415
    from system.shared.service import serve  # noqa: PLC0415

    serve(*(app.make_relay() if relay else app.make()))


def _parser() -> argparse.ArgumentParser:
    from system.core_app import partner_keys  # noqa: PLC0415
    from system.shared import dead_letters  # noqa: PLC0415

    parser = argparse.ArgumentParser(prog="system.core_app")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve")
    commands.add_parser("relay", help="publish the outbox to this zone's broker")
    commands.add_parser("migrate")
    seeding = commands.add_parser("seed")
    seeding.add_argument("--partners", type=int, default=50)
    seeding.add_argument("--seed", type=int, default=7)
    seeding.add_argument("--keys-file", type=Path, required=True)
    dead_letters.add_commands(commands)
    partner_keys.add_command(commands)
    return parser


if __name__ == "__main__":
    main()
