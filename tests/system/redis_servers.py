"""A real Redis for tests: a primary, its replica, and three Sentinels that watch them."""

import hashlib
import signal
import subprocess
from pathlib import Path

from redis import Redis
from redis.exceptions import ConnectionError as Unreachable
from redis.exceptions import TimeoutError as Silent

from insurectl.adapters import process
from tests.system.replicas import free_port, until

NAME = "insure"
HOST = "127.0.0.1"
SYSTEM_PASSWORD, PASSWORD = "system-only-for-tests", "only-for-tests"
DOWN_AFTER_MS, FAILOVER_MS = 1000, 3000


class RedisServers:
    """Two servers and three Sentinels. ``user``: whom the service under test is."""

    def __init__(self, folder: Path, user: str) -> None:
        self._folder, self._user = folder, user
        self._processes: dict[str, subprocess.Popen[bytes]] = {}
        self.password_file = folder / f"redis-{user}"
        self.password_file.touch(mode=0o600)
        self.password_file.write_text(PASSWORD, encoding="utf-8")
        self.ports = [free_port() for _ in range(2)]
        self.sentinel_ports = [free_port() for _ in range(3)]

    def start(self) -> None:
        """All of them; returns when the Sentinels know the replica and each other."""
        for number in range(2):
            self._write(f"redis-{number}", self._server(number))
            self.begin(f"redis-{number}")
        until(self._replicates, "the replica follows its primary")
        for number in range(3):
            self._write(f"sentinel-{number}", self._sentinel(number))
            self.begin(f"sentinel-{number}", "--sentinel")
        until(self._watched, "the Sentinels know the replica and each other")

    def begin(self, name: str, *words: str) -> None:
        """Start a server that does not run."""
        command = [process.program("redis-server"), str(self._folder / f"{name}.conf"), *words]
        with (self._folder / f"{name}.log").open("ab") as log:
            self._processes[name] = subprocess.Popen(command, stdout=log, stderr=log)

    def environment(self) -> dict[str, str]:
        """The variables that lead a service here."""
        return {
            "REDIS_SENTINELS": ",".join(f"{HOST}:{port}" for port in self.sentinel_ports),
            "REDIS_NAME": NAME,
            "REDIS_USER": self._user,
            "REDIS_PASSWORD_FILE": str(self.password_file),
        }

    def primary(self) -> int:
        """The number of the server that the Sentinels call primary."""
        return self.ports.index(self._said_primary())

    def client(self, number: int | None = None) -> Redis:
        """To look at what is stored; the primary unless told."""
        return _client(self.ports[self.primary() if number is None else number])

    def kill_primary(self) -> int:
        """SIGKILL; returns its number. ``begin`` brings it back."""
        number = self.primary()
        self.signal(f"redis-{number}", signal.SIGKILL)
        self._processes[f"redis-{number}"].wait(timeout=10)
        return number

    def signal(self, name: str, number: signal.Signals) -> None:
        """To one server."""
        self._processes[name].send_signal(number)

    def await_failover(self, before: int) -> None:
        """Until another server than that is primary and takes writes."""
        until(lambda: self.primary() != before, "a Sentinel promoted the replica")
        until(lambda: self.client().info("replication")["role"] == "master", "it is primary")

    def end(self) -> None:
        """All of them, at once."""
        for running in self._processes.values():
            if running.poll() is None:
                running.send_signal(signal.SIGKILL)
        for running in self._processes.values():
            running.wait(timeout=10)

    def _said_primary(self) -> int:
        port = self.sentinel_ports[0]
        with Redis(host=HOST, port=port, decode_responses=True, socket_timeout=5) as sentinel:
            return int(sentinel.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", NAME)[1])

    def _replicates(self) -> bool:
        try:
            with _client(self.ports[1]) as replica:
                return bool(replica.info("replication")["master_link_status"] == "up")
        except (Unreachable, Silent, KeyError):
            return False

    def _watched(self) -> bool:
        try:
            return all(self._knows_all(port) for port in self.sentinel_ports)
        except (Unreachable, Silent):
            return False

    def _knows_all(self, port: int) -> bool:
        with Redis(host=HOST, port=port, decode_responses=True, socket_timeout=5) as sentinel:
            found = sentinel.sentinel_masters()[NAME]
            return bool(found["num-slaves"] == 1 and found["num-other-sentinels"] == 2)

    def _write(self, name: str, lines: list[str]) -> None:
        path = self._folder / f"{name}.conf"
        path.touch(mode=0o600)
        path.write_text("\n".join(lines) + "\n", encoding="utf-8")

    def _server(self, number: int) -> list[str]:
        digest = {word: hashlib.sha256(word.encode()).hexdigest() for word in _PASSWORDS}
        follows = [f"replicaof {HOST} {self.ports[0]}"] if number else []
        return [
            *follows,
            f"bind {HOST}",
            f"port {self.ports[number]}",
            f"dir {self._folder}",
            f"dbfilename redis-{number}.rdb",
            'save ""',
            "repl-diskless-sync-delay 0",
            "masteruser system",
            f"masterauth {SYSTEM_PASSWORD}",
            "user default off",
            f"user system on #{digest[SYSTEM_PASSWORD]} ~* &* +@all",
            f"user {self._user} on #{digest[PASSWORD]} ~osago:* &osago:* +@all -@admin -@dangerous",
        ]

    def _sentinel(self, number: int) -> list[str]:
        return [
            f"bind {HOST}",
            f"port {self.sentinel_ports[number]}",
            f"dir {self._folder}",
            f"sentinel monitor {NAME} {HOST} {self.ports[0]} 2",
            f"sentinel auth-user {NAME} system",
            f"sentinel auth-pass {NAME} {SYSTEM_PASSWORD}",
            f"sentinel down-after-milliseconds {NAME} {DOWN_AFTER_MS}",
            f"sentinel failover-timeout {NAME} {FAILOVER_MS}",
        ]


_PASSWORDS = (SYSTEM_PASSWORD, PASSWORD)


def _client(port: int) -> Redis:
    return Redis(
        host=HOST,
        port=port,
        username="system",
        password=SYSTEM_PASSWORD,
        decode_responses=True,
        socket_timeout=5,
    )
