"""The gateway of a zone on a cluster: its limits, and what it counts."""

import re
from pathlib import Path

import pytest

from system.platform import gateway, values

TOLD = {
    "zone": "a",
    "listen": "0.0.0.0:8080",
    "core_app": "core-app:8080",
    "partner_per_minute": 10,
    "zone_rps": None,
    "replicas": 1,
}


def configuration(**changes: object) -> str:
    told = gateway.variables({**TOLD, **changes}, Path("/run/insure"))
    return values.render("gateway/nginx.conf", **told)


@pytest.mark.parametrize(
    ("zone_rps", "replicas", "rate"),
    [
        pytest.param(20.0, 1, "rate=1200r/m", id="one gateway has all of it"),
        pytest.param(20.0, 2, "rate=600r/m", id="two share it"),
        pytest.param(20.0, None, "rate=1200r/m", id="replicas that are not told are one"),
    ],
)
def test_the_zones_rate_is_shared_by_its_gateways(
    zone_rps: float, replicas: int | None, rate: str
) -> None:
    assert f"zone=people:64k {rate};" in configuration(zone_rps=zone_rps, replicas=replicas)


@pytest.mark.parametrize(("replicas", "each"), [(1, 256), (2, 128), (3, 86), (500, 1)])
def test_what_people_may_have_open_is_shared_by_the_gateways(replicas: int, each: int) -> None:
    text = configuration(people_in_flight=256, people_streams=3000, replicas=replicas)
    assert f"limit_conn in_flight {each};" in text


def test_people_are_led_to_the_services_that_are_named() -> None:
    assert "proxy_pass http://web;" not in configuration()
    text = configuration(web="web:8080", settlement="ins-comp-settlement:8080")
    assert text.count("server web:8080 max_fails=0;") == 2
    assert "proxy_pass http://ins-comp-settlement;" in text


def test_a_partners_limit_is_not_shared_since_the_exact_rule_stands_behind() -> None:
    assert "zone=partner:1m rate=11r/m" in configuration(replicas=3)


def test_no_connection_to_the_services_is_kept() -> None:
    text = configuration()
    assert "keepalive 64" not in text
    assert re.search(r'map \$upgrade \$\w+ \{[^}]*default +"close";', text)


def test_a_connection_that_is_refused_is_tried_once_more() -> None:
    text = configuration()
    assert text.count("server core-app:8080 max_fails=0;") == 2
    assert "proxy_next_upstream_tries 2;" in text


def test_nothing_is_written_to_a_file_but_what_nginx_itself_needs() -> None:
    assert "/run/insure/log" not in configuration()


def test_each_answer_is_counted_by_status_and_route_and_a_broken_line_is_not(
    capsys: pytest.CaptureFixture[str],
) -> None:
    counted: list[tuple[str, str]] = []
    lines = [
        b'{"status":200,"route":"graphql","uri":"/graphql"}\n',
        b'{"status":429,"route":"partner","uri":"/partner/\xff"}\n',
        b'{"status":2',
        b'["no object"]\n',
    ]
    gateway.count(lines, lambda status, route: counted.append((status, route)))
    assert counted == [("200", "graphql"), ("429", "partner")]
    assert capsys.readouterr().err.count("no line of the access log") == 2


def test_a_name_that_does_not_come_is_told() -> None:
    with pytest.raises(values.CannotStart, match="core-app\\.invalid has no address after 0 s"):
        values.wait_for_names(["core-app.invalid"], 1, 0.0)
