"""What can be wrong with clusters and with what is said of them: told clearly, with its exit code,
and nothing is left behind."""

import json
import os
import re
import shutil
import threading
from base64 import b64decode
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from insurectl.adapters import cluster_address, cluster_data
from insurectl.adapters.cluster_ground import Site
from insurectl.adapters.kubernetes_api import ClusterApi
from insurectl.cli import app
from insurectl.errors import ExitCode
from tests.cluster import metrics_server
from tests.cluster.conftest import ControlPlane, beating

pytestmark = [
    pytest.mark.cluster,
    pytest.mark.skipif(shutil.which("helm") is None, reason="helm is not on PATH"),
]
NAME = "bad"
RBAC = "rbac.authorization.k8s.io"
AGGREGATED = {  # what the manifest of a real metrics-server gives to who owns a namespace
    "apiVersion": f"{RBAC}/v1",
    "kind": "ClusterRole",
    "metadata": {
        "name": "metrics-for-admins",
        "labels": {f"{RBAC}/aggregate-to-admin": "true"},
    },
    "rules": [
        {
            "apiGroups": ["metrics.k8s.io"],
            "resources": ["pods"],
            "verbs": ["get", "list", "watch"],
        }
    ],
}


@dataclass(frozen=True)
class Said:
    """How a call ended, and what it wrote."""

    code: int
    out: str
    err: str


Call = Callable[..., Said]


@pytest.fixture
def state(tmp_path: Path) -> Path:
    return tmp_path / "state"


@pytest.fixture
def insurectl(
    control_plane: ControlPlane,
    state: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> Call:
    """``insurectl("deploy", ..., autoscaler="hpa")``: a setting by its name."""
    for name in [one for one in os.environ if one.startswith("INSURECTL_")]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    base = {"name": NAME, "state": state, "reports": tmp_path / "reports", "autoscaler": "hpa"}

    def call(*arguments: str, **settings: object) -> Said:
        told = {**base, "kubeconfig": control_plane.kubeconfig, **settings}
        with pytest.MonkeyPatch.context() as patch:
            for name, value in told.items():
                patch.setenv(f"INSURECTL_{name.upper()}", f"{value}")
            code = app.run(list(arguments))
        streams = capsys.readouterr()
        return Said(code, streams.out, streams.err)

    return call


STORAGE = ("storage.k8s.io/v1", "StorageClass", "", "standard")


@pytest.fixture
def storage(cluster: ClusterApi) -> Iterator[None]:
    """A default StorageClass, as clusters have; PostgreSQL asks for a volume of it."""
    version, kind, _, name = STORAGE
    default = {"storageclass.kubernetes.io/is-default-class": "true"}
    cluster.apply(
        {
            "apiVersion": version,
            "kind": kind,
            "metadata": {"name": name, "annotations": default},
            "provisioner": "example.org/none",
        }
    )
    yield
    cluster.delete(*STORAGE)


@pytest.fixture
def here(control_plane: ControlPlane, storage: None) -> tuple[str, ...]:
    return ("deploy", "--target", "kubeconfig", "--context", control_plane.context)


@pytest.fixture
def measured(
    cluster: ClusterApi, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> Iterator[None]:
    """metrics.k8s.io is served, and has no pod's numbers."""
    nothing = {"kind": "PodMetricsList", "apiVersion": "metrics.k8s.io/v1beta1", "items": []}
    monkeypatch.setattr(metrics_server.Numbers, "_pods", lambda *_: nothing)
    with metrics_server.serving(cluster, tmp_path):
        deadline = cluster.clock.now() + 30
        while problem := cluster.api_problem("metrics.k8s.io/v1beta1"):
            assert cluster.clock.now() < deadline, problem
            cluster.clock.sleep(0.2)
        yield


@pytest.fixture
def nothing_left(cluster: ClusterApi, state: Path) -> Iterator[None]:
    yield
    there = cluster.list_objects("v1", "Namespace", "", {"insurectl.system": NAME})
    assert [one for one in there if "deletionTimestamp" not in one["metadata"]] == []
    assert [one.name for one in state.glob("*")] == []


def kubeconfig(path: Path, server: str, user: Mapping[str, Any], **cluster: str) -> Path:
    path.touch(mode=0o600)
    one = {"cluster": "one", "user": "one"}
    config = {
        "apiVersion": "v1",
        "kind": "Config",
        "clusters": [{"name": "one", "cluster": {"server": server, **cluster}}],
        "users": [{"name": "one", "user": dict(user)}],
        "contexts": [{"name": "one", "context": one}],
    }
    path.write_text(yaml.safe_dump(config))
    return path


# ---- what is typed ----


@pytest.mark.parametrize(
    ("arguments", "settings", "told"),
    [
        pytest.param(
            ["--target", "nomad"], {}, r"no target 'nomad'; there are: local", id="target"
        ),
        pytest.param(
            ["--target", "kubeconfig"], {}, r"needs a context: --context", id="no context"
        ),
        pytest.param(
            ["--target", "kubeconfig", "--context", "nope"],
            {},
            r"no context nope in .*; there are: control-plane",
            id="unknown context",
        ),
        pytest.param(
            ["--target", "kubeconfig", "--context", "control-plane"],
            {"kubeconfig": "/no/such/file"},
            r"kubeconfig /no/such/file: no such file",
            id="no kubeconfig",
        ),
        pytest.param(
            ["--target", "kubeconfig", "--context", "x", "--context", "y", "--context", "z"],
            {},
            r"3 contexts for 2 zones \(a, b\): give one for all, or one a zone",
            id="more contexts than zones",
        ),
        pytest.param(
            ["--target", "kubeconfig", "--context", "x", "--context", "y"],
            {"external_postgresql": "db.example.org:5432"},
            r"losing that zone would lose the others: give both, external_postgresql",
            id="one context a zone, and no edge given",
        ),
        pytest.param(
            ["--target", "kubeconfig", "--context", "control-plane", "--zones", "A_b"],
            {},
            r"zone 'A_b' can't be part of a namespace's name",
            id="zone that names nothing",
        ),
        pytest.param(
            ["--target", "kubeconfig", "--context", "control-plane", "--zones", "a,a"],
            {},
            r"zone 'a' is named twice",
            id="zone twice",
        ),
        pytest.param(
            ["--target", "kubeconfig", "--context", "control-plane", "--zones", "a" * 60],
            {},
            r"would have 71 letters, and Kubernetes takes 63",
            id="zone too long",
        ),
    ],
)
def test_what_can_not_be_meant_is_refused(
    arguments: list[str],
    settings: dict[str, str],
    told: str,
    insurectl: Call,
    nothing_left: None,
) -> None:
    said = insurectl("deploy", *arguments, **settings)
    assert said.code == ExitCode.USAGE
    assert_told(told, said)


def assert_told(pattern: str, said: Said) -> None:
    assert re.search(pattern, said.err, re.DOTALL), said.err
    assert "a bug in insurectl" not in said.err


# ---- this machine ----


@pytest.fixture
def docker() -> str:
    """Where a Docker answers."""
    import docker as library

    try:
        library.from_env().ping()
    except library.errors.DockerException as error:
        pytest.skip(f"no Docker: {error}")
    return os.environ.get("DOCKER_HOST", "")


def programs_without(folder: Path, *missing: str) -> str:
    """A PATH with kind, helm and docker, less some."""
    folder.mkdir()
    for name in {"kind", "helm", "docker"} - set(missing):
        if found := shutil.which(name):
            (folder / name).symlink_to(found)
    return f"{folder}:/usr/bin:/bin"


def test_without_docker_there_is_no_kind(
    insurectl: Call, monkeypatch: pytest.MonkeyPatch, tmp_path: Path, nothing_left: None
) -> None:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/no.sock")
    said = insurectl("deploy", "--target", "kind")
    assert said.code == ExitCode.MISSING
    assert_told(r"Docker.*no\.sock", said)


@pytest.mark.parametrize("program", ["kind", "helm"])
def test_a_program_that_is_missing_is_named_with_how_to_get_it(
    program: str,
    docker: str,
    insurectl: Call,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    nothing_left: None,
) -> None:
    monkeypatch.setenv("PATH", programs_without(tmp_path / "bin", program))
    said = insurectl("deploy", "--target", "kind")
    assert said.code == ExitCode.MISSING
    assert_told(rf"{program} is not on the PATH: .*https://", said)


def test_without_helm_no_cluster_is_asked_anything(
    here: tuple[str, ...],
    insurectl: Call,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    nothing_left: None,
) -> None:
    monkeypatch.setenv("PATH", programs_without(tmp_path / "bin", "helm"))
    said = insurectl(*here)
    assert said.code == ExitCode.MISSING
    assert_told(r"helm is not on the PATH: install Helm", said)


@pytest.mark.parametrize(
    ("addons", "told"),
    [
        pytest.param("keda", r"add-on 'keda': wanted is NAME=PLACE", id="no place"),
        pytest.param("istio=x.yaml", r"'istio' is not known; there are: metrics-", id="unknown"),
        pytest.param("keda=/no/such.yaml", r"keda: there is no /no/such.yaml", id="no file"),
        pytest.param(
            "keda=text.yaml", r"text.yaml: it is no manifest: document 1", id="no manifest"
        ),
    ],
)
def test_add_ons_are_read_before_a_cluster_is_made(
    addons: str, told: str, docker: str, insurectl: Call, tmp_path: Path, nothing_left: None
) -> None:
    (tmp_path / "text.yaml").write_text("just text\n")
    said = insurectl("deploy", "--target", "kind", addons=addons)
    assert said.code == ExitCode.USAGE
    assert_told(told, said)


# ---- the cluster ----


def test_a_dead_context_is_told_with_its_address(
    insurectl: Call, tmp_path: Path, nothing_left: None
) -> None:
    dead = kubeconfig(tmp_path / "dead", "https://127.0.0.1:1", {"token": "x"})
    said = insurectl("deploy", "--target", "kubeconfig", "--context", "one", kubeconfig=dead)
    assert said.code == ExitCode.NOT_READY
    assert_told(r"context one: no answer from https://127.0.0.1:1.*does the cluster run", said)


class Old(BaseHTTPRequestHandler):
    """An API server of 2022, as far as it is asked."""

    def do_GET(self) -> None:
        body = json.dumps({"major": "1", "minor": "25+", "gitVersion": "v1.25.16"}).encode()
        self.send_response(200)
        self.send_header("Content-Length", f"{len(body)}")
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: Any) -> None:
        pass


def test_a_cluster_that_is_too_old_is_told_with_its_version(
    insurectl: Call, tmp_path: Path, nothing_left: None
) -> None:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Old)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        old = kubeconfig(tmp_path / "old", f"http://127.0.0.1:{server.server_port}", {})
        said = insurectl("deploy", "--target", "kubeconfig", "--context", "one", kubeconfig=old)
    finally:
        server.shutdown()
        thread.join()
        server.server_close()
    assert said.code == ExitCode.NOT_READY
    assert_told(r"context one: the cluster is Kubernetes v1.25.16, and insurectl needs 1.29", said)


def test_a_cluster_without_a_storage_class_is_told_of_both_ways_out(
    here: tuple[str, ...], insurectl: Call, cluster: ClusterApi, nothing_left: None
) -> None:
    cluster.delete(*STORAGE)
    said = insurectl(*here)
    assert said.code == ExitCode.NOT_READY
    assert_told(r"no default StorageClass, .*mark one as default, or .*external_postgresql", said)


def test_a_cluster_that_measures_no_pods_is_told_what_to_install(
    here: tuple[str, ...], insurectl: Call, nothing_left: None
) -> None:
    said = insurectl(*here)
    assert said.code == ExitCode.NOT_READY
    assert_told(r"metrics.k8s.io/v1beta1 is not served; install metrics-server", said)


def test_a_cluster_without_keda_is_told_of_both_ways_out(
    here: tuple[str, ...], insurectl: Call, measured: None, nothing_left: None
) -> None:
    said = insurectl(*here, autoscaler="keda")
    assert said.code == ExitCode.NOT_READY
    assert_told(r"keda.sh/v1alpha1 is not served; install keda .*INSURECTL_AUTOSCALER=hpa", said)


def test_zones_that_no_node_is_in_are_told_with_those_that_there_are(
    here: tuple[str, ...], insurectl: Call, measured: None, node: str, nothing_left: None
) -> None:
    said = insurectl(*here, "--zones", "a,west")
    assert said.code == ExitCode.NOT_READY
    assert_told(r"label topology.kubernetes.io/zone=west \(there are: .*a.*--zones", said)


def test_a_cluster_that_is_too_small_is_told_what_is_free(
    here: tuple[str, ...],
    insurectl: Call,
    measured: None,
    cluster: ClusterApi,
    nothing_left: None,
) -> None:
    room = {"cpu": "500m", "memory": "700Mi", "pods": "50"}
    meta = {
        "name": "tiny",
        "annotations": {"kwok.x-k8s.io/node": "fake"},
        "labels": {"topology.kubernetes.io/zone": "tiny"},
    }
    one = {"apiVersion": "v1", "kind": "Node", "metadata": meta}
    cluster.create({**one, "status": {"allocatable": room, "capacity": room}})
    try:
        with beating(cluster, "tiny"):
            deadline = cluster.clock.now() + 30
            while not any(seen.usable for seen in cluster.nodes() if seen.name == "tiny"):
                assert cluster.clock.now() < deadline
                cluster.clock.sleep(0.2)
            said = insurectl(*here, "--zones", "tiny")
    finally:
        cluster.delete("v1", "Node", "", "tiny")
    assert said.code == ExitCode.NOT_READY
    assert_told(r"zone tiny: 700 MiB and 500m CPU are free, and a zone asks for", said)


@pytest.fixture
def theirs(cluster: ClusterApi) -> Iterator[Callable[..., str]]:
    """Makes a namespace that is there before insurectl comes."""
    made = []

    def make(name: str, **labels: str) -> str:
        meta = {"name": name, "labels": labels}
        cluster.create({"apiVersion": "v1", "kind": "Namespace", "metadata": meta})
        made.append(name)
        return name

    yield make
    for name in made:
        assert cluster.delete("v1", "Namespace", "", name)


def test_somebody_elses_namespace_is_not_touched(
    here: tuple[str, ...],
    insurectl: Call,
    measured: None,
    node: str,
    theirs: Callable[..., str],
    nothing_left: None,
) -> None:
    theirs(f"insure-{NAME}-a", team="shop")
    for verb in (here, ("destroy", *here[1:], "--yes")):
        said = insurectl(*verb, *(("--zones", "a") if verb is here else ()))
        if verb is here:
            assert said.code == ExitCode.NOT_READY
            assert_told(r"namespace insure-bad-a exists and was made by somebody else.*team", said)
        else:
            assert said.code == ExitCode.PASS, said.err


def test_a_system_that_another_machine_deployed_is_not_taken_over(
    here: tuple[str, ...],
    insurectl: Call,
    measured: None,
    node: str,
    theirs: Callable[..., str],
    cluster: ClusterApi,
    state: Path,
) -> None:
    ours = {"app.kubernetes.io/managed-by": "insurectl", "insurectl.system": NAME}
    space = theirs(f"insure-{NAME}", **ours, **{"insurectl.zone": ""})
    labels = {"owner": "helm", "name": "insure-system"}
    name = "sh.helm.release.v1.insure-system.v1"
    meta = {"name": name, "namespace": space, "labels": labels}
    cluster.create({"apiVersion": "v1", "kind": "Secret", "metadata": meta})
    said = insurectl(*here, "--zones", "a")
    assert said.code == ExitCode.NOT_READY
    assert_told(r"the release insure-system stands in insure-bad already.*another --name", said)
    assert cluster.get("v1", "Secret", space, name) is not None
    assert not (state / NAME).exists()


# ---- who owns only namespaces ----


@pytest.fixture
def person(
    cluster: ClusterApi, control_plane: ControlPlane, namespace: str, tmp_path: Path
) -> Path:
    """A kubeconfig of an account that has no right at all."""
    account = {"name": "person", "namespace": namespace}
    cluster.create({"apiVersion": "v1", "kind": "ServiceAccount", "metadata": account})
    asked = {"apiVersion": "authentication.k8s.io/v1", "kind": "TokenRequest", "spec": {}}
    path = f"/api/v1/namespaces/{namespace}/serviceaccounts/person/token"
    token = cluster.send("POST", path, asked)["status"]["token"]
    return kubeconfig(
        tmp_path / "person",
        cluster.url(""),
        {"token": token},
        **{"certificate-authority": f"{control_plane.folder / 'certs' / 'apiserver.crt'}"},
    )


@pytest.fixture
def owned(cluster: ClusterApi, namespace: str) -> Iterator[Callable[[str, str], None]]:
    """``owned(zone, role)``: a namespace with our labels in which ``person`` has the role."""
    made: list[str] = []
    cluster.apply(AGGREGATED)

    def make(zone: str, role: str) -> None:
        space = f"insure-{NAME}-{zone}".rstrip("-")
        labels = {"app.kubernetes.io/managed-by": "insurectl", "insurectl.system": NAME}
        cluster.ensure_namespace(space, {**labels, "insurectl.zone": zone})
        made.append(space)
        cluster.create(
            {
                "apiVersion": f"{RBAC}/v1",
                "kind": "RoleBinding",
                "metadata": {"name": "person", "namespace": space},
                "roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": role},
                "subjects": [{"kind": "ServiceAccount", "name": "person", "namespace": namespace}],
            }
        )

    yield make
    for space in made:
        cluster.delete("v1", "Namespace", "", space)
    cluster.delete(f"{RBAC}/v1", "ClusterRole", "", "metrics-for-admins")


ROLES = ("core_app", "client_info", "products", "settlement")
AS_PERSON = ("deploy", "--target", "kubeconfig", "--context", "one", "--zones", "a")


def test_who_may_nothing_is_told_what_to_ask_for(
    person: Path, insurectl: Call, nothing_left: None
) -> None:
    said = insurectl(*AS_PERSON, kubeconfig=person)
    assert said.code == ExitCode.NOT_READY
    assert_told(
        r"may not look at the namespace insure-bad, .*labels .*insurectl.system=bad.*admin", said
    )


def test_who_may_only_look_is_told_which_rights_are_missing(
    person: Path, owned: Callable[[str, str], None], insurectl: Call, state: Path
) -> None:
    owned("", "view")
    said = insurectl(*AS_PERSON, kubeconfig=person)
    assert said.code == ExitCode.NOT_READY
    assert_told(r"lacks rights in insure-bad: create deployments \(apps\), .*role admin", said)
    assert not (state / NAME).exists()


def pod_annotations(cluster: ClusterApi, name: str) -> Mapping[str, str]:
    """Of the pods that the Deployment in zone a makes: a change of them rolls it."""
    found = cluster.get("apps/v1", "Deployment", "insure-bad-a", name)
    assert found is not None
    annotations: Mapping[str, str] = found["spec"]["template"]["metadata"]["annotations"]
    return annotations


def test_who_owns_the_namespaces_deploys_and_destroys_without_a_right_outside_them(
    person: Path,
    owned: Callable[[str, str], None],
    insurectl: Call,
    measured: None,
    node: str,
    cluster: ClusterApi,
    state: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """There is no storage class either, and none is needed."""
    assert cluster.default_storage_class() is None
    monkeypatch.setattr(cluster_data, "fill", lambda *_: None)  # kwok's pods run no command
    # kwok's nodes have no address, nor have its pods
    monkeypatch.setattr(cluster_address, "of_service", lambda *_: "192.0.2.9:30123")
    owned("", "admin")
    owned("a", "admin")
    given = {
        "kubeconfig": person,
        "external_postgresql": "db.example.org:5432",
        "external_edge": "http://edge.example.org",
    }
    said = insurectl(*AS_PERSON, **given)
    assert said.code == ExitCode.USAGE
    assert_told(rf"its passwords must be: put each into a file .*: {', '.join(ROLES)}", said)
    assert not (state / NAME).exists()

    secrets = state / NAME / "secrets"
    secrets.mkdir(parents=True)
    for role in ROLES:
        (secrets / role).write_text(f"of-{role}")
    said = insurectl(*AS_PERSON, **given)
    assert said.code == ExitCode.USAGE
    assert_told(r"others may read these passwords: chmod 600 .*/core_app", said)
    for role in ROLES:
        (secrets / role).chmod(0o600)
    said = insurectl(*AS_PERSON, **given)
    assert said.code == ExitCode.PASS, said.err
    assert_told(r"may not list nodes and their pods: .*was not checked", said)
    there = cluster.get("v1", "Secret", "insure-bad-a", "database")
    assert there is not None
    assert {role: b64decode(text).decode() for role, text in there["data"].items()} == {
        role: f"of-{role}" for role in ROLES
    }
    assert all(one.rolled_out for one in cluster.deployments("insure-bad-a"))

    before = pod_annotations(cluster, "core-app")
    (secrets / "core_app").write_text("new")
    said = insurectl(*AS_PERSON, **given)
    assert said.code == ExitCode.PASS, said.err
    there = cluster.get("v1", "Secret", "insure-bad-a", "database")
    assert there is not None
    assert b64decode(there["data"]["core_app"]).decode() == "new"
    assert pod_annotations(cluster, "core-app") != before

    said = insurectl("destroy", "--yes", kubeconfig=person)
    assert said.code == ExitCode.PASS, said.err
    for space in ("insure-bad", "insure-bad-a"):
        assert cluster.get("v1", "Namespace", "", space) is not None
        for version, kind in (
            *(("apps/v1", "Deployment"), ("v1", "Pod"), ("v1", "Secret"), ("batch/v1", "Job")),
            ("autoscaling/v2", "HorizontalPodAutoscaler"),
        ):
            assert cluster.list_objects(version, kind, space) == [], kind
    assert sorted(one.name for one in secrets.iterdir()) == sorted(ROLES)
    assert [one.name for one in (state / NAME).iterdir()] == ["secrets"]


def test_who_may_not_look_at_nodes_finds_a_node_port_by_its_pods(
    person: Path, owned: Callable[[str, str], None], node: str, cluster: ClusterApi
) -> None:
    owned("", "admin")
    labels = {"component": "edge"}
    port = {"port": 8080, "nodePort": 30123}
    for manifest in (
        {"kind": "Service", "spec": {"type": "NodePort", "selector": labels, "ports": [port]}},
        {
            "kind": "Pod",
            "spec": {"containers": [{"name": "x", "image": "x:1", **RESTRICTED}], **RUN_AS},
        },
    ):
        meta = {"name": "edge", "namespace": "insure-bad", "labels": labels}
        cluster.create({"apiVersion": "v1", "metadata": meta, **manifest})
    place = "/api/v1/namespaces/insure-bad/pods/edge/status"
    patch = {"status": {"hostIP": "192.0.2.9", "hostIPs": [{"ip": "192.0.2.9"}]}}
    mine = ClusterApi("one", person)
    site = Site(zone="", context="one", namespace="insure-bad", kubeconfig=person)
    assert cluster_address.of_service(mine, site, "edge") == ""  # kwok's nodes have no address
    cluster.send("PATCH", place, patch, content_type="application/merge-patch+json")
    assert cluster_address.of_service(mine, site, "edge") == "192.0.2.9:30123"


RUN_AS = {"securityContext": {"runAsNonRoot": True, "seccompProfile": {"type": "RuntimeDefault"}}}
RESTRICTED = {
    "securityContext": {"allowPrivilegeEscalation": False, "capabilities": {"drop": ["ALL"]}}
}
