import json
from dataclasses import replace
from typing import Any

import pytest
import yaml

from insurectl.adapters import cluster_values, topology
from insurectl.adapters.cluster_values import DatabasePlace, Images, merged, overlay
from insurectl.records import (
    KUBERNETES_SCALE_DOWN,
    KUBERNETES_SCALE_UP,
    RPS,
    Autoscaling,
    MetricTarget,
    ScalingRules,
    Tuning,
)
from tests.unit.chart.rendered import CHART, needs_helm, objects

KNOWN = topology.bundled()
MEMORY = MetricTarget(kind="Resource", name="memory", utilization_percent=75)
REQUESTS = MetricTarget(kind="Pods", name=RPS, average_value=100 / 3)


def tuned(*metrics: MetricTarget, **rules: ScalingRules) -> Tuning:
    """The bundled system's, with core-app scaling on ``metrics``, or on nothing."""
    given: dict[str, Any] = {
        "scale_up": KUBERNETES_SCALE_UP,
        "scale_down": KUBERNETES_SCALE_DOWN,
        **rules,
    }
    spec = Autoscaling(min_replicas=2, max_replicas=7, metrics=metrics, **given)
    core = replace(KNOWN.tuning().of("core-app"), autoscaling=spec if metrics else None)
    return KNOWN.tuning().replacing(core)


def zone(**changed: Any) -> cluster_values.Values:
    told: dict[str, Any] = {
        **{"system": "x", "zone": "b", "number": 1, "images": Images(tag="9")},
        **{"costs": KNOWN.costs(), "seed": 7, "database": None, "provider": "keda"},
        **{"scrape_interval_s": 2.0, "gateway": {"type": "NodePort", "nodePort": 30080}},
    }
    return cluster_values.zone_values(KNOWN, **{**told, **changed})


def test_images_carry_the_registrys_name_and_its_path() -> None:
    images = Images(tag="1.2", prefix="registry.example.org/team/")
    assert images.names() == (
        "registry.example.org/team/insure-system/service:1.2",
        "registry.example.org/team/insure-system/platform:1.2",
    )
    assert Images(tag="1").values()["service"] == {
        "repository": "insure-system/service",
        "tag": "1",
    }


def test_each_service_of_each_zone_draws_other_chance() -> None:
    seeds = {
        (name, number): zone(number=number)["services"][name]["cost"]["seed"]
        for name in KNOWN.services
        for number in (0, 1)
    }
    assert len(set(seeds.values())) == len(seeds)
    assert zone(seed=8)["services"]["core-app"]["cost"]["seed"] not in seeds.values()


@pytest.mark.parametrize(
    ("database", "told"),
    [
        pytest.param(None, {}, id="the one beside the zones"),
        pytest.param(
            DatabasePlace(host="db"), {"postgresql": {"host": "db", "port": 5432}}, id="given"
        ),
        pytest.param(
            DatabasePlace(host="db", port=1, cidr="192.0.2.0/24"),
            {"postgresql": {"host": "db", "port": 1, "cidr": "192.0.2.0/24"}},
            id="with its network",
        ),
    ],
)
def test_a_zone_is_told_where_postgresql_is(
    database: DatabasePlace | None, told: dict[str, Any]
) -> None:
    assert zone(database=database)["external"] == told


@pytest.mark.parametrize(
    ("url", "port"),
    [("http://e", 80), ("https://e", 443), ("http://e:8080", 8080), ("https://e:80/x", 80)],
)
def test_the_port_of_an_edge_is_that_of_its_scheme_unless_it_has_one(url: str, port: int) -> None:
    assert zone(edge=url)["external"]["edge"] == {"url": url, "port": port}


def test_only_zones_that_share_a_cluster_are_bound_to_nodes() -> None:
    assert zone()["nodeSelector"] == {}
    assert zone(pinned=True)["nodeSelector"] == {"topology.kubernetes.io/zone": "b"}


def test_the_overlay_is_all_that_apply_may_change_and_nothing_else() -> None:
    values = overlay(replace(tuned(MEMORY, REQUESTS), zone_rps=42.5))
    core = values["services"]["core-app"]
    assert core["memory"] == {"requestMib": 192, "limitMib": 320}
    assert core["autoscaling"]["metrics"] == [
        {"type": "memory", "utilizationPercent": 75},
        {"type": "rps", "perReplica": 33.333},
    ]
    assert set(core) == {"memory", "autoscaling"}
    assert values["limits"] == {"partnerPerMinute": 10, "zoneRps": 42.5}
    assert overlay(tuned())["services"]["core-app"]["autoscaling"] is None


@pytest.mark.parametrize(
    ("tolerance", "told"), [(0.1, "0.1"), (0.0, "0"), (0.00001, "0"), (1.0, "1"), (0.0554, "0.055")]
)
def test_a_tolerance_is_a_quantity(tolerance: float, told: str) -> None:
    rules = replace(KUBERNETES_SCALE_DOWN, tolerance=tolerance)
    core = overlay(tuned(MEMORY, scale_down=rules))["services"]["core-app"]
    assert core["autoscaling"]["behavior"]["scaleDown"]["tolerance"] == told
    assert "tolerance" not in core["autoscaling"]["behavior"]["scaleUp"]


def test_one_values_file_lies_over_another_as_helm_does_it() -> None:
    base = {"a": {"x": 1, "y": [1, 2]}, "b": {"c": 1}, "d": 1}
    over = {"a": {"y": [3]}, "b": None, "e": {"f": 1}}
    assert merged(base, over) == {"a": {"x": 1, "y": [3]}, "b": None, "d": 1, "e": {"f": 1}}
    assert base["a"] == {"x": 1, "y": [1, 2]}


ASKED = {
    "memory": tuned(MEMORY),
    "requests": tuned(REQUESTS),
    "both, with limits": replace(tuned(MEMORY, REQUESTS), zone_rps=0.5, partner_per_minute=3),
    "one direction off": tuned(
        MEMORY, scale_down=replace(KUBERNETES_SCALE_DOWN, select_policy="Disabled", tolerance=0.2)
    ),
    "nothing": tuned(),
}
OUTSIDE = {
    "its own": {},
    "given edge": {"given_edge": "https://edge.example.org"},
    "all given": {"given_edge": "https://x", "database": DatabasePlace(host="db")},
}


@pytest.mark.cluster
@needs_helm
@pytest.mark.parametrize("tuning", ASKED.values(), ids=ASKED)
def test_the_charts_schema_takes_every_tuning(tuning: Tuning) -> None:
    values = merged(zone(), overlay(tuning))
    found = objects(json.loads(json.dumps(values)), "insure-x-b")
    scaled = [one["metadata"]["name"] for one in found if one["kind"] == "ScaledObject"]
    autoscaled = [one.service for one in tuning.services if one.autoscaling]
    assert sorted(scaled) == sorted(autoscaled)


@pytest.mark.cluster
@needs_helm
@pytest.mark.parametrize("given", OUTSIDE.values(), ids=OUTSIDE)
def test_it_takes_what_stands_outside_the_zones(given: dict[str, Any]) -> None:
    gateways = [{"name": "a", "gateway": "gateway.insure-x-a:8080"}]
    values = cluster_values.outside_values(
        KNOWN,
        system="x",
        images=Images(tag="9"),
        zones=gateways,
        edge={"type": "NodePort"},
        **given,
    )
    found = {(one["kind"], one["metadata"]["name"]) for one in objects(values, "insure-x")}
    assert (("StatefulSet", "postgresql") in found) == ("database" not in given)
    assert (("Deployment", "edge") in found) == ("given_edge" not in given)


def test_the_chart_lies_where_it_is_looked_for() -> None:
    assert yaml.safe_load((cluster_values.chart_folder() / "Chart.yaml").read_text())["name"]
    assert cluster_values.chart_folder() == CHART
