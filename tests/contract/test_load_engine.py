"""What every LoadEngine does, and what only the one that plays real requests does."""

import os
import pickle
import resource
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import psutil
import pytest

from insurectl.adapters.load_credentials import LoadCredentials
from insurectl.adapters.locust.cluster_engine import ClusterLoadEngine
from insurectl.adapters.locust.cluster_objects import Workers
from insurectl.adapters.locust.engine import LocustEngine
from insurectl.errors import BadInput
from insurectl.planning.histogram import bin_of, percentile
from insurectl.planning.slo import Limits
from insurectl.planning.workload import arrivals
from insurectl.ports import LoadEngine, LoadJob
from insurectl.records import Abort, LoadResult, LoadSecond, Outcome, Scenario, Threshold
from tests.fakes import FakeLoadEngine
from tests.http_server import HttpServer, serving
from tests.process_pods import ProcessPods

UNLIMITED = Limits(generator_cpu=99, shortfall=1, host_cpu=99)  # a busy machine is no failure here
JOURNEY = """from insurectl.scenario import Journey, task


class Person(Journey):
    think_s = 0.05

    @task()
    def look(self) -> None:
        {body}
"""
LOOK = 'self.http.get("/", name="look")'


@pytest.fixture
def server() -> Iterator[HttpServer]:
    with serving() as server:
        yield server


@pytest.fixture
def no_child_left() -> Iterator[None]:
    before = set(psutil.Process().children(recursive=True))
    yield
    left = set(psutil.Process().children(recursive=True)) - before
    _, alive = psutil.wait_procs(left, timeout=2)  # what ended may still wait to be reaped
    assert not alive


MakeJob = Callable[..., LoadJob]


@pytest.fixture
def job(tmp_path: Path, server: HttpServer, no_child_left: None) -> MakeJob:
    def make(
        body: str = LOOK,
        *,
        rates: Sequence[float] = (40, 40),
        seed: int = 7,
        processes: int = 1,
        **scenario: object,
    ) -> LoadJob:
        file = tmp_path / "journey.py"
        file.write_text(JOURNEY.format(body=body), encoding="utf-8")
        parts = {
            "name": "test",
            "title": "A test",
            "path": "test.yaml",
            "journey_file": str(file),
            "plan": "play",
            "model": "open",
            "arrivals": "poisson",
            "seed": 7,
            "warmup_s": 0.0,
            "stages": (),
            "trace": None,
            "thresholds": (),
            "aborts": (),
            "faults": (),
            "services": (),
            "costs": {},
            "calibration": None,
            "data": {},
        }
        return LoadJob(
            run_id="run-1",
            scenario=Scenario(**{**parts, **scenario}),  # type: ignore[arg-type] # parts by name
            base_url=server.url,
            rates=rates,
            seed=seed,
            scale=1.0,
            folder=tmp_path / "load",
            processes=processes,
            credentials_file="",
        )

    return make


def play(engine: LoadEngine, job: LoadJob) -> tuple[LoadResult, list[LoadSecond]]:
    seconds: list[LoadSecond] = []
    return engine.play(job, seconds.append), seconds


# ---- every engine ----


@pytest.fixture
def inside(tmp_path: Path) -> Iterator[ClusterLoadEngine]:
    """The pods are processes here; tests/cluster has real ones."""
    cluster = ProcessPods(tmp_path / "pods")
    yield ClusterLoadEngine(
        limits=UNLIMITED,
        cluster=cluster,
        workers=Workers(system="test", namespace="test", image="none", count=2),
        inside_url=lambda url: url,
    )
    assert not cluster.objects


@pytest.fixture(params=["fake", "locust", "inside"])
def engine(request: pytest.FixtureRequest, inside: ClusterLoadEngine) -> LoadEngine:
    match request.param:
        case "fake":
            return FakeLoadEngine()
        case "locust":
            return LocustEngine(limits=UNLIMITED)
    return inside


@pytest.mark.parametrize(
    ("model", "processes"), [("open", 2), ("closed", 1)], ids=["open, two processes", "closed"]
)
def test_all_counts_add_up(engine: LoadEngine, job: MakeJob, model: str, processes: int) -> None:
    asked = job(model=model, processes=processes, rates=(20, 30, 20))
    result, seconds = play(engine, asked)
    assert result.outcome is Outcome.PASS
    assert result.scheduled >= result.sent == result.total.count > 0
    assert sum(second.scheduled for second in seconds) == result.scheduled
    assert sum(second.ok + second.failed for second in seconds) == result.total.count
    assert sum(one.count for one in result.requests) == result.total.count
    assert sum(result.total.histogram.values()) == result.total.count
    assert result.total.status_counts == {"200": result.total.count}
    assert result.total.failed == 0


def test_the_result_says_what_was_asked_for(engine: LoadEngine, job: MakeJob) -> None:
    asked = job(rates=(60, 40), seed=3)
    result, seconds = play(engine, asked)
    assert (result.run_id, result.scenario, result.base_url) == ("run-1", "test", asked.base_url)
    assert (result.seed, result.model, result.offered_rps) == (3, "open", (60, 40))
    assert result.ended_s > result.started_s
    assert result.seconds == tuple(seconds)
    starts = [second.at_s - result.started_s for second in seconds]
    assert starts == pytest.approx(range(len(seconds)), abs=1e-3)
    due = arrivals((60, 40), 3, "poisson")  # by the seed alone
    by_second = [sum(at < 1 for at in due), sum(at >= 1 for at in due)]
    assert [second.scheduled for second in seconds[:2]] == by_second


def test_the_warm_up_is_left_out_of_what_is_judged(engine: LoadEngine, job: MakeJob) -> None:
    result, seconds = play(engine, job(rates=(50, 10, 10), arrivals="even", warmup_s=1.0))
    assert result.total.count == 20
    assert result.scheduled == sum(second.scheduled for second in seconds) == 70


def test_a_missed_threshold_fails_the_run_and_says_so(engine: LoadEngine, job: MakeJob) -> None:
    asked = Threshold(metric="throughput_rps", request="total", limit=1e6, sense="min")
    result, _ = play(engine, job(thresholds=(asked,)))
    assert result.outcome is Outcome.FAIL
    assert [one.met for one in result.thresholds] == [False]
    assert "throughput_rps" in result.reasons[0]


def test_the_user_may_end_it(engine: LoadEngine, job: MakeJob) -> None:
    def interrupt_once(second: LoadSecond) -> None:
        seconds.append(second)
        if len(seconds) == 1:
            signal.raise_signal(signal.SIGINT)  # Ctrl-C, as the process meets it

    seconds: list[LoadSecond] = []
    result = engine.play(job(rates=[20] * 30), interrupt_once)
    assert result.outcome is Outcome.INTERRUPTED
    assert "interrupted after" in result.reasons[0]
    assert 0 < result.scheduled < 20 * 30


# ---- the one that plays real requests ----


@pytest.fixture
def real(request: pytest.FixtureRequest, inside: ClusterLoadEngine) -> LoadEngine:
    there = getattr(request, "param", "here") == "inside"
    return inside if there else LocustEngine(limits=UNLIMITED)


both = pytest.mark.parametrize("real", ["here", "inside"], indirect=True)


@both
def test_the_server_sees_each_arrival_once(
    real: LoadEngine, job: MakeJob, server: HttpServer
) -> None:
    body = 'self.http.post("/buy?a b", name="buy", json={"who": self.number})'
    result, _ = play(real, job(body, processes=2, rates=(50,)))
    assert server.seen == {"/buy?a%20b": result.total.count}
    people = sorted(int(head.rpartition(":")[2].strip("}")) for head in server.heads)
    assert people == list(range(result.total.count))
    assert "content-type: application/json" in server.heads[0].lower()


def test_latency_holds_what_the_server_took(
    real: LoadEngine, job: MakeJob, server: HttpServer
) -> None:
    server.delay_s = 0.1
    result, _ = play(real, job(rates=(30,)))
    fastest_ms = percentile(result.total.histogram, 0.0)
    assert fastest_ms is not None
    assert fastest_ms > 99


def test_a_stall_is_seen_by_all_who_arrive_in_it(
    real: LoadEngine, job: MakeJob, server: HttpServer
) -> None:
    def stall_once(second: LoadSecond) -> None:
        if not stalled:
            stalled.append(second)
            server.stall(1.5)

    stalled: list[LoadSecond] = []
    result = real.play(job(rates=[40] * 4), stall_once)
    assert result.scheduled == result.sent == result.total.count
    assert result.total.p99_ms is not None
    assert result.total.p99_ms > 1000
    above_half_s = sum(n for b, n in result.total.histogram.items() if b > bin_of(500))
    assert above_half_s > 20  # not only the one that waited longest


@both
def test_it_ends_early_when_a_limit_is_passed(
    real: LoadEngine, job: MakeJob, server: HttpServer
) -> None:
    server.answers["/"] = (503, "", b"")
    limit = Abort(metric="error_ratio", above=0.5, for_s=2)
    result, _ = play(real, job(rates=[20] * 60, aborts=(limit,)))
    assert result.outcome is Outcome.FAIL
    assert result.aborted is not None
    assert result.aborted in result.reasons
    assert "error_ratio was above 0.5 for 2 s" in result.aborted
    assert result.scheduled < 20 * 30
    assert result.total.status_counts == {"503": result.total.count}


@both
@pytest.mark.parametrize(
    ("body", "message"),
    [
        pytest.param("self.gone.get('/')", r"journey.py:9: AttributeError: .*gone", id="runs"),
        pytest.param("if self:", r"journey.py:9: SyntaxError: expected an indented", id="parses"),
    ],
)
def test_a_journey_with_a_fault_is_bad_input(
    real: LoadEngine, job: MakeJob, body: str, message: str
) -> None:
    with pytest.raises(BadInput, match=message):
        real.play(job(body, rates=[20] * 30), lambda second: None)


def test_a_journey_may_fall_over_an_answer_that_failed(
    real: LoadEngine, job: MakeJob, server: HttpServer
) -> None:
    server.answers["/"] = (500, "", b"no JSON")
    body = 'self.http.get("/", name="look").json()["id"]'
    result, _ = play(real, job(body, rates=(20,)))
    assert result.total.failed == result.total.count == result.sent


def test_what_was_measured_above_a_limit_is_invalid(job: MakeJob) -> None:
    result, _ = play(LocustEngine(limits=Limits(generator_cpu=0, host_cpu=0)), job(rates=[40] * 3))
    assert result.outcome is Outcome.INVALID
    assert "the load generator was saturated" in result.reasons[0]
    assert "this machine was saturated" in result.reasons[-1]


def test_too_few_connections_are_a_shortfall(job: MakeJob, server: HttpServer) -> None:
    server.delay_s = 0.3
    engine = LocustEngine(limits=Limits(generator_cpu=99, host_cpu=99), sessions=2)
    result, _ = play(engine, job(rates=(20, 20)))
    assert result.outcome is Outcome.INVALID
    assert "did not begin in time" in result.reasons[0]
    assert result.shortfall > 0.5
    assert result.late_p99_ms > 500


def test_what_has_no_answer_at_the_end_failed(job: MakeJob, server: HttpServer) -> None:
    server.stall(3600)
    result, _ = play(LocustEngine(limits=UNLIMITED, drain_s=0.2), job(rates=(20,)))
    assert result.total.failed == result.total.count == result.sent
    assert result.total.status_counts == {"unfinished": result.sent}


def test_nobody_there_is_told_apart(real: LoadEngine, job: MakeJob) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        free = taken.getsockname()[1]
    asked = replace(job(rates=(20,)), base_url=f"http://127.0.0.1:{free}")
    result, _ = play(real, asked)
    assert result.total.status_counts == {"refused": result.total.count}


def test_an_arrival_keeps_its_cookies_and_no_other(
    real: LoadEngine, job: MakeJob, server: HttpServer
) -> None:
    server.answers["/in"] = (302, "Location: /home\r\nSet-Cookie: who=me\r\n", b"")
    body = 'self.http.get("/in", name="in"); self.http.get("/", name="look")'
    result, _ = play(real, job(body, rates=(20,)))
    assert result.total.status_counts == {"200": result.total.count}
    by_path: dict[str, set[bool]] = {}
    for head in server.heads:
        by_path.setdefault(head.split()[1], set()).add("who=me" in head)
    assert by_path == {"/in": {False}, "/home": {True}, "/": {True}}


def test_a_redirect_to_another_server_is_not_followed(
    real: LoadEngine, job: MakeJob, server: HttpServer
) -> None:
    with serving() as other:
        server.answers["/"] = (302, f"Location: {other.url}/\r\n", b"")
        result, _ = play(real, job(rates=(10,)))
        assert not other.seen
    assert result.total.status_counts == {"redirected to another server": result.total.count}


@pytest.fixture
def many_files() -> Iterator[None]:
    """An ordinary user may open 1,024 unless asked for more; the server's end is in here too."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(hard, 4096), hard))
    yield
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))


def test_connections_are_kept(
    real: LoadEngine, job: MakeJob, server: HttpServer, many_files: None
) -> None:
    """More than 1,100 at once, since ``select`` knows no file above 1023."""
    server.delay_s = 1.0
    result, _ = play(real, job(rates=(1200, 0, 0, 600)))
    assert result.total.failed == 0
    assert server.connections < 1.1 * 1200


@both
def test_a_load_that_is_interrupted_while_it_starts_is_a_result(
    real: LoadEngine, job: MakeJob
) -> None:
    threading.Timer(0.2, lambda: os.kill(os.getpid(), signal.SIGINT)).start()
    result = real.play(job(rates=[20] * 30), lambda second: None)
    assert (result.outcome, result.scheduled) == (Outcome.INTERRUPTED, 0)
    assert result.reasons == ("interrupted after 0 of 30 s",)


def begun_since(before: list[psutil.Process]) -> list[psutil.Process]:
    """Children of this process that were not there before, such as servers of other tests."""
    return [child for child in psutil.Process().children() if child not in before]


def test_a_child_that_was_lost_makes_it_invalid(real: LoadEngine, job: MakeJob) -> None:
    def kill_one(second: LoadSecond) -> None:
        for child in begun_since(before)[:1]:
            child.kill()

    before = psutil.Process().children()
    result = real.play(job(rates=[20] * 30, processes=2), kill_one)
    assert result.outcome is Outcome.INVALID
    assert "of 2 ended by signal 9 in the middle of the run" in result.reasons[0]
    assert 0 < result.total.count < 20 * 30


def test_a_worker_that_was_lost_makes_it_invalid(inside: ClusterLoadEngine, job: MakeJob) -> None:
    def kill_one(second: LoadSecond) -> None:
        for child in begun_since(before)[:1]:
            child.kill()

    before = psutil.Process().children()
    result = inside.play(job(rates=[20] * 30), kill_one)
    assert result.outcome is Outcome.INVALID
    assert "of 2 was lost: its pod" in result.reasons[0]
    assert "exit code -9" in result.reasons[0]
    assert 0 < result.total.count < 20 * 30


def test_workers_are_judged_by_what_they_used(inside: ClusterLoadEngine, job: MakeJob) -> None:
    strict = replace(inside, limits=Limits(generator_cpu=0, host_cpu=0))
    result = strict.play(job(rates=[40] * 3), lambda second: None)
    assert result.outcome is Outcome.INVALID
    assert "a load worker was saturated" in result.reasons[0]
    assert "the node of a load worker was saturated" in result.reasons[-1]
    assert 0 < result.generator_cpu < 1
    assert 0 < result.host_cpu <= 1


def test_workers_get_the_partners_keys(
    inside: ClusterLoadEngine, job: MakeJob, server: HttpServer, tmp_path: Path
) -> None:
    keys = tmp_path / "credentials.json"
    LoadCredentials(partner_keys=("first", "second")).write(keys)
    body = 'self.http.get(f"/{self.partner_keys[1]}", name="look")'
    asked = replace(job(body, rates=(20,)), credentials_file=str(keys))
    result = inside.play(asked, lambda second: None)
    assert server.seen == {"/second": result.sent}


@pytest.mark.parametrize("then", ["pass", "while True: pass"], ids=["it yields", "it never does"])
def test_no_child_outlives_a_parent_that_was_killed(
    job: MakeJob, tmp_path: Path, then: str
) -> None:
    mark = tmp_path / "plays"
    body = f"open({str(mark)!r}, 'w').close()\n        {then}"
    asked = tmp_path / "job.pickle"
    asked.write_bytes(pickle.dumps(job(body, rates=[20] * 60, processes=2)))
    parent = subprocess.Popen([sys.executable, "-c", PARENT, str(asked)])
    wait_for(mark.exists)
    children = psutil.Process(parent.pid).children()
    assert len(children) == 2
    parent.kill()
    parent.wait()
    wait_for(lambda: not any(child.is_running() for child in children))


PARENT = """import pickle, sys; from pathlib import Path
from insurectl.adapters.locust.engine import LocustEngine
LocustEngine().play(pickle.loads(Path(sys.argv[1]).read_bytes()), print)"""


def wait_for(found: Callable[[], bool], patience_s: float = 20.0) -> None:
    until_s = time.monotonic() + patience_s
    while not found():
        assert time.monotonic() < until_s, "it did not come in time"
        time.sleep(0.05)
