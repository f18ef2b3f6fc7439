"""Which Prometheus is asked, and how we prove who we are."""

import json
from collections.abc import Mapping
from pathlib import Path

import pytest

from insurectl.adapters.prometheus_access import access, through_clusters
from insurectl.errors import BadInput, TargetNotReady
from insurectl.records import Zone
from tests.http_server import serving

ZONE = Zone(name="a", gateway_url="", prometheus_url="http://127.0.0.1:9")
ANSWER = json.dumps({"status": "success", "data": {"resultType": "matrix", "result": []}}).encode()


def token_file(folder: Path, text: str = "s3cret\n", mode: int = 0o600) -> Path:
    path = folder / "token"
    path.write_text(text)
    path.chmod(mode)
    return path


def test_the_token_goes_to_the_address_of_the_zone(tmp_path: Path) -> None:
    with serving() as server:
        server.answers["/a/api/v1/query?query=up"] = (200, "", ANSWER)
        given = access(f"{server.url}/{{zone}}/", token_file=token_file(tmp_path))
        given.ask(ZONE, "query", {"query": "up"})
    (head,) = server.heads
    assert "Authorization: Bearer s3cret\r\n" in head


def test_a_token_that_was_issued_anew_is_taken(tmp_path: Path) -> None:
    with serving() as server:
        server.answers["/api/v1/query?query=up"] = (200, "", ANSWER)
        given = access(server.url, token_file=token_file(tmp_path))
        given.ask(ZONE, "query", {"query": "up"})
        token_file(tmp_path, "another")
        given.ask(ZONE, "query", {"query": "up"})
    assert ["another" in head for head in server.heads] == [False, True]


@pytest.mark.parametrize(
    ("answer", "told"),
    [
        pytest.param((401, "", b""), "refuses us .401.: give prometheus_token_file", id="401"),
        pytest.param((502, "", b"<html>"), "answers 502 and no JSON: '<html>'", id="no JSON"),
        pytest.param((302, "Location: /login\r\n", b""), "answers 302", id="a login page"),
        pytest.param((200, "", b"[]"), "something else", id="no object"),
        pytest.param(
            (400, "", b'{"status": "error", "error": "parse error"}'), "parse error", id="refused"
        ),
    ],
)
def test_an_answer_that_is_none_says_so(answer: tuple[int, str, bytes], told: str) -> None:
    with serving() as server:
        server.answers["/api/v1/query?query=up"] = answer
        with pytest.raises(TargetNotReady, match=told):
            access(server.url).ask(ZONE, "query", {"query": "up"})


@pytest.mark.parametrize(
    ("text", "mode", "told"),
    [
        pytest.param("zq9", 0o644, "chmod 600", id="open to others"),
        pytest.param("", 0o600, "one token and nothing else", id="empty"),
        pytest.param("Bearer zq9", 0o600, "one token and nothing else", id="more than the token"),
        pytest.param("zq9\nzq9", 0o600, "one token and nothing else", id="two lines"),
        pytest.param("zq9é", 0o600, "can't be read", id="no ASCII"),
    ],
)
def test_a_token_file_that_can_not_be_used_is_refused(
    tmp_path: Path, text: str, mode: int, told: str
) -> None:
    path = token_file(tmp_path, text, mode)
    with pytest.raises(BadInput, match=told) as refused:
        access("https://prometheus.example", token_file=path)
    assert "zq9" not in str(refused.value)


@pytest.mark.parametrize(
    ("url", "told"),
    [
        pytest.param("prometheus:9090", "is no address", id="no scheme"),
        pytest.param("ftp://x", "is no address", id="another scheme"),
        pytest.param("http://", "is no address", id="no host"),
        pytest.param("http://x:port", "is no address", id="no port"),
        pytest.param("http://[::1", "is no address", id="brackets that don't close"),
        pytest.param("http://me:pw@x:port", "what was given is no", id="and a password in it"),
        pytest.param("http://me:pw@x", "neither a password", id="a password"),
        pytest.param("http://x/?token=1", "nor a query", id="a query"),
    ],
)
def test_an_address_that_can_not_be_used_is_refused(url: str, told: str) -> None:
    with pytest.raises(BadInput, match=told) as refused:
        access(url)
    assert "pw" not in str(refused.value)


def test_a_token_does_not_cross_the_network_in_clear_text(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="clear text"):
        access("http://prometheus.example", token_file=token_file(tmp_path))


def test_a_certificate_that_is_not_there_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="prometheus_ca_file"):
        access("https://x", ca_file=tmp_path / "ca.crt")


@pytest.mark.parametrize(
    ("url", "matcher", "refused"),
    [
        pytest.param("http://x", 'a="b"', True, id="all zones alike"),
        pytest.param("http://x-{zone}", "", False, id="an address a zone"),
        pytest.param("http://x", 'zone="{zone}"', False, id="a matcher a zone"),
    ],
)
def test_zones_that_share_one_prometheus_have_to_be_told_apart(
    url: str, matcher: str, refused: bool
) -> None:
    metrics = access(url, matcher=matcher).metrics(2.0)
    two = [ZONE, Zone(name="b", gateway_url="", prometheus_url="")]
    with pytest.raises(BadInput if refused else TargetNotReady):
        metrics.over(two, 0.0, 1.0)


class Proxy:
    def __init__(self, body: bytes) -> None:
        self.body = body
        self.asked: list[tuple[object, ...]] = []

    def proxy_get(
        self, namespace: str, service: str, port: int, path: str, params: Mapping[str, str]
    ) -> bytes:
        self.asked.append((namespace, service, port, path, params))
        return self.body


def test_a_clusters_prometheus_is_asked_through_its_api_server() -> None:
    proxy = Proxy(ANSWER)
    ask = through_clusters({"a": proxy}, {"a": "insure-x-a"})
    ask(ZONE, "query_range", {"query": "up", "start": 1.25})
    params = {"query": "up", "start": "1.25"}
    assert proxy.asked == [("insure-x-a", "prometheus", 9090, "/api/v1/query_range", params)]


@pytest.mark.parametrize("body", [b"<html>", b"[]", b'{"status": "error", "error": "no"}'])
def test_what_a_cluster_answers_is_checked_too(body: bytes) -> None:
    ask = through_clusters({"a": Proxy(body)}, {"a": "insure-x-a"})
    with pytest.raises(TargetNotReady, match="Prometheus of zone a"):
        ask(ZONE, "query", {"query": "up"})
