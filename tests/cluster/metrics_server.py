"""Numbers of a test's own for the real autoscaler: metrics.k8s.io and external.metrics.k8s.io over
TLS on loopback, registered with the API server as a Service whose external name is that address."""

import ssl
import subprocess
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from http.server import ThreadingHTTPServer
from pathlib import Path
from typing import Any

from insurectl.adapters.kubernetes_api import ClusterApi
from tests.cluster.json_page import JsonPage

MEMORY = "metrics.k8s.io"
EXTERNAL = "external.metrics.k8s.io"
VERSION = "v1beta1"
SPACE = "insure-test-metrics"


class Numbers(ThreadingHTTPServer):
    """``memory``: bytes of each container of a pod; ``external``: value of each metric."""

    daemon_threads = True
    request_queue_size = 100

    def __init__(self, cluster: ClusterApi) -> None:
        super().__init__(("127.0.0.1", 0), JsonPage)
        self.cluster = cluster
        self.memory: dict[str, int] = {}  # by the label app of pods
        self.external: dict[str, int] = {}

    def answer(self, path: str) -> dict[str, Any] | None:
        parts = path.partition("?")[0].strip("/").split("/")
        now = datetime.now(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
        match parts:
            case ["apis", group, _]:
                kind = "PodMetrics" if group == MEMORY else "ExternalMetricValueList"
                name = "pods" if group == MEMORY else "externalmetrics"
                resource = {"name": name, "singularName": "", "namespaced": True, "kind": kind}
                return {
                    "kind": "APIResourceList",
                    "apiVersion": "v1",
                    "groupVersion": f"{group}/{VERSION}",
                    "resources": [{**resource, "verbs": ["get", "list"]}],
                }
            case ["apis", "metrics.k8s.io", _, "namespaces", namespace, "pods"]:
                return self._pods(namespace, now)
            case ["apis", "external.metrics.k8s.io", _, "namespaces", _, metric]:
                value = {"metricName": metric, "metricLabels": {}, "timestamp": now}
                return {
                    "kind": "ExternalMetricValueList",
                    "apiVersion": f"{EXTERNAL}/{VERSION}",
                    "metadata": {},
                    "items": [{**value, "value": f"{self.external[metric]}"}],
                }
        return None

    def _pods(self, namespace: str, now: str) -> dict[str, Any]:
        items = []
        for pod in self.cluster.items(f"/api/v1/namespaces/{namespace}/pods"):
            app = pod["metadata"]["labels"]["app"]
            usage = {"cpu": "10m", "memory": f"{self.memory[app]}"}
            items.append(
                {
                    "metadata": {"name": pod["metadata"]["name"], "namespace": namespace,
                                 "labels": pod["metadata"]["labels"]},
                    "timestamp": now,
                    "window": "15s",
                    "containers": [{"name": app, "usage": usage}],
                }
            )  # fmt: skip
        api = {"kind": "PodMetricsList", "apiVersion": f"{MEMORY}/{VERSION}", "metadata": {}}
        return {**api, "items": items}


@contextmanager
def serving(cluster: ClusterApi, folder: Path) -> Iterator[Numbers]:
    """Registered while it lasts."""
    key, certificate = folder / "tls.key", folder / "tls.crt"
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
         "-subj", "/CN=numbers", "-keyout", key, "-out", certificate],
        check=True, capture_output=True,
    )  # fmt: skip
    server = Numbers(cluster)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate, key)
    server.socket = context.wrap_socket(server.socket, server_side=True)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    registered = _manifests(server.server_port)
    try:
        cluster.apply_all(registered)
        yield server
    finally:
        for one in registered[2:]:
            cluster.delete(one["apiVersion"], one["kind"], "", one["metadata"]["name"])
        server.shutdown()
        thread.join()
        server.server_close()


def _manifests(port: int) -> list[dict[str, Any]]:
    service = {"name": "numbers", "namespace": SPACE}
    return [
        {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": SPACE}},
        {
            "apiVersion": "v1",
            "kind": "Service",
            "metadata": service,
            "spec": {
                "type": "ExternalName",
                "externalName": "127.0.0.1",
                "ports": [{"port": port}],
            },
        },
        *(
            {
                "apiVersion": "apiregistration.k8s.io/v1",
                "kind": "APIService",
                "metadata": {"name": f"{VERSION}.{group}"},
                "spec": {
                    "group": group,
                    "version": VERSION,
                    "service": {**service, "port": port},
                    "insecureSkipTLSVerify": True,
                    "groupPriorityMinimum": 100,
                    "versionPriority": 100,
                },
            }
            for group in (MEMORY, EXTERNAL)
        ),
    ]
