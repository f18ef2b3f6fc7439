"""``python -m system.ins_comp_settlement [serve | migrate | dead | replay]``."""

import argparse
import asyncio
import json
from dataclasses import asdict
from pathlib import Path

from system.shared.settings import DatabaseSettings


def main() -> None:
    """Serve, prepare the database, or look after events that could not be booked."""
    from system.shared import dead_letters  # noqa: PLC0415

    parser = argparse.ArgumentParser(prog="system.ins_comp_settlement")
    commands = parser.add_subparsers(dest="command")
    commands.add_parser("serve")
    commands.add_parser("migrate")
    dead_letters.add_commands(commands)
    asked = parser.parse_args()
    if asked.command == "migrate":
        from system.shared.db import migrate  # noqa: PLC0415

        done = migrate(DatabaseSettings(), Path(__file__).parent / "migrations", "inbox")
        print(f"migrations run: {', '.join(done) or 'none was due'}")
    elif asked.command in dead_letters.COMMANDS:
        _dead_letters(asked)
    else:
        from system.ins_comp_settlement.app import make  # noqa: PLC0415
        from system.shared.service import serve  # noqa: PLC0415

        serve(*make())


def _dead_letters(asked: argparse.Namespace) -> None:
    from system.ins_comp_settlement.events import NAME  # noqa: PLC0415
    from system.shared.dead_letters import listed, replay  # noqa: PLC0415
    from system.shared.messaging import Broker, BrokerSettings  # noqa: PLC0415

    broker = Broker(BrokerSettings())
    if asked.command == "dead":
        for letter in asyncio.run(listed(broker, NAME)):
            print(json.dumps(asdict(letter), ensure_ascii=False))
    else:
        count = asyncio.run(replay(broker, NAME, asked.event_id))
        print(f"dead letters sent again: {count}")


if __name__ == "__main__":
    main()
