"""MetricsSource: Prometheus, one a zone. All PromQL of insurectl stands in this file.

prometheus-api-client drops warnings and rounds times to whole seconds, so its session is
used and answers are read whole.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any

from insurectl.errors import TargetNotReady
from insurectl.records import Decision, Series, Zone

TIMEOUT_S = 10
# what is asked of a service, without its own health checks and scrapes
API = 'job="services",http_route!~"/health.*|/metrics"'
COUNT = "http_server_request_duration_seconds_count"
SUM = "http_server_request_duration_seconds_sum"
BUCKET = "http_server_request_duration_seconds_bucket"
DESIRED = "kube_horizontalpodautoscaler_status_desired_replicas"
DECIDED = "insurectl_autoscaler_decisions_total"


@dataclass(frozen=True, kw_only=True)
class Query:
    """One named query. ``$w`` is the window of rates; ``label`` names the service."""

    name: str
    unit: str
    text: str
    label: str = "service"


def _latency(name: str, quantile: float) -> Query:
    text = (
        f"1000 * histogram_quantile({quantile}, sum by (service, le) (rate({BUCKET}{{{API}}}[$w])))"
    )
    return Query(name=name, unit="ms", text=text)


def _per_service(metric: str) -> str:
    """Pods are named ``<service>-<replica>``; the service's name is the rest."""
    return f'label_replace({metric}, "service", "$1", "pod", "(.+)-[0-9]+")'


MEMORY = "container_memory_working_set_bytes"
QUERIES: tuple[Query, ...] = (
    Query(
        name="offered_rps",
        unit="1/s",
        text='label_replace(sum(rate(gateway_requests_total{route!~"/health.*"}[$w])), '
        '"service", "gateway", "", "")',
    ),
    Query(
        name="served_rps",
        unit="1/s",
        text=f'sum by (service) (rate({COUNT}{{{API},http_response_status_code!~"5.."}}[$w]))',
    ),
    Query(name="requests_rps", unit="1/s", text=f"sum by (service) (rate({COUNT}{{{API}}}[$w]))"),
    Query(
        name="failed_rps",
        unit="1/s",
        text=f'sum by (service) (rate({COUNT}{{{API},http_response_status_code=~"5.."}}[$w]))',
    ),
    Query(
        name="latency_mean_ms",
        unit="ms",
        text=f"1000 * sum by (service) (rate({SUM}{{{API}}}[$w]))"
        f" / sum by (service) (rate({COUNT}{{{API}}}[$w]))",
    ),
    _latency("latency_p50_ms", 0.50),
    _latency("latency_p95_ms", 0.95),
    _latency("latency_p99_ms", 0.99),
    Query(name="replicas", unit="1", text="kube_deployment_status_replicas", label="deployment"),
    Query(
        name="ready_replicas",
        unit="1",
        text="kube_deployment_status_replicas_ready",
        label="deployment",
    ),
    Query(
        name="wanted_replicas",
        unit="1",
        text="kube_deployment_spec_replicas",
        label="deployment",
    ),
    Query(
        name="memory_mib",
        unit="MiB",
        text=f"sum by (service, pod) ({_per_service(MEMORY)}) / 1048576",
    ),
    Query(
        name="memory_mean_mib",
        unit="MiB",
        text=f"avg by (service) (sum by (service, pod) ({_per_service(MEMORY)})) / 1048576",
    ),
    Query(
        name="cpu_cores",
        unit="cores",
        text='sum by (service) (rate(process_cpu_seconds_total{job="services"}[$w]))',
    ),
    Query(
        name="limited_rps",
        unit="1/s",
        text="label_replace("
        'sum(rate(gateway_requests_total{status="429"}[$w])), "service", "gateway", "", "")',
    ),
    Query(
        name="shed_rps",
        unit="1/s",
        text="label_replace("
        'sum(rate(gateway_requests_total{status="503"}[$w])), "service", "gateway", "", "")',
    ),
    Query(
        name="oom_kills",
        unit="1",
        text=f"sum by (service) ({_per_service('container_oom_events_total')})",
    ),
    Query(
        name="restarts",
        unit="1",
        text=f"sum by (service) ({_per_service('kube_pod_container_status_restarts_total')})",
    ),
    Query(
        name="startup_s",
        unit="s",
        text='max by (service, replica) (service_ready_time_seconds{job="services"} > 0)'
        " - on (service, replica) max by (service, replica) "
        '(process_start_time_seconds{job="services"})',
    ),
    Query(name="workers_busy", unit="1", text="sum by (service) (service_workers_busy)"),
    Query(name="workers_waiting", unit="1", text="sum by (service) (service_workers_waiting)"),
    Query(name="autoscaler_metric", unit="1", text="insurectl_autoscaler_metric"),
    Query(name="host_cpu_ratio", unit="1", text="insurectl_host_cpu_ratio"),
)
# Nothing has happened yet is no gap: these have an answer only once something did.
SILENT_UNTIL_USED = {
    "failed_rps",
    "limited_rps",
    "shed_rps",
    "oom_kills",
    "restarts",
    "autoscaler_metric",
}


class PrometheusMetrics:
    """Asks every zone's own Prometheus; a zone that is away gives a warning, not an error."""

    def __init__(self, scrape_interval_s: float) -> None:
        self._step_s = scrape_interval_s
        self._warnings: list[str] = []

    def over(self, zones: Sequence[Zone], start_s: float, end_s: float) -> tuple[Series, ...]:
        """Every named query over the window. TargetNotReady when no zone answers at all."""
        answered = [self._zone(zone, start_s, end_s) for zone in zones]
        if zones and all(found is None for found in answered):
            urls = ", ".join(zone.prometheus_url for zone in zones)
            raise TargetNotReady(f"no Prometheus answers ({urls}); see `insurectl status`")
        return tuple(series for found in answered if found for series in found)

    def decisions(
        self, zones: Sequence[Zone], start_s: float, end_s: float
    ) -> tuple[Decision, ...]:
        """Changes of the wanted count; the reason is the metric whose counter rose with it."""
        found: list[Decision] = []
        for zone in zones:
            try:
                # one step earlier, so that a change at the very start has a `before`
                wanted = self._range(zone, DESIRED, start_s - self._step_s, end_s)
                counters = self._range(zone, DECIDED, start_s - self._step_s, end_s)
            except TargetNotReady as error:
                self._warn(f"zone {zone.name}: {error}")
                continue
            for answer in wanted:
                found += _changes(zone.name, answer, counters)
        return tuple(sorted(found, key=lambda one: one.at_s))

    def warnings(self) -> tuple[str, ...]:
        """What Prometheus warned of, or had no answer for, since the last call."""
        warnings, self._warnings = tuple(self._warnings), []
        return warnings

    def _zone(self, zone: Zone, start_s: float, end_s: float) -> tuple[Series, ...] | None:
        found: list[Series] = []
        for query in QUERIES:
            text = query.text.replace("$w", f"{self._window_s()}s")
            try:
                answers = self._range(zone, text, start_s, end_s)
            except TargetNotReady as error:
                self._warn(f"zone {zone.name}: {error}")
                return None
            if not answers and query.name not in SILENT_UNTIL_USED:
                self._warn(f"zone {zone.name}: no answer for {query.name} ({text})")
            found += [_series(query, zone.name, text, answer) for answer in answers]
        return tuple(found)

    def _window_s(self) -> int:
        """Four scrapes: one may be missed and a rate still has two points."""
        return max(math.ceil(4 * self._step_s), 4)

    def _range(self, zone: Zone, query: str, start_s: float, end_s: float) -> list[dict[str, Any]]:
        span = {"start": start_s, "end": end_s, "step": self._step_s}
        answer = _ask(zone.prometheus_url, "query_range", {"query": query, **span})
        for warning in answer.get("warnings", ()):
            self._warn(f"zone {zone.name}: Prometheus warns: {warning} ({query})")
        result: list[dict[str, Any]] = answer["data"]["result"]
        return result

    def _warn(self, text: str) -> None:
        if text not in self._warnings:
            self._warnings.append(text)


def instant(zone_url: str, query: str) -> tuple[tuple[Mapping[str, str], float], ...]:
    """Labels and value of each series as it is now; TargetNotReady when none can be asked."""
    answer = _ask(zone_url, "query", {"query": query})
    result = answer["data"]["result"]
    if answer["data"]["resultType"] == "scalar":
        return (({}, float(result[1])),)
    return tuple((one["metric"], float(one["value"][1])) for one in result)


def pod_memory(service: str) -> str:
    """Bytes, by ``replica``."""
    used = f'{MEMORY}{{container="{service}"}}'
    return f'label_replace({used}, "replica", "$1", "pod", ".+-([0-9]+)")'


def replica_rps(service: str, window_s: int) -> str:
    """Requests a second, by ``replica``."""
    return f'sum by (replica) (rate({COUNT}{{{API},service="{service}"}}[{window_s}s]))'


_CONNECTIONS: dict[str, Any] = {}


def _ask(url: str, kind: str, parameters: Mapping[str, object]) -> dict[str, Any]:
    import requests  # noqa: PLC0415 - heavy, and not needed by most commands

    try:
        response = _session(url).get(f"{url}/api/v1/{kind}", params=parameters, timeout=TIMEOUT_S)
        answer: dict[str, Any] = response.json()
    except requests.RequestException as error:
        raise TargetNotReady(f"Prometheus at {url} does not answer: {error}") from None
    if answer.get("status") != "success":
        raise TargetNotReady(
            f"Prometheus at {url} refuses {parameters.get('query')}: {answer.get('error')}"
        )
    return answer


def _session(url: str) -> Any:
    if url not in _CONNECTIONS:
        # brings pandas and matplotlib with it
        from prometheus_api_client import PrometheusConnect  # noqa: PLC0415
        from urllib3.util.retry import Retry  # noqa: PLC0415

        retry = Retry(total=1, backoff_factor=0.2)
        connection = PrometheusConnect(url=url, retry=retry, timeout=TIMEOUT_S)
        connection._session.trust_env = False  # a proxy has no way to this machine's loopback
        _CONNECTIONS[url] = connection._session
    return _CONNECTIONS[url]


def _series(query: Query, zone: str, text: str, answer: dict[str, Any]) -> Series:
    labels = {key: value for key, value in answer["metric"].items() if key != "__name__"}
    points = [(float(at), float(value)) for at, value in answer["values"]]
    points = [(at, value) for at, value in points if math.isfinite(value)]
    return Series(
        name=query.name,
        zone=zone,
        service=labels.get(query.label, ""),
        labels=labels,
        unit=query.unit,
        query=text,
        times_s=tuple(at for at, _ in points),
        values=tuple(value for _, value in points),
    )


def _changes(
    zone: str, wanted: dict[str, Any], counters: Sequence[dict[str, Any]]
) -> list[Decision]:
    service = wanted["metric"].get("horizontalpodautoscaler", "")
    points = [(float(at), round(float(value))) for at, value in wanted["values"]]
    changes: list[Decision] = []
    for (earlier_s, before), (at_s, after) in pairwise(points):
        if before != after:
            direction = "up" if after > before else "down"
            metric = _risen(counters, service, direction, earlier_s, at_s)
            reason = f"scale {direction}: {metric or 'metric not recorded'}"
            changes.append(
                Decision(
                    at_s=at_s, zone=zone, service=service, before=before, after=after, reason=reason
                )
            )
    return changes


def _risen(
    counters: Sequence[dict[str, Any]], service: str, direction: str, from_s: float, to_s: float
) -> str:
    """The metric of the counter that rose between two scrapes; one that was not there was 0."""
    for counter in counters:
        labels = counter["metric"]
        if labels.get("service") != service or labels.get("direction") != direction:
            continue
        values = {float(at): float(value) for at, value in counter["values"]}
        if values.get(to_s, 0.0) > values.get(from_s, 0.0):
            return str(labels.get("metric", ""))
    return ""
