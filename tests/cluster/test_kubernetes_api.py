"""ClusterApi against a real API server, scheduler and controller manager."""

import json
import time
from base64 import b64decode
from collections.abc import Callable
from pathlib import Path

import pytest
import yaml

from insurectl.adapters.kubernetes_api import ClusterApi, Conflict, NotAllowed, NotThere
from insurectl.errors import BadInput, TargetNotReady

from .conftest import LABELS, ControlPlane

pytestmark = pytest.mark.cluster
HPA = ("autoscaling/v2", "HorizontalPodAutoscaler")


def until(good: Callable[[], object], within_s: float = 30.0) -> None:
    """The control plane works on its own; nothing tells when it is done."""
    deadline = time.monotonic() + within_s
    while not good():
        assert time.monotonic() < deadline, "it did not come true in time"
        time.sleep(0.1)


def config_with(control_plane: ControlPlane, tmp_path: Path, **changes: object) -> Path:
    config = yaml.safe_load(control_plane.kubeconfig.read_text())
    config["clusters"][0]["cluster"] |= changes.get("cluster", {})
    config["users"][0]["user"] |= changes.get("user", {})
    path = tmp_path / "kubeconfig"
    path.write_text(yaml.safe_dump(config))
    return path


def hpa(namespace: str, name: str, maximum: int = 5) -> dict[str, object]:
    resource = {"name": "memory", "target": {"type": "Utilization", "averageUtilization": 70}}
    return {
        "apiVersion": HPA[0],
        "kind": HPA[1],
        "metadata": {"name": name, "namespace": namespace},
        "spec": {
            "minReplicas": 2,
            "maxReplicas": maximum,
            "scaleTargetRef": {"apiVersion": "apps/v1", "kind": "Deployment", "name": name},
            "metrics": [{"type": "Resource", "resource": resource}],
        },
    }


def test_a_good_cluster_says_its_version_and_who_we_are(cluster: ClusterApi) -> None:
    seen = cluster.check()
    assert seen.version.startswith("v1.")
    assert seen.user == "admin"


def test_an_unknown_context_is_told_with_those_that_there_are(control_plane: ControlPlane) -> None:
    with pytest.raises(BadInput, match=r"no context kind-x in .*; there are: control-plane"):
        ClusterApi("kind-x", control_plane.kubeconfig).check()


def test_a_dead_context_is_told_with_its_address(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    file = config_with(control_plane, tmp_path, cluster={"server": "https://127.0.43.1:9"})
    with pytest.raises(TargetNotReady, match=r"no answer from https://127\.0\.43\.1:9.*refused"):
        ClusterApi(control_plane.context, file).check()


def test_a_certificate_of_another_authority_is_refused(
    control_plane: ControlPlane, tmp_path: Path
) -> None:
    other = str(control_plane.folder / "front-ca.crt")
    file = config_with(control_plane, tmp_path, cluster={"certificate-authority": other})
    with pytest.raises(TargetNotReady, match=r"certificate verify failed"):
        ClusterApi(control_plane.context, file).check()


def test_expired_credentials_are_told_as_such(control_plane: ControlPlane, tmp_path: Path) -> None:
    file = config_with(control_plane, tmp_path, user={"token": "out-of-date"})
    with pytest.raises(TargetNotReady, match=r"credentials are wrong or have expired: log in"):
        ClusterApi(control_plane.context, file).check()


def test_something_else_than_an_api_server_is_told(
    control_plane: ControlPlane, tmp_path: Path, cluster: ClusterApi
) -> None:
    """Such as a login page that a proxy puts in between."""
    host = yaml.safe_load(control_plane.kubeconfig.read_text())["clusters"][0]["cluster"]["server"]
    file = config_with(control_plane, tmp_path, cluster={"server": f"{host}/healthz?"})
    with pytest.raises(TargetNotReady, match=r"does not answer like a Kubernetes API server"):
        ClusterApi(control_plane.context, file).check()


def test_missing_rights_are_known_beforehand_and_told_when_met(
    control_plane: ControlPlane, cluster: ClusterApi, namespace: str, tmp_path: Path
) -> None:
    meta = {"name": "nobody", "namespace": namespace}
    cluster.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": meta})
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    place = f"/api/v1/namespaces/{namespace}/serviceaccounts/nobody/token"
    token = cluster.send("POST", place, asked)["status"]["token"]
    nobody = ClusterApi(
        control_plane.context, config_with(control_plane, tmp_path, user={"token": token})
    )

    assert nobody.check().user == f"system:serviceaccount:{namespace}:nobody"
    assert cluster.allowed("patch", "deployments/scale", "apps", namespace)
    assert not nobody.allowed("patch", "deployments/scale", "apps", namespace)
    with pytest.raises(NotAllowed, match=r"cannot list resource \"pods\".*ask whoever runs"):
        nobody.pods(namespace)
    assert nobody.has_api("autoscaling/v2")
    assert not nobody.has_api("metrics.k8s.io/v1beta1")


def test_an_api_that_is_registered_but_does_not_answer_is_not_there(cluster: ClusterApi) -> None:
    assert cluster.has_api("autoscaling/v2")
    assert cluster.api_problem("metrics.k8s.io/v1beta1") == "metrics.k8s.io/v1beta1 is not served"
    name = "v1beta1.metrics.k8s.io"
    service = {"name": "none", "namespace": "default"}
    spec = {"group": "metrics.k8s.io", "version": "v1beta1", "service": service}
    spec |= {"groupPriorityMinimum": 100, "versionPriority": 100, "insecureSkipTLSVerify": True}
    kind = ("apiregistration.k8s.io/v1", "APIService")
    meta = {"name": name}
    cluster.create({"apiVersion": kind[0], "kind": kind[1], "metadata": meta, "spec": spec})
    try:
        until(lambda: "is not available" in cluster.api_problem("metrics.k8s.io/v1beta1"))
        assert cluster.memory_mib("default") == {}
    finally:
        cluster.delete(*kind, "", name)


def test_the_newest_default_storage_class_is_taken(cluster: ClusterApi) -> None:
    assert cluster.default_storage_class() is None
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    classes: dict[str, dict[str, str]] = {"slow": {}, "standard": default}
    try:
        for name, annotations in classes.items():
            meta = {"name": name, "annotations": annotations}
            kind = {"apiVersion": "storage.k8s.io/v1", "kind": "StorageClass", "metadata": meta}
            cluster.apply({**kind, "provisioner": "test/none"})
        assert cluster.default_storage_class() == "standard"
    finally:  # brokers of other tests claim volumes of no class
        for name in classes:
            cluster.delete("storage.k8s.io/v1", "StorageClass", "", name)


def test_a_node_shows_its_zone_and_what_its_pods_leave(
    cluster: ClusterApi, node: str, namespace: str
) -> None:
    def free() -> tuple[float, float]:
        return next(
            (one.free_cpu_millis, one.free_memory_mib) for one in cluster.nodes() if one.usable
        )

    until(lambda: any(one.usable for one in cluster.nodes()))
    cpu, memory = free()
    assert [one.zone for one in cluster.nodes()] == ["a"]
    requests = {"resources": {"requests": {"cpu": "1500m", "memory": "1Gi"}}}
    container = {"name": "main", "image": "test/none:1", **requests}
    meta = {"name": "big", "namespace": namespace}
    cluster.create(
        {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": [container]}}
    )
    until(lambda: free() == (cpu - 1500, memory - 1024))


def test_a_namespace_of_ours_is_made_once_and_deleted_whole(cluster: ClusterApi) -> None:
    assert cluster.ensure_namespace("insure-test-a", LABELS)
    assert not cluster.ensure_namespace("insure-test-a", LABELS)
    assert "insure-test-a" in cluster.namespaces(LABELS)
    cluster.ensure_secret("insure-test-a", "database", {"core": "x"}, LABELS)
    assert cluster.delete_namespace("insure-test-a", LABELS)
    assert not cluster.delete_namespace("insure-test-a", LABELS)
    assert cluster.get("v1", "Secret", "insure-test-a", "database") is None


@pytest.mark.parametrize(
    ("labels", "whose"),
    [
        pytest.param({}, "was made by somebody else", id="no label at all"),
        pytest.param({"app.kubernetes.io/managed-by": "Helm"}, "managed by Helm", id="Helm's"),
        pytest.param(
            {**LABELS, "insurectl.system": "other"},
            "belongs to another insurectl system or zone .insurectl.system=other.",
            id="another system's",
        ),
    ],
)
def test_somebody_elses_namespace_is_never_touched(
    cluster: ClusterApi, labels: dict[str, str], whose: str
) -> None:
    meta = {"name": "insure-test-b", "labels": labels}
    cluster.apply({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
    before = cluster.get("v1", "Namespace", "", "insure-test-b")
    for touch in (cluster.ensure_namespace, cluster.delete_namespace):
        with pytest.raises(TargetNotReady, match=rf"{whose}.*label namespace insure-test-b"):
            touch("insure-test-b", LABELS)
    assert cluster.get("v1", "Namespace", "", "insure-test-b") == before
    cluster.delete_namespace("insure-test-b", labels)


def test_a_namespace_of_ours_refuses_pods_that_want_root(cluster: ClusterApi) -> None:
    cluster.ensure_namespace("insure-test-c", LABELS)
    spec = {"containers": [{"name": "main", "image": "test/none:1"}]}
    meta = {"name": "root", "namespace": "insure-test-c"}
    with pytest.raises(NotAllowed, match=r'violates PodSecurity "restricted'):
        cluster.create({"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": spec})
    cluster.delete_namespace("insure-test-c", LABELS)


def test_a_secret_keeps_what_it_has_and_gets_what_it_lacks(
    cluster: ClusterApi, namespace: str
) -> None:
    first = cluster.ensure_secret(namespace, "database", {"core": "one"}, LABELS)
    second = cluster.ensure_secret(namespace, "database", {"core": "two", "info": "é"}, LABELS)
    assert first == {"core": "one"}
    assert second == {"core": "one", "info": "é"}
    there = cluster.get("v1", "Secret", namespace, "database")
    assert there is not None
    assert {key: b64decode(text).decode() for key, text in there["data"].items()} == second


def test_a_secret_takes_our_values_where_they_are_the_newer_ones(
    cluster: ClusterApi, namespace: str
) -> None:
    cluster.ensure_secret(namespace, "database", {"core": "one", "info": "two"}, LABELS)
    there = cluster.get("v1", "Secret", namespace, "database")
    cluster.ensure_secret(namespace, "database", {"core": "one"}, LABELS, renew=True)
    assert cluster.get("v1", "Secret", namespace, "database") == there
    found = cluster.ensure_secret(namespace, "database", {"core": "new"}, LABELS, renew=True)
    assert found == {"core": "new", "info": "two"}
    assert cluster.ensure_secret(namespace, "database", {}, LABELS) == found


def test_a_deployment_is_scaled_and_seen_through_to_the_end(
    cluster: ClusterApi, node: str, namespace: str, deployment: Callable[..., str]
) -> None:
    deployment("core-app", replicas=1)
    until(lambda: cluster.rolled_out(namespace))
    cluster.scale(namespace, "core-app", 3)
    until(lambda: cluster.rolled_out(namespace))
    (seen,) = cluster.deployments(namespace)
    assert (seen.name, seen.wanted, seen.ready, seen.rolled_out) == ("core-app", 3, 3, True)
    pods = cluster.pods(namespace, {"app.kubernetes.io/component": "core-app"})
    assert {(pod.component, pod.zone, pod.container, pod.node) for pod in pods} == {
        ("core-app", "a", "core-app", node)
    }
    first = pods[0]
    assert first.reason == ""
    assert first.ready_s is not None
    assert first.created_s <= first.ready_s <= time.time() + 1

    cluster.delete_pod(namespace, first.name, grace_s=0)
    cluster.delete_pod(namespace, first.name)
    until(lambda: first.name not in {pod.name for pod in cluster.pods(namespace)})


def test_scaling_keeps_the_rest_of_the_deployment_with_its_manager(
    cluster: ClusterApi, namespace: str, deployment: Callable[..., str]
) -> None:
    deployment("core-app")
    with pytest.raises(NotThere, match=r'deployments.apps "core-ap" not found'):
        cluster.scale(namespace, "core-ap", 2)
    cluster.scale(namespace, "core-app", 2)
    seen = cluster.get("apps/v1", "Deployment", namespace, "core-app")
    assert seen is not None
    fields = {
        (one["manager"], one.get("subresource")): one["fieldsV1"]
        for one in seen["metadata"]["managedFields"]
    }
    assert fields["insurectl", "scale"] == {"f:spec": {"f:replicas": {}}}


def test_apply_names_the_other_manager_and_takes_over_only_by_force(
    cluster: ClusterApi, namespace: str, deployment: Callable[..., str]
) -> None:
    deployment("core-app")
    cluster.apply(hpa(namespace, "core-app"))
    place = f"/apis/{HPA[0]}/namespaces/{namespace}/horizontalpodautoscalers/core-app"
    theirs = {"fieldManager": "kubectl-edit"}
    kind = "application/merge-patch+json"
    cluster.send("PATCH", place, {"spec": {"maxReplicas": 9}}, theirs, kind)

    with pytest.raises(Conflict, match=r"kubectl-edit manages \.spec\.maxReplicas") as caught:
        cluster.apply(hpa(namespace, "core-app", maximum=6))
    assert isinstance(caught.value, TargetNotReady)
    assert cluster.hpas(namespace)[0].maximum == 9
    cluster.apply(hpa(namespace, "core-app", maximum=6), force=True, dry_run=True)
    assert cluster.hpas(namespace)[0].maximum == 9
    cluster.apply(hpa(namespace, "core-app", maximum=6), force=True)
    assert cluster.hpas(namespace)[0].maximum == 6


def test_what_was_changed_in_between_is_not_replaced(cluster: ClusterApi, namespace: str) -> None:
    meta = {"name": "settings", "namespace": namespace}
    kind = {"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta}
    made = cluster.create({**kind, "data": {"a": "1"}})
    cluster.replace({**kind, "data": {"a": "2"}})
    with pytest.raises(Conflict, match=r"the object has been modified"):
        cluster.replace({**made, "data": {"a": "3"}})
    with pytest.raises(Conflict, match=r"already exists"):
        cluster.create(kind)
    assert [one["data"] for one in cluster.list_objects("v1", "ConfigMap", namespace)][-1] == {
        "a": "2"
    }
    assert cluster.delete("v1", "ConfigMap", namespace, "settings")
    assert not cluster.delete("v1", "ConfigMap", namespace, "settings")


def test_an_hpa_shows_its_numbers_and_why_it_does_not_scale(
    cluster: ClusterApi, node: str, namespace: str, deployment: Callable[..., str]
) -> None:
    deployment("core-app", replicas=1)
    cluster.apply(hpa(namespace, "core-app"))
    until(lambda: cluster.deployments(namespace)[0].wanted == 2)
    until(lambda: "ScalingActive" in cluster.hpas(namespace)[0].conditions)
    (seen,) = cluster.hpas(namespace)
    assert (seen.name, seen.target, seen.minimum, seen.maximum) == (
        "core-app",
        "Deployment/core-app",
        2,
        5,
    )
    assert seen.desired == 2
    assert seen.last_scale_s is not None
    assert seen.metrics == ("memory ?/70%",)
    status, reason, message = seen.conditions["ScalingActive"]
    assert (status, reason) == ("False", "FailedGetResourceMetric")
    assert "unable to get" in message


def test_a_decision_of_the_autoscaler_is_an_event_with_a_fraction_of_a_second(
    cluster: ClusterApi, node: str, namespace: str, deployment: Callable[..., str]
) -> None:
    before_s = time.time()
    deployment("core-app", replicas=1)
    cluster.apply(hpa(namespace, "core-app"))

    def decisions() -> list[float]:
        return [
            one.at_s
            for one in cluster.events(namespace, before_s)
            if (one.kind, one.name, one.reason) == (HPA[1], "core-app", "SuccessfulRescale")
            and one.message.startswith("New size: 2")
        ]

    until(decisions)
    (at_s,) = decisions()
    assert before_s < at_s < time.time()
    assert at_s != int(at_s)
    assert cluster.events(namespace, time.time() + 60) == ()


def test_a_pod_that_fits_nowhere_is_told_with_the_schedulers_words(
    cluster: ClusterApi, node: str, namespace: str, deployment: Callable[..., str]
) -> None:
    deployment("core-app", nodeSelector={"topology.kubernetes.io/zone": "nowhere"})
    until(lambda: any(one.reason == "FailedScheduling" for one in cluster.events(namespace)))
    told = cluster.why_not_ready(namespace)
    assert told[0].startswith("pod core-app-")
    assert "Pending: Unschedulable: 0/1 nodes are available" in told[0]
    assert told[1].startswith("  event FailedScheduling")


def test_pods_that_a_policy_keeps_from_being_made_are_told_too(cluster: ClusterApi) -> None:
    cluster.ensure_namespace("insure-test-d", LABELS)
    labels = {"app": "x"}
    spec = {"containers": [{"name": "main", "image": "test/none:1"}]}
    template = {"metadata": {"labels": labels}, "spec": spec}
    manifest = {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "core-app", "namespace": "insure-test-d"},
        "spec": {"selector": {"matchLabels": labels}, "template": template},
    }
    cluster.apply(manifest)
    until(lambda: cluster.why_not_ready("insure-test-d"))
    told = "\n".join(cluster.why_not_ready("insure-test-d"))
    assert "ReplicaSet core-app-" in told
    assert 'FailedCreate: Error creating: pods "core-app-' in told
    assert "violates PodSecurity" in told
    cluster.delete_namespace("insure-test-d", LABELS)


def test_custom_resources_are_applied_right_after_their_definition(cluster: ClusterApi) -> None:
    group, kind = "test.insurectl.io", "Thing"
    names = {"plural": "things", "kind": kind}
    schema = {"openAPIV3Schema": {"type": "object", "x-kubernetes-preserve-unknown-fields": True}}
    version = {"name": "v1", "served": True, "storage": True, "schema": schema}
    definition = {
        "apiVersion": "apiextensions.k8s.io/v1",
        "kind": "CustomResourceDefinition",
        "metadata": {"name": f"things.{group}"},
        "spec": {"group": group, "names": names, "scope": "Namespaced", "versions": [version]},
    }
    meta = {"name": "one", "namespace": "default"}
    thing = {"apiVersion": f"{group}/v1", "kind": kind, "metadata": meta, "spec": {"max": 3}}
    with pytest.raises(TargetNotReady, match=r"the cluster has no Thing"):
        cluster.apply(thing)
    assert not cluster.serves(f"{group}/v1", kind)
    cluster.apply_all([thing, definition])
    found = cluster.get(f"{group}/v1", kind, "default", "one")
    assert found is not None
    assert found["spec"] == {"max": 3}
    assert cluster.get(f"{group}/v1", kind, "default", "two") is None
    cluster.delete("apiextensions.k8s.io/v1", "CustomResourceDefinition", "", f"things.{group}")


def test_a_long_list_is_read_page_by_page(
    cluster: ClusterApi, namespace: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("insurectl.adapters.kubernetes_connection.PAGE", 3)
    for number in range(10):
        meta = {"name": f"c{number}", "namespace": namespace}
        cluster.create({"apiVersion": "v1", "kind": "ConfigMap", "metadata": meta})
    found = cluster.list_objects("v1", "ConfigMap", namespace)
    assert {f"c{number}" for number in range(10)} <= {one["metadata"]["name"] for one in found}


def test_a_service_without_pods_is_told_by_the_proxy(cluster: ClusterApi, namespace: str) -> None:
    meta = {"name": "prometheus", "namespace": namespace}
    spec = {"selector": {"app": "none"}, "ports": [{"port": 9090}]}
    cluster.create({"apiVersion": "v1", "kind": "Service", "metadata": meta, "spec": spec})

    def told() -> str:
        with pytest.raises(TargetNotReady) as refused:
            cluster.proxy_get(namespace, "prometheus", 9090, "/api/v1/query", {"query": "up"})
        return f"{refused.value}"

    # the proxy has a cache of its own, which does not know a new Service for a moment
    until(lambda: 'services "prometheus" not found' not in told())
    assert "no endpoints available for service" in told()
    assert json.loads(cluster.raw("/version"))["major"] == "1"
