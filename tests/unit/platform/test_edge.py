"""The edge beside the zones: names as name servers know them."""

from pathlib import Path

import pytest

from system.platform import edge, values

CLUSTER = ("insure-x.svc.cluster.local", "svc.cluster.local", "cluster.local")


@pytest.mark.parametrize(
    ("host", "search", "known", "full"),
    [
        pytest.param("10.0.0.7", CLUSTER, (), "10.0.0.7", id="an address"),
        pytest.param("fd00::7", CLUSTER, (), "[fd00::7]", id="an address of six"),
        pytest.param("a-control-plane", (), ("a-control-plane.",), "a-control-plane", id="docker"),
        pytest.param(
            "gateway.insure-x-a",
            CLUSTER,
            ("gateway.insure-x-a.svc.cluster.local.",),
            "gateway.insure-x-a.svc.cluster.local",
            id="a service of another namespace",
        ),
        pytest.param(
            "gateway.insure-x-a",
            CLUSTER,
            (),
            "gateway.insure-x-a.svc.cluster.local",
            id="the same before it is there",
        ),
        pytest.param("zone.example.org", CLUSTER, (), "zone.example.org", id="not there yet"),
        pytest.param("zone.example.org.", CLUSTER, (), "zone.example.org", id="full already"),
    ],
)
def test_a_name_is_made_full(
    host: str, search: tuple[str, ...], known: tuple[str, ...], full: str
) -> None:
    assert edge.full_name(host, search, lambda name: name in known) == full


@pytest.mark.parametrize(
    ("text", "search"),
    [
        pytest.param("nameserver 10.96.0.10\n", [], id="none"),
        pytest.param("search a.b c.d\noptions ndots:5\n", ["a.b", "c.d"], id="two"),
        pytest.param("search .\n", [], id="the root, as docker writes it"),
        pytest.param("# search x\n\ndomain y.z.\n", ["y.z"], id="a domain is a search list"),
    ],
)
def test_the_search_list_is_read(text: str, search: list[str]) -> None:
    assert edge.search_list(text) == search


def test_a_gateway_that_has_no_address_yet_keeps_nobody_from_starting() -> None:
    told = {
        "listen": "0.0.0.0:8080",
        "stats": "0.0.0.0:8404",
        "zones": [{"name": "a", "gateway": "gateway-a:8080"}],
    }
    variables = edge.variables(told, Path("/run/insure"), [], lambda name: False)
    text = values.render("platform/edge.haproxy.cfg", **variables)
    assert text.count("init-addr last,libc,none resolvers names") == 3
    assert "server zone-a gateway-a:8080\n" in text


@pytest.mark.parametrize("text", ["", "8080", "host:", ":80", "host:http"])
def test_what_is_no_address_is_told(text: str) -> None:
    with pytest.raises(values.CannotStart, match="is no HOST:PORT"):
        values.address(text)
