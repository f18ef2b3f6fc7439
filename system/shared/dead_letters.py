"""Dead letters of a service: list them, send them again.

``python -m system.SERVICE dead`` and ``replay [--event-id ID]``; in a service's ``__main__``::

    dead_letters.add_commands(commands)
    ...
    if asked.command in dead_letters.COMMANDS:
        dead_letters.run(asked)
"""

import argparse
import asyncio
import json
from collections.abc import AsyncIterator
from dataclasses import asdict, dataclass
from typing import Any
from uuid import UUID

from aio_pika.abc import AbstractIncomingMessage

from system.shared.messaging import Broker, BrokerSettings, Channel, Letter

COMMANDS = ("dead", "replay")
ADDED = {"reason", "failed_at", "exchange", "routing_key"}


@dataclass(frozen=True, kw_only=True)
class Dead:
    """One dead letter, as far as it can be read."""

    event_id: str
    event_type: str
    aggregate_id: str
    aggregate_version: int | None
    reason: str
    failed_at: str


async def listed(broker: Broker, name: str) -> list[Dead]:
    """All dead letters of a service in this zone, oldest first; they stay."""
    async with broker.channel() as channel:
        return [_read(message) async for message in _letters(channel, name)]


async def replay(broker: Broker, name: str, event_id: UUID | None = None) -> int:
    """Send one or all of them where they had come from, unchanged; how many. Each leaves the dead
    letters once the broker has confirmed its copy."""
    count = 0
    async with broker.channel() as channel:
        async for message in _letters(channel, name):
            if event_id is None or message.message_id == str(event_id):
                await channel.publish([_back(message, name)])
                await message.ack()
                count += 1
    return count


def add_commands(commands: "argparse._SubParsersAction[argparse.ArgumentParser]") -> None:
    """``dead`` and ``replay``."""
    commands.add_parser("dead", help="list the dead letters of this zone")
    replaying = commands.add_parser("replay", help="send dead letters again")
    replaying.add_argument("--event-id", type=UUID, help="only this event; default: all")


def run(asked: argparse.Namespace) -> None:
    """One of the commands; the service is the broker's user."""
    settings = BrokerSettings()
    broker = Broker(settings)
    if asked.command == "dead":
        for letter in asyncio.run(listed(broker, settings.user)):
            print(json.dumps(asdict(letter), ensure_ascii=False))
    else:
        count = asyncio.run(replay(broker, settings.user, asked.event_id))
        print(f"dead letters sent again: {count}")


async def _letters(channel: Channel, name: str) -> AsyncIterator[AbstractIncomingMessage]:
    """Those that were there at the start. Whatever is not acknowledged goes back in its place
    when the channel is closed."""
    queue = await channel.dead_letters(name)
    for _ in range(queue.declaration_result.message_count or 0):
        message = await queue.get(fail=False)
        if message is None:
            return
        yield message


def _back(message: AbstractIncomingMessage, name: str) -> Letter:
    told = {key: str(value) for key, value in message.headers.items()}
    return Letter(
        exchange=told.get("exchange", ""),
        routing_key=told.get("routing_key", f"{name}.events"),
        body=message.body,
        message_id=message.message_id or "",
        headers={key: value for key, value in told.items() if key not in ADDED},
    )


def _read(message: AbstractIncomingMessage) -> Dead:
    event: Any
    try:
        event = json.loads(message.body)
    except (ValueError, RecursionError):
        event = None
    told = event if isinstance(event, dict) else {}
    version = told.get("aggregate_version")
    return Dead(
        event_id=message.message_id or "",
        event_type=str(told.get("event_type", "")),
        aggregate_id=str(told.get("aggregate_id", "")),
        aggregate_version=version if isinstance(version, int) else None,
        reason=str(message.headers.get("reason", "")),
        failed_at=str(message.headers.get("failed_at", "")),
    )
