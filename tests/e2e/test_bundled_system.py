"""The bundled system as people and partners meet it, on the real servers of the local target."""

import json
import threading
import time
import uuid
from collections import Counter
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import httpx
import pytest

from insurectl.adapters.access_log import LIMIT_BYTES
from insurectl.adapters.clock import SystemClock
from insurectl.adapters.local import LocalTarget
from insurectl.adapters.prometheus import instant
from insurectl.ports import DeployPlan
from insurectl.records import Cost, Deployment, Tuning
from tests.e2e.entrances import entrances, roles
from tests.e2e.people import (
    CLIENT,
    SEED,
    VEHICLE,
    apply_as,
    ask,
    browser,
    codes,
    create,
    partner_key,
)
from tests.fakes import ListProgress

pytestmark = pytest.mark.system
PORT_BASE = 25000  # away from a system that a user may have deployed


@pytest.fixture(scope="module")
def target(tmp_path_factory: pytest.TempPathFactory) -> Iterator[LocalTarget]:
    made = LocalTarget("e2e", tmp_path_factory.mktemp("state"), SystemClock(), 1.0, PORT_BASE)
    cheap = {"core-app": Cost(workers=8, worker_ms=5), "client-info": Cost(workers=8)}
    made.deploy(DeployPlan(name="e2e", clients=50, seed=SEED, costs=cheap), ListProgress())
    yield made
    made.destroy(ListProgress())


@pytest.fixture(scope="module")
def deployment(target: LocalTarget) -> Deployment:
    return target.deployment()


@pytest.fixture
def edge(deployment: Deployment) -> Iterator[httpx.Client]:
    with browser(deployment) as client:
        yield client


def test_an_application_is_kept_and_read_again(edge: httpx.Client) -> None:
    made = create(edge, "kept")["data"]["createApplication"]
    read = ask(edge, "query ($id: ID!) { application(id: $id) { id status } }", id=made["id"])
    assert read["data"]["application"] == {"id": made["id"], "status": "ACCEPTED"}
    assert made["client"]["id"] == str(CLIENT)


def test_the_same_key_gives_one_application_from_whatever_zone(edge: httpx.Client) -> None:
    with ThreadPoolExecutor(8) as pool:
        answers = list(pool.map(lambda _: create(edge, "at-once"), range(8)))
    assert not [one["errors"] for one in answers if "errors" in one]
    assert len({one["data"]["createApplication"]["id"] for one in answers}) == 1


@pytest.mark.parametrize(
    ("key", "changed", "code"),
    [
        pytest.param("conflict", {"startsOn": "2031-01-01"}, "IDEMPOTENCY_CONFLICT", id="reused"),
        pytest.param("vin", {"vehicle": {**VEHICLE, "vin": "?"}}, "INVALID_REQUEST", id="vin"),
        pytest.param("", {}, "INVALID_REQUEST", id="no key"),
    ],
)
def test_what_can_not_be_done_has_a_code(
    edge: httpx.Client, key: str, changed: dict[str, object], code: str
) -> None:
    if code == "IDEMPOTENCY_CONFLICT":
        assert "errors" not in create(edge, key)
    assert codes(create(edge, key, **changed)) == [code]


def test_who_is_no_client_can_not_apply(deployment: Deployment) -> None:
    with browser(deployment, uuid.uuid4()) as http:
        assert codes(create(http, "unknown")) == ["NOT_FOUND"]


def test_the_client_card_comes_through_core_app(edge: httpx.Client) -> None:
    asked = "query { myCard { name documents { type } relatives { age } } }"
    card = ask(edge, asked)["data"]["myCard"]
    assert {one["type"] for one in card["documents"]} == {"passport", "driving_licence"}


def test_nobody_else_reads_a_clients_card_or_application_over_any_entrance(
    target: LocalTarget, edge: httpx.Client, deployment: Deployment
) -> None:
    """Every entrance, also those behind the gateway, for every role."""
    mine = create(edge, "mine")["data"]["createApplication"]["id"]
    secret = ask(edge, "{ myCard { name birthDate documents { number } } }")["data"]["myCard"]
    told = (secret["name"], *(one["number"] for one in secret["documents"]))
    open_to = set()
    for entrance in entrances(target, deployment, mine):
        for role, headers in roles(target, deployment).items():
            answer = entrance.ask(headers)
            assert answer.status_code < 500, (entrance.name, role, answer.text)
            if any(one in answer.text for one in (*told, f'"{mine}"')):
                open_to.add((entrance.name, role))
    assert open_to == {
        ("card", "the client"), ("application", "the client"),
        ("client-info", "core-app itself"), ("osago-aggregator", "core-app itself"),
        ("its stream", "core-app itself"),
    }  # fmt: skip


def test_a_partner_repeats_without_a_second_application(
    edge: httpx.Client, deployment: Deployment
) -> None:
    key = partner_key(deployment, 0)
    first, again = apply_as(edge, key, "repeat"), apply_as(edge, key, "repeat")
    assert (first.status_code, again.status_code) == (201, 200)
    assert again.headers["Idempotency-Replayed"] == "true"
    assert first.json() == again.json()
    other = edge.get(
        f"/partner/v1/applications/{first.json()['id']}",
        headers={"X-API-Key": partner_key(deployment, 1)},
    )
    assert other.status_code == 404


def test_an_unknown_key_is_refused_with_a_problem_document(edge: httpx.Client) -> None:
    answer = apply_as(edge, "pk_nobody", "any")
    assert answer.status_code == 401
    assert answer.headers["content-type"] == "application/problem+json"


def test_ten_a_minute_pass_and_no_more_over_both_zones(deployment: Deployment) -> None:
    """Past the edge, half to each zone, so that no single gateway sees more than ten."""
    key = partner_key(deployment, 2)
    answers = []
    for number in range(16):
        zone = deployment.zones[number % 2]
        with httpx.Client(base_url=zone.gateway_url, timeout=10, trust_env=False) as http:
            answers.append(apply_as(http, key, f"limit-{number}"))
    assert [one.status_code for one in answers] == [201] * 10 + [429] * 6
    assert all(1 <= int(one.headers["Retry-After"]) <= 60 for one in answers[10:])


def test_routes_are_labels_and_ids_are_not(deployment: Deployment, edge: httpx.Client) -> None:
    edge.get(
        f"/partner/v1/applications/{uuid.uuid4()}",
        headers={"X-API-Key": partner_key(deployment, 3)},
    )
    create(edge, "seen")
    expected = {"/graphql", "/partner/v1/applications/{application_id}"}
    until = time.monotonic() + 20
    routes: set[str] = set()
    while time.monotonic() < until and not expected <= routes:
        time.sleep(0.5)
        for zone in deployment.zones:
            query = 'http_server_request_duration_seconds_count{service="core-app"}'
            found = instant(zone.prometheus_url, query)
            routes |= {labels["http_route"] for labels, _ in found}
    assert expected <= routes
    assert not [route for route in routes if route.count("-") > 3], "an id became a label"


@contextmanager
def people(deployment: Deployment) -> Iterator[Counter[str]]:
    """Four who ask without pause over connections that they keep; what each got, by status."""
    over, seen = threading.Event(), Counter[str]()

    def one() -> None:
        with browser(deployment) as http:
            while not over.wait(0.02):
                try:
                    answer = http.post("/graphql", json={"query": "{ __typename }"})
                    seen[str(answer.status_code)] += 1
                except httpx.HTTPError as error:
                    seen[repr(error)] += 1

    threads = [threading.Thread(target=one) for _ in range(4)]
    for thread in threads:
        thread.start()
    try:
        yield seen
    finally:
        over.set()
        for thread in threads:
            thread.join()


def counted(deployment: Deployment) -> float:
    """Answers to the web page that the gateways' counters know of."""
    found = [instant(z.prometheus_url, 'sum(gateway_requests_total{route="graphql"})')
             for z in deployment.zones]  # fmt: skip
    return sum(value for one in found for _, value in one)


def turned_over(log: Path) -> bool:
    """For a moment there is none: moved aside, and nginx has not yet opened the next."""
    return log.exists() and log.stat().st_size <= LIMIT_BYTES


def test_every_answer_is_counted_while_the_access_log_is_turned_over(
    target: LocalTarget, deployment: Deployment, edge: httpx.Client
) -> None:
    ask(edge, "{ __typename }")
    time.sleep(4)  # the agent looks, Prometheus looks at the agent
    before = counted(deployment)
    line = json.dumps({"status": 200, "route": "filler", "uri": "/" * 60_000}) + "\n"
    logs = [
        target.state.zone(zone.name) / "log" / "gateway-access.json" for zone in deployment.zones
    ]
    for path in logs:
        with path.open("a") as file:
            file.writelines(line for _ in range(LIMIT_BYTES // len(line) + 1))
    with people(deployment) as seen:
        until = time.monotonic() + 20
        while time.monotonic() < until and not all(turned_over(path) for path in logs):
            time.sleep(0.1)
        time.sleep(1)
    assert set(seen) == {"200"}, seen
    assert all(path.with_name(f"{path.name}.1").exists() for path in logs)
    until = time.monotonic() + 20
    while time.monotonic() < until and counted(deployment) - before < seen["200"]:
        time.sleep(0.5)
    assert counted(deployment) - before == seen["200"]


def scaled(tuning: Tuning, replicas: int) -> Tuning:
    services = tuple(
        replace(one, replicas=replicas, autoscaling=None) if one.service == "core-app" else one
        for one in tuning.services
    )
    return replace(tuning, services=services)


def test_scaling_in_loses_no_request(target: LocalTarget, deployment: Deployment) -> None:
    target.tune(scaled(deployment.tuning, 3), ListProgress())
    with people(deployment) as seen:
        target.tune(scaled(deployment.tuning, 1), ListProgress())
        time.sleep(4)  # longer than a replica takes to drain
    target.tune(deployment.tuning, ListProgress())
    assert set(seen) == {"200"}, seen
    assert seen["200"] > 50


def test_new_limits_lose_no_request(target: LocalTarget, deployment: Deployment) -> None:
    with people(deployment) as seen:
        for zone_rps in (5000.0, 6000.0, 7000.0):
            target.tune(replace(deployment.tuning, zone_rps=zone_rps), ListProgress())
    target.tune(deployment.tuning, ListProgress())
    assert set(seen) == {"200"}, seen
    assert seen["200"] > 50


def test_a_replica_over_its_memory_limit_is_ended_and_counted(
    target: LocalTarget, deployment: Deployment
) -> None:
    tight = tuple(
        replace(one, memory_limit_mib=20) if one.service == "client-info" else one
        for one in deployment.tuning.services
    )
    target.state.keep(replace(deployment, tuning=replace(deployment.tuning, services=tight)), SEED)
    until = time.monotonic() + 30
    ended = 0
    while time.monotonic() < until and not ended:
        time.sleep(0.5)
        ended = sum(p.oom_kills for p in target.status().processes)
    target.deploy(DeployPlan(name="e2e", clients=50, seed=SEED, tuning=deployment.tuning,
                             costs=deployment.costs), ListProgress())  # fmt: skip
    assert ended > 0
    assert target.status().healthy
