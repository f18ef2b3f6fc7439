"""Redis, Sentinels and the broker of a local zone: what outlives a restart, who may what."""

import asyncio
import os
import stat
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import aio_pika
import psutil
import pytest
from redis import Redis
from redis.exceptions import AuthenticationError, NoPermissionError, RedisError

from insurectl.adapters import (
    local_bring_up,
    local_probes,
    process,
    replicas,
    service_secrets,
    topology,
)
from insurectl.adapters.address_plan import Address, AddressPlan
from insurectl.adapters.local_config import LocalConfig
from insurectl.adapters.local_state import LocalState
from tests.system.replicas import free_port

pytestmark = [pytest.mark.system, pytest.mark.timeout(300)]
PORT_BASE = 24500
ZONE = "a"
KNOWN = topology.bundled()
SERVERS = {n for n, s in KNOWN.zone.items() if s.program.startswith(("redis", "rabbitmq"))}
SERVERS -= {"rabbitmq-metrics", "rabbitmq-node"}


@pytest.fixture(scope="module")
def config(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalConfig]:
    """A zone with its servers alone: no database, no replica of any service."""
    state = LocalState(tmp_path_factory.mktemp("zone") / "servers")
    state.folder.mkdir()
    plan = AddressPlan(30, PORT_BASE, (ZONE,), KNOWN)
    plan.save(state.folder)
    made = LocalConfig(state, plan, KNOWN.tuning(), KNOWN.costs(), 7, 2.0)
    try:
        local_bring_up.start_servers(made, made.write())
        until(lambda: not ill(made), "every server is well")
        yield made
    finally:
        local_bring_up.clear(state)


def ill(config: LocalConfig) -> dict[str, str]:
    watching = service_secrets.REDIS_SENTINEL
    password = config.state.secrets / watching
    found = {}
    for name in SERVERS:
        address = config.plan.server(ZONE, name)
        if name.startswith("redis"):
            found[name] = local_probes.redis(address, watching, password)
        elif name.startswith("sentinel"):
            found[name] = local_probes.sentinel(address, "insure")
        else:
            found[name] = local_probes.rabbitmq(address)
    return {name: said for name, said in found.items() if said != "ok"}


def until(true: Callable[[], bool], what: str, within_s: float = 90.0) -> None:
    deadline = time.monotonic() + within_s
    while not true():
        assert time.monotonic() < deadline, f"not within {within_s:g} s: {what}"
        time.sleep(0.2)


def primary(config: LocalConfig) -> str:
    """The server that most Sentinels call so; empty while there is none."""
    hosts = [told for name in ("sentinel-0", "sentinel-1", "sentinel-2")
             if (told := asked(config, name))]  # fmt: skip
    return next((host for host in hosts if hosts.count(host) >= 2), "")


def asked(config: LocalConfig, sentinel: str) -> str:
    address = config.plan.server(ZONE, sentinel)
    try:
        with Redis(host=address.host, port=address.port, socket_timeout=2) as client:
            host, _ = client.execute_command("SENTINEL", "GET-MASTER-ADDR-BY-NAME", "insure")
    except RedisError:
        return ""
    return {config.plan.server(ZONE, n).host: n for n in ("redis-0", "redis-1")}[host.decode()]


def client(config: LocalConfig, name: str, user: str = "osago-aggregator") -> Redis:
    address = config.plan.server(ZONE, name)
    password = (config.state.secrets / f"redis-{user}").read_text()
    return Redis(host=address.host, port=address.port, username=user, password=password)


def role(config: LocalConfig, name: str) -> str:
    address, user = config.plan.server(ZONE, name), service_secrets.REDIS_SENTINEL
    password = (config.state.secrets / user).read_text()
    try:
        with Redis(host=address.host, port=address.port, username=user, password=password) as one:
            return str(one.info("replication")["role"])
    except RedisError:
        return ""


def stop(config: LocalConfig, name: str) -> None:
    replicas.supervisor(config.state.folder, ZONE).stop(f"{name}:{name}")


def start(config: LocalConfig, name: str) -> None:
    replicas.supervisor(config.state.folder, ZONE).start(f"{name}:{name}")


def test_a_former_primary_comes_back_as_a_replica_and_gets_what_it_missed(
    config: LocalConfig,
) -> None:
    former = primary(config)
    other = {"redis-0": "redis-1", "redis-1": "redis-0"}[former]
    stop(config, former)
    until(lambda: primary(config) == other, "the other is called the primary")
    until(lambda: role(config, other) == "master", "the other is the primary")
    client(config, other).set("while-it-was-away", "kept")
    local_bring_up.start_servers(config, config.write())  # as a deploy would
    until(lambda: not ill(config), "every server is well")
    assert (role(config, former), primary(config)) == ("slave", other)
    until(lambda: client(config, former).get("while-it-was-away") == b"kept", "it got the rest")


def test_a_zone_that_was_killed_knows_its_primary_and_its_data(config: LocalConfig) -> None:
    before = primary(config)
    client(config, before).set("before-all-died", "kept")
    until(lambda: role(config, before) == "master", "it is the primary")
    folder = config.state.zone(ZONE)
    first = int((folder / "supervisord.pid").read_text())
    process.kill([psutil.Process(first)])
    process.kill(process.below(folder))
    local_bring_up.start_servers(config, config.write())
    until(lambda: not ill(config), "every server is well")
    assert primary(config) == before
    assert client(config, before).get("before-all-died") == b"kept"


def test_whoever_has_no_password_may_ask_the_sentinels_and_no_more(config: LocalConfig) -> None:
    address = config.plan.server(ZONE, "sentinel-1")
    with Redis(host=address.host, port=address.port) as sentinel:
        for command in (("SENTINEL", "FAILOVER", "insure"), ("SENTINEL", "REMOVE", "insure"),
                        ("SENTINEL", "SET", "insure", "quorum", "1"), ("SHUTDOWN",)):  # fmt: skip
            with pytest.raises(NoPermissionError):
                sentinel.execute_command(*command)


def test_redis_takes_nobody_without_a_password(config: LocalConfig) -> None:
    address = config.plan.server(ZONE, "redis-0")
    with Redis(host=address.host, port=address.port) as nobody, pytest.raises(AuthenticationError):
        nobody.ping()


@pytest.mark.parametrize(
    "command", [("CONFIG", "GET", "*"), ("FLUSHALL",), ("REPLICAOF", "NO", "ONE"), ("ACL", "LIST")]
)
def test_a_service_may_not_govern_redis(config: LocalConfig, command: tuple[str, ...]) -> None:
    with client(config, primary(config)) as service, pytest.raises(NoPermissionError):
        service.execute_command(*command)


async def publish(config: LocalConfig, user: str, exchange: str, key: str) -> None:
    async with await connected(config, user) as connection:
        channel = await connection.channel()
        made = (
            await channel.declare_exchange("events", "topic", durable=True)
            if exchange
            else channel.default_exchange
        )
        await made.publish(aio_pika.Message(b"{}"), key, mandatory=False)


async def connected(config: LocalConfig, user: str) -> aio_pika.abc.AbstractConnection:
    address = config.plan.server(ZONE, "rabbitmq")
    password = (config.state.secrets / f"broker-{user}").read_text()
    return await aio_pika.connect(
        host=address.host, port=address.port, login=user, password=password, timeout=10
    )


@pytest.mark.parametrize(
    ("user", "event", "may"),
    [
        pytest.param("core-app-relay", "policies.issued.v1", True, id="its own"),
        pytest.param("core-app-relay", "products.updated.v1", False, id="another's"),
        pytest.param("ins-product-aggregator", "products.updated.v1", True, id="its own too"),
        pytest.param("ins-comp-settlement", "policies.issued.v1", False, id="one that it consumes"),
    ],
)
def test_a_service_publishes_its_own_events_and_no_other(
    config: LocalConfig, user: str, event: str, may: bool
) -> None:
    if may:
        asyncio.run(publish(config, user, "events", event))
        return
    with pytest.raises(aio_pika.exceptions.AMQPError, match="ACCESS_REFUSED"):
        asyncio.run(publish(config, user, "events", event))


async def read(config: LocalConfig, user: str, queue: str) -> None:
    async with await connected(config, user) as connection:
        channel = await connection.channel()
        await (await channel.declare_queue(queue, durable=True)).get(fail=False)


@pytest.mark.parametrize("queue", ["core-app.events", "core-app.dead"])
def test_a_service_reads_no_queue_of_another(config: LocalConfig, queue: str) -> None:
    asyncio.run(read(config, "core-app", queue))
    with pytest.raises(aio_pika.exceptions.AMQPError, match="ACCESS_REFUSED"):
        asyncio.run(read(config, "ins-comp-settlement", queue))


def test_a_wrong_password_and_the_usual_guest_are_refused(config: LocalConfig) -> None:
    address = config.plan.server(ZONE, "rabbitmq")
    for user, password in (("core-app", "wrong"), ("guest", "guest")):
        with pytest.raises(aio_pika.exceptions.AMQPError, match="ACCESS_REFUSED"):
            asyncio.run(
                aio_pika.connect(
                    host=address.host, port=address.port, login=user, password=password, timeout=10
                )
            )


def secrets_of(config: LocalConfig) -> list[str]:
    return [p.read_text().strip() for p in config.state.secrets.iterdir() if p.suffix != ".pem"]


def test_no_secret_stands_in_an_argument_or_an_environment(config: LocalConfig) -> None:
    told = [
        " ".join([*found.cmdline(), *found.environ().values()])
        for found in process.below(config.state.folder)
    ]
    assert len(told) > len(SERVERS)
    assert not [text for text in told if any(secret in text for secret in secrets_of(config))]


def test_files_that_hold_a_secret_are_for_their_owner_alone(config: LocalConfig) -> None:
    holders = [
        path
        for path in config.state.folder.rglob("*")
        if path.is_file() and holds(path, secrets_of(config))
    ]
    assert len(holders) > len(SERVERS)
    assert [p for p in holders if stat.S_IMODE(p.stat().st_mode) & 0o077] == []


def holds(path: Path, secrets: list[str]) -> bool:
    text = path.read_bytes()
    return any(secret.encode() in text for secret in secrets)


def test_definitions_do_not_change_from_one_deploy_to_the_next(config: LocalConfig) -> None:
    assert config.hashes() == config.hashes()
    assert config.write() == ()


@pytest.mark.parametrize(
    ("left_out", "started"),
    [
        pytest.param((), False, id="as the broker does"),
        pytest.param(("ERL_AFLAGS",), True, id="without what keeps it from that"),
    ],
)
def test_no_port_mapper_is_started_that_would_outlive_the_broker(
    config: LocalConfig, left_out: tuple[str, ...], started: bool
) -> None:
    """The broker does this once a minute (``rabbit_nodes:ensure_epmd``)."""
    broker = next(p for p in process.below(config.state.folder) if p.name().startswith("beam"))
    told = {name: value for name, value in broker.environ().items() if name not in left_out}
    address = Address("127.0.0.1", free_port())
    told |= {"ERL_EPMD_PORT": f"{address.port}", "ERL_EPMD_ADDRESS": address.host}
    words = ["-boot", "no_dot_erlang", "-sname", "starter", "-noinput", "-s", "erlang", "halt"]
    subprocess.run(["erl", *words], env=told, timeout=60, check=False)
    try:
        assert process.taken(address) is started
    finally:
        process.kill([psutil.Process(pid) for pid in process.owners(address)])


def test_the_servers_leave_no_process_behind(config: LocalConfig) -> None:
    """Also none that left the folder, as Erlang's port mapper does."""
    mark = os.fspath(config.state.folder)
    strays = [
        found.pid
        for found in psutil.process_iter()
        if found.name() == "epmd" and mark in str(environment(found))
    ]
    assert strays == []
    local_bring_up.clear(config.state)
    assert process.below(config.state.folder) == []
    assert not config.state.folder.exists()


def environment(found: psutil.Process) -> dict[str, str]:
    try:
        return found.environ()
    except psutil.Error:
        return {}
