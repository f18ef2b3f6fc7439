"""The policies allow exactly what the chart's README says.

``cyclonus analyze`` computes from the rendered policies who reaches whom; nothing is probed.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.chart.rendered import CHART, Object, needs_helm, objects, outside

pytestmark = [
    pytest.mark.cluster,
    needs_helm,
    pytest.mark.skipif(shutil.which("cyclonus") is None, reason="cyclonus is not on PATH"),
]
SYSTEM = {"insurectl.system": "default"}
ZONES = ("insure-default-a", "insure-default-b")
BESIDE = "insure-default"
IN_ZONE = (
    *("gateway", "core-app", "client-info", "prometheus", "zone-agent"),
    *("osago-aggregator", "ins-product-aggregator", "ins-comp-settlement", "insurer-stub"),
    *("web", "core-app-relay", "redis", "sentinel", "rabbitmq"),
    *("migrations", "load", "test", "stranger in the namespace"),
)
IN_BESIDE = ("edge", "postgresql", "load", "test")
PORTS = (22, 443, 5432, 5672, 6379, 6443, 8080, 8404, 9090, 9113, 9114, 9121, 15692, 25672, 26379)
EDGE_STATS = {"prometheus": {"edge": "edge.insure-default.svc:8404"}}


@dataclass(frozen=True)
class Peer:
    """A pod, or (without a namespace) an address outside the cluster."""

    name: str
    ip: str
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict, hash=False)

    @property
    def ours(self) -> bool:
        return self.namespace in {*ZONES, BESIDE}

    def json(self) -> Object:
        if not self.namespace:
            return {"IP": self.ip}
        name = {"kubernetes.io/metadata.name": self.namespace}
        within = {
            "Namespace": self.namespace,
            "NamespaceLabels": {**name, **(SYSTEM if self.ours else {})},
            "PodLabels": dict(self.labels),
        }
        return {"IP": self.ip, "Internal": within}


@dataclass(frozen=True)
class Talk:
    """One direction of who may talk to whom."""

    source: Peer
    target: Peer
    protocol: str
    port: int

    def __str__(self) -> str:
        source = f"{self.source.namespace}/{self.source.name}"
        target = f"{self.target.namespace}/{self.target.name}"
        return f"{source} -> {target} {self.protocol} {self.port}"


def test_the_policies_are_the_table_of_the_readme(tmp_path: Path) -> None:
    allowed = _computed(list(_talks()), EDGE_STATS, tmp_path)
    told = {str(talk) for talk in _talks() if _in_table(talk)}
    assert allowed - told == set(), "allowed, and not in the README"
    assert told - allowed == set(), "in the README, and not allowed"


def test_the_table_is_about_all_that_the_chart_deploys() -> None:
    parts = {row[column] for row in _table() for column in (0, 1)}
    found = [*objects(), *outside()]
    deployed = {
        one["metadata"]["name"] for one in found if one["kind"] in {"Deployment", "StatefulSet"}
    }
    assert deployed <= parts


@pytest.mark.parametrize(
    ("values", "source", "target", "port", "allowed"),
    [
        pytest.param({}, "person", "gateway", 8080, True, id="anyone asks the gateway"),
        pytest.param(
            {"gateway": {"from": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}},
            "person", "gateway", 8080, False, id="gateway.from keeps others out",
        ),
        pytest.param(
            {"gateway": {"from": [{"ipBlock": {"cidr": "192.0.2.0/24"}}]}},
            "edge", "gateway", 8080, True, id="but not the edge",
        ),
        pytest.param(
            {"external": {"postgresql": {"host": "db", "cidr": "203.0.113.7/32", "port": 5432}}},
            "core-app", "person", 5432, True, id="a database outside",
        ),
        pytest.param(
            {"external": {"postgresql": {"host": "db", "cidr": "203.0.113.8/32", "port": 5432}}},
            "core-app", "person", 5432, False, id="at its own address",
        ),
        pytest.param(
            {"external": {"rabbitmq": {"host": "mq", "cidr": "203.0.113.7/32"}}},
            "core-app-relay", "person", 5672, True, id="a broker outside",
        ),
        pytest.param(
            {"external": {"rabbitmq": {"host": "mq", "cidr": "203.0.113.8/32"}}},
            "core-app-relay", "person", 5672, False, id="at its own address, too",
        ),
        pytest.param(
            {"external": {"redis": {"sentinels": ["s:26380"], "cidr": "203.0.113.7/32"}}},
            "osago-aggregator", "person", 26380, True, id="Sentinels outside",
        ),
        pytest.param({}, "web", "core-app", 8080, False, id="the page asks no service"),
        pytest.param({}, "core-app", "redis", 6379, False, id="core-app has no part in Redis"),
        pytest.param(
            {"networkPolicy": {"kedaNamespace": None}},
            "keda", "prometheus", 9090, False, id="no KEDA",
        ),
        pytest.param(
            {"networkPolicy": {"apiServer": {"to": [{"ipBlock": {"cidr": "192.0.2.1/32"}}]}}},
            "zone-agent", "person", 443, False, id="the API server at its own address",
        ),
        pytest.param(
            {"networkPolicy": {"apiServer": {"from": [{"ipBlock": {"cidr": "203.0.113.7/32"}}]}}},
            "person", "prometheus", 9090, True, id="what the API server passes on",
        ),
        pytest.param({}, "prometheus", "edge", 8404, False, id="the edge is not asked by default"),
        pytest.param(
            {"networkPolicy": {"enabled": False}},
            "person", "core-app", 8080, True, id="switched off",
        ),
    ],
)  # fmt: skip
def test_values_change_who_may_talk(
    values: dict[str, Any], source: str, target: str, port: int, allowed: bool, tmp_path: Path
) -> None:
    peers = {peer.name: peer for peer in reversed(_peers())}
    talk = Talk(peers[source], peers[target], "TCP", port)
    assert bool(_computed([talk], values, tmp_path)) is allowed


def _talks() -> Iterator[Talk]:
    """Every pair with one of ours in it; between two others the chart has no say."""
    peers = _peers()
    for source in peers:
        for target in peers:
            if source is not target and (source.ours or target.ours):
                yield from (Talk(source, target, "TCP", port) for port in PORTS)
                yield from (Talk(source, target, one, 53) for one in ("TCP", "UDP"))


def _peers() -> list[Peer]:
    within = [(zone, name) for zone in ZONES for name in IN_ZONE]
    within += [(BESIDE, name) for name in IN_BESIDE]
    pods = [
        Peer(name, f"10.0.0.{number}", namespace, _labels(name))
        for number, (namespace, name) in enumerate(within, 1)
    ]
    return [
        *pods,
        Peer("keda", "10.0.1.1", "keda", {"app": "keda-operator"}),
        Peer("dns", "10.0.1.2", "kube-system", {"k8s-app": "kube-dns"}),
        Peer("metrics-server", "10.0.1.3", "kube-system", {"k8s-app": "metrics-server"}),
        Peer("namesake", "10.0.1.4", "elsewhere", _labels("prometheus")),
        Peer("person", "203.0.113.7"),
    ]


def _labels(component: str) -> dict[str, str]:
    if component.startswith("stranger"):
        return {"app": "stranger"}
    return {
        "app.kubernetes.io/name": "insure-system",
        "app.kubernetes.io/component": component,
    }


def _table() -> list[tuple[str, str, set[int], str]]:
    """Rows of the README: from, to, ports, reach."""
    text = (CHART / "README.md").read_text().partition("## Who may talk to whom")[2]
    rows = re.findall(r"^\| (.+?) \| (.+?) \| ([\d, ]+?) \| (any|same|system) \|$", text, re.M)
    return [(a, b, {int(p) for p in ports.split(",")}, reach) for a, b, ports, reach in rows]


def _in_table(talk: Talk) -> bool:
    return any(
        _is(talk.source, source)
        and _is(talk.target, target)
        and talk.port in ports
        and (talk.protocol == "TCP" or talk.port == 53)
        and (reach != "same" or talk.source.namespace == talk.target.namespace)
        and (reach != "system" or (talk.source.ours and talk.target.ours))
        for source, target, ports, reach in _table()
    )


def _is(peer: Peer, told: str) -> bool:
    if told == "anyone outside":
        return not peer.ours
    if told == "every pod":
        return peer.ours
    return peer.name == told


def _computed(talks: list[Talk], values: Mapping[str, Any], folder: Path) -> set[str]:
    """Which of them cyclonus finds to be allowed."""
    rendered = [o for zone in ZONES for o in objects({**values, "zone": zone[-1]}, zone)]
    policies = [o for o in (*rendered, *outside()) if o["kind"] == "NetworkPolicy"]
    listed = {"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicyList", "items": policies}
    (folder / "policies.yaml").write_text(yaml.safe_dump(listed))
    asked = [
        {
            **{"Source": talk.source.json(), "Destination": talk.target.json()},
            **{"Protocol": talk.protocol, "ResolvedPort": talk.port, "ResolvedPortName": ""},
        }
        for talk in talks
    ]
    (folder / "traffic.json").write_text(json.dumps(asked))
    command = ["cyclonus", "analyze", "--mode", "query-traffic"]
    files = ["--policy-path", "policies.yaml", "--traffic-path", "traffic.json"]
    done = subprocess.run(
        [*command, *files], cwd=folder, capture_output=True, text=True, check=True
    )
    answers = re.findall(r"IS ALLOWED\?\s*\|\s*(TRUE|FALSE)", done.stdout)
    assert len(answers) == len(talks)
    return {str(talk) for talk, answer in zip(talks, answers, strict=True) if answer == "TRUE"}
