import json
from pathlib import Path

import pytest

from insurectl.adapters import fault_journal, kind, kind_files
from insurectl.adapters.kind import KindGroundwork
from insurectl.records import Fault
from tests.fakes import FakeClock

GROUND = KindGroundwork("x", FakeClock())


def test_each_zones_gateway_is_a_port_of_this_machine_alone() -> None:
    mapping = {"listenAddress": "127.0.0.1", "hostPort": 41234, "containerPort": 30080}
    assert kind._cluster_config("http://127.0.0.1:41234") == {
        "nodes": [{"role": "control-plane", "extraPortMappings": [mapping]}]
    }


def test_ports_are_free_and_differ() -> None:
    assert len(set(kind_files.free_ports(20))) == 20


def test_names_tell_the_system_and_the_zone() -> None:
    assert GROUND.preview(("a", "b")) == (
        "make the kind cluster insure-x-a",
        "make the kind cluster insure-x-b",
        "run the container insure-x-postgresql",
        "run the container insure-x-edge",
    )
    site = GROUND._site("a", Path("/s"))
    assert (site.context, site.namespace) == ("kind-insure-x-a", "insure-x-a")
    assert site.kubeconfig == Path("/s/kubeconfig")
    assert not site.pinned


def test_what_containers_read_lies_below_a_folder_that_only_its_owner_enters(
    tmp_path: Path,
) -> None:
    config = kind_files.place(tmp_path, "edge", {"listen": "x"})
    secrets = kind_files.place_secrets(tmp_path, {"core_app": "secret"})
    assert json.loads((config / "values.json").read_text()) == {"listen": "x"}
    assert (secrets / "core_app").read_text() == "secret"
    for place in (config, secrets):
        assert place.stat().st_mode & 0o777 == 0o755
        assert place.parent.stat().st_mode & 0o777 == 0o700
    kind_files.place(tmp_path, "edge", {"listen": "y"})
    assert json.loads((config / "values.json").read_text()) == {"listen": "y"}


def test_every_fault_says_what_it_does() -> None:
    assert set(GROUND.fault_kinds()) == {"kill", "freeze", "drain"}
    assert all(GROUND.fault_kinds().values())


def test_without_a_record_there_is_no_ground(tmp_path: Path) -> None:
    assert kind._recorded(tmp_path) is None


@pytest.mark.parametrize(("fault", "down"), [("kill", True), ("freeze", True), ("drain", False)])
def test_a_deploy_leaves_a_node_off_that_a_fault_switched_off(
    fault: str, down: bool, tmp_path: Path
) -> None:
    assert not kind._is_down(tmp_path, "b")
    begun = fault_journal.begin(tmp_path, Fault(zone="b", kind=fault, began_s=1.0))
    assert kind._is_down(tmp_path, "b") == down
    assert not kind._is_down(tmp_path, "a")
    fault_journal.end(tmp_path, begun, 2.0)
    assert not kind._is_down(tmp_path, "b")


def test_a_cluster_whose_making_was_killed_is_not_whole(tmp_path: Path) -> None:
    site = GROUND._site("a", tmp_path)
    assert not kind._is_whole(site)
    (tmp_path / "kubeconfig").write_text("contexts: [{name: kind-insure-x-b}]")
    assert not kind._is_whole(site)
    (tmp_path / "kubeconfig").write_text("contexts: [{name: kind-insure-x-a}]")
    assert kind._is_whole(site)
