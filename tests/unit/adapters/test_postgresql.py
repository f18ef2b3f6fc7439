from dataclasses import replace
from pathlib import Path

import pytest

from insurectl.adapters import postgresql, topology
from insurectl.errors import BadInput


def test_pools_that_need_more_than_the_server_gives_are_refused() -> None:
    known = topology.bundled()
    wanted = ("core-app", "client-info")
    greedy = {name: replace(known.databases()[name], pool=40) for name in wanted}
    with pytest.raises(BadInput, match=r"812 connections \(core-app 492, client-info 320\)"):
        postgresql.check_connections(known.tuning(), greedy, 2, 230)


def test_the_bundled_topology_fits_its_own_server() -> None:
    known = topology.bundled()
    allowed = known.max_connections - known.reserved_connections
    postgresql.check_connections(known.tuning(), known.databases(), len(known.zones), allowed)


def test_a_secret_is_for_its_owner_alone_and_stays(tmp_path: Path) -> None:
    first = postgresql.write_secret(tmp_path / "secret")
    assert (tmp_path / "secret").stat().st_mode & 0o777 == 0o600
    assert postgresql.write_secret(tmp_path / "secret") == first
