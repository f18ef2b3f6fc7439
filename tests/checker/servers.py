"""The servers and the services of two zones, each of which can be killed and comes again."""

import hashlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from pathlib import Path

from cryptography.hazmat.primitives.asymmetric.ed25519 import Ed25519PrivateKey
from cryptography.hazmat.primitives.serialization import (
    Encoding,
    NoEncryption,
    PrivateFormat,
    PublicFormat,
)
from psycopg import sql

from tests.system.brokers import RabbitMq, rabbitmq
from tests.system.redis_servers import RedisServers
from tests.system.replicas import (
    Place,
    Replica,
    database_environment,
    free_port,
    postgres_command,
    run_service,
    until,
)

PASSWORD = "only-for-tests"
SEED, CLIENTS, INSURERS = 7, 20, 3
ZONES = ("a", "b")
START_S = 240
DATABASES = {
    "core_app": "core_app",
    "client_info": "client_info",
    "ins_product_aggregator": "products",
    "ins_comp_settlement": "settlement",
}
CALLERS = {
    "client_info": ("core-app",),
    "osago_aggregator": ("core-app",),
    "insurer_stub": ("ins-product-aggregator", "osago-aggregator"),
}
NOWHERE = "http://127.0.0.1:1"


@contextmanager
def postgresql() -> Iterator[Place]:
    """An empty one on a socket. It is not killed here: that is another campaign's, with a standby
    behind it; so it need not wait for the disk."""
    folder = Path(tempfile.mkdtemp(prefix="ip-"))
    password_file = _secret(folder, "password", PASSWORD.encode())
    data, command = folder / "data", postgres_command()
    initdb = [*command("initdb"), "-D", str(data), "-U", "postgres", "--auth=scram-sha-256"]
    with (folder / "log").open("wb") as log:
        subprocess.run(
            [*initdb, f"--pwfile={password_file}", "--no-sync"], check=True, stdout=log, stderr=log
        )
        options = [
            f"unix_socket_directories={folder}",
            *("listen_addresses=", "fsync=off", "max_connections=200"),
        ]
        words = [word for option in options for word in ("-c", option)]
        server = subprocess.Popen(
            [*command("postgres"), "-D", str(data), *words], stdout=log, stderr=log
        )
        place = Place(folder=folder, password_file=password_file, password=PASSWORD)
        try:
            until(place.answers, "PostgreSQL answers")
            yield place
        finally:
            server.send_signal(2)
            server.wait(timeout=20)
            shutil.rmtree(folder)


@dataclass
class Kept:
    """A service that is there again after it was killed, as under a supervisor."""

    name: str
    service: str
    environment: Mapping[str, str]
    logs: Path
    does: str = "serve"
    starts: int = 0
    replica: Replica | None = None

    def start(self) -> None:
        """Begun; it becomes ready later."""
        folder = self.logs / f"{self.name}-{self.starts}"
        folder.mkdir()
        self.replica = Replica(self.service, 0, dict(self.environment), folder, self.does)
        self.starts += 1

    def kill(self) -> None:
        """``kill -9``."""
        if self.replica is not None:
            self.replica.end()

    def ready(self) -> bool:
        """Whether it serves, or does its work with the broker."""
        return self.replica is not None and self.replica.ready()


@dataclass
class System:
    """Everything that runs."""

    place: Place
    brokers: Mapping[str, RabbitMq]
    private_pem: bytes
    redis: RedisServers | None = None
    services: dict[str, Kept] = field(default_factory=dict)

    def url(self, name: str) -> str:
        """Where a service is reached; the same after it was killed."""
        return f"http://127.0.0.1:{self.services[name].environment['SERVICE_PORT']}"


@contextmanager
def system(*, offers: bool) -> Iterator[System]:
    """Two zones with their brokers, each with relay, consumers and collector. ``offers``: with
    osago-aggregator in each, which share one Redis, so that each may take over the other's."""
    with ExitStack() as stack:
        place = stack.enter_context(postgresql())
        brokers = {zone: stack.enter_context(rabbitmq()) for zone in ZONES}
        folder = Path(tempfile.mkdtemp(prefix="ic-"))
        stack.callback(shutil.rmtree, folder)
        made = System(place, brokers, _keys(folder))
        if offers:
            (folder / "redis").mkdir()
            made.redis = RedisServers(folder / "redis", "osago-aggregator")
            stack.callback(made.redis.end)
            made.redis.start()
        _databases(place)
        for kept in _services(made, folder):
            made.services[kept.name] = kept
            stack.callback(kept.kill)
            kept.start()
        _wait_until_ready(list(made.services.values()))
        yield made


def _wait_until_ready(services: Sequence[Kept]) -> None:
    """All of them start at once, so the last may take long."""
    deadline = time.monotonic() + START_S
    for kept in services:
        while not kept.ready():
            assert time.monotonic() < deadline, f"not ready within {START_S} s: {kept.name}"
            time.sleep(0.2)


def _services(made: System, folder: Path) -> Iterator[Kept]:
    client_info, stub = free_port(), free_port()
    aggregators = {zone: free_port() for zone in ZONES}
    logs = folder / "logs"
    logs.mkdir()

    def kept(service: str, zone: str, *, port: int = 0, does: str = "serve", **more: str) -> Kept:
        own = {
            **(
                database_environment(made.place, DATABASES[service]) if service in DATABASES else {}
            ),
            **made.brokers[zone].environment(),
            **({"CALLERS_FILE": str(folder / f"callers-{service}")} if service in CALLERS else {}),
            "SERVICE_ZONE": zone,
            "SERVICE_PORT": str(port or free_port()),
            "TOKEN_PUBLIC_KEY_FILE": str(folder / "token-public.pem"),
            "CALL_SECRET_FILE": str(folder / "call-secret"),
            "CLIENT_INFO_URL": f"http://127.0.0.1:{client_info}",
            "INSURER_STUB_URL": f"http://127.0.0.1:{stub}",
            "OSAGO_AGGREGATOR_URL": (
                f"http://127.0.0.1:{aggregators[zone]}" if made.redis else NOWHERE
            ),
            **(made.redis.environment() if made.redis else {}),
            "INSURERS": str(INSURERS),
            "COLLECT_EVERY_S": "1",
            **more,
        }
        return Kept(f"{service}-{does}-{zone}", service, own, logs, does)

    yield kept("client_info", "a", port=client_info)
    yield kept("insurer_stub", "a", port=stub)
    for zone in ZONES:
        yield kept("core_app", zone)
        if made.redis:
            yield kept("osago_aggregator", zone, port=aggregators[zone])
        yield kept("core_app", zone, does="relay")
        yield kept("ins_comp_settlement", zone)
        yield kept("ins_product_aggregator", zone)


def _databases(place: Place) -> None:
    with place.connect("postgres") as connection:
        for name in DATABASES.values():
            connection.execute(sql.SQL("CREATE DATABASE {}").format(sql.Identifier(name)))
    for service, name in DATABASES.items():
        run_service(service, "migrate", environment=database_environment(place, name))
    words = ["seed", "--seed", str(SEED), "--clients", str(CLIENTS)]
    run_service("client_info", *words, environment=database_environment(place, "client_info"))


def _keys(folder: Path) -> bytes:
    """The files that services are told of; returns the private key of the tokens."""
    key = Ed25519PrivateKey.generate()
    public = key.public_key().public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo)
    _secret(folder, "token-public.pem", public)
    _secret(folder, "call-secret", PASSWORD.encode())
    digest = hashlib.sha256(PASSWORD.encode()).hexdigest()
    for service, callers in CALLERS.items():
        lines = "".join(f"{caller} {digest}\n" for caller in callers)
        _secret(folder, f"callers-{service}", lines.encode())
    return key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())


def _secret(folder: Path, name: str, content: bytes) -> Path:
    path = folder / name
    path.touch(mode=0o600)
    path.write_bytes(content)
    return path


def unix_s() -> float:
    """Now, as tokens count it."""
    return time.time()
