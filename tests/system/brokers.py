"""A real RabbitMQ for the tests: one node on loopback, all of it in one folder."""

import asyncio
import os
import shutil
import signal
import socket
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import aio_pika

from system.shared.contracts import consumers
from system.shared.messaging import Broker, BrokerSettings
from tests.system.replicas import free_port, until

SERVER = "/usr/lib/rabbitmq/bin/rabbitmq-server"
START_PATIENCE_S = 180  # 4 s of its own, many more on a machine that is busy
USER, PASSWORD = "tests", "only-for-tests"
QUEUES = [f"{name}.{kind}" for name in (*consumers(), USER) for kind in ("events", "dead")]
CONFIG = """listeners.tcp.1 = 127.0.0.1:{port}
default_user = {user}
default_pass = {password}
default_user_tags.administrator = true
loopback_users = none
log.console = false
log.file.level = warning
vm_memory_high_watermark.absolute = 600MiB
disk_free_limit.absolute = 50MB
"""


class RabbitMq:
    """One node; it can be killed and started again with what it had on disk."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.port, self._dist, self._epmd = free_port(), free_port(), free_port()
        self.password_file = folder / "broker-password"
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(PASSWORD, encoding="utf-8")
        config = CONFIG.format(port=self.port, user=USER, password=PASSWORD)
        (folder / "rabbit.conf").write_text(config, encoding="utf-8")
        (folder / "plugins").write_text("[].\n", encoding="utf-8")
        (folder / "advanced.config").write_text(
            "[{kernel, [{inet_dist_use_interface, {127,0,0,1}}]}].\n", encoding="utf-8"
        )
        self._process: subprocess.Popen[bytes] | None = None

    def settings(self, user: str = USER) -> BrokerSettings:
        """What a service would be told."""
        return BrokerSettings(
            host="127.0.0.1", port=self.port, user=user, password_file=self.password_file
        )

    def environment(self) -> dict[str, str]:
        """The same, as the variables of a replica."""
        return {
            "BROKER_HOST": "127.0.0.1",
            "BROKER_PORT": str(self.port),
            "BROKER_USER": USER,
            "BROKER_PASSWORD_FILE": str(self.password_file),
        }

    def start(self) -> None:
        """Returns when it takes connections."""
        with (self.folder / "log").open("ab") as log:
            self._process = subprocess.Popen(
                [SERVER], env=self._env(), stdout=log, stderr=log, start_new_session=True
            )
        until(self._answers, "RabbitMQ answers", START_PATIENCE_S)

    def kill(self) -> None:
        """At once, as a machine that is lost; what was confirmed is on the disk."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGKILL)
        self._process.wait(timeout=20)

    def freeze(self, *, frozen: bool) -> None:
        """Connections stay, nothing answers."""
        assert self._process is not None
        os.killpg(self._process.pid, signal.SIGSTOP if frozen else signal.SIGCONT)

    def end(self) -> None:
        """The node and the port mapper that it started, which would outlive it."""
        self.kill()
        for epmd in self._port_mappers():
            os.kill(epmd, signal.SIGTERM)

    def empty(self) -> None:
        """Remove the queues of all services, and with them every message."""
        asyncio.run(self._each(lambda channel, name: channel.queue_delete(name)))

    def count(self, queue: str) -> int:
        """Messages that are ready there; 0 when there is no such queue."""
        counts: dict[str, int] = {}

        async def note(channel: aio_pika.abc.AbstractChannel, name: str) -> None:
            if name == queue:
                found = await channel.declare_queue(name, durable=True)
                counts[name] = found.declaration_result.message_count or 0

        asyncio.run(self._each(note))
        return counts[queue]

    async def _each(
        self, act: Callable[[aio_pika.abc.AbstractChannel, str], Awaitable[object]]
    ) -> None:
        async with await self.connect() as connection:
            channel = await connection.channel()
            for name in QUEUES:
                await act(channel, name)

    async def connect(self) -> aio_pika.abc.AbstractConnection:
        """For a test that does itself what the system does not do."""
        return await aio_pika.connect(
            host="127.0.0.1", port=self.port, login=USER, password=PASSWORD
        )

    def _answers(self) -> bool:
        assert self._process is not None
        assert self._process.poll() is None, (self.folder / "log").read_text()
        try:
            # the port is open before the node takes anybody in, so it is asked for a queue
            socket.create_connection(("127.0.0.1", self.port), 1).close()
            asyncio.run(self._greet())
        except (aio_pika.exceptions.AMQPError, OSError):
            return False
        return True

    async def _greet(self) -> None:
        async with Broker(self.settings()).channel():
            return

    def _env(self) -> dict[str, str]:
        folder = str(self.folder)
        return {
            "PATH": os.environ["PATH"],
            "LANG": "C.UTF-8",
            "HOME": folder,
            "RABBITMQ_NODENAME": f"tests{self.port}@localhost",
            "RABBITMQ_MNESIA_BASE": f"{folder}/data",
            "RABBITMQ_LOG_BASE": f"{folder}/logs",
            "RABBITMQ_CONFIG_FILE": f"{folder}/rabbit.conf",
            "RABBITMQ_ADVANCED_CONFIG_FILE": f"{folder}/advanced.config",
            "RABBITMQ_ENABLED_PLUGINS_FILE": f"{folder}/plugins",
            "RABBITMQ_PID_FILE": f"{folder}/pid",
            "RABBITMQ_GENERATED_CONFIG_DIR": f"{folder}/generated",
            "RABBITMQ_NODE_IP_ADDRESS": "127.0.0.1",
            "RABBITMQ_NODE_PORT": str(self.port),
            "RABBITMQ_DIST_PORT": str(self._dist),
            "ERL_EPMD_PORT": str(self._epmd),
            "ERL_EPMD_ADDRESS": "127.0.0.1",
            "RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS": "+sbwt none +sbwtdcpu none +sbwtdio none",
        }

    def _port_mappers(self) -> list[int]:
        """By the port in their own environment or arguments, so that nobody else's is ended."""
        mine = f"ERL_EPMD_PORT={self._epmd}".encode()
        found = []
        for entry in Path("/proc").glob("[0-9]*"):
            try:
                if b"epmd" in (entry / "cmdline").read_bytes() and mine in (
                    entry / "environ"
                ).read_bytes().split(b"\0"):
                    found.append(int(entry.name))
            except (FileNotFoundError, ProcessLookupError, PermissionError):
                continue  # it ended meanwhile, or is another's
        return found


@contextmanager
def rabbitmq() -> Iterator[RabbitMq]:
    """Started, and ended with everything that it left."""
    folder = Path(tempfile.mkdtemp(prefix="ib-"))
    server = RabbitMq(folder)
    try:
        server.start()
        yield server
    finally:
        server.end()
        shutil.rmtree(folder)
