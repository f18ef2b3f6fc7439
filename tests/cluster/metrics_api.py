"""metrics.k8s.io and custom.metrics.k8s.io for the real autoscaler, as metrics-server and an
adapter serve them: over TLS on loopback, registered as a Service whose external name is that
address.

What is answered comes from a ``Source``, one a namespace.
"""

import ssl
import subprocess
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any, Protocol
from urllib.parse import unquote

from insurectl.adapters.kubernetes_api import ClusterApi
from insurectl.errors import InsurectlError
from insurectl.planning.hpa import Sample
from insurectl.records import RPS
from tests.cluster.json_page import JsonPage

RESOURCES, CUSTOM = "metrics.k8s.io/v1beta1", "custom.metrics.k8s.io/v1beta2"
SPACE = "insure-test-metrics-api"
SERVED_S = 60.0  # until the API server passes questions on


@dataclass(frozen=True, kw_only=True)
class Usage:
    """One pod in metrics-server's answer. ``at_s``: whole seconds, as the API writes them."""

    memory: int
    cpu_milli: int
    at_s: float
    window_s: float


class Source(Protocol):
    """The numbers of one namespace, by pod; each call is one question of the controller."""

    def resources(self) -> Mapping[str, Usage]:
        """What metrics-server has."""

    def rates(self) -> Mapping[str, Sample]:
        """Thousandths of a request a second."""


class MetricsApi(ThreadingHTTPServer):
    """A namespace without a source has no metrics."""

    daemon_threads = True
    request_queue_size = 100

    def __init__(self) -> None:
        super().__init__(("127.0.0.1", 0), Page)
        self.sources: dict[str, Source] = {}

    def answer(self, path: str) -> dict[str, Any] | None:
        """None where there is nothing at the path."""
        match unquote(path.partition("?")[0]).strip("/").split("/"):
            case ["apis", "metrics.k8s.io", _]:
                return _served(RESOURCES, "pods", "PodMetrics")
            case ["apis", "custom.metrics.k8s.io", _]:
                return _served(CUSTOM, f"pods/{RPS}", "MetricValueList")
            case ["apis", "metrics.k8s.io", _, "namespaces", space, "pods"]:
                source = self.sources.get(space)
                found = source.resources() if source else {}
                items = [_pod_metrics(space, *one) for one in found.items()]
                return _list("PodMetricsList", RESOURCES, items)
            case ["apis", "custom.metrics.k8s.io", _, "namespaces", space, "pods", "*", name]:
                source = self.sources.get(space)
                rates = source.rates() if source else {}
                items = [_value(space, name, *one) for one in rates.items()]
                return _list("MetricValueList", CUSTOM, items)
        return None


def _served(version: str, name: str, kind: str) -> dict[str, Any]:
    resource = {"name": name, "singularName": "", "namespaced": True, "kind": kind}
    resources = [{**resource, "verbs": ["get", "list"]}]
    listed = {"kind": "APIResourceList", "apiVersion": "v1"}
    return {**listed, "groupVersion": version, "resources": resources}


def _list(kind: str, version: str, items: list[dict[str, Any]]) -> dict[str, Any]:
    return {"kind": kind, "apiVersion": version, "metadata": {}, "items": items}


def _pod_metrics(space: str, pod: str, usage: Usage) -> dict[str, Any]:
    used = {"cpu": f"{usage.cpu_milli}m", "memory": f"{usage.memory}"}
    return {
        "metadata": {"name": pod, "namespace": space},
        "timestamp": _text(usage.at_s),
        "window": f"{usage.window_s:g}s",
        "containers": [{"name": "core-app", "usage": used}],
    }


def _value(space: str, name: str, pod: str, sample: Sample) -> dict[str, Any]:
    described = {"kind": "Pod", "namespace": space, "name": pod, "apiVersion": "/v1"}
    return {
        "describedObject": described,
        "metric": {"name": name},
        "timestamp": _text(sample.at_s),
        "windowSeconds": round(sample.window_s),
        "value": f"{sample.value}m",
    }


def _text(at_s: float) -> str:
    return datetime.fromtimestamp(at_s, UTC).strftime("%Y-%m-%dT%H:%M:%SZ")


class Page(JsonPage):
    protocol_version = "HTTP/1.1"
    timeout = 60


@contextmanager
def serving(cluster: ClusterApi, folder: Path) -> Iterator[MetricsApi]:
    """Registered while it lasts; the API server answers for it from the first moment on."""
    server = MetricsApi()
    server.socket = _tls(folder).wrap_socket(
        server.socket, server_side=True, do_handshake_on_connect=False
    )
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    registered = _manifests(server.server_port)
    try:
        cluster.apply_all(registered)
        for version in (RESOURCES, CUSTOM):
            _wait(cluster, f"/apis/{version}")
        yield server
    finally:
        for one in reversed(registered):
            cluster.delete(one["apiVersion"], one["kind"], one["metadata"].get("namespace", ""),
                           one["metadata"]["name"])  # fmt: skip
        server.shutdown()
        thread.join()
        server.server_close()


def _tls(folder: Path) -> ssl.SSLContext:
    key, certificate = folder / "metrics-api.key", folder / "metrics-api.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
         "-subj", "/CN=metrics", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    return context


def _wait(cluster: ClusterApi, path: str) -> None:
    deadline = time.monotonic() + SERVED_S
    while True:
        try:
            cluster.raw(path)
        except InsurectlError:
            if time.monotonic() > deadline:
                raise
            time.sleep(0.2)
        else:
            return


def _manifests(port: int) -> list[dict[str, Any]]:
    service = {"name": "metrics-api", "namespace": SPACE}
    spec = {"type": "ExternalName", "externalName": "127.0.0.1", "ports": [{"port": port}]}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}},
        {"apiVersion": "v1", "kind": "Service", "metadata": service, "spec": spec},
        *(
            {
                "apiVersion": "apiregistration.k8s.io/v1",
                "kind": "APIService",
                "metadata": {"name": f"{version.partition('/')[2]}.{version.partition('/')[0]}"},
                "spec": {
                    "group": version.partition("/")[0],
                    "version": version.partition("/")[2],
                    "service": {**service, "port": port},
                    "insecureSkipTLSVerify": True,
                    "groupPriorityMinimum": 100,
                    "versionPriority": 100,
                },
            }
            for version in (RESOURCES, CUSTOM)
        ),
    ]
