"""Helm against a real API server, with a chart of a few lines."""

import subprocess
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from insurectl.adapters import programs
from insurectl.adapters.helm import Helm
from insurectl.adapters.kubernetes_api import ClusterApi
from insurectl.errors import BadInput, MissingOnMachine, TargetNotReady

from .conftest import ControlPlane

pytestmark = pytest.mark.cluster
RELEASE = "probe"
CONFIG = """\
apiVersion: v1
kind: ConfigMap
metadata: {name: probe, namespace: {{ .Release.Namespace }}}
data: {said: {{ .Values.said | quote }}}
"""
HOOK = """\
{{- if .Values.hang }}
apiVersion: batch/v1
kind: Job
metadata:
  name: before
  annotations:
    helm.sh/hook: pre-install,pre-upgrade
    helm.sh/hook-delete-policy: before-hook-creation
spec:
  template:
    spec:
      restartPolicy: Never
      nodeSelector: {nowhere: "1"}
      containers: [{name: main, image: "test/none:1"}]
{{- end }}
"""
SCHEMA = '{"type": "object", "properties": {"said": {"type": "string"}}}'


@pytest.fixture
def chart(tmp_path: Path) -> Path:
    folder = tmp_path / "probe"
    (folder / "templates").mkdir(parents=True)
    (folder / "Chart.yaml").write_text("apiVersion: v2\nname: probe\nversion: 1.0.0\n")
    (folder / "values.yaml").write_text("said: default\nhang: false\n")
    (folder / "values.schema.json").write_text(SCHEMA)
    (folder / "templates" / "config.yaml").write_text(CONFIG)
    (folder / "templates" / "hook.yaml").write_text(HOOK)
    return folder


@pytest.fixture
def helm(control_plane: ControlPlane) -> Helm:
    made = Helm(control_plane.context, control_plane.kubeconfig)
    try:
        assert made.version >= (3, 12)
    except MissingOnMachine as error:
        pytest.skip(str(error))
    return made


@pytest.fixture
def said(cluster: ClusterApi, namespace: str) -> Callable[[], str | None]:
    def read() -> str | None:
        seen = cluster.get("v1", "ConfigMap", namespace, "probe")
        return None if seen is None else str(seen["data"]["said"])

    return read


def until_pending(helm: Helm, namespace: str) -> None:
    deadline = time.monotonic() + 30
    while not [one for one in helm.history(RELEASE, namespace) if "pending" in one.status]:
        assert time.monotonic() < deadline, "helm never began"
        time.sleep(0.1)


def kill_in_the_middle(helm: Helm, namespace: str, chart: Path) -> None:
    """As the kernel does when memory runs out."""
    assert helm.kubeconfig is not None
    values = chart / "hang.yaml"
    values.write_text(yaml.safe_dump({"said": "killed", "hang": True}))
    where = ["--namespace", namespace, "--kube-context", helm.context]
    where += ["--kubeconfig", str(helm.kubeconfig)]
    command = ["helm", "upgrade", "--install", RELEASE, chart, "--values", values, *where]
    with subprocess.Popen(command, stdout=subprocess.DEVNULL) as child:
        until_pending(helm, namespace)
        child.kill()


def test_a_release_is_installed_changed_shown_rolled_back_and_taken_away(
    helm: Helm, namespace: str, chart: Path, said: Callable[[], str | None]
) -> None:
    assert helm.revision(RELEASE, namespace) == 0
    first: dict[str, Any] = {"said": "one", "deep": {"x": 1}}
    manifest = helm.upgrade_install(RELEASE, namespace, chart, first, 30)
    assert manifest.strip() == helm.manifest(RELEASE, namespace).strip()
    assert said() == "one"
    assert helm.values(RELEASE, namespace) == first

    diff = helm.diff(RELEASE, namespace, chart, {"said": "two"})
    assert '-data: {said: "one"}\n+data: {said: "two"}\n' in diff
    assert said() == "one"
    assert helm.revision(RELEASE, namespace) == 1

    helm.upgrade_install(RELEASE, namespace, chart, {"said": "two"}, 30)
    assert (said(), helm.revision(RELEASE, namespace)) == ("two", 2)
    assert helm.values(RELEASE, namespace) == {"said": "two"}
    assert helm.values(RELEASE, namespace, 1) == first
    assert helm.diff(RELEASE, namespace, chart, {"said": "two"}) == ""

    helm.rollback(RELEASE, namespace, 1, 30)
    assert (said(), helm.revision(RELEASE, namespace)) == ("one", 3)
    assert helm.values(RELEASE, namespace) == first
    assert helm.uninstall(RELEASE, namespace, 30)
    assert not helm.uninstall(RELEASE, namespace, 30)
    assert said() is None
    with pytest.raises(TargetNotReady, match=r"there is no release probe"):
        helm.values(RELEASE, namespace)


def test_a_release_that_was_in_force_when_helm_was_killed_is_rolled_back_and_goes_on(
    helm: Helm, namespace: str, chart: Path, said: Callable[[], str | None]
) -> None:
    helm.upgrade_install(RELEASE, namespace, chart, {"said": "one"}, 30)
    kill_in_the_middle(helm, namespace, chart)
    assert helm.history(RELEASE, namespace)[-1].status == "pending-upgrade"
    assert helm.revision(RELEASE, namespace) == 1
    assert "rolled back to revision 1" in helm.mend(RELEASE, namespace, 30)
    assert helm.mend(RELEASE, namespace, 30) == ""
    kill_in_the_middle(helm, namespace, chart)
    helm.upgrade_install(RELEASE, namespace, chart, {"said": "two"}, 30)
    assert said() == "two"


def test_a_first_install_that_was_killed_is_taken_away_and_done_anew(
    helm: Helm, namespace: str, chart: Path, said: Callable[[], str | None]
) -> None:
    kill_in_the_middle(helm, namespace, chart)
    assert helm.history(RELEASE, namespace)[-1].status == "pending-install"
    helm.upgrade_install(RELEASE, namespace, chart, {"said": "two"}, 30)
    assert said() == "two"


def test_a_hook_that_does_not_end_is_told_and_the_next_upgrade_works(
    helm: Helm, namespace: str, chart: Path, said: Callable[[], str | None]
) -> None:
    helm.upgrade_install(RELEASE, namespace, chart, {"said": "one"}, 30)
    with pytest.raises(TargetNotReady, match=r"helm upgrade of probe in .* failed:\n.*hook"):
        helm.upgrade_install(RELEASE, namespace, chart, {"said": "two", "hang": True}, 2)
    assert said() == "one"
    helm.upgrade_install(RELEASE, namespace, chart, {"said": "three"}, 30)
    assert said() == "three"


def test_who_is_interrupted_ends_helm_gently(
    helm: Helm, namespace: str, chart: Path, said: Callable[[], str | None]
) -> None:
    """It notes that its release failed, so nothing is left pending."""
    failed: list[Exception] = []

    def upgrade() -> None:
        try:
            helm.upgrade_install(RELEASE, namespace, chart, {"hang": True}, 60)
        except TargetNotReady as error:
            failed.append(error)

    worker = threading.Thread(target=upgrade)
    worker.start()
    until_pending(helm, namespace)
    with programs.all_stopped():
        worker.join(timeout=20)
    assert not worker.is_alive()
    assert failed
    assert helm.history(RELEASE, namespace)[-1].status == "failed"


def test_values_against_the_schema_are_bad_input_and_change_nothing(
    helm: Helm, namespace: str, chart: Path
) -> None:
    with pytest.raises(BadInput, match=r"values don't meet the specifications of the schema"):
        helm.upgrade_install(RELEASE, namespace, chart, {"said": 3}, 30)
    with pytest.raises(BadInput, match=r"there is no chart at"):
        helm.upgrade_install(RELEASE, namespace, chart / "no", {}, 30)
    assert helm.history(RELEASE, namespace) == ()


def test_rendering_needs_no_cluster(chart: Path, helm: Helm) -> None:
    nowhere = Helm("no-such-context", chart / "no-such-kubeconfig")
    assert 'data: {said: "hi"}' in nowhere.template(RELEASE, "x", chart, {"said": "hi"})
    with pytest.raises(TargetNotReady, match=r"no-such-(context|kubeconfig)"):
        nowhere.revision(RELEASE, "x")


def test_what_is_set_for_helm_by_hand_does_not_move_a_release(
    helm: Helm, namespace: str, chart: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("HELM_NAMESPACE", "elsewhere")
    monkeypatch.setenv("HELM_DRIVER", "memory")
    monkeypatch.setenv("HELM_KUBEAPISERVER", "https://127.0.43.1:9")
    helm.upgrade_install(RELEASE, namespace, chart, {}, 30)
    monkeypatch.undo()
    assert helm.revision(RELEASE, namespace) == 1
