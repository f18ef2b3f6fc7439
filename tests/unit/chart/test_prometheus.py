"""What Prometheus reads, what it warns of, and what the autoscaler's queries answer.

``promtool test rules`` runs the real rules and queries over made-up series.
"""

import shutil
import subprocess
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.unit.chart.rendered import autoscaling, named, needs_helm, objects, service_names
from tests.unit.chart.variants import RESPONSE_TIME, RPS

pytestmark = [pytest.mark.cluster, needs_helm]
needs_promtool = pytest.mark.skipif(
    shutil.which("promtool") is None, reason="promtool is not on PATH"
)
ASKED = 'job="services",service="core-app",http_route="/graphql"'
COUNT = "http_server_request_duration_seconds_count"
BUCKET = "http_server_request_duration_seconds_bucket"
UP = {"series": 'up{job="services",service="core-app",replica="core-app-x"}', "values": "1x60"}


def _config(**prometheus: Any) -> dict[str, Any]:
    data = named(objects({"prometheus": prometheus}), "ConfigMap", "prometheus")["data"]
    config: dict[str, Any] = yaml.safe_load(data["prometheus.yml"])
    return config


def _alerts() -> str:
    return str(named(objects(), "ConfigMap", "prometheus")["data"]["alerts.yml"])


def test_the_jobs_are_those_of_local() -> None:
    config = _config()
    assert [job["job_name"] for job in config["scrape_configs"]] == [
        *("services", "gateway", "rabbitmq", "redis", "agent", "prometheus"),
    ]
    assert config["global"]["external_labels"] == {"zone": "a"}


def test_services_have_the_labels_that_queries_ask_for() -> None:
    (services, *_) = _config()["scrape_configs"]
    labels = {rule.get("target_label") for rule in services["relabel_configs"]}
    assert labels - {None} == {"service", "zone", "replica"}
    assert services["kubernetes_sd_configs"][0]["namespaces"] == {"own_namespace": True}
    kept = [rule["regex"] for rule in services["relabel_configs"] if rule.get("action") == "keep"]
    assert kept == ["Running", "|".join(service_names()), "http"]


def test_the_agent_tells_of_other_pods_under_their_own_names() -> None:
    (agent,) = (j for j in _config()["scrape_configs"] if j["job_name"] == "agent")
    assert agent["honor_labels"] is True


@pytest.mark.parametrize(
    ("interval_s", "interval", "timeout"),
    [
        pytest.param(5, "5s", "5s", id="whole"),
        pytest.param(0.5, "500ms", "500ms", id="part of a second"),
        pytest.param(30, "30s", "10s", id="no answer takes longer than 10 s"),
    ],
)
def test_the_interval_is_a_value(interval_s: float, interval: str, timeout: str) -> None:
    told = _config(scrapeIntervalSeconds=interval_s)["global"]
    assert (told["scrape_interval"], told["scrape_timeout"]) == (interval, timeout)


def test_the_edge_is_read_where_it_is_named() -> None:
    (job,) = (
        j for j in _config(edge="192.0.2.9:8404")["scrape_configs"] if j["job_name"] == "edge"
    )
    assert job["static_configs"][0]["targets"] == ["192.0.2.9:8404"]


@needs_promtool
def test_promtool_finds_no_fault_in_the_alerts(tmp_path: Path) -> None:
    path = tmp_path / "alerts.yml"
    path.write_text(_alerts())
    done = subprocess.run(
        ["promtool", "check", "rules", path], capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, ""), done.stdout + done.stderr


@needs_promtool
@pytest.mark.parametrize(
    ("series", "values", "at", "alert", "labels"),
    [
        pytest.param(
            'kube_deployment_status_replicas_ready{deployment="core-app"}', "1x4 0x10", "3m30s",
            "ZoneWithoutReadyFront", {"severity": "critical", "deployment": "core-app"},
            id="no front is ready",
        ),
        pytest.param(
            f'{COUNT}{{{ASKED},http_response_status_code="503"}}', "0+10x40", "8m", "ManyErrors",
            {"severity": "critical", "service": "core-app"}, id="all is an error",
        ),
        pytest.param(
            "container_oom_events_total{pod='core-app-x',container='core-app'}", "0 0 1x20", "3m",
            "OutOfMemory", {"severity": "warning", "pod": "core-app-x", "container": "core-app"},
            id="killed for its memory",
        ),
        pytest.param(
            "kube_pod_container_status_restarts_total{pod='core-app-x',container='core-app'}",
            "0 1 2 3 4x20", "5m", "ManyRestarts",
            {"severity": "warning", "pod": "core-app-x", "container": "core-app"},
            id="starts again and again",
        ),
        pytest.param(
            'kube_horizontalpodautoscaler_status_desired_replicas{horizontalpodautoscaler="core-app"}',
            "6x40", "12m", "AutoscalerAtMaximum",
            {"severity": "warning", "service": "core-app", "horizontalpodautoscaler": "core-app"},
            id="at the maximum",
        ),
        pytest.param(
            'outbox_lag_seconds{service="core-app-relay"}', "31x20", "3m", "EventsLate",
            {"severity": "critical", "service": "core-app-relay"}, id="events late",
        ),
        pytest.param(
            'inbox_waiting_events{service="core-app"}', "2x20", "7m", "EventsWait",
            {"severity": "warning", "service": "core-app"}, id="events wait",
        ),
        pytest.param(
            'inbox_dead_events_total{service="core-app"}', "0 0 1x20", "3m", "DeadLetters",
            {"severity": "warning", "service": "core-app"}, id="dead letters of an inbox",
        ),
        pytest.param(
            'outbox_dead_events_total{service="core-app-relay"}', "0 0 1x20", "3m", "DeadLetters",
            {"severity": "warning", "service": "core-app-relay"}, id="dead letters of an outbox",
        ),
        pytest.param(
            'insurer_breaker_state{service="osago-aggregator",insurer="beta"}', "2x20", "3m",
            "BreakerOpen",
            {"severity": "warning", "service": "osago-aggregator", "insurer": "beta"},
            id="breaker open",
        ),
        pytest.param(
            'redis_instance_info{role="slave"}', "1x20", "3m", "RedisWithoutPrimary",
            {"severity": "critical"}, id="only replicas",
        ),
        pytest.param(
            'up{job="rabbitmq"}', "0x20", "3m", "ZoneWithoutBroker",
            {"severity": "critical"}, id="no broker",
        ),
        pytest.param(
            'up{job="gateway",instance="10.0.0.1:9113"}', "0x20", "4m", "NotMeasured",
            {"severity": "warning", "job": "gateway", "instance": "10.0.0.1:9113"}, id="not read",
        ),
    ],
)  # fmt: skip
def test_an_alert_fires(
    series: str, values: str, at: str, alert: str, labels: dict[str, str], tmp_path: Path
) -> None:
    fired = [{"exp_labels": labels, "exp_annotations": _annotations(alert, labels)}]
    asked = {"eval_time": at, "alertname": alert, "exp_alerts": fired}
    _promtool([{"series": series, "values": values}], {"alert_rule_test": [asked]}, tmp_path)


@needs_promtool
def test_slow_answers_are_told(tmp_path: Path) -> None:
    labels = {"severity": "warning", "service": "core-app"}
    alert = {"exp_labels": labels, "exp_annotations": _annotations("SlowAnswers", labels, "1950")}
    asked = {"eval_time": "12m", "alertname": "SlowAnswers", "exp_alerts": [alert]}
    _promtool(_buckets(("1", "0x60"), ("2", "0+60x60"), ("+Inf", "0+60x60")),
              {"alert_rule_test": [asked]}, tmp_path)  # fmt: skip


@needs_promtool
def test_a_zone_that_works_has_no_alert(tmp_path: Path) -> None:
    name = "kube_horizontalpodautoscaler_status_desired_replicas"
    pod = "pod='core-app-x',container='core-app'"
    series = {
        'kube_deployment_status_replicas_ready{deployment="core-app"}': "2x60",
        f'{COUNT}{{{ASKED},http_response_status_code="200"}}': "0+1000x60",
        f'{COUNT}{{{ASKED},http_response_status_code="503"}}': "0+1x60",
        f"container_oom_events_total{{{pod}}}": "1x60",
        f"kube_pod_container_status_restarts_total{{{pod}}}": "1x60",
        f'{name}{{horizontalpodautoscaler="core-app"}}': "5x60",
        'up{job="services"}': "1x60",
        'up{job="rabbitmq"}': "1x60",
        'redis_instance_info{role="master",replica="redis-0"}': "1x20 _x40",
        'redis_instance_info{role="master",replica="redis-1"}': "_x20 1x40",
        'outbox_lag_seconds{service="core-app-relay"}': "0.2x60",
        'inbox_waiting_events{service="core-app"}': "0x60",
        'inbox_dead_events_total{service="core-app"}': "1x60",
        'insurer_breaker_state{service="osago-aggregator",insurer="alpha"}': "1x60",
    }
    told = [{"series": key, "values": values} for key, values in series.items()]
    told += _buckets(("0.5", "0+60x60"), ("1", "0+60x60"), ("+Inf", "0+60x60"))
    rules = yaml.safe_load(_alerts())["groups"][0]["rules"]
    asked = [{"eval_time": "15m", "alertname": rule["alert"]} for rule in rules]
    _promtool(told, {"alert_rule_test": asked}, tmp_path)


@needs_promtool
@pytest.mark.parametrize(
    ("metric", "series", "answer"),
    [
        pytest.param(RPS, [], None, id="rps, no data: no answer, so an error"),
        pytest.param(
            RPS, [{**UP, "values": "_x10 1x1"}], None, id="rps, Prometheus just began: no answer"
        ),
        pytest.param(RPS, [UP], 0, id="rps, nobody has ever asked: 0"),
        pytest.param(
            RPS, [UP, {"series": f"{COUNT}{{{ASKED}}}", "values": "0+50x60"}], 10, id="rps, asked"
        ),
        pytest.param(
            RPS,
            [UP, {"series": f'{COUNT}{{{ASKED.replace("/graphql", "/metrics")}}}',
                  "values": "0+50x60"}],
            0, id="rps, scrapes do not count",
        ),
        pytest.param(RESPONSE_TIME, [], None, id="response time, no data: no answer"),
        pytest.param(RESPONSE_TIME, [UP], 0, id="response time, nobody has ever asked: 0"),
        pytest.param(
            RESPONSE_TIME, [UP, {"series": f'{BUCKET}{{{ASKED},le="1"}}', "values": "5x60"},
                            {"series": f'{BUCKET}{{{ASKED},le="+Inf"}}', "values": "5x60"}],
            0, id="response time, nobody asks now: 0 and no NaN",
        ),
        pytest.param(
            RESPONSE_TIME, [UP, {"series": f'{BUCKET}{{{ASKED},le="1"}}', "values": "0+50x60"},
                            {"series": f'{BUCKET}{{{ASKED},le="+Inf"}}', "values": "0+50x60"}],
            950, id="response time, asked",
        ),
    ],
)  # fmt: skip
def test_the_autoscaler_is_told(
    metric: dict[str, Any], series: list[dict[str, str]], answer: float | None, tmp_path: Path
) -> None:
    scaled = named(objects(autoscaling(metric)), "ScaledObject", "core-app")
    (trigger,) = scaled["spec"]["triggers"]
    samples = [] if answer is None else [{"labels": "{}", "value": answer}]
    asked = {"expr": trigger["metadata"]["query"], "eval_time": "55s", "exp_samples": samples}
    _promtool(series, {"promql_expr_test": [asked]}, tmp_path, interval="5s")


def _buckets(*buckets: tuple[str, str]) -> list[dict[str, str]]:
    return [{"series": f'{BUCKET}{{{ASKED},le="{le}"}}', "values": v} for le, v in buckets]


def _annotations(alert: str, labels: dict[str, str], value: str = "") -> dict[str, str]:
    """Those of the rule, with its labels and the value written in."""
    rules = yaml.safe_load(_alerts())["groups"][0]["rules"]
    rule = next(
        r for r in rules
        if r["alert"] == alert and r["labels"].items() <= labels.items()
    )  # fmt: skip
    values = {"ManyErrors": "100%", "ManyRestarts": "4", "AutoscalerAtMaximum": "6"}
    values |= {"EventsLate": "31", "EventsWait": "2"}
    value = value or values.get(alert, "")
    told = {}
    for key, text in rule["annotations"].items():
        for name, label in labels.items():
            text = text.replace(f"{{{{ $labels.{name} }}}}", label)  # noqa: PLW2901
        text = text.replace("{{ $value | humanizePercentage }}", value)  # noqa: PLW2901
        told[key] = text.replace("{{ $value | printf `%.0f` }}", value)
    return told


def _promtool(
    series: list[dict[str, str]], test: dict[str, Any], folder: Path, interval: str = "30s"
) -> None:
    (folder / "alerts.yml").write_text(_alerts())
    content = {
        "rule_files": ["alerts.yml"],
        "evaluation_interval": interval,
        "tests": [{"interval": interval, "input_series": series, **test}],
    }
    (folder / "test.yml").write_text(yaml.safe_dump(content, width=10_000))
    done = subprocess.run(
        ["promtool", "test", "rules", "test.yml"],
        cwd=folder, capture_output=True, text=True, check=False,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
