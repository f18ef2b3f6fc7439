from pathlib import Path

import pytest

from insurectl.adapters import address_plan, topology
from insurectl.adapters.address_plan import AddressPlan
from insurectl.errors import BadInput, TargetNotReady


def plan(slot: int = 0) -> AddressPlan:
    return AddressPlan(slot, 18000, ("a", "b"), topology.bundled())


@pytest.mark.parametrize(
    ("slot", "address"),
    [
        pytest.param(0, "127.0.1.10:18080", id="first system"),
        pytest.param(3, "127.3.1.10:18080", id="fourth system"),
    ],
)
def test_a_system_owns_the_network_of_its_number(slot: int, address: str) -> None:
    assert str(plan(slot).outside("edge")) == address


def test_a_replica_listens_on_its_own_address_and_its_services_port() -> None:
    assert str(plan().replica("b", "client-info", 2)) == "127.0.20.62:18101"


def test_the_mesh_answers_for_a_service_on_the_services_port() -> None:
    assert plan().service("a", "core-app").url == "http://127.0.10.11:18100"


def test_no_two_processes_share_an_address() -> None:
    every = list(plan().every())
    assert len(every) == len(set(every))


def test_two_systems_share_no_address() -> None:
    assert not set(plan(0).every()) & set(plan(1).every())


@pytest.mark.parametrize("number", [-1, 12])
def test_a_replica_without_a_slot_is_refused(number: int) -> None:
    with pytest.raises(BadInput, match="replicas 0 to 11"):
        plan().replica("a", "core-app", number)


def test_an_unknown_zone_is_refused_by_name() -> None:
    with pytest.raises(BadInput, match="no zone 'c'; there are: a, b"):
        plan().server("c", "gateway")


def test_a_kept_plan_is_read_back(tmp_path: Path) -> None:
    plan(5).save(tmp_path)
    assert address_plan.load(tmp_path) == plan(5)


def test_without_a_kept_plan_nothing_is_deployed(tmp_path: Path) -> None:
    with pytest.raises(TargetNotReady, match="insurectl deploy"):
        address_plan.load(tmp_path)
