"""Redis, Sentinel and RabbitMQ in a pod: what they are told, and who may be the primary."""

import base64
import json
import re
import socketserver
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest

from insurectl.adapters.local_secrets import rabbitmq_hash
from system.platform import rabbitmq, redis_server, resp, sentinel, values

OWN = "redis-0.redis.x.svc:6379"


@pytest.fixture(autouse=True)
def secrets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A pod's files, and its name."""
    for module in (redis_server, sentinel, rabbitmq):
        monkeypatch.setattr(module, "SECRETS", tmp_path)
    for name in ("redis-replication", "redis-sentinel", "redis-one", "broker-one", "broker-two"):
        (tmp_path / name).write_text(f"of-{name}\n")
    monkeypatch.setattr("socket.gethostname", lambda: "redis-0")


@contextmanager
def answering(said: dict[str, bytes]) -> Iterator[str]:
    """A server that answers each command by its first word; HOST:PORT."""

    class Handler(socketserver.StreamRequestHandler):
        def handle(self) -> None:
            while line := self.rfile.readline():
                count = int(line[1:])
                words = [self._word() for _ in range(count)]
                self.wfile.write(said[words[0].upper()])

        def _word(self) -> str:
            length = int(self.rfile.readline()[1:])
            return self.rfile.read(length + 2)[:-2].decode()

    with socketserver.ThreadingTCPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()
        host, port = server.server_address[:2]
        try:
            yield f"{host!s}:{port}"
        finally:
            server.shutdown()


def array(*words: str) -> bytes:
    return resp.encoded(words)


@pytest.mark.parametrize(
    ("sent", "read"),
    [
        pytest.param(b"+OK\r\n", "OK", id="a word"),
        pytest.param(b":7\r\n", 7, id="a number"),
        pytest.param(b"$3\r\na\nb\r\n", "a\nb", id="a text"),
        pytest.param(b"$-1\r\n", None, id="nothing"),
        pytest.param(b"*-1\r\n", None, id="no list"),
        pytest.param(b"*2\r\n$1\r\na\r\n*1\r\n:1\r\n", ["a", [1]], id="a list"),
    ],
)
def test_an_answer_is_read(sent: bytes, read: resp.Answer) -> None:
    assert resp.decoded(BytesIO(sent)) == read


@pytest.mark.parametrize("sent", [b"", b"+OK", b"HTTP/1.1 400\r\n"])
def test_what_is_no_answer_is_an_error(sent: bytes) -> None:
    with pytest.raises(OSError):  # noqa: PT011 - whichever
        resp.decoded(BytesIO(sent))


def test_a_refusal_is_told_in_the_servers_words() -> None:
    with pytest.raises(resp.Refused, match="NOAUTH"):
        resp.decoded(BytesIO(b"-NOAUTH Authentication required.\r\n"))


@pytest.mark.parametrize(
    ("ip", "replicas", "waits"),
    [
        pytest.param("redis-0.redis.x.svc", "1", True, id="it is, and has a replica"),
        pytest.param("redis-0.redis.x.svc", "0", False, id="it is, and is alone"),
        pytest.param("redis-1.redis.x.svc", "1", False, id="another is"),
    ],
)
def test_an_empty_server_lets_its_replica_take_over(ip: str, replicas: str, waits: bool) -> None:
    slept: list[float] = []
    told = array("name", "insure", "ip", ip, "port", "6379", "num-slaves", replicas)
    with answering({"SENTINEL": told}) as one:
        asked = {"sentinels": ["127.0.0.1:9", one], "master": "insure"}
        until_s = float("-inf")  # nobody takes over here: only one look
        assert redis_server.seen_primary_with_replica(asked, OWN) is waits
        redis_server.let_replica_take_over(asked, OWN, until_s, slept.append)
    assert slept == []


def test_it_does_not_wait_where_no_sentinel_answers() -> None:
    asked = {"sentinels": ["127.0.0.1:9"], "master": "insure"}
    assert not redis_server.seen_primary_with_replica(asked, OWN)


@pytest.mark.parametrize(
    ("info", "ready"),
    [
        pytest.param("role:master\r\nconnected_slaves:0\r\n", True, id="primary"),
        pytest.param("role:slave\r\nmaster_link_status:up\r\n", True, id="replica that has all"),
        pytest.param("role:slave\r\nmaster_link_status:down\r\n", False, id="that has not"),
    ],
)
def test_a_server_is_ready_when_the_other_may_go(info: str, ready: bool) -> None:
    answers = {"AUTH": b"+OK\r\n", "INFO": b"$%d\r\n%s\r\n" % (len(info), info.encode())}
    with answering(answers) as own:
        assert redis_server.ready({"listen": own}) is ready
    with answering({**answers, "INFO": b"-LOADING\r\n"}) as own:
        assert not redis_server.ready({"listen": own})


@pytest.mark.parametrize(
    ("roles", "chosen"),
    [
        pytest.param(("slave", "master"), 1, id="the one that says so"),
        pytest.param(("master", "slave"), 0, id="the first that says so"),
        pytest.param(("slave", "slave"), 0, id="none: the first"),
    ],
)
def test_a_sentinel_without_a_past_asks_who_is_the_primary(
    roles: Sequence[str], chosen: int
) -> None:
    answers = [{"AUTH": b"+OK\r\n", "ROLE": array(role)} for role in roles]
    with answering(answers[0]) as first, answering(answers[1]) as second:
        servers = [first, second]
        assert sentinel.primary({"servers": servers}) == servers[chosen]


def test_a_sentinel_is_ready_when_it_knows_a_primary() -> None:
    with answering({"SENTINEL": array("redis-0", "6379")}) as own:
        assert sentinel.ready({"listen": own, "master": "insure"})
    with answering({"SENTINEL": b"*-1\r\n"}) as own:
        assert not sentinel.ready({"listen": own, "master": "insure"})


def test_servers_are_known_by_names_that_outlive_their_address() -> None:
    told = {
        **{"zone": "a", "listen": "0.0.0.0:26379", "domain": "sentinel.x.svc", "master": "insure"},
        **{"down_after_ms": 3000},
    }
    text = values.render("platform/sentinel.conf", **sentinel.variables(told, OWN))
    assert "sentinel resolve-hostnames yes" in text
    assert "sentinel announce-ip redis-0.sentinel.x.svc" in text
    assert "sentinel monitor insure redis-0.redis.x.svc 6379 2" in text
    told = {"zone": "a", "listen": "0.0.0.0:6379", "domain": "redis.x.svc", "memory_mib": 64}
    text = values.render("platform/redis.conf", **redis_server.variables(told, Path("users")))
    assert "replica-announce-ip redis-0.redis.x.svc" in text
    assert "maxmemory 64mb" in text


def test_the_servers_files_hold_hashes_and_no_password() -> None:
    users = values.render("platform/redis-users.acl", **redis_server.accounts({"users": ["one"]}))
    assert "user one on #" in users
    names = [{"name": "one", "publishes": ["a.b.v1"], "consumes": []}]
    accounts = [rabbitmq.account(one) for one in names]
    definitions = values.render("platform/rabbitmq-definitions.json", users=accounts)
    assert json.loads(definitions)["users"][0]["name"] == "one"
    assert not re.search("of-(redis|broker)", users + definitions)


def test_a_password_is_hashed_as_on_local() -> None:
    salt_of = rabbitmq_hash("word")
    assert rabbitmq.hashed("word", base64.b64decode(salt_of)[:4]) == salt_of


def test_the_broker_itself_can_be_asked_from_its_own_pod_only() -> None:
    env = rabbitmq.environment(Path("config"), Path("plugins"))
    told: Any = env["RABBITMQ_SERVER_ADDITIONAL_ERL_ARGS"]
    assert "inet_dist_use_interface {127,0,0,1}" in told
    assert "-start_epmd false" in told
