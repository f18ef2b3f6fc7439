import json
import re
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest

from insurectl.adapters import topology
from insurectl.adapters.address_plan import AddressPlan
from insurectl.adapters.local_config import LocalConfig
from insurectl.adapters.local_state import LocalState


@pytest.fixture(autouse=True)
def _no_folder_for_sockets_stays(tmp_path: Path) -> Iterator[None]:
    yield
    runtime = LocalState(tmp_path).runtime
    if runtime.exists():
        runtime.rmdir()
        with suppress(OSError):  # another system's may stand beside it
            runtime.parent.rmdir()


def config(folder: Path, **changes: object) -> LocalConfig:
    known = topology.bundled()
    plan = AddressPlan(0, 18000, ("a", "b"), known)
    tuning = replace(known.tuning(), **changes)  # type: ignore[arg-type] # named by each test
    return LocalConfig(LocalState(folder), plan, tuning, known.costs(), 7, 2.0)


def text(folder: Path, name: str, **changes: object) -> str:
    return config(folder, **changes).files()[LocalState(folder).zone("a") / name]


def test_the_partner_limit_is_one_above_the_rule_since_nginx_cuts_fractions_off(
    tmp_path: Path,
) -> None:
    gateway = text(tmp_path, "nginx.conf", partner_per_minute=10)
    assert "rate=11r/m" in gateway
    assert "burst=9 nodelay" in gateway
    assert "Retry-After 6 " in gateway


@pytest.mark.parametrize(
    ("zone_rps", "limit"),
    [
        pytest.param(None, None, id="no limit"),
        pytest.param(20.0, "rate=1200r/m", id="whole"),
        pytest.param(2.5, "rate=150r/m", id="fraction, as requests a minute"),
    ],
)
def test_people_are_shed_above_the_zones_rate(
    tmp_path: Path, zone_rps: float | None, limit: str | None
) -> None:
    found = re.search(
        r"zone=people:64k (rate=\S+);", text(tmp_path, "nginx.conf", zone_rps=zone_rps)
    )
    assert (found.group(1) if found else None) == limit


def test_every_slot_of_a_service_has_its_place_in_the_mesh(tmp_path: Path) -> None:
    servers = re.findall(
        r"server core-app-(\d+) 127\.0\.10\.(\d+):18100", text(tmp_path, "mesh.haproxy.cfg")
    )
    assert servers == [(f"{n}", f"{40 + n}") for n in range(12)]


def test_a_service_is_told_its_costs_and_where_the_mesh_is(tmp_path: Path) -> None:
    made = config(tmp_path)
    told = made.environment("b", made.plan.topology.service("core-app"), 3)
    assert told["COST_WORKER_MS"] == "120"
    assert told["CLIENT_INFO_URL"] == "http://127.0.20.11:18101"
    assert told["SERVICE_HOST"] == "127.0.20.43"


def test_no_password_stands_in_a_configuration(tmp_path: Path) -> None:
    LocalState(tmp_path).make(("a", "b"))
    secret = LocalState(tmp_path).secrets / "core_app"
    secret.write_text("the-password")
    assert not [path for path, text in config(tmp_path).files().items() if "the-password" in text]


def test_only_files_whose_text_changed_are_written_again(tmp_path: Path) -> None:
    config(tmp_path).write()
    changed = config(tmp_path, zone_rps=30.0).write()
    assert {path.name for path in changed} == {"nginx.conf"}


def test_a_percent_sign_survives_the_supervisors_own_expansion(tmp_path: Path) -> None:
    folder = tmp_path / "100%"
    supervisord = config(folder).files()[LocalState(folder).zone("a") / "supervisord.conf"]
    assert json.dumps(f"{folder / 'secrets' / 'core_app'}").replace("%", "%%") in supervisord
