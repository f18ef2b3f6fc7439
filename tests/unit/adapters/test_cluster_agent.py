"""Against a hand-written API server; the real one is asked in tests/cluster."""

import socket
from collections.abc import Sequence
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, generate_latest

from insurectl.adapters.cluster_agent import ZoneMetrics, serve
from insurectl.adapters.kubernetes_errors import NotThere, Unreachable
from insurectl.cli.zone_agent import zone_agent
from insurectl.errors import BadInput, TargetNotReady

Objects = dict[str, Any]
SPACE = "namespaces/insure-x-a"
DEPLOYMENTS = f"/apis/apps/v1/{SPACE}/deployments"
PODS = f"/api/v1/{SPACE}/pods"
USAGE = f"/apis/metrics.k8s.io/v1beta1/{SPACE}/pods"
SCALERS = f"/apis/autoscaling/v2/{SPACE}/horizontalpodautoscalers"
TRIGGERS = f"/apis/keda.sh/v1alpha1/{SPACE}/scaledobjects"
POD = "core-app-7d9f8-abcde"


class Api:
    def __init__(self) -> None:
        self.lists: dict[str, list[Objects]] = {
            DEPLOYMENTS: [], PODS: [], USAGE: [], SCALERS: [], TRIGGERS: []
        }  # fmt: skip
        self.errors: dict[str, Exception] = {}
        self.asked: list[str] = []

    def items(self, path: str) -> Sequence[Objects]:
        self.asked.append(path)
        if path in self.errors:
            raise self.errors[path]
        return self.lists[path]


class Zone:
    def __init__(self) -> None:
        self.api, self.now_s = Api(), 1000.0
        self.registry = CollectorRegistry()
        metrics = ZoneMetrics(self.api, "insure-x-a", "a", lambda: 0.5, lambda: self.now_s)
        self.registry.register(metrics)

    def scrape(self) -> dict[str, float]:
        """After the cache's time."""
        self.now_s += 2
        return self.again()

    def again(self) -> dict[str, float]:
        text = generate_latest(self.registry).decode()
        pairs = (line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
        return {name: float(value) for name, value in pairs}


@pytest.fixture
def zone() -> Zone:
    return Zone()


def pod(restarts: int = 0, **states: Any) -> Objects:
    return {
        "metadata": {"name": POD, "uid": "1", "creationTimestamp": "2026-01-01T00:00:00Z"},
        "status": {
            "conditions": [
                {
                    "type": "PodScheduled",
                    "status": "True",
                    "lastTransitionTime": "2026-01-01T00:00:01Z",
                },
                {"type": "Ready", "status": "True", "lastTransitionTime": "2026-01-01T00:00:04Z"},
            ],
            "containerStatuses": [{"name": "core-app", "restartCount": restarts, **states}],
        },
    }


def killed(container_id: str) -> Objects:
    return {"terminated": {"reason": "OOMKilled", "containerID": container_id}}


def test_nothing_is_asked_before_the_first_scrape_and_once_a_second_after(zone: Zone) -> None:
    assert zone.api.asked == []
    zone.scrape()
    assert len(zone.api.asked) == 4
    zone.now_s += 0.9
    zone.again()
    assert len(zone.api.asked) == 4
    zone.scrape()
    assert len(zone.api.asked) == 8


def test_counts_have_the_names_of_kube_state_metrics(zone: Zone) -> None:
    zone.api.lists[DEPLOYMENTS] = [
        {
            "metadata": {"name": "core-app"},
            "spec": {"replicas": 3},
            "status": {"replicas": 2, "readyReplicas": 1},
        },
        {"metadata": {"name": "gateway"}, "spec": {}, "status": {}},
    ]
    shown = zone.scrape()
    assert shown['kube_deployment_spec_replicas{deployment="core-app"}'] == 3
    assert shown['kube_deployment_status_replicas{deployment="core-app"}'] == 2
    assert shown['kube_deployment_status_replicas_ready{deployment="core-app"}'] == 1
    assert shown['kube_deployment_spec_replicas{deployment="gateway"}'] == 1
    assert shown['kube_deployment_status_replicas_ready{deployment="gateway"}'] == 0
    assert shown["insurectl_host_cpu_ratio"] == 0.5


def test_memory_comes_with_its_age_and_window(zone: Zone) -> None:
    zone.api.lists[USAGE] = [
        {
            "metadata": {"name": POD},
            "timestamp": "1970-01-01T00:16:30Z",
            "window": "1m0.5s",
            "containers": [{"name": "core-app", "usage": {"memory": "2Mi", "cpu": "1m"}}],
        }
    ]
    shown = zone.scrape()
    labels = f'{{container="core-app",pod="{POD}"}}'
    assert shown[f"container_memory_working_set_bytes{labels}"] == 2 * 2**20
    assert shown[f'insurectl_metrics_api_age_seconds{{pod="{POD}"}}'] == 12
    assert shown[f'insurectl_metrics_api_window_seconds{{pod="{POD}"}}'] == 60.5


def test_an_end_over_the_memory_limit_counts_once_and_stays_counted(zone: Zone) -> None:
    name = f'container_oom_events_total{{container="core-app",pod="{POD}"}}'
    seen = []
    for states in (
        {},
        {"state": killed("c1")},
        {"lastState": killed("c1")},
        {"lastState": {"terminated": {"reason": "Error", "containerID": "c2"}}},
        {"lastState": killed("c3")},
    ):
        zone.api.lists[PODS] = [pod(1, **states)]
        seen.append(zone.scrape()[name])
    assert seen == [0, 1, 1, 1, 2]


def test_a_pod_tells_when_it_came_to_each_step_of_its_start(zone: Zone) -> None:
    running = {"running": {"startedAt": "2026-01-01T00:00:02Z"}}
    zone.api.lists[PODS] = [pod(state=running)]
    shown = zone.scrape()
    labels = f'{{container="core-app",pod="{POD}"}}'
    created_s = shown[f'kube_pod_created{{pod="{POD}"}}']
    assert created_s == 1767225600
    assert shown[f'kube_pod_status_scheduled_time{{pod="{POD}"}}'] == created_s + 1
    assert shown[f"kube_pod_container_state_started{labels}"] == created_s + 2
    assert shown[f'kube_pod_status_ready_time{{pod="{POD}"}}'] == created_s + 4


def scaler(metrics: list[Objects]) -> Objects:
    return {
        "metadata": {"name": "core-app"},
        "spec": {"scaleTargetRef": {"name": "core-app"}, "minReplicas": 1, "maxReplicas": 6},
        "status": {"desiredReplicas": 3, "currentReplicas": 2, "currentMetrics": metrics},
    }


def test_the_autoscaler_shows_what_it_asked_for_and_what_it_saw(zone: Zone) -> None:
    memory = {"type": "Resource", "resource": {"name": "memory", "current": {"averageValue": "9"}}}
    external = {
        "type": "External",
        "external": {"metric": {"name": "s1-prometheus"}, "current": {"averageValue": "7500m"}},
    }
    zone.api.lists[SCALERS] = [scaler([memory, external])]
    triggers = [{"type": "memory"}, {"type": "prometheus", "name": "rps"}]
    zone.api.lists[TRIGGERS] = [
        {"spec": {"scaleTargetRef": {"name": "core-app"}, "triggers": triggers}}
    ]
    shown = zone.scrape()
    hpa, kube = '{horizontalpodautoscaler="core-app"}', "kube_horizontalpodautoscaler"
    assert shown[f"{kube}_status_desired_replicas{hpa}"] == 3
    assert shown[f"{kube}_status_current_replicas{hpa}"] == 2
    assert shown[f"{kube}_spec_max_replicas{hpa}"] == 6
    seen = "insurectl_autoscaler_metric"
    assert shown[f'{seen}{{metric="memory",service="core-app"}}'] == 9
    assert shown[f'{seen}{{metric="http_requests_per_second",service="core-app"}}'] == 7.5


def test_what_can_not_be_had_is_left_out_and_counted(
    zone: Zone, capsys: pytest.CaptureFixture[str]
) -> None:
    zone.api.lists[DEPLOYMENTS] = [{"metadata": {"name": "x"}, "spec": {}, "status": {}}]
    assert 'kube_deployment_status_replicas{deployment="x"}' in zone.scrape()
    zone.api.errors = {
        DEPLOYMENTS: NotThere("gone", status=404),
        USAGE: NotThere("no metrics API", status=404),
    }
    shown = zone.scrape()
    assert not any(name.startswith("kube_deployment") for name in shown)
    assert shown['insurectl_agent_api_errors_total{call="deployments"}'] == 1
    assert shown['insurectl_agent_api_errors_total{call="metrics"}'] == 1
    assert shown['insurectl_agent_api_errors_total{call="pods"}'] == 0
    assert "no metrics API" in capsys.readouterr().out


def test_an_api_server_that_does_not_answer_is_asked_once_a_scrape(zone: Zone) -> None:
    zone.api.errors = {DEPLOYMENTS: Unreachable("no answer")}
    shown = zone.scrape()
    assert zone.api.asked == [DEPLOYMENTS]
    assert shown['insurectl_agent_api_errors_total{call="pods"}'] == 1
    zone.api.errors = {}
    zone.scrape()
    assert len(zone.api.asked) == 5


def test_an_object_that_is_not_as_its_api_says_is_a_gap(zone: Zone) -> None:
    zone.api.lists[USAGE] = [{"metadata": {"name": POD}, "containers": [{"name": "x"}]}]
    assert zone.scrape()['insurectl_agent_api_errors_total{call="metrics"}'] == 1


@pytest.mark.parametrize("listen", ["9114", "0.0.0.0:", "0.0.0.0:http", "0.0.0.0:70000"])
def test_an_address_that_can_not_be_used_is_refused(listen: str) -> None:
    with pytest.raises(BadInput, match="wanted is HOST:PORT"):
        zone_agent(["--namespace", "x", "--zone", "a", "--listen", listen])


def test_an_address_that_is_taken_says_so(zone: Zone) -> None:
    metrics = ZoneMetrics(zone.api, "insure-x-a", "a", lambda: 0.5)
    with (
        socket.create_server(("127.0.0.1", 0)) as taken,
        pytest.raises(TargetNotReady, match="Address already in use"),
    ):
        serve(metrics, "127.0.0.1", taken.getsockname()[1])
