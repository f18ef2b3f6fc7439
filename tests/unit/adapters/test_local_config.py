import base64
import hashlib
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
from insurectl.records import Cost


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


@pytest.mark.parametrize(
    ("service", "told"),
    [
        pytest.param(
            "core-app",
            {
                "BROKER_HOST": "127.0.20.19",
                "BROKER_PORT": "18072",
                "BROKER_USER": "core-app",
                "OSAGO_AGGREGATOR_URL": "http://127.0.20.11:18102",
                "PARTNER_PER_MINUTE": "10",
            },
            id="the broker of its zone, and the services it calls",
        ),
        pytest.param(
            "osago-aggregator",
            {
                "REDIS_SENTINELS": "127.0.20.16:18078,127.0.20.17:18078,127.0.20.18:18078",
                "REDIS_NAME": "insure",
                "REDIS_USER": "osago-aggregator",
                "INSURERS": "10",
            },
            id="the Sentinels of its zone",
        ),
        pytest.param(
            "core-app-relay",
            {
                "DATABASE_NAME": "core_app",
                "DATABASE_POOL_SIZE": "2",
                "BROKER_USER": "core-app-relay",
            },
            id="another's database",
        ),
    ],
)
def test_a_service_is_told_where_its_servers_are(
    tmp_path: Path, service: str, told: dict[str, str]
) -> None:
    made = config(tmp_path)
    found = made.environment("b", made.plan.topology.service(service), 0)
    assert {name: found.get(name) for name in told} == told


@pytest.mark.parametrize(
    ("service", "absent"),
    [("web", "DATABASE_"), ("web", "BROKER_"), ("client-info", "REDIS_"), ("core-app", "INSURERS")],
)
def test_a_service_is_told_of_nothing_that_it_does_not_need(
    tmp_path: Path, service: str, absent: str
) -> None:
    made = config(tmp_path)
    found = made.environment("a", made.plan.topology.service(service), 0)
    assert not [name for name in found if name.startswith(absent)]


def test_secrets_are_told_as_files(tmp_path: Path) -> None:
    made = config(tmp_path)
    found = made.environment("a", made.plan.topology.service("osago-aggregator"), 0)
    files = {name: Path(value) for name, value in found.items() if name.endswith("_FILE")}
    assert files == {
        "REDIS_PASSWORD_FILE": tmp_path / "secrets" / "redis-osago-aggregator",
        "CALL_SECRET_FILE": tmp_path / "secrets" / "call-osago-aggregator",
        "CALLERS_FILE": tmp_path / "secrets" / "callers-osago-aggregator",
    }


@pytest.mark.parametrize(("cost", "told"), [(120, "120"), (120.0, "120"), (0.5, "0.5")])
def test_a_cost_reads_the_same_after_it_was_kept(tmp_path: Path, cost: float, told: str) -> None:
    made = config(tmp_path)
    made = replace(made, costs={**made.costs, "core-app": Cost(worker_ms=cost)})
    found = made.environment("a", made.plan.topology.service("core-app"), 0)
    assert found["COST_WORKER_MS"] == told


def test_a_second_redis_follows_the_first_only_by_what_the_sentinels_say(tmp_path: Path) -> None:
    assert "replicaof" not in text(tmp_path, "redis-0.conf") + text(tmp_path, "redis-1.conf")
    assert "sentinel monitor insure 127.0.10.14 18079 2" in text(tmp_path, "sentinel-2.conf")


def test_the_broker_knows_those_who_need_it_and_their_hashes_alone(tmp_path: Path) -> None:
    made = config(tmp_path)
    made.write()
    path = LocalState(tmp_path).zone("a") / "rabbitmq-definitions.json"
    assert path.stat().st_mode & 0o777 == 0o600
    users = json.loads(path.read_text())["users"]
    assert {user["name"] for user in users} == {
        "core-app",
        "core-app-relay",
        "ins-product-aggregator",
        "ins-comp-settlement",
    }
    for user in users:
        password = (tmp_path / "secrets" / f"broker-{user['name']}").read_bytes()
        kept = base64.b64decode(user["password_hash"])
        assert kept[4:] == hashlib.sha256(kept[:4] + password).digest()


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
