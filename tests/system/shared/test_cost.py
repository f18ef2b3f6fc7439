"""What a request costs is what the settings say."""

import time
from concurrent.futures import ThreadPoolExecutor

import psutil
import pytest

from system.shared.ids import seeded_client
from tests.system.conftest import SEED, Start
from tests.system.replicas import Replica, until

pytestmark = pytest.mark.system

NAME = "query Name($id: UUID!) { client(id: $id) { name } }"
CLIENT = str(seeded_client(SEED, 1))
MIB = 1024 * 1024


def took_s(replicas: list[Replica], requests: int) -> float:
    """How long it takes until that many requests at once, spread evenly, are answered."""

    def ask(number: int) -> str:
        answer = replicas[number % len(replicas)].graphql(NAME, id=CLIENT)
        name: str = answer["data"]["client"]["name"]
        return name

    began = time.monotonic()
    with ThreadPoolExecutor(requests) as pool:
        assert all(pool.map(ask, range(requests)))
    return time.monotonic() - began


def test_the_answer_comes_only_after_the_workers_time(start: Start) -> None:
    replica = start("client_info", COST_WORKERS=4, COST_WORKER_MS=400)
    took_s([replica], 1)  # the first request also loads code, which would hide a missing wait
    assert took_s([replica], 1) >= 0.4


def test_more_requests_than_workers_wait_for_a_slot(start: Start) -> None:
    replica = start("client_info", COST_WORKERS=2, COST_WORKER_MS=200)
    assert took_s([replica], 8) >= 4 * 0.2


def test_replicas_wait_for_one_lock_and_stay_ready_meanwhile(start: Start) -> None:
    replicas = [
        start("client_info", COST_WORKERS=16, COST_LOCK_MS=250, DATABASE_POOL_SIZE=2)
        for _ in range(2)
    ]
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(took_s, replicas, 16)
        seen = []
        while not load.done():
            seen.append([replica.ready() for replica in replicas])
        assert load.result() >= 16 * 0.25
    assert all(all(both) for both in seen)


def test_cpu_is_really_burnt(start: Start) -> None:
    replica = start("client_info", COST_CPU_MS=50)
    before = replica.metric("process_cpu_seconds_total")
    took_s([replica], 4)
    assert replica.metric("process_cpu_seconds_total") - before >= 4 * 0.05


def test_memory_is_held_and_given_back(start: Start) -> None:
    replica = start("client_info", COST_MEMORY_MIB=20, COST_MEMORY_HOLD_MS=3000)
    process = psutil.Process(replica.process.pid)
    took_s([replica], 1)  # the first request loads code that stays
    until(lambda: replica.metric("service_workers_busy") == 0, "the first request is over")
    time.sleep(3)
    idle = process.memory_info().rss
    took_s([replica], 4)
    held = process.memory_info().rss - idle
    assert held >= 75 * MIB
    until(lambda: process.memory_info().rss - idle < 20 * MIB, "the memory went back")


def test_a_replica_is_not_ready_before_its_start_time_is_over(start: Start) -> None:
    replica = start("client_info", wait=False, COST_START_S=2)
    until(lambda: replica.says("live") == 200, "it lives")
    refused = replica.http.get("/health/ready")
    assert (refused.status_code, refused.text) == (503, "starting")
    until(replica.ready, "it is ready")


def test_health_and_metrics_cost_nothing(start: Start) -> None:
    replica = start("client_info", COST_WORKERS=1, COST_WORKER_MS=1500)
    with ThreadPoolExecutor(1) as pool:
        load = pool.submit(took_s, [replica], 3)
        until(lambda: replica.metric("service_workers_waiting") == 2, "two wait for the slot")
        assert replica.metric("service_workers_busy") == 1
        assert replica.metric("service_workers") == 1
        assert replica.ready()
        assert not load.done()
