"""Against a server on loopback that speaks Prometheus' API."""

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

import pytest

from insurectl.adapters.prometheus import PrometheusMetrics, instant
from insurectl.adapters.prometheus_dialect import Dialect, parse_labels, parse_matchers
from insurectl.adapters.prometheus_queries import DECIDED, DESIRED, QUERIES
from insurectl.errors import BadInput, TargetNotReady
from insurectl.records import Zone

DESIRED_TEXT = Dialect().write(DESIRED, zone="a")
DECIDED_TEXT = Dialect().write(DECIDED, zone="a")


class Api(ThreadingHTTPServer):
    answers: dict[str, list[dict[str, Any]]]
    asked: list[dict[str, list[str]]]
    more: dict[str, Any]


class Handler(BaseHTTPRequestHandler):
    server: Api

    def do_GET(self) -> None:
        asked = parse_qs(urlsplit(self.path).query)
        self.server.asked.append(asked)
        result = self.server.answers.get(asked["query"][0], [])
        data = {"resultType": "matrix", "result": result}
        answer = {"status": "success", "data": data, "warnings": ["thin ice"], **self.server.more}
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@pytest.fixture
def api() -> Iterator[Api]:
    server = Api(("127.0.0.1", 0), Handler)
    server.daemon_threads = True
    server.answers, server.asked, server.more = {}, [], {}
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def zone(api: Api) -> Zone:
    url = f"http://127.0.0.1:{api.server_port}"
    return Zone(name="a", gateway_url="", prometheus_url=url)


def test_points_that_are_no_numbers_are_left_out(api: Api) -> None:
    api.answers["max by (deployment) (kube_deployment_status_replicas)"] = [
        {"metric": {"deployment": "core-app"}, "values": [[1.5, "2"], [3.5, "NaN"], [5.5, "3"]]}
    ]
    metrics = PrometheusMetrics(2.0)
    (series,) = metrics.over([zone(api)], 1.5, 5.5)
    assert (series.name, series.service, series.values) == ("replicas", "core-app", (2.0, 3.0))
    assert series.times_s == (1.5, 5.5)


def test_times_are_asked_for_unrounded_and_every_query_is_asked(api: Api) -> None:
    PrometheusMetrics(2.0).over([zone(api)], 1.25, 5.75)
    assert len(api.asked) == len(QUERIES)
    assert {(one["start"][0], one["end"][0]) for one in api.asked} == {("1.25", "5.75")}


def test_warnings_are_told_once(api: Api) -> None:
    metrics = PrometheusMetrics(2.0)
    metrics.over([zone(api)], 1.0, 5.0)
    told = metrics.warnings()
    assert any("thin ice" in one for one in told)
    assert any("no answer for memory_mean_mib" in one for one in told)
    assert metrics.warnings() == ()


def test_a_decision_is_a_change_of_the_wanted_count_and_names_the_metric(api: Api) -> None:
    api.answers[DESIRED_TEXT] = [
        {
            "metric": {"horizontalpodautoscaler": "core-app"},
            "values": [[0, "1"], [2, "3"], [4, "3"], [6, "2"]],
        }
    ]
    api.answers[DECIDED_TEXT] = [
        {
            "metric": {"service": "core-app", "direction": "up", "metric": "memory"},
            "values": [[2, "1"], [4, "1"], [6, "1"]],
        },
        {
            "metric": {"service": "core-app", "direction": "down", "metric": "rps"},
            "values": [[0, "4"], [2, "4"], [4, "4"], [6, "5"]],
        },
    ]
    found = PrometheusMetrics(2.0).decisions([zone(api)], 2.0, 6.0)
    assert [(one.at_s, one.before, one.after, one.reason) for one in found] == [
        (2.0, 1, 3, "scale up: memory"),
        (6.0, 3, 2, "scale down: rps"),
    ]


def test_a_zone_that_is_away_is_a_warning_while_another_answers(api: Api) -> None:
    gone = Zone(name="b", gateway_url="", prometheus_url="http://127.0.0.1:9")
    metrics = PrometheusMetrics(2.0)
    metrics.over([zone(api), gone], 1.0, 5.0)
    assert any(one.startswith("zone b:") for one in metrics.warnings())
    with pytest.raises(TargetNotReady, match="no Prometheus answers"):
        metrics.over([gone], 1.0, 5.0)


def test_nothing_to_ask_now_is_not_ready() -> None:
    with pytest.raises(TargetNotReady, match="does not answer"):
        instant("http://127.0.0.1:9", "up")


@pytest.mark.parametrize(
    ("more", "told"),
    [
        pytest.param({"warnings": ["cut short"]}, "cut short", id="warnings"),
        pytest.param({"infos": ["no counter"]}, "no counter", id="infos, of version 3"),
        pytest.param({"isPartial": True}, "partial", id="a store that answers in part"),
    ],
)
def test_what_an_answer_says_beside_its_values_is_told(
    api: Api, more: dict[str, Any], told: str
) -> None:
    api.more = more
    metrics = PrometheusMetrics(2.0)
    metrics.over([zone(api)], 1.0, 5.0)
    assert any(told in one for one in metrics.warnings())


@pytest.mark.parametrize(
    ("more", "told"),
    [
        pytest.param({"status": "error", "error": "too many points"}, "too many", id="refused"),
        pytest.param({"data": {"resultType": "scalar", "result": []}}, "a scalar", id="no series"),
    ],
)
def test_an_answer_that_is_none_is_not_ready(api: Api, more: dict[str, Any], told: str) -> None:
    api.more = more
    with pytest.raises(TargetNotReady, match=told):
        PrometheusMetrics(2.0).over([zone(api)], 1.0, 5.0)


def test_other_names_of_labels_are_asked_for_and_read_back(api: Api) -> None:
    dialect = Dialect(
        labels=parse_labels("service=app,pod=pod_name"),
        matchers=parse_matchers('namespace="insure-{zone}"'),
    )
    text = (
        "sum by (app, pod_name) (label_replace(max by (pod_name, container) ("
        'container_memory_working_set_bytes{container!="",container!="POD",namespace="insure-a"}), '
        '"app", "$1", "container", "(.+)")) / 1048576'
    )
    api.answers[text] = [
        {"metric": {"app": "core-app", "pod_name": "core-app-7d9f8-abcde"}, "values": [[2, "80"]]}
    ]
    (series,) = PrometheusMetrics(2.0, dialect=dialect).over([zone(api)], 1.0, 5.0)
    assert (series.name, series.service, series.query) == ("memory_mib", "core-app", text)
    assert series.labels == {"service": "core-app", "pod": "core-app-7d9f8-abcde"}


def test_one_prometheus_for_zones_that_it_can_not_tell_apart_is_refused(api: Api) -> None:
    other = Zone(name="b", gateway_url="", prometheus_url="")
    with pytest.raises(BadInput, match=r"put \{zone\} into"):
        PrometheusMetrics(2.0, shared=True).over([zone(api), other], 1.0, 5.0)
    PrometheusMetrics(2.0, shared=True).over([zone(api)], 1.0, 5.0)
