"""The named queries of a timeline. All PromQL of insurectl stands in this file.

Both Prometheus 2 and 3 have to answer alike, which leaves out some forms:

- No query may compare the text of ``le``: version 3 keeps the bound of a bucket as ``1.0`` where
  version 2 keeps what the service wrote (``1``). ``histogram_quantile`` reads it as a number.
- The range of a rate is closed on its left in version 2 and open in version 3. The answers are
  of the same samples unless a scrape fell on that very millisecond; then version 2 takes the rate
  of four intervals between scrapes, and version 3 of the newest three. Both are right for the
  window, so no form is better than another here, and what compares them has to know it.
"""

from dataclasses import dataclass

# what is asked of a service, without its own health checks and scrapes
COUNT = "http_server_request_duration_seconds_count{$api}"
FAILED = 'http_server_request_duration_seconds_count{$api,$http_response_status_code=~"5.."}'
SERVED = 'http_server_request_duration_seconds_count{$api,$http_response_status_code!~"5.."}'
SUM = "http_server_request_duration_seconds_sum{$api}"
BUCKET = "http_server_request_duration_seconds_bucket{$api}"
DESIRED = (
    "max by ($horizontalpodautoscaler) (kube_horizontalpodautoscaler_status_desired_replicas$all)"
)
DECIDED = "insurectl_autoscaler_decisions_total$all"


@dataclass(frozen=True, kw_only=True)
class Query:
    """One named query, a template of ``prometheus_dialect``; ``label`` names the service."""

    name: str
    unit: str
    text: str
    label: str = "service"


def _latency(name: str, quantile: float) -> Query:
    text = f"1000 * histogram_quantile({quantile}, sum by ($service, le) (rate({BUCKET}[$w])))"
    return Query(name=name, unit="ms", text=text)


def _per_service(metric: str) -> str:
    """A container has its service's name on every target, whatever its pod is called; one
    without a name is the whole pod, counted once more. Each is taken once: while their agent is
    replaced, two tell of it."""
    chosen = f'{metric}{{$container!="",$container!="POD"$and}}'
    once = f"max by ($pod, $container) ({chosen})"
    return f'label_replace({once}, "$service", "$$1", "$container", "(.+)")'


def _gateway(status: str) -> str:
    counted = f"gateway_requests_total{{{status}$and}}"
    return f'label_replace(sum(rate({counted}[$w])), "$service", "gateway", "", "")'


def _count(name: str, metric: str) -> Query:
    """Of each Deployment, once: while its agent is replaced, two tell of it."""
    text = f"max by ($deployment) ({metric}$all)"
    return Query(name=name, unit="1", text=text, label="deployment")


def _moment(name: str, metric: str, labels: str = "$pod") -> Query:
    """Seconds since the epoch."""
    text = f"max by ({labels}) ({metric}$all)"
    return Query(name=name, unit="s", text=text, label="container")


MEMORY = _per_service("container_memory_working_set_bytes")
QUERIES: tuple[Query, ...] = (
    Query(name="offered_rps", unit="1/s", text=_gateway('$route!~"/health.*"')),
    Query(name="served_rps", unit="1/s", text=f"sum by ($service) (rate({SERVED}[$w]))"),
    Query(name="requests_rps", unit="1/s", text=f"sum by ($service) (rate({COUNT}[$w]))"),
    Query(name="failed_rps", unit="1/s", text=f"sum by ($service) (rate({FAILED}[$w]))"),
    Query(
        name="latency_mean_ms",
        unit="ms",
        text=f"1000 * sum by ($service) (rate({SUM}[$w])) / sum by ($service) (rate({COUNT}[$w]))",
    ),
    _latency("latency_p50_ms", 0.50),
    _latency("latency_p95_ms", 0.95),
    _latency("latency_p99_ms", 0.99),
    _count("replicas", "kube_deployment_status_replicas"),
    _count("ready_replicas", "kube_deployment_status_replicas_ready"),
    _count("wanted_replicas", "kube_deployment_spec_replicas"),
    Query(name="memory_mib", unit="MiB", text=f"sum by ($service, $pod) ({MEMORY}) / 1048576"),
    Query(
        name="memory_mean_mib",
        unit="MiB",
        text=f"avg by ($service) (sum by ($service, $pod) ({MEMORY})) / 1048576",
    ),
    Query(
        name="cpu_cores",
        unit="cores",
        text="sum by ($service) (rate(process_cpu_seconds_total$services[$w]))",
    ),
    Query(name="limited_rps", unit="1/s", text=_gateway('$status="429"')),
    Query(name="shed_rps", unit="1/s", text=_gateway('$status="503"')),
    Query(
        name="oom_kills",
        unit="1",
        text=f"sum by ($service) ({_per_service('container_oom_events_total')})",
    ),
    Query(
        name="restarts",
        unit="1",
        text=f"sum by ($service) ({_per_service('kube_pod_container_status_restarts_total')})",
    ),
    Query(
        name="startup_s",
        unit="s",
        text="max by ($service, $replica) (service_ready_time_seconds$services > 0)"
        " - on ($service, $replica) max by ($service, $replica) "
        "(process_start_time_seconds$services)",
    ),
    Query(name="workers_busy", unit="1", text="sum by ($service) (service_workers_busy$all)"),
    Query(name="workers_waiting", unit="1", text="sum by ($service) (service_workers_waiting$all)"),
    Query(
        name="autoscaler_metric",
        unit="1",
        text="max by ($service, metric) (insurectl_autoscaler_metric$all)",
    ),
    Query(name="host_cpu_ratio", unit="1", text="insurectl_host_cpu_ratio$all"),
    _moment("pod_created_s", "kube_pod_created"),
    _moment("pod_scheduled_s", "kube_pod_status_scheduled_time"),
    _moment("pod_started_s", "kube_pod_container_state_started", "$pod, $container"),
    _moment("pod_ready_s", "kube_pod_status_ready_time"),
    Query(
        name="metrics_api_age_s",
        unit="s",
        text="max by ($pod) (insurectl_metrics_api_age_seconds$all)",
    ),
)
# Nothing has happened yet is no gap: these have an answer only once something did, or on a cluster.
SILENT_UNTIL_USED = {
    "failed_rps",
    "limited_rps",
    "shed_rps",
    "oom_kills",
    "restarts",
    "autoscaler_metric",
    "pod_created_s",
    "pod_scheduled_s",
    "pod_started_s",
    "pod_ready_s",
    "metrics_api_age_s",
}
