"""The chart on a real API server: what it would take, what it refuses, and what an upgrade does."""

import json
import os
import secrets
import shutil
import subprocess
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.cluster.conftest import CRDS, ControlPlane
from tests.unit.chart.rendered import CHART, objects, service
from tests.unit.chart.variants import VARIANTS, namespace

pytestmark = [
    pytest.mark.cluster,
    *(
        pytest.mark.skipif(shutil.which(one) is None, reason=f"{one} is not on PATH")
        for one in ("helm", "kubectl")
    ),
]
RESTRICTED = "pod-security.kubernetes.io/enforce=restricted"
# what the add-ons of a real cluster give to those who own a namespace
AGGREGATED = {
    "apiVersion": "rbac.authorization.k8s.io/v1",
    "kind": "ClusterRole",
    "metadata": {
        "name": "add-ons-for-admins",
        "labels": {"rbac.authorization.k8s.io/aggregate-to-admin": "true"},
    },
    "rules": [
        {"apiGroups": ["keda.sh"], "resources": ["scaledobjects"], "verbs": ["*"]},
        {
            **{"apiGroups": ["metrics.k8s.io"], "resources": ["pods"]},
            "verbs": ["get", "list", "watch"],
        },
    ],
}
FIXED = {**service("core-app", autoscaling=None), "migrations": {"enabled": False}}


class Programs:
    """kubectl and helm, towards one API server."""

    def __init__(self, control_plane: ControlPlane, folder: Path) -> None:
        self._env = {**os.environ, "KUBECONFIG": str(control_plane.kubeconfig)}
        self._folder = folder

    def ask(self, *command: str, told: str = "") -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            command, input=told, env=self._env, capture_output=True, text=True, check=False
        )

    def kubectl(self, *command: str, told: str = "") -> str:
        done = self.ask("kubectl", *command, told=told)
        assert done.returncode == 0, done.stderr
        return done.stdout

    def install(self, where: str, values: Mapping[str, Any], *more: str) -> None:
        """``helm upgrade --install``."""
        path = self._folder / "values.yaml"
        path.write_text(yaml.safe_dump(dict(values)))
        command = ["helm", "upgrade", "--install", "insure-system", f"{CHART}", "-n", where]
        done = self.ask(*command, "-f", f"{path}", *more)
        assert done.returncode == 0, done.stderr

    def get(self, where: str, kind: str, name: str) -> dict[str, Any]:
        found: dict[str, Any] = json.loads(
            self.kubectl("get", kind, name, "-n", where, "-o", "json")
        )
        return found


@pytest.fixture(scope="module")
def programs(
    control_plane: ControlPlane, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Programs]:
    manifests = os.environ.get("CLUSTER_MANIFESTS")
    if manifests is None:
        pytest.skip("CLUSTER_MANIFESTS does not say where KEDA's manifest is")
    found = Programs(control_plane, tmp_path_factory.mktemp("chart"))
    keda = yaml.safe_load_all((Path(manifests) / "keda.yaml").read_text())
    crds = [one for one in keda if one and one["metadata"]["name"] in CRDS]
    found.kubectl("apply", "--server-side", "-f", "-", told=yaml.safe_dump_all(crds))
    found.kubectl("wait", "--for=condition=Established", *(f"crd/{one}" for one in CRDS))
    found.kubectl("apply", "-f", "-", told=yaml.safe_dump(AGGREGATED))
    yield found
    found.kubectl("delete", "clusterrole/add-ons-for-admins", *(f"crd/{one}" for one in CRDS))


@pytest.fixture(scope="module")
def restricted(programs: Programs) -> Iterator[Callable[[str], str]]:
    """Makes a namespace that enforces Pod Security ``restricted``, if it is not there yet."""
    made: set[str] = set()

    def make(name: str) -> str:
        if name not in made:
            programs.kubectl("create", "namespace", name)
            programs.kubectl("label", "namespace", name, RESTRICTED, "insurectl.system=default")
            made.add(name)
        return name

    yield make
    programs.kubectl("delete", "namespace", *made, "--wait=false")


@pytest.fixture
def place(restricted: Callable[[str], str]) -> str:
    """A restricted namespace of the test's own."""
    return restricted(f"chart-{secrets.token_hex(4)}")


@pytest.mark.parametrize("values", VARIANTS.values(), ids=VARIANTS)
def test_the_api_server_takes_every_object(
    values: dict[str, Any], programs: Programs, restricted: Callable[[str], str]
) -> None:
    found = objects(values, restricted(f"chart-{namespace(values)}"))
    done = programs.ask(
        *("kubectl", "apply", "--server-side", "--dry-run=server", "-f", "-"),
        told=yaml.safe_dump_all(found),
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("serverside-applied") == len(found)
    assert "would violate PodSecurity" not in done.stderr  # Deployments only warn


def test_a_pod_that_asks_for_root_is_refused(programs: Programs, place: str) -> None:
    pod = next(one for one in objects({}, place) if one["kind"] == "Pod")
    as_root = {"runAsNonRoot": False, "runAsUser": 0}
    pod["spec"]["securityContext"] = {**pod["spec"]["securityContext"], **as_root}
    create = ("kubectl", "create", "--dry-run=server", "-n", place, "-f", "-")
    done = programs.ask(*create, told=yaml.safe_dump(pod))
    assert done.returncode != 0
    assert 'violates PodSecurity "restricted' in done.stderr
    assert "runAsNonRoot != true" in done.stderr
    assert "runAsUser=0" in done.stderr


def test_who_owns_only_the_namespace_can_install_it(programs: Programs, place: str) -> None:
    programs.kubectl("create", "rolebinding", "owner", "--clusterrole=admin", "--user=owner",
                     "-n", place)  # fmt: skip
    programs.install(place, {"migrations": {"enabled": False}}, "--kube-as-user", "owner")
    assert programs.get(place, "scaledobject", "core-app")["spec"]["maxReplicaCount"] == 6


def test_an_upgrade_and_a_rollback_leave_the_replicas_to_who_scales(
    programs: Programs, place: str
) -> None:
    programs.install(place, FIXED)
    programs.kubectl("scale", "deployment", "core-app", "--replicas=4", "-n", place)
    programs.install(place, {**FIXED, "limits": {"partnerPerMinute": 20}})
    assert programs.get(place, "deployment", "core-app")["spec"]["replicas"] == 4
    done = programs.ask("helm", "rollback", "insure-system", "1", "-n", place)
    assert done.returncode == 0, done.stderr
    deployment = programs.get(place, "deployment", "core-app")
    assert deployment["spec"]["replicas"] == 4
    env = deployment["spec"]["template"]["spec"]["containers"][0]["env"]
    assert {"name": "PARTNER_PER_MINUTE", "value": "10"} in env


def test_an_uninstall_leaves_nothing(programs: Programs, place: str) -> None:
    programs.install(place, {"migrations": {"enabled": False}, "clusterParts": True})
    assert place in programs.kubectl("get", "priorityclass", "-o", "name")
    done = programs.ask("helm", "uninstall", "insure-system", "-n", place, "--wait")
    assert done.returncode == 0, done.stderr
    kinds = "deployment,service,configmap,networkpolicy,poddisruptionbudget,role,scaledobject"
    left = programs.kubectl("get", kinds, "-n", place, "-o", "name").split()
    assert left == ["configmap/kube-root-ca.crt"]
    assert place not in programs.kubectl("get", "priorityclass", "-o", "name")
