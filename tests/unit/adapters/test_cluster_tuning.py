from dataclasses import replace
from typing import Any

import pytest

from insurectl.adapters import cluster_tuning, cluster_values, topology
from insurectl.adapters.cluster_tuning import _autoscaling, _changes, _flat, _memory, _same, _told
from insurectl.records import Tuning

TUNING = topology.bundled().tuning()
CPU = {"type": "Resource", "resource": {"name": "cpu", "target": {"averageUtilization": 50}}}
REQUESTS = {
    "type": "Pods",
    "pods": {
        "metric": {"name": "http_requests_per_second"},
        "target": {"type": "AverageValue", "averageValue": "12500m"},
    },
}
THEIRS = {
    "type": "Pods",
    "pods": {"metric": {"name": "queue"}, "target": {"averageValue": "1"}},
}


def live(**core: Any) -> cluster_values.Values:
    """As in force, core-app's parts changed."""
    values = _told(TUNING)
    for name, part in core.items():
        values["services"]["core-app"][name] = part
    return values


def test_clusters_sync_as_often_as_their_controller_does() -> None:
    spec = TUNING.of("core-app").autoscaling
    assert spec is not None
    quick = TUNING.replacing(
        replace(TUNING.of("core-app"), autoscaling=replace(spec, sync_period_s=2.0))
    )
    assert cluster_tuning.as_clusters_do(quick) == cluster_tuning.as_clusters_do(TUNING)
    fixed = TUNING.replacing(replace(TUNING.of("core-app"), autoscaling=None))
    assert cluster_tuning.as_clusters_do(fixed).of("core-app").autoscaling is None


@pytest.mark.parametrize(
    ("there", "ours", "key", "same"),
    [
        pytest.param("5", "5", "x", True, id="text alike"),
        pytest.param("5.0", "5", "x", True, id="whole or not"),
        pytest.param("170.7", "170.70003", "x", True, id="as near as a quantity can be"),
        pytest.param("6", "5", "x", False, id="other number"),
        pytest.param(None, "5", "x", False, id="taken away"),
        pytest.param("5", None, "x", False, id="added"),
        pytest.param("Max", "Min", "x", False, id="other word"),
        pytest.param("None", "5", "x", False, id="none and number"),
        pytest.param("100m", "0.1", "a.tolerance", True, id="tolerance as the cluster writes it"),
        pytest.param(None, "0.1", "a.tolerance", True, id="tolerance that it does not know"),
        pytest.param("200m", "0.1", "a.tolerance", False, id="other tolerance"),
        pytest.param("0.1", None, "a.tolerance", False, id="tolerance of theirs"),
    ],
)
def test_values_are_compared_as_what_they_mean(
    there: str | None, ours: str | None, key: str, *, same: bool
) -> None:
    assert _same(there, ours, key) == same


def test_a_path_leads_to_each_value() -> None:
    assert _flat({"a": [{"b": 1}, 2.50], "c": None, "d": {"e": "x"}}) == {
        "a.0.b": "1",
        "a.1": "2.5",
        "c": "None",
        "d.e": "x",
    }


def test_what_is_as_it_was_set_is_no_change() -> None:
    assert _changes(live(), [_told(TUNING)]) == []


def test_either_of_two_tunings_counts_as_ours() -> None:
    other = replace(TUNING, partner_per_minute=99)
    assert _changes(_told(other), [_told(TUNING), _told(other)]) == []
    third = replace(TUNING, partner_per_minute=98)
    assert _changes(_told(third), [_told(TUNING), _told(other)]) == [
        "limits.partnerPerMinute is 98, insurectl set 10"
    ]


@pytest.mark.parametrize(
    ("part", "told"),
    [
        pytest.param(
            {"memory": {"requestMib": 192, "limitMib": None}},
            "services.core-app.memory.limitMib is None, insurectl set 320",
            id="limit taken away",
        ),
        pytest.param(
            {"autoscaling": {**live()["services"]["core-app"]["autoscaling"], "max": 9}},
            "services.core-app.autoscaling.max is 9, insurectl set 6",
            id="other maximum",
        ),
    ],
)
def test_a_change_is_told_with_both_values(part: dict[str, Any], told: str) -> None:
    assert _changes(live(**part), [_told(TUNING)]) == [told]


def test_replicas_are_ours_only_where_no_autoscaler_sets_them() -> None:
    def fixed(count: int) -> Tuning:
        core = replace(TUNING.of("core-app"), autoscaling=None, replicas=count)
        return TUNING.replacing(core)

    parts = live()
    del parts["services"]["core-app"]["autoscaling"]
    parts["services"]["core-app"]["replicas"] = 4
    assert _changes(parts, [_told(TUNING)]) == []
    assert _changes(parts, [_told(fixed(2))]) == [
        "services.core-app.replicas is 4, insurectl set 2"
    ]
    # half done: it was an autoscaler's, and is to be fixed
    assert _changes(parts, [_told(TUNING), _told(fixed(2))]) == []


def test_metrics_of_others_are_told_and_never_stumbled_over() -> None:
    spec = {"minReplicas": 1, "maxReplicas": 2, "metrics": [CPU, REQUESTS, THEIRS]}
    found = _autoscaling(spec)
    assert found["metrics"][:2] == [
        {"type": "cpu", "utilizationPercent": 50},
        {"type": "rps", "perReplica": 12.5},
    ]
    assert '"queue"' in found["metrics"][2]["type"]
    assert _autoscaling({"maxReplicas": 2}) == {
        **{"min": None, "max": 2, "metrics": [], "behavior": None}
    }


def test_triggers_of_others_are_told_and_never_stumbled_over() -> None:
    triggers = [
        {"type": "memory", "metadata": {"value": "80"}},
        {"type": "prometheus", "name": "rps", "metadata": {"threshold": "12.5", "query": "x"}},
        {"type": "prometheus", "name": "mine", "metadata": {"threshold": "1"}},
        {"type": "cpu", "metadata": {}},
    ]
    found = _autoscaling({"triggers": triggers})
    assert found["min"] is None
    assert found["metrics"] == [
        {"type": "memory", "utilizationPercent": "80"},
        {"type": "rps", "perReplica": "12.5"},
        {"type": "prometheus mine", "threshold": "1"},
        {"type": "cpu"},
    ]


@pytest.mark.parametrize(
    ("container", "limit"),
    [
        pytest.param({"resources": {"limits": {"memory": "1Gi"}}}, 1024, id="GiB"),
        pytest.param({"resources": {"limits": {"memory": "262144Ki"}}}, 256, id="KiB"),
        pytest.param({"resources": {"limits": {}}}, None, id="none"),
        pytest.param({"resources": {}}, None, id="no limits"),
        pytest.param({}, None, id="no resources"),
        pytest.param({"name": "sidecar"}, None, id="not its container"),
    ],
)
def test_memory_is_read_in_whatever_form_it_is_written(
    container: dict[str, Any], limit: float | None
) -> None:
    containers = [{"name": "core-app", **container}]
    deployment = {"spec": {"template": {"spec": {"containers": containers}}}}
    assert _memory(deployment, "core-app")["limitMib"] == limit
