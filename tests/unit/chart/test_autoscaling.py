"""What each provider is asked for each metric."""

from typing import Any

import pytest

from tests.unit.chart.rendered import autoscaling, kinds, named, needs_helm, objects, scaled
from tests.unit.chart.variants import (
    ALL,
    BEHAVIOR,
    CPU,
    EXTERNAL,
    HPA,
    MEMORY,
    QUERY,
    RESPONSE_TIME,
    RPS,
)

pytestmark = [pytest.mark.cluster, needs_helm]
KEDA = autoscaling(*ALL, behavior=BEHAVIOR)
API = 'job="services",service="core-app",http_route!~"/health.*|/metrics"'


def _spec(values: dict[str, Any], kind: str) -> dict[str, Any]:
    spec: dict[str, Any] = named(objects(values), kind, "core-app")["spec"]
    return spec


@pytest.mark.parametrize(
    ("values", "there", "not_there"),
    [
        pytest.param(KEDA, "ScaledObject", "HorizontalPodAutoscaler", id="keda"),
        pytest.param(HPA, "HorizontalPodAutoscaler", "ScaledObject", id="hpa"),
    ],
)
def test_one_provider_scales_every_service(
    values: dict[str, Any], there: str, not_there: str
) -> None:
    found = objects(values)
    assert kinds(found, there) == scaled()
    assert kinds(found, not_there) == []


def test_the_autoscaler_is_named_like_its_deployment() -> None:
    spec = _spec(KEDA, "ScaledObject")
    target = {"apiVersion": "apps/v1", "kind": "Deployment", "name": "core-app"}
    assert spec["scaleTargetRef"] == target
    assert (spec["minReplicaCount"], spec["maxReplicaCount"]) == (1, 6)
    assert spec["advanced"]["horizontalPodAutoscalerConfig"] == {
        "name": "core-app",
        "behavior": BEHAVIOR,
    }
    assert _spec(HPA, "HorizontalPodAutoscaler")["behavior"] == BEHAVIOR


@pytest.mark.parametrize("metric", [MEMORY, CPU], ids=lambda metric: metric["type"])
def test_keda_is_asked_for_a_share_of_the_request(metric: dict[str, Any]) -> None:
    (trigger,) = _spec(autoscaling(metric), "ScaledObject")["triggers"]
    value = f"{metric['utilizationPercent']}"
    told = {"type": metric["type"], "metricType": "Utilization", "metadata": {"value": value}}
    assert trigger == told


@pytest.mark.parametrize(
    ("metric", "name", "kind", "threshold", "query"),
    [
        pytest.param(
            RPS, "rps", "AverageValue", "12.5",
            f"sum(rate(http_server_request_duration_seconds_count{{{API}}}[20s]))", id="rps",
        ),
        pytest.param(
            RESPONSE_TIME, "response-time", "Value", "400",
            "1000 * histogram_quantile(0.95, sum by (le) "
            f"(rate(http_server_request_duration_seconds_bucket{{{API}}}[20s])))",
            id="response time",
        ),
        pytest.param(QUERY, "applications", "AverageValue", "5", QUERY["query"], id="query"),
    ],
)  # fmt: skip
def test_keda_asks_the_zones_prometheus(
    metric: dict[str, Any], name: str, kind: str, threshold: str, query: str
) -> None:
    (trigger,) = _spec(autoscaling(metric), "ScaledObject")["triggers"]
    assert (trigger["name"], trigger["metricType"]) == (name, kind)
    metadata = trigger["metadata"]
    assert metadata["serverAddress"] == "http://prometheus.insure-default-a.svc:9090"
    assert metadata["threshold"] == threshold
    assert metadata["query"].startswith(str(query))
    assert metadata["ignoreNullValues"] == "false"


def test_a_query_is_passed_on_as_it_is() -> None:
    (trigger,) = _spec(autoscaling(QUERY), "ScaledObject")["triggers"]
    assert trigger["metadata"]["query"] == QUERY["query"]


@pytest.mark.parametrize(
    ("interval_s", "window"),
    [
        pytest.param(0.5, "[4s]", id="never below 4 s"),
        pytest.param(2.5, "[10s]", id="four scrapes"),
        pytest.param(15, "[60s]", id="four long ones"),
    ],
)
def test_a_rate_spans_four_scrapes(interval_s: float, window: str) -> None:
    values = {**autoscaling(RPS), "prometheus": {"scrapeIntervalSeconds": interval_s}}
    (trigger,) = _spec(values, "ScaledObject")["triggers"]
    assert trigger["metadata"]["query"].count(window) == 2


def test_a_prometheus_that_is_there_already_is_asked_with_its_credentials() -> None:
    (trigger,) = _spec({**autoscaling(RPS), "external": EXTERNAL}, "ScaledObject")["triggers"]
    assert trigger["metadata"]["serverAddress"] == "https://prometheus.example.org"
    assert trigger["metadata"]["authModes"] == "bearer"
    assert trigger["authenticationRef"] == {"name": "prometheus"}


def test_a_horizontal_pod_autoscaler_has_the_same_metrics() -> None:
    by_service = {"matchLabels": {"service": "core-app"}}
    response_time = {"name": "http_response_time_p95_milliseconds", "selector": by_service}
    assert _spec(HPA, "HorizontalPodAutoscaler")["metrics"] == [
        _resource("memory", 80),
        _resource("cpu", 70),
        {
            "type": "Pods",
            "pods": {
                "metric": {"name": "http_requests_per_second"},
                "target": {"type": "AverageValue", "averageValue": "12500m"},
            },
        },
        {
            "type": "External",
            "external": {"metric": response_time, "target": {"type": "Value", "value": "400"}},
        },
        {
            "type": "External",
            "external": {
                "metric": {"name": "applications", "selector": by_service},
                "target": {"type": "AverageValue", "averageValue": "5"},
            },
        },
    ]


def _resource(name: str, percent: int) -> dict[str, Any]:
    target = {"type": "Utilization", "averageUtilization": percent}
    return {"type": "Resource", "resource": {"name": name, "target": target}}
