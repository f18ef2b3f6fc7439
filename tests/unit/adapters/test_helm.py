import json
import stat
from pathlib import Path

import pytest

from insurectl.adapters.helm import Helm, environment
from insurectl.errors import MissingOnMachine

# notes each call, and of a values file its mode; answers as Helm does (proved by tests/cluster)
PROGRAM = """\
#!/usr/bin/env python3
import json, os, sys
arguments = sys.argv[1:]
call = {{"arguments": arguments, "env": [name for name in os.environ if name.startswith("HELM_")]}}
if "--values" in arguments:
    file = arguments[arguments.index("--values") + 1]
    call |= {{"mode": os.stat(file).st_mode, "values": json.load(open(file)), "file": file}}
with open("{calls}", "a") as file:
    file.write(json.dumps(call) + "\\n")
match arguments[0]:
    case "version": print("{version}")
    case "history": sys.exit("Error: release: not found")
    case "upgrade": print(json.dumps({{"manifest": "kind: ConfigMap"}}))
"""


class Calls:
    """A ``helm`` on the PATH that only notes how it was called."""

    def __init__(self, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
        self.folder, self.notes = folder, folder / "calls"
        monkeypatch.setenv("PATH", f"{folder}", prepend=":")

    def answer(self, version: str) -> None:
        program = self.folder / "helm"
        program.write_text(PROGRAM.format(calls=self.notes, version=version))
        program.chmod(0o755)

    def last(self) -> dict[str, object]:
        found: dict[str, object] = json.loads(self.notes.read_text().splitlines()[-1])
        return found


@pytest.fixture
def calls(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Calls:
    made = Calls(tmp_path, monkeypatch)
    made.answer("v4.1.4")
    return made


def test_values_go_through_a_file_that_only_we_can_read_and_that_is_gone_afterwards(
    calls: Calls, tmp_path: Path
) -> None:
    helm = Helm("kind-a", tmp_path / "kubeconfig")
    chart = tmp_path / "chart"
    chart.mkdir()
    assert helm.upgrade_install("one", "ns", chart, {"a": {"b": 1}}, 90) == "kind: ConfigMap"
    call = calls.last()
    assert call["values"] == {"a": {"b": 1}}
    assert stat.S_IMODE(int(str(call["mode"]))) == 0o600
    assert not Path(str(call["file"])).exists()
    told = " ".join(str(call["arguments"]).split())
    for part in (
        "'--install', '--reset-values'",
        "'--timeout', '90s'",
        "'--namespace', 'ns', '--kube-context', 'kind-a', '--kubeconfig'",
    ):
        assert part in told
    assert "--wait" not in told


@pytest.mark.parametrize(
    ("version", "flag"),
    [
        pytest.param("v3.12.3", "--dry-run", id="3.12 knows one kind only"),
        pytest.param("v3.18.0", "--dry-run=server", id="3.13 and newer ask the server"),
        pytest.param("v4.1.4", "--dry-run=server", id="4 as well"),
    ],
)
def test_a_dry_run_asks_the_api_server(calls: Calls, version: str, flag: str) -> None:
    calls.answer(version)
    Helm("kind-a").upgrade_install("one", "ns", "oci://x/y", {}, 90, dry_run=True)
    arguments = calls.last()["arguments"]
    assert isinstance(arguments, list)
    assert flag in arguments
    assert "--kubeconfig" not in arguments


@pytest.mark.parametrize("version", ["v3.11.9", "v2.17.0", "who knows"])
def test_a_helm_that_is_too_old_is_told_with_how_to_get_another(calls: Calls, version: str) -> None:
    calls.answer(version)
    with pytest.raises(MissingOnMachine, match=r"install Helm 3\.12 or newer"):
        Helm("kind-a").revision("one", "ns")


def test_no_helm_is_told_with_how_to_get_it(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    with pytest.raises(MissingOnMachine, match=r"helm is not on the PATH: install Helm 3\.12"):
        Helm("kind-a").revision("one", "ns")


def test_only_what_says_where_charts_come_from_is_passed_on() -> None:
    given = {
        "HELM_DRIVER": "sql",
        "HELM_KUBECONTEXT": "x",
        "HELM_REGISTRY_CONFIG": "r",
        "HOME": "h",
    }
    assert environment(given) == {"HELM_REGISTRY_CONFIG": "r", "HOME": "h"}
