"""Every named query, answered alike by Prometheus 2 (Debian's) and 3, from the same samples.

Both scrape one exporter, whose samples carry their own time (whole seconds), so that both hold the
same samples however their scrapes fall. Asked half a second beside the samples, both have to
answer exactly alike. Asked at the time of a sample they differ in one known way (version 3 leaves
out the sample at the left end of a range): the test computes both answers from what was exported.
"""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from itertools import accumulate
from pathlib import Path
from typing import Any

import pytest

from insurectl.adapters.prometheus import (
    PrometheusMetrics,
    ask_url,
    instant,
    pod_memory,
    replica_rps,
)
from insurectl.adapters.prometheus_dialect import Dialect
from insurectl.adapters.prometheus_queries import DECIDED, DESIRED, QUERIES
from insurectl.errors import TargetNotReady
from insurectl.records import Series, Zone

pytestmark = [pytest.mark.system, pytest.mark.cluster]  # Prometheus 3 is what clusters run

JOBS = ("services", "agent", "replaced")  # while an agent is replaced, two tell of its zone
SCRAPED_S = 20
WINDOW_S = 4  # of rates, at one sample a second
REQUESTS = (7, 13, 4, 21, 2, 9, 11, 3, 17, 5)  # in each second, over and over
RESTART = 9  # the second in which one replica's counters begin again
BUCKETS = {"0.1": 0.25, "0.5": 0.5, "1": 0.75, "2.0": 0.9, "+Inf": 1.0}  # `1` as Go writes it
OTHERS = """\
gateway_requests_total{{status="200",route="/api/{{id}}"}} {requests}
gateway_requests_total{{status="429",route="/api/{{id}}"}} {limited}
gateway_requests_total{{status="503",route="/api/{{id}}"}} {limited}
gateway_requests_total{{status="200",route="/health/zone"}} {requests}
kube_deployment_status_replicas{{deployment="core-app"}} {replicas}
kube_deployment_status_replicas_ready{{deployment="core-app"}} 1
kube_deployment_spec_replicas{{deployment="core-app"}} {replicas}
kube_horizontalpodautoscaler_status_desired_replicas{{{autoscaler}}} {replicas}
insurectl_autoscaler_decisions_total{{service="core-app",direction="up",metric="memory"}} {replicas}
insurectl_autoscaler_metric{{service="core-app",metric="memory"}} {memory}
insurectl_host_cpu_ratio 0.25
insurectl_metrics_api_age_seconds{{pod="core-app-7d9f8-abcde"}} 12.5
container_memory_working_set_bytes{{pod="core-app-0",container="core-app"}} {memory}
container_memory_working_set_bytes{{pod="core-app-7d9f8-abcde",container="core-app"}} 1048576
container_memory_working_set_bytes{{pod="core-app-7d9f8-abcde",container=""}} 99999999
container_memory_working_set_bytes{{pod="core-app-7d9f8-abcde",container="POD"}} 99999999
container_oom_events_total{{pod="core-app-7d9f8-abcde",container="core-app"}} 2
kube_pod_container_status_restarts_total{{pod="core-app-7d9f8-abcde",container="core-app"}} 3
kube_pod_created{{pod="core-app-7d9f8-abcde"}} 1767225600
kube_pod_status_scheduled_time{{pod="core-app-7d9f8-abcde"}} 1767225601
kube_pod_container_state_started{{pod="core-app-7d9f8-abcde",container="core-app"}} 1767225602
kube_pod_status_ready_time{{pod="core-app-7d9f8-abcde"}} 1767225604
"""


def counted(second: int) -> int:
    """Requests of one replica since the exporter began, at the end of that second."""
    return list(accumulate(REQUESTS[one % len(REQUESTS)] for one in range(second + 1)))[-1]


def of_services(second: int) -> str:
    """Two replicas; the histograms first, under their type: version 3 writes the bounds of what
    is said to be a histogram its own way."""
    name = "http_server_request_duration_seconds"
    histograms, others = [f"# TYPE {name} histogram"], ["# TYPE process_cpu_seconds_total counter"]
    for replica in ("0", "core-app-7d9f8-abcde"):
        again = replica == "0" and second >= RESTART
        total = counted(second) - (counted(RESTART - 1) if again else 0)
        who = f'service="core-app",replica="{replica}"'
        for status, share in (("200", 4), ("500", 1)):
            labels = (
                f'{who},http_request_method="GET",http_route="/api/{{id}}",'
                f'http_response_status_code="{status}"'
            )
            histograms += [
                f'{name}_bucket{{{labels},le="{le}"}} {total * share * part}'
                for le, part in BUCKETS.items()
            ]
            histograms.append(f"{name}_count{{{labels}}} {total * share}")
            histograms.append(f"{name}_sum{{{labels}}} {total * share * 0.3}")
        histograms.append(f'{name}_count{{{who},http_route="/health/live"}} {total * 1000}')
        others.append(f"process_cpu_seconds_total{{{who}}} {total / 100}")
        others.append(f"process_start_time_seconds{{{who}}} 1767225600")
        others.append(f"service_ready_time_seconds{{{who}}} 1767225602.5")
        others.append(f"service_workers_busy{{{who}}} {second % 4}")
        others.append(f"service_workers_waiting{{{who}}} {second % 3}")
    return "\n".join(histograms + others)


def of_replaced_agent(second: int) -> str:
    """What both agents of a zone tell, of the containers."""
    return "\n".join(
        line for line in of_agent(second).splitlines() if "container=" in line.partition(" ")[0]
    )


def of_agent(second: int) -> str:
    return OTHERS.format(
        requests=counted(second) * 2,
        limited=counted(second),
        autoscaler='horizontalpodautoscaler="core-app"',
        replicas=1 + second // 5,
        memory=(80 + second) * 2**20,
    )


class Exporter(ThreadingHTTPServer):
    """Samples of the last whole second, each with its time."""

    daemon_threads = True

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), ExporterPage)
        self.began_s = sys.maxsize

    def page(self, path: str) -> str:
        """Empty before it began."""
        second = int(time.time()) - self.began_s
        if second < 0:
            return ""
        pages = {"/services": of_services, "/agent": of_agent, "/replaced": of_replaced_agent}
        text = pages[path](second)
        at_ms = (self.began_s + second) * 1000
        return "".join(
            f"{line}\n" if line.startswith("#") else f"{line} {at_ms}\n"
            for line in text.splitlines()
        )


class ExporterPage(BaseHTTPRequestHandler):
    server: Exporter

    def do_GET(self) -> None:
        body = self.server.page(self.path).encode()
        self.send_response(200)
        self.send_header("Content-Type", "text/plain; version=0.0.4; charset=utf-8")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


@dataclass(frozen=True, kw_only=True)
class Both:
    """Two Prometheus that hold the same samples; ``began_s``: of the exporter."""

    v2: str
    v3: str
    began_s: int

    def asked(self, start_s: float, end_s: float) -> Iterator[tuple[Series, ...]]:
        for url in (self.v2, self.v3):
            metrics = PrometheusMetrics(1.0)
            yield metrics.over([_zone(url)], start_s, end_s)
            assert metrics.warnings() == ()


@pytest.fixture(scope="module")
def both(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Both]:
    folder = tmp_path_factory.mktemp("prometheus")
    exporter = Exporter()
    thread = threading.Thread(target=exporter.serve_forever, args=(0.01,))
    thread.start()
    try:
        with (
            _prometheus(_debian(), folder / "v2", exporter.server_port) as v2,
            _prometheus(_version_3(), folder / "v3", exporter.server_port) as v3,
        ):
            exporter.began_s = int(time.time()) + 2
            time.sleep(exporter.began_s + SCRAPED_S + 1 - time.time())
            yield Both(v2=v2, v3=v3, began_s=exporter.began_s)
    finally:
        exporter.shutdown()
        thread.join()
        exporter.server_close()


def _debian() -> str:
    """Where Debian puts it, whatever else is on the PATH."""
    debian = "/usr/bin/prometheus"
    found = debian if Path(debian).exists() else shutil.which("prometheus")
    return _of_version("2.", found or debian)


def _version_3() -> str:
    cache = Path(os.environ.get("CLUSTER_CACHE", Path.home() / ".cache" / "test-cluster"))
    path = cache / "bin" / "prometheus"
    if not path.exists():
        pytest.skip(f"no Prometheus 3 at {path}; ../shared/cluster/up builds one")
    return f"{path}"


def _of_version(version: str, path: str) -> str:
    if not Path(path).exists():
        pytest.skip("no Prometheus on this machine; scripts/setup installs Debian's")
    told = subprocess.run([path, "--version"], capture_output=True, text=True, check=True)
    if f"version {version}" not in told.stdout + told.stderr:
        pytest.skip(f"{path} is no Prometheus {version}x: {told.stdout.splitlines()[0]}")
    return path


@contextlib.contextmanager
def _prometheus(program: str, folder: Path, exporter: int) -> Iterator[str]:
    folder.mkdir()
    config = folder / "prometheus.yml"
    jobs = "".join(
        f"  - {{job_name: {job}, metrics_path: /{job}, "
        f'static_configs: [{{targets: ["127.0.0.1:{exporter}"]}}]}}\n'
        for job in JOBS
    )
    config.write_text(
        f"global: {{scrape_interval: 250ms, scrape_timeout: 250ms}}\nscrape_configs:\n{jobs}"
    )
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    command = [
        program,
        f"--config.file={config}",
        f"--storage.tsdb.path={folder / 'data'}",
        f"--web.listen-address=127.0.0.1:{port}",
    ]
    with (folder / "log").open("wb") as log:
        running = subprocess.Popen(command, stdout=log, stderr=log)
        try:
            url = f"http://127.0.0.1:{port}"
            _wait_until_it_scrapes(running, url, folder / "log")
            yield url
        finally:
            running.kill()  # nobody needs its data any more, and to close them takes it 10 s
            running.wait(20)


def _wait_until_it_scrapes(running: subprocess.Popen[bytes], url: str, log: Path) -> None:
    """Version 3 begins some seconds after it answers."""
    deadline = time.monotonic() + 30
    while True:
        assert running.poll() is None, log.read_text()
        with contextlib.suppress(TargetNotReady):
            if [value for _, value in instant(url, "count(up == 1)")] == [len(JOBS)]:
                return
        assert time.monotonic() < deadline, log.read_text()
        time.sleep(0.2)


def _zone(url: str) -> Zone:
    return Zone(name="a", gateway_url="", prometheus_url=url)


def _points(found: tuple[Series, ...]) -> dict[tuple[str, str], Mapping[float, float]]:
    return {
        (one.name, f"{sorted(one.labels.items())}"): dict(zip(one.times_s, one.values, strict=True))
        for one in found
    }


def test_every_query_is_answered_alike(both: Both) -> None:
    start_s = both.began_s + WINDOW_S + 0.5  # beside the samples, as a scrape nearly always is
    v2, v3 = (_points(one) for one in both.asked(start_s, both.began_s + SCRAPED_S))
    assert {name for name, _ in v2} == {query.name for query in QUERIES}
    assert v2.keys() == v3.keys()
    for name, points in v2.items():
        assert len(points) == SCRAPED_S - WINDOW_S, name
        # 1e-9: the last digits of a quantile, which version 3 computes in another order
        assert points == pytest.approx(v3[name], rel=1e-9), name


def test_what_two_agents_tell_of_is_counted_once(both: Both) -> None:
    at_s = both.began_s + 10.5
    for found in both.asked(at_s, at_s):
        told = {(one.name, one.labels.get("pod")): one.values[0] for one in found}
        assert told["memory_mib", "core-app-0"] == 90.0
        assert told["memory_mean_mib", None] == (90.0 + 1.0) / 2
        assert (told["oom_kills", None], told["restarts", None]) == (2.0, 3.0)


@pytest.mark.parametrize(
    "query",
    [
        pytest.param(pod_memory("core-app"), id="memory by replica"),
        pytest.param(replica_rps("core-app", WINDOW_S), id="requests by replica"),
        pytest.param(Dialect().write(DESIRED, zone="a"), id="desired replicas"),
        pytest.param(Dialect().write(DECIDED, zone="a"), id="decisions"),
    ],
)
def test_what_else_is_asked_is_answered_alike(both: Both, query: str) -> None:
    span = {"start": both.began_s + 4.5, "end": both.began_s + SCRAPED_S, "step": 1}
    found = [
        ask_url(url, "query_range", {"query": query, **span})["data"]["result"]
        for url in (both.v2, both.v3)
    ]
    assert found[0]
    assert found[0] == found[1]


def test_at_a_samples_own_time_a_rate_is_of_four_intervals_or_of_the_newest_three(
    both: Both,
) -> None:
    at_s = both.began_s + RESTART - 1
    served = [
        next(one for one in found if one.name == "served_rps").values[0]
        for found in both.asked(at_s, at_s)
    ]
    newest = [8 * REQUESTS[second] for second in range(RESTART - 4, RESTART)]  # two replicas, 4
    assert served == pytest.approx([sum(newest) / 4, sum(newest[1:]) / 3])


def test_the_text_of_a_bucket_differs_so_no_query_may_compare_it(both: Both) -> None:
    bucket = "http_server_request_duration_seconds_bucket"
    written = {}
    for url in (both.v2, both.v3):
        answer = ask_url(url, "query", {"query": f"group by (le) ({bucket})"})
        written[url] = {one["metric"]["le"] for one in answer["data"]["result"]}
    assert written[both.v2] - written[both.v3] == {"1"}
    assert written[both.v3] - written[both.v2] == {"1.0"}
    assert not any("le=" in query.text or "le!" in query.text for query in QUERIES)
