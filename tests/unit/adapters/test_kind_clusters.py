import json
import threading
from pathlib import Path

import pytest

from insurectl.adapters.kind_clusters import KindClusters, environment
from insurectl.errors import InsurectlError, MissingOnMachine, TargetNotReady

# keeps its clusters as files, notes each call and fails as told (proved by a real kind)
PROGRAM = """\
#!/usr/bin/env python3
import json, os, pathlib, sys
folder = pathlib.Path("{folder}")
arguments = sys.argv[1:]
name = arguments[arguments.index("--name") + 1] if "--name" in arguments else ""
call = {{"arguments": arguments}}
if "--config" in arguments:
    call["config"] = json.load(open(arguments[arguments.index("--config") + 1]))
with open(folder / "calls", "a") as file:
    file.write(json.dumps(call) + "\\n")
fail = folder / "fail"
if fail.exists() and arguments[0] == "create":
    (folder / "clusters" / name).touch()
    sys.exit(fail.read_text())
match arguments[:2]:
    case ["get", "clusters"]: print("\\n".join(os.listdir(folder / "clusters")))
    case ["create", _]: (folder / "clusters" / name).touch()
    case ["delete", _]: (folder / "clusters" / name).unlink(missing_ok=True)
    case ["export", _]:
        with open(arguments[arguments.index("--kubeconfig") + 1], "a") as file:
            file.write(name + "\\n")
"""


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (tmp_path / "clusters").mkdir()
    program = tmp_path / "bin" / "kind"
    program.parent.mkdir()
    program.write_text(PROGRAM.format(folder=tmp_path))
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}", prepend=":")
    return tmp_path


def calls(folder: Path, verb: str) -> list[dict[str, object]]:
    noted = [json.loads(line) for line in (folder / "calls").read_text().splitlines()]
    return [one for one in noted if one["arguments"][0] == verb]


def test_two_at_once_are_made_and_both_stand_in_our_own_kubeconfig(folder: Path) -> None:
    kubeconfig = folder / "state" / "kubeconfig"
    threads = [
        threading.Thread(
            target=KindClusters().create,
            args=(name, {"nodes": [{"role": "control-plane"}]}, "node:1", 60.0, kubeconfig),
        )
        for name in ("insure-x-a", "insure-x-b")
    ]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    assert sorted(KindClusters().clusters()) == ["insure-x-a", "insure-x-b"]
    assert sorted(kubeconfig.read_text().split()) == ["insure-x-a", "insure-x-b"]
    for call in calls(folder, "create"):
        assert call["config"] == {
            "kind": "Cluster",
            "apiVersion": "kind.x-k8s.io/v1alpha4",
            "nodes": [{"role": "control-plane"}],
        }
        arguments = call["arguments"]
        assert isinstance(arguments, list)
        assert str(kubeconfig) not in arguments
        assert arguments[-4:] == ["--wait", "60s", "--image", "node:1"]


def test_a_failure_is_told_with_kinds_last_lines_and_leaves_no_cluster(folder: Path) -> None:
    (folder / "fail").write_text("ERROR: failed to create cluster: no space left on device")
    with pytest.raises(TargetNotReady, match=r"kind create cluster failed:\n.*no space left"):
        KindClusters().create("insure-x-a", {}, None, 60, folder / "kubeconfig")
    assert KindClusters().clusters() == ()


@pytest.mark.parametrize("known_before", [True, False])
def test_a_cluster_of_somebody_else_is_never_deleted(folder: Path, known_before: bool) -> None:
    if known_before:
        (folder / "clusters" / "insure-x-a").touch()
    else:
        (folder / "fail").write_text('node(s) already exist for a cluster with the name "x"')
    with pytest.raises(TargetNotReady, match=r"already"):
        KindClusters().create("insure-x-a", {}, None, 60, folder / "kubeconfig")
    assert calls(folder, "delete") == []


@pytest.mark.parametrize(
    ("said", "kind", "told"),
    [
        pytest.param(
            "Cannot connect to the Docker daemon at unix:///x",
            MissingOnMachine,
            "Is Docker running",
            id="no docker",
        ),
        pytest.param(
            'ERROR: failed to pull image "kindest/node:v1"',
            TargetNotReady,
            "The node image can't be pulled",
            id="no image",
        ),
    ],
)
def test_what_is_missing_is_told_with_what_to_do(
    folder: Path, said: str, kind: type[InsurectlError], told: str
) -> None:
    (folder / "fail").write_text(said)
    with pytest.raises(kind, match=told):
        KindClusters().create("insure-x-a", {}, None, 60, folder / "kubeconfig")


def test_no_kind_is_told_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingOnMachine, match=r"kind is not on the PATH: see https://kind"):
        KindClusters().clusters()


def test_images_go_into_a_cluster_in_one_go(folder: Path) -> None:
    KindClusters().load_images("insure-x-a", ["one:1", "two:2"])
    (call,) = calls(folder, "load")
    assert call["arguments"] == ["load", "docker-image", "one:1", "two:2", "--name", "insure-x-a"]


def test_kind_uses_docker_and_its_usual_network() -> None:
    given = {"KIND_EXPERIMENTAL_DOCKER_NETWORK": "x", "KIND_EXPERIMENTAL_PROVIDER": "podman"}
    assert environment({**given, "HOME": "h"}) == {
        "HOME": "h",
        "KIND_EXPERIMENTAL_PROVIDER": "docker",
    }
