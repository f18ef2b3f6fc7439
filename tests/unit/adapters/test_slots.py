import os
import socket
from pathlib import Path

import pytest

from insurectl.adapters import slots, topology
from insurectl.adapters.address_plan import AddressPlan
from insurectl.adapters.local_state import LocalState
from insurectl.errors import BadInput, MissingOnMachine

PORT_BASE = 23000  # away from a system that may be deployed while the tests run


def settle(root: Path, name: str, slot: int | None = None) -> AddressPlan:
    folder = root / name
    folder.mkdir(exist_ok=True)
    return slots.settle(LocalState(folder), topology.bundled(), ("a", "b"), PORT_BASE, slot)


def test_systems_stand_side_by_side(tmp_path: Path) -> None:
    assert [settle(tmp_path, name).slot for name in ("one", "two")] == [0, 1]


def test_a_system_stays_where_it_was(tmp_path: Path) -> None:
    settle(tmp_path, "one")
    settle(tmp_path, "two")
    assert settle(tmp_path, "two").slot == 1


def test_a_place_whose_port_is_taken_is_passed_over(tmp_path: Path) -> None:
    with socket.create_server(("127.0.1.10", PORT_BASE + 80)):
        assert settle(tmp_path, "one").slot == 1


def test_a_port_taken_everywhere_names_the_program(tmp_path: Path) -> None:
    with (
        socket.create_server(("0.0.0.0", PORT_BASE + 81)),
        pytest.raises(MissingOnMachine, match=rf"port {PORT_BASE + 81} .*pid {os.getpid()}"),
    ):
        settle(tmp_path, "one")


def test_a_system_whose_port_a_stranger_took_is_not_mended(tmp_path: Path) -> None:
    settle(tmp_path, "one")
    with (
        socket.create_server(("127.0.1.20", PORT_BASE + 32)),
        pytest.raises(MissingOnMachine, match=f"pid {os.getpid()}"),
    ):
        settle(tmp_path, "one")


def test_an_unknown_zone_is_refused(tmp_path: Path) -> None:
    with pytest.raises(BadInput, match="no zone 'x'"):
        slots.settle(LocalState(tmp_path), topology.bundled(), ("x",), PORT_BASE, None)
