"""A replica's life: migrations, seeds, readiness, metrics, drain."""

import json
import signal
import stat
from concurrent.futures import ThreadPoolExecutor

import httpx
import psycopg
import pytest

from system.shared.ids import seeded_client
from tests.system.conftest import CLIENTS, PARTNERS, SEED, Start
from tests.system.replicas import ROOT, Place, run_service, until

pytestmark = pytest.mark.system

NAME = "query Name($id: UUID!) { client(id: $id) { name } }"
CLIENT = str(seeded_client(SEED, 1))


@pytest.mark.parametrize("service", ["core_app", "client_info"])
def test_migrations_run_once_whoever_starts_them(
    databases: dict[str, dict[str, str]], service: str
) -> None:
    with ThreadPoolExecutor(3) as pool:
        runs = pool.map(
            lambda _: run_service(service, "migrate", environment=databases[service]), range(3)
        )
        told = [run.stdout for run in runs]
    assert sum("none was due" not in text for text in told) == 1


def test_seeds_can_be_repeated(prepared: dict[str, dict[str, str]], server: Place) -> None:
    assert prepared["core_app"]
    server.keys_file.chmod(0o644)
    words = ["--partners", str(PARTNERS), "--keys-file", str(server.keys_file)]
    for service, more in (("core_app", words), ("client_info", ["--clients", str(CLIENTS)])):
        again = run_service(
            service, "seed", "--seed", str(SEED), *more, environment=prepared[service]
        )
        assert again.stdout.strip().endswith("added: 0")
    assert stat.S_IMODE(server.keys_file.stat().st_mode) == 0o600


def test_more_clients_are_added_to_those_that_are_there(
    prepared: dict[str, dict[str, str]], server: Place
) -> None:
    words = ["seed", "--seed", str(SEED), "--clients", str(CLIENTS + 5)]
    assert (
        "added: 5" in run_service("client_info", *words, environment=prepared["client_info"]).stdout
    )
    with server.connect("client_info") as connection:
        counted = connection.execute("SELECT count(*) FROM clients").fetchone()
    assert counted == (CLIENTS + 5,)


def test_what_is_in_flight_is_finished_before_a_replica_leaves(start: Start) -> None:
    replica = start("client_info", COST_WORKERS=1, COST_WORKER_MS=3000, DRAIN_DELAY_S=1)
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(replica.graphql, NAME, id=CLIENT)
        until(lambda: replica.metric("service_workers_busy") == 1, "the request is being served")
        with httpx.Client(base_url=replica.url, trust_env=False) as other:
            replica.process.send_signal(signal.SIGTERM)
            until(lambda: other.get("/health/ready").status_code == 503, "it is not ready")
            assert other.get("/health/ready").text == "draining"
            assert other.get("/health/live").status_code == 200
        assert load.result()["data"]["client"]["name"]
    assert replica.process.wait(timeout=20) == 0


def test_a_replica_that_leaves_still_serves_during_the_delay(start: Start) -> None:
    replica = start("client_info", DRAIN_DELAY_S=3)
    replica.process.send_signal(signal.SIGTERM)
    until(lambda: replica.says() == 503, "it is not ready")
    assert replica.graphql(NAME, id=CLIENT)["data"]["client"]["name"]
    assert replica.process.wait(timeout=20) == 0


def test_a_request_that_never_ends_does_not_keep_a_replica(start: Start) -> None:
    replica = start("client_info", COST_WORKER_MS=60_000, DRAIN_DELAY_S=0, DRAIN_TIMEOUT_S=1)
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(replica.graphql, NAME, id=CLIENT)
        until(lambda: replica.metric("service_workers_busy") == 1, "the request is being served")
        replica.process.send_signal(signal.SIGTERM)
        assert replica.process.wait(timeout=20) == 0
        assert load.exception() is not None


def test_without_its_database_it_lives_but_is_not_ready(start: Start, server: Place) -> None:
    replica = start("client_info")
    with server.connect("postgres") as connection:
        connection.execute("ALTER DATABASE client_info ALLOW_CONNECTIONS false")
        try:
            connection.execute(
                "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
                " WHERE datname = 'client_info'"
            )
            until(lambda: replica.says() == 503, "it is not ready")
            assert replica.says("live") == 200
        finally:
            connection.execute("ALTER DATABASE client_info ALLOW_CONNECTIONS true")
    until(replica.ready, "it is ready again")
    assert replica.graphql(NAME, id=CLIENT)["data"]["client"]["name"]


def test_a_service_that_cannot_start_says_so(databases: dict[str, dict[str, str]]) -> None:
    where = {"DATABASE_HOST": "/nowhere", "ENVIRONMENT": "development"}
    away = {**databases["client_info"], **where, "SERVICE_NAME": "client-info"}
    ended = run_service("client_info", "serve", environment=away, check=False)
    assert ended.returncode == 3
    assert "PoolTimeout" in ended.stderr + ended.stdout


def test_logs_are_json_with_who_says_it(start: Start) -> None:
    replica = start("client_info", SERVICE_ZONE="b", SERVICE_REPLICA=3)
    said = [json.loads(line) for line in replica.stdout.read_text().splitlines()]
    assert {(line["service"], line["zone"], line["replica"]) for line in said} == {
        ("client-info", "b", 3)
    }
    assert replica.stderr.read_text() == ""


def test_only_what_a_query_needs_is_read(start: Start, server: Place) -> None:
    replica = start("client_info")
    with server.connect("client_info") as connection:
        for table in ("documents", "relatives", "attributes"):
            connection.execute(f"ALTER TABLE {table} RENAME TO hidden_{table}".encode())
        try:
            answer = replica.graphql(NAME, id=CLIENT)
        finally:
            for table in ("documents", "relatives", "attributes"):
                connection.execute(f"ALTER TABLE hidden_{table} RENAME TO {table}".encode())
    assert "errors" not in answer


def test_migrations_leave_what_they_did(database: psycopg.Connection) -> None:
    done = {name for (name,) in database.execute("SELECT name FROM migrations")}
    own = {path.name for path in (ROOT / "system/core_app/migrations").glob("*.sql")}
    assert done == own | {"outbox/0001_outbox.sql", "inbox/0001_inbox.sql"}
