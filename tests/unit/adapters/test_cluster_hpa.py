"""The controller's words, as pkg/controller/podautoscaler of Kubernetes 1.34 writes them."""

from typing import Any

import pytest

from insurectl.adapters import cluster_hpa

KEDA = {
    "spec": {
        "scaleTargetRef": {"name": "core-app"},
        "triggers": [
            {"type": "memory", "metadata": {"value": "80"}},
            {"type": "prometheus", "name": "rps", "metadata": {}},
            {"type": "prometheus", "metadata": {}},
            {"type": "prometheus", "name": "applications", "metadata": {}},
        ],
    }
}
SELECTOR = (
    "(&LabelSelector{MatchLabels:map[string]string{scaledobject.keda.sh/name: core-app,},"
    "MatchExpressions:[]LabelSelectorRequirement{},})"
)


@pytest.mark.parametrize(
    ("reason", "up", "told"),
    [
        pytest.param(
            "memory resource utilization (percentage of request) above target",
            True,
            "scale up: memory",
            id="utilization",
        ),
        pytest.param("cpu resource above target", True, "scale up: cpu", id="a mean"),
        pytest.param(
            "memory container resource utilization (percentage of request) above target",
            True,
            "scale up: memory",
            id="one container",
        ),
        pytest.param(
            "pods metric http_requests_per_second above target",
            True,
            "scale up: http_requests_per_second",
            id="pods",
        ),
        pytest.param(
            f"external metric s1-prometheus{SELECTOR} above target",
            True,
            "scale up: http_requests_per_second",
            id="KEDA, with the trigger's name",
        ),
        pytest.param(
            f"external metric s2-prometheus{SELECTOR} above target",
            True,
            "scale up: s2-prometheus",
            id="KEDA, a trigger without a name",
        ),
        pytest.param(
            f"external metric s3-prometheus{SELECTOR} above target",
            True,
            "scale up: applications",
            id="KEDA, a business metric",
        ),
        pytest.param(
            f"external metric s7-prometheus{SELECTOR} above target",
            True,
            "scale up: s7-prometheus",
            id="KEDA, a trigger that is gone",
        ),
        pytest.param(
            "Service metric requests above target", True, "scale up: requests", id="an object"
        ),
        pytest.param(
            "All metrics below target", False, "scale down: all metrics below target", id="below"
        ),
        pytest.param(
            "Current number of replicas above Spec.MaxReplicas",
            False,
            "scale down: TooManyReplicas",
            id="over the most",
        ),
        pytest.param(
            "Current number of replicas below Spec.MinReplicas",
            True,
            "scale up: TooFewReplicas",
            id="under the least",
        ),
        pytest.param("Something new", None, "scale up: something new", id="words to come"),
    ],
)
def test_reasons_are_told_in_the_words_of_every_target(
    reason: str, up: bool | None, told: str
) -> None:
    assert cluster_hpa.goes_up(reason) is up
    found = cluster_hpa.told(reason, up=up is not False, scaled_object=KEDA)
    assert found.split(" (the cluster: ")[0] == told
    assert cluster_hpa.LABELS.sub("", reason).lower() in found.lower()
    assert "LabelSelector" not in found


def test_the_size_and_the_reason_are_read_from_the_event() -> None:
    read = cluster_hpa.rescaled("New size: 3; reason: All metrics below target")
    assert read == (3, "All metrics below target")
    assert cluster_hpa.rescaled("something else") is None


@pytest.mark.parametrize(
    ("metric", "found"),
    [
        pytest.param(
            {
                "type": "Resource",
                "resource": {
                    "name": "memory",
                    "current": {"averageValue": "73400320", "averageUtilization": 70},
                },
            },
            {"memory": 73400320.0},
            id="memory, in bytes",
        ),
        pytest.param(
            {"type": "Resource", "resource": {"name": "cpu", "current": {"averageValue": "250m"}}},
            {"cpu": 0.25},
            id="CPU, in cores",
        ),
        pytest.param(
            {
                "type": "Pods",
                "pods": {"metric": {"name": "rps"}, "current": {"averageValue": "12500m"}},
            },
            {"rps": 12.5},
            id="pods",
        ),
        pytest.param(
            {
                "type": "External",
                "external": {"metric": {"name": "s1-prometheus"}, "current": {"value": "7"}},
            },
            {"s1-prometheus": 7.0},
            id="external, of all pods",
        ),
        pytest.param(
            {
                "type": "ContainerResource",
                "containerResource": {"name": "memory", "current": {"averageValue": "1Mi"}},
            },
            {"memory": 1048576.0},
            id="one container",
        ),
        pytest.param({"type": ""}, {}, id="not seen yet"),
        pytest.param(
            {"type": "Resource", "resource": {"name": "memory", "current": {}}}, {}, id="no value"
        ),
    ],
)
def test_current_metrics_are_read(metric: dict[str, Any], found: dict[str, float]) -> None:
    assert cluster_hpa.current_metrics({"status": {"currentMetrics": [metric]}}) == found
