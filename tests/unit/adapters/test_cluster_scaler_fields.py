"""Autoscalers of others: what is known of them is read and written, all else stays."""

from copy import deepcopy
from dataclasses import replace
from typing import Any

import pytest

from insurectl.adapters import cluster_scaler_fields
from insurectl.records import KUBERNETES_SCALE_DOWN, RPS, Autoscaling, MetricTarget

CRON = {"type": "cron", "metadata": {"start": "0 7 * * *"}}
RAW = {"type": "prometheus", "name": "rps", "authenticationRef": {"name": "secret"},
       "metadata": {"query": "sum(x)", "threshold": "12.50"}}  # fmt: skip
QUERY = {"type": "prometheus", "name": "applications", "metricType": "Value",
         "metadata": {"query": "sum(y)", "threshold": "5"}}  # fmt: skip
KEDA: dict[str, Any] = {
    "spec": {
        "triggers": [
            CRON,
            {"type": "memory", "metricType": "Utilization", "metadata": {"value": "80"}},
            RAW,
        ],
        "pollingInterval": 7,
    }
}
HPA: dict[str, Any] = {
    "spec": {
        "minReplicas": 2,
        "maxReplicas": 5,
        "metrics": [
            {
                "type": "Resource",
                "resource": {
                    "name": "cpu",
                    "target": {"type": "Utilization", "averageUtilization": 60},
                },
            },
            {"type": "External", "external": {"metric": {"name": "queue"}}},
            {
                "type": "Pods",
                "pods": {
                    "metric": {"name": RPS},
                    "target": {"type": "AverageValue", "averageValue": "12500m"},
                },
            },
        ],
    }
}
KINDS = {"ScaledObject": KEDA, "HorizontalPodAutoscaler": HPA}


def rps(value: float) -> MetricTarget:
    return MetricTarget(kind="Pods", name=RPS, average_value=value)


def changed(kind: str, want: Autoscaling, theirs: dict[str, Any] | None = None) -> dict[str, Any]:
    new = deepcopy(KINDS[kind])
    cluster_scaler_fields.write(kind, new, theirs or KINDS[kind], want)
    return new


def test_what_keda_leaves_out_is_what_it_takes_then() -> None:
    found = cluster_scaler_fields.autoscaling("ScaledObject", KEDA)
    assert (found.min_replicas, found.max_replicas) == (0, 100)
    assert [one.name for one in found.metrics] == ["memory", RPS]
    assert found.scale_down == KUBERNETES_SCALE_DOWN
    assert cluster_scaler_fields.unknown("ScaledObject", KEDA) == ("cron",)


def test_an_autoscaler_of_kubernetes_is_read_alike() -> None:
    found = cluster_scaler_fields.autoscaling("HorizontalPodAutoscaler", HPA)
    assert (found.min_replicas, found.max_replicas) == (2, 5)
    assert found.metrics[1] == rps(12.5)
    assert cluster_scaler_fields.unknown("HorizontalPodAutoscaler", HPA) == ("queue",)


@pytest.mark.parametrize(
    "trigger",
    [
        {"type": "memory", "metricType": "AverageValue", "metadata": {"value": "80"}},
        {"type": "cpu", "metricType": "Utilization",
         "metadata": {"value": "80", "containerName": "core-app"}},
        {**RAW, "metricType": "Value"},
        {**RAW, "name": "other"},
        {"type": "ContainerResource", "containerResource": {"name": "cpu"}},
        {"type": "Resource", "resource": {"name": "memory", "target": {"averageValue": "1Gi"}}},
        {"type": "Pods", "pods": {"metric": {"name": RPS, "selector": {"matchLabels": {}}}}},
    ],
    ids=["a mean", "one container", "not a share", "its name", "container", "bytes", "selector"],
)  # fmt: skip
def test_a_metric_that_means_something_else_is_not_known(trigger: dict[str, Any]) -> None:
    assert cluster_scaler_fields.metric(trigger) is None


@pytest.mark.parametrize("kind", KINDS)
def test_the_same_again_changes_not_a_letter(kind: str) -> None:
    same = cluster_scaler_fields.autoscaling(kind, KINDS[kind])
    assert changed(kind, same) == KINDS[kind]


@pytest.mark.parametrize("kind", KINDS)
def test_there_and_back_is_as_it_was(kind: str) -> None:
    before = cluster_scaler_fields.autoscaling(kind, KINDS[kind])
    down = replace(before.scale_down, stabilization_window_s=60, tolerance=0.05)
    new = changed(
        kind,
        replace(before, min_replicas=3, max_replicas=9, metrics=(rps(20.25),), scale_down=down),
    )
    assert new != KINDS[kind]
    assert cluster_scaler_fields.autoscaling(kind, new).scale_down == down
    cluster_scaler_fields.write(kind, new, KINDS[kind], before)
    assert new == KINDS[kind]


def test_only_targets_change_in_a_list_and_what_is_not_named_stays() -> None:
    before = cluster_scaler_fields.autoscaling("ScaledObject", KEDA)
    new = changed("ScaledObject", replace(before, metrics=(rps(20),)))
    assert new["spec"]["triggers"] == [
        CRON,
        KEDA["spec"]["triggers"][1],
        {**RAW, "metadata": {"query": "sum(x)", "threshold": "20"}},
    ]
    assert "behavior" not in str(new)


def test_metrics_that_the_chart_has_a_value_for_are_told_as_its_values() -> None:
    known = {"spec": {"triggers": [RAW, QUERY]}}
    want = cluster_scaler_fields.autoscaling("ScaledObject", known)
    assert cluster_scaler_fields.as_values("ScaledObject", known, want) == [
        {"type": "rps", "perReplica": 12.5},
        {"type": "query", "name": "applications", "query": "sum(y)", "value": 5,
         "metricType": "Value"},
    ]  # fmt: skip
    assert cluster_scaler_fields.as_values("ScaledObject", KEDA, want) is None
