from pathlib import Path

import pytest
import yaml

from insurectl import settings
from insurectl.adapters import cluster_addons
from insurectl.adapters.cluster_addons import AddOn, parse
from insurectl.errors import BadFile, BadInput, MissingOnMachine
from tests.http_server import serving

SERVER = {
    "apiVersion": "apps/v1",
    "kind": "Deployment",
    "metadata": {"name": "metrics-server", "namespace": "kube-system"},
    "spec": {"template": {"spec": {"containers": [{"name": "m", "args": ["--secure-port=1"]}]}}},
}
SPACE = {"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "keda"}}
OPERATOR = {"apiVersion": "v1", "kind": "Service", "metadata": {"name": "x", "namespace": "keda"}}


def written(folder: Path, *documents: object, name: str = "keda.yaml") -> str:
    path = folder / name
    path.write_text(yaml.safe_dump_all(documents))
    return f"{path}"


def test_each_add_on_is_a_name_and_a_place(tmp_path: Path) -> None:
    keda = written(tmp_path, SPACE)
    address = "https://example.org/metrics.yaml"
    found = parse([f"keda={keda}", f"metrics-server={address}"])
    assert found == (AddOn("keda", keda), AddOn("metrics-server", address))
    assert all(one.manifest for one in found)


def test_what_is_no_manifest_is_a_chart_as_helm_names_them(tmp_path: Path) -> None:
    for place in (f"{tmp_path}", "oci://registry.example.org/keda"):
        (found,) = parse([f"keda={place}"])
        assert not found.manifest
        assert cluster_addons._namespaces(found) == ["keda"]


def test_those_that_are_asked_for_by_default_can_be_parsed() -> None:
    assert [one.name for one in parse(settings.ADDONS)] == list(cluster_addons.APIS)


@pytest.mark.parametrize(
    ("entries", "told"),
    [
        pytest.param(["keda"], r"'keda': wanted is NAME=PLACE", id="no place"),
        pytest.param(["keda="], r"'keda=': wanted is NAME=PLACE", id="empty place"),
        pytest.param(["=x.yaml"], r"'=x.yaml': wanted is NAME=PLACE", id="no name"),
        pytest.param(["istio=x"], r"'istio' is not known; there are: metrics-server", id="unknown"),
        pytest.param(["keda=/no/x.yaml"], r"keda: there is no /no/x.yaml", id="no file"),
        pytest.param(["keda=oci://x", "keda=oci://y"], r"'keda' is there twice", id="twice"),
    ],
)
def test_an_entry_that_says_nothing_usable_is_refused(entries: list[str], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        parse(entries)


@pytest.mark.parametrize(
    ("content", "told"),
    [
        pytest.param(b"", r"it holds no object", id="empty"),
        pytest.param(b"just text", r"document 1 lacks apiVersion, kind or", id="text"),
        pytest.param(b"a: [", r"it is no manifest: while parsing", id="no YAML"),
        pytest.param(b"\xff\xfe\x00", r"it is no manifest", id="binary"),
        pytest.param(
            yaml.safe_dump_all([SPACE, {"kind": "X"}]).encode(), r"document 2 lacks", id="no name"
        ),
        pytest.param(b"kind: X\napiVersion: v1\nmetadata:", r"document 1 lacks", id="no metadata"),
    ],
)
def test_a_file_that_is_no_manifest_is_told_before_it_is_needed(
    content: bytes, told: str, tmp_path: Path
) -> None:
    path = tmp_path / "keda.yaml"
    path.write_bytes(content)
    with pytest.raises(BadFile, match=told):
        parse([f"keda={path}"])


def test_a_folder_with_a_manifests_name_can_not_be_read(tmp_path: Path) -> None:
    (tmp_path / "keda.yaml").mkdir()
    with pytest.raises(BadFile, match=r"can't be read: Is a directory"):
        parse([f"keda={tmp_path / 'keda.yaml'}"])


def test_the_kubelets_of_kind_are_trusted_by_metrics_server(tmp_path: Path) -> None:
    one = AddOn("metrics-server", written(tmp_path, SERVER, None, name="m.yaml"))
    for _ in range(2):
        (document,) = cluster_addons._documents(one)
        (container,) = document["spec"]["template"]["spec"]["containers"]
        assert container["args"] == ["--secure-port=1", cluster_addons.INSECURE]
    assert cluster_addons._namespaces(one) == ["kube-system"]


def test_a_list_as_kubectl_prints_it_is_its_items(tmp_path: Path) -> None:
    listed = {"apiVersion": "v1", "kind": "List", "items": [SPACE, OPERATOR]}
    one = AddOn("keda", written(tmp_path, listed))
    assert cluster_addons._documents(one) == [SPACE, OPERATOR]
    assert cluster_addons._namespaces(one) == ["keda"]


def test_an_address_is_fetched_once_and_one_that_fails_is_told_with_the_way_out() -> None:
    text = yaml.safe_dump_all([SPACE, OPERATOR]).encode()
    with serving() as server:
        server.answers |= {"/keda.yaml": (200, "", text), "/no.yaml": (404, "", b"")}
        one = AddOn("keda", f"{server.url}/keda.yaml")
        assert cluster_addons._documents(one) == [SPACE, OPERATOR]
        assert cluster_addons._namespaces(one) == ["keda"]
        assert server.seen["/keda.yaml"] == 1
        missing = AddOn("keda", f"{server.url}/no.yaml")
        with pytest.raises(MissingOnMachine, match=r"(?s)can't be had from .*404.*_ADDONS=keda=/"):
            cluster_addons._documents(missing)
