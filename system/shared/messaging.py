"""RabbitMQ of this zone: exchange ``events``, a queue and a dead letters queue a service.

Every client declares the queues of all consumers, as the contracts name them: an event that is
published before its consumer was ever up would otherwise be dropped.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

import aio_pika
from aio_pika import DeliveryMode, ExchangeType
from aio_pika.abc import AbstractChannel, AbstractQueue
from aio_pika.connection import make_url
from aiormq import Channel as AiormqChannel
from pamqp.commands import Basic
from pamqp.common import FieldTable
from pydantic import Field
from pydantic_settings import BaseSettings, SettingsConfigDict

from system.shared import contracts

EXCHANGE = "events"
# they tell by themselves, as text and not as JSON, what is raised here anyway
logging.getLogger("aiormq").setLevel(logging.CRITICAL)
logging.getLogger("aio_pika").setLevel(logging.CRITICAL)


class BrokerSettings(BaseSettings):
    """One user a service; the password is only ever read from a file."""

    model_config = SettingsConfigDict(env_prefix="BROKER_")

    host: str
    port: int = Field(default=5672, ge=1, le=65535)
    user: str
    password_file: Path
    vhost: str = "/"
    connect_timeout_s: float = Field(default=5.0, gt=0)
    confirm_timeout_s: float = Field(default=10.0, gt=0)
    heartbeat_s: int = Field(default=10, ge=1)


@dataclass(frozen=True, kw_only=True)
class Letter:
    """A message to publish: where to, what, and which event it is."""

    exchange: str
    routing_key: str
    body: bytes
    message_id: str
    headers: Mapping[str, str]


class Broker:
    """Opens connections. One that is lost is not mended in place: whoever works with it ends with
    an error and begins again (``service.build(background=...)``), so that nothing is half alive."""

    def __init__(self, settings: BrokerSettings) -> None:
        self.settings = settings
        self._open = 0

    @asynccontextmanager
    async def channel(self, prefetch: int = 1) -> AsyncIterator["Channel"]:
        """A connection of its own with one channel, exchange and queues declared; closed after."""
        settings = self.settings
        url = make_url(
            host=settings.host,
            port=settings.port,
            login=settings.user,
            password=settings.password_file.read_text(encoding="utf-8").strip(),
            virtualhost=settings.vhost,
            heartbeat=settings.heartbeat_s,
        )
        named: FieldTable = {"connection_name": settings.user}
        # not `connect`, which leaves behind, unclosed, what could not be connected
        connection = aio_pika.Connection(url, client_properties=named)
        try:
            await connection.connect(timeout=settings.connect_timeout_s)
            opened = await connection.channel(publisher_confirms=True, on_return_raises=True)
            await opened.set_qos(prefetch_count=prefetch)
            channel = Channel(opened, settings.confirm_timeout_s)
            await channel.declare()
            self._open += 1
            try:
                yield channel
            finally:
                self._open -= 1
        finally:
            await connection.close()

    async def check(self) -> str:
        """For readiness: why this replica does no work with the broker, or nothing."""
        return "" if self._open else "there is no connection to the broker"


class Channel:
    """Publishes with confirms; gives access to the queues."""

    def __init__(self, channel: AbstractChannel, confirm_timeout_s: float) -> None:
        self._channel, self._confirm_timeout_s = channel, confirm_timeout_s

    async def declare(self) -> None:
        """Exchange, and for each consumer of a contract its queue with what it is sent."""
        await self._channel.declare_exchange(EXCHANGE, ExchangeType.TOPIC, durable=True)
        for service, keys in contracts.consumers().items():
            await self.queue(service, keys)

    async def queue(self, service: str, keys: Sequence[str]) -> AbstractQueue:
        """The queue ``<service>.events``, bound to the keys; with its dead letters queue."""
        await self.dead_letters(service)
        queue = await self._channel.declare_queue(f"{service}.events", durable=True)
        for key in keys:
            await queue.bind(EXCHANGE, key)
        return queue

    async def dead_letters(self, service: str) -> AbstractQueue:
        """The queue ``<service>.dead``."""
        return await self._channel.declare_queue(f"{service}.dead", durable=True)

    async def publish(self, letters: Sequence[Letter]) -> None:
        """Returns when the broker has confirmed every one; raises when it did not, and then any
        of them may or may not be there."""
        under = await self._under()
        async with asyncio.timeout(self._confirm_timeout_s):
            await asyncio.gather(*(_publish(under, letter) for letter in letters))

    async def lost(self) -> None:
        """Waits; raises when the channel is gone or the broker cancelled our consumer."""
        under = await self._under()
        cancelled = asyncio.Event()
        under.on_consumer_cancel_callbacks.add(lambda _: cancelled.set())
        waits = [asyncio.ensure_future(one) for one in (self._channel.closed(), cancelled.wait())]
        try:
            await asyncio.wait(waits, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for one in waits:
                one.cancel()
        raise ConnectionError("the broker closed the channel or took the queue away")

    async def _under(self) -> AiormqChannel:
        found = await self._channel.get_underlay_channel()
        assert isinstance(found, AiormqChannel)  # it alone can publish without a drain each
        return found


async def _publish(under: AiormqChannel, letter: Letter) -> None:
    properties = Basic.Properties(
        content_type="application/json",
        delivery_mode=DeliveryMode.PERSISTENT,
        message_id=letter.message_id,
        headers=dict(letter.headers),
    )
    # mandatory: what no queue takes comes back and is an error, not a confirmed nothing;
    # wait=False: the confirm is waited for, not each write to the socket
    await under.basic_publish(
        letter.body,
        exchange=letter.exchange,
        routing_key=letter.routing_key,
        properties=properties,
        mandatory=True,
        wait=False,
    )


def dead(service: str, source: Letter, reason: str) -> Letter:
    """The same message for the dead letters queue, with why and where it would go in a replay."""
    told = {
        "reason": reason[:1000],
        "failed_at": datetime.now(UTC).isoformat(timespec="milliseconds"),
        "exchange": source.exchange,
        "routing_key": source.routing_key,
    }
    return Letter(
        exchange="",
        routing_key=f"{service}.dead",
        body=source.body,
        message_id=source.message_id,
        headers={**source.headers, **told},
    )
