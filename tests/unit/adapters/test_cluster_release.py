"""What a zone's release is told, and what of others is seen in it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from insurectl.adapters import topology
from insurectl.adapters.chart_values import ChartChoices
from insurectl.adapters.clock import SystemClock
from insurectl.adapters.cluster_ground import Ground, Site
from insurectl.adapters.cluster_record import make
from insurectl.adapters.cluster_release import Releases
from insurectl.adapters.cluster_tuning import foreign
from insurectl.adapters.cluster_values import DatabasePlace, Images
from insurectl.adapters.local_state import LocalState

KNOWN = topology.bundled()
A = Site(zone="a", context="c", namespace="insure-x-a")
OUTSIDE = Site(zone="", context="c", namespace="insure-x")
INSIDE = "http://edge.insure-x.svc:8080"
SENT = {"gateway": {"service": {"type": "NodePort"}}, "zone": "a", "limits": {"zoneRps": None}}


def ground(outside: Site | None, edge: str) -> Ground:
    return Ground(
        sites=(A,), outside=outside, database=DatabasePlace(host="db"), edge_url=edge,
        edge_inside=edge, gateways={"a": {"type": "NodePort"}}, gateway_urls={"a": ""},
        images=Images(tag="1"),
    )  # fmt: skip


def values(folder: Path, laid: Ground, chart: ChartChoices | None = None) -> dict[str, Any]:
    state = LocalState(folder / "x")
    make(state)
    releases = Releases("x", state, SystemClock(), "keda", 2.0, chart or ChartChoices())
    return releases.values(laid, A, KNOWN.tuning(), KNOWN.costs(), 7)


@pytest.mark.parametrize(
    ("outside", "edge", "told"),
    [
        pytest.param(OUTSIDE, INSIDE, None, id="its own, in the system's namespace"),
        pytest.param(
            OUTSIDE, "http://edge.example.org",
            {"url": "http://edge.example.org", "port": 80}, id="given, in one context",
        ),
        pytest.param(
            None, "https://edge.example.org",
            {"url": "https://edge.example.org", "port": 443}, id="given, in several",
        ),
        pytest.param(
            None, "http://insure-x-edge:8080",
            {"url": "http://insure-x-edge:8080", "port": 8080}, id="beside kind's clusters",
        ),
    ],
)  # fmt: skip
def test_load_may_reach_an_edge_wherever_it_is(
    tmp_path: Path, outside: Site | None, edge: str, told: dict[str, Any] | None
) -> None:
    assert values(tmp_path, ground(outside, edge))["external"].get("edge") == told


def test_what_the_user_chose_reaches_the_zone(tmp_path: Path) -> None:
    file = tmp_path / "chart.yaml"
    file.write_text("networkPolicy: {kedaNamespace: other}\nimagePullSecrets: [registry]\n")
    chart = ChartChoices(file=file, prometheus_image="mirror.example/prometheus:v3")
    found = values(tmp_path, ground(OUTSIDE, INSIDE), chart)
    assert found["networkPolicy"] == {"kedaNamespace": "other"}
    assert found["imagePullSecrets"] == ["registry"]
    assert found["image"]["prometheus"]["repository"] == "mirror.example/prometheus"
    assert found["image"]["service"]["tag"] == "1"


def test_new_passwords_of_a_database_elsewhere_are_told(tmp_path: Path) -> None:
    laid, own = ground(OUTSIDE, INSIDE), replace(ground(OUTSIDE, INSIDE), database=None)
    first = (
        values(tmp_path, laid)["secrets"]["revision"],
        values(tmp_path, own)["secrets"]["revision"],
    )
    assert values(tmp_path, laid)["secrets"]["revision"] == first[0]
    (tmp_path / "x" / "secrets" / "core_app").write_text("another")
    assert values(tmp_path, laid)["secrets"]["revision"] != first[0]
    assert values(tmp_path, own)["secrets"]["revision"] == first[1]


def test_a_new_secret_of_a_service_is_told(tmp_path: Path) -> None:
    laid = replace(ground(OUTSIDE, INSIDE), database=None)
    first = values(tmp_path, laid)["secrets"]["revision"]
    (tmp_path / "x" / "secrets" / "call-core-app").write_text("another")
    assert values(tmp_path, laid)["secrets"]["revision"] != first
    assert "another" not in f"{values(tmp_path, laid)}"


@pytest.mark.parametrize(
    ("live", "told"),
    [
        pytest.param(SENT, [], id="as it was sent"),
        pytest.param({**SENT, "limits": {}}, [], id="less what is none"),
        pytest.param(
            {**SENT, "gateway": {"service": {"type": "NodePort"}, "replicas": 3}},
            ["gateway.replicas is 3, insurectl sent absent"], id="added",
        ),
        pytest.param(
            {**SENT, "tolerations": [{"key": "x"}]},
            ["tolerations.0.key is x, insurectl sent absent"], id="a list added",
        ),
        pytest.param({**SENT, "zone": "b"}, ["zone is b, insurectl sent a"], id="changed"),
        pytest.param(
            {"zone": "a", "limits": {"zoneRps": None}},
            ["gateway.service.type is absent, insurectl sent NodePort"], id="taken away",
        ),
        pytest.param({**SENT, "gateway": {"service": {"type": "LoadBalancer"}}}, [], id="wanted"),
        pytest.param({**SENT, "zone": "c"}, [], id="a call that died sent it"),
    ],
)  # fmt: skip
def test_values_of_others_are_those_that_insurectl_neither_sent_nor_wants(
    live: dict[str, Any], told: list[str]
) -> None:
    wanted = {**SENT, "gateway": {"service": {"type": "LoadBalancer"}}}
    assert foreign(live, [SENT, {**SENT, "zone": "c"}], wanted) == told


def test_where_it_is_not_known_what_was_sent_only_keys_of_others_are_told() -> None:
    live = {**SENT, "zone": "b", "gateway": {"replicas": 3}}
    assert foreign(live, [], SENT) == ["gateway.replicas is 3, insurectl does not set it"]
