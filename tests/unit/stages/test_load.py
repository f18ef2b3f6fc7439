"""What is played, against whom, and what happens meanwhile."""

from dataclasses import replace

import pytest

from insurectl.errors import BadInput, TargetNotReady
from insurectl.records import (
    Cost,
    Deployment,
    LoadResult,
    Outcome,
    PlannedFault,
    Scenario,
    Stage,
    Timeline,
)
from insurectl.stages.load import check_host, load, scaled_rates
from tests.fake_system import FakeSystem, Files, autoscaled
from tests.fakes import constant, scenario

ELSEWHERE = "http://127.0.0.1:9999"


def test_it_is_a_run_with_its_load_and_what_the_servers_saw(
    system: FakeSystem, files: Files
) -> None:
    result = load(system.deploy().world, scenario())
    assert result.run_id == system.run_id()
    info = system.runs.info(result.run_id)
    assert (info.kind, info.status, info.outcome) == ("load", "finished", Outcome.PASS)
    assert all(system.runs.has(result.run_id, kind) for kind in (Scenario, Deployment, Timeline))
    assert "report.html" in files(system)


def test_it_plays_at_the_edge_with_what_was_asked_for(system: FakeSystem) -> None:
    load(system.deploy().world, scenario(), processes=2, scale=0.5)
    (job,) = system.engine.jobs
    assert (job.base_url, job.processes, job.scale) == ("http://127.0.0.1:1", 2, 0.5)
    assert job.rates == (5.0,) * 20
    assert job.folder == system.runs.folder(system.run_id())


@pytest.mark.parametrize(
    ("asked", "played"), [(None, 7), (0, 0), (3, 3)], ids=["the scenario's", "zero", "another"]
)
def test_the_seed_is_the_one_asked_for(system: FakeSystem, asked: int | None, played: int) -> None:
    result = load(system.deploy().world, scenario(), seed=asked)
    assert (system.engine.jobs[0].seed, result.seed) == (played, played)
    assert system.runs.info(result.run_id).seed == played


def test_what_the_scenario_asks_of_the_system_is_put_in_force(system: FakeSystem) -> None:
    load(system.deploy().world, scenario(services=(autoscaled(),)))
    assert system.target.deployment().tuning.of("core-app") == autoscaled()


def test_another_address_is_only_played_at(system: FakeSystem, files: Files) -> None:
    result = load(system.world, scenario(services=(autoscaled(),)), base_url=ELSEWHERE)
    assert result.base_url == ELSEWHERE  # nothing is deployed, and nothing is asked of it
    assert files(system) == {"00-run.json", "05-scenario.json", "20-load.json", "report.html"}


def test_people_see_how_it_goes(system: FakeSystem) -> None:
    system.engine.latencies_ms = constant(100.0)
    load(system.deploy().world, scenario())
    lines = system.progress.of("live")
    assert lines[0] == "small     0 s  due 10/s  ok 9/s  failed 0/s  p95 100 ms"
    assert lines[19].startswith("small    19 s  due 10/s")


def test_ctrl_c_keeps_what_was_measured(system: FakeSystem) -> None:
    system.progress.raise_at = "small     5 s"
    result = load(system.deploy().world, scenario())
    assert result.outcome is Outcome.INTERRUPTED
    info = system.runs.info(result.run_id)
    assert (info.status, info.outcome) == ("interrupted", Outcome.INTERRUPTED)
    assert system.runs.read(result.run_id, LoadResult) == result


# ---- a system that is not well ----


def test_nothing_deployed_is_not_ready(system: FakeSystem) -> None:
    with pytest.raises(TargetNotReady, match="insurectl deploy"):
        load(system.world, scenario())
    assert system.runs.info(system.run_id()).status == "failed"


def test_a_system_with_something_down_is_not_measured(system: FakeSystem) -> None:
    system.deploy().target.ill["core-app-0"] = "gone"
    with pytest.raises(TargetNotReady, match=r"core-app-0 in zone a is gone; .*` mends it"):
        load(system.world, scenario())
    assert system.engine.jobs == []


def test_a_replica_that_starts_is_no_trouble(system: FakeSystem) -> None:
    system.deploy().target.ill["core-app-0"] = "starting"
    assert load(system.world, scenario()).outcome is Outcome.PASS


def test_a_zone_that_was_taken_away_on_purpose_is_only_told(system: FakeSystem) -> None:
    system.deploy().target.inject("kill", "b", system.progress)
    assert load(system.world, scenario()).outcome is Outcome.PASS
    assert system.progress.of("warn") == ["zone b is away; `insurectl failback --zone b` ends that"]


# ---- bounds ----


def rate(level: float, lasts_s: float = 20, model: str = "open") -> Scenario:
    return scenario(model=model, stages=(Stage(duration_s=lasts_s, start=level, end=level),))


@pytest.mark.parametrize(
    ("one", "scale", "said"),
    [
        pytest.param(rate(10), 1e6, "10,000,000 arrivals/s at the peak, the most is 1,000,000",
                     id="rate"),
        pytest.param(rate(10, 20_000), 100, "20,000,000 arrivals, the most is 10,000,000",
                     id="arrivals"),
        pytest.param(rate(10, model="closed"), 20_000, "200,000 users", id="users"),
        pytest.param(rate(10), float("nan"), "wanted is a number above 0", id="nan"),
        pytest.param(rate(10), float("inf"), "wanted is a number above 0", id="infinite"),
        pytest.param(rate(10), 0.0, "wanted is a number above 0", id="nothing"),
        pytest.param(rate(10), -1.0, "wanted is a number above 0", id="negative"),
    ],
)  # fmt: skip
def test_a_scaled_load_is_bounded_too(
    system: FakeSystem, one: Scenario, scale: float, said: str
) -> None:
    with pytest.raises(BadInput, match=said):
        load(system.deploy().world, one, scale=scale)
    assert not (system.folder / "reports").exists()


def test_the_most_that_is_allowed_is_allowed() -> None:
    assert scaled_rates(rate(10, lasts_s=10), 1e5)[0] == 1e6
    assert scaled_rates(rate(10, model="closed"), 1e4)[0] == 1e5


# ---- whom it may be played at ----


@pytest.mark.parametrize(
    "base_url",
    [
        "http://127.0.0.1:8080",
        "http://127.0.0.2",
        "http://127.255.255.254:1/path",
        "http://[::1]:8080",
        "https://localhost",
        "http://LOCALHOST:80",
    ],
)
def test_this_machine_may_be_loaded(base_url: str) -> None:
    check_host(base_url, ())


@pytest.mark.parametrize(
    ("base_url", "host"),
    [
        ("http://example.com", "example.com"),
        ("https://Example.COM:8443", "example.com"),
        ("http://10.0.0.1", "10.0.0.1"),
        ("http://0.0.0.0:80", "0.0.0.0"),
        ("http://[2001:db8::1]:80", "2001:db8::1"),
        ("http://localhost.example.com", "localhost.example.com"),
        ("http://127.0.0.1.example.com", "127.0.0.1.example.com"),
    ],
)
def test_other_machines_are_asked_for_by_name(base_url: str, host: str) -> None:
    with pytest.raises(BadInput, match=f"--allow-host {host}"):
        check_host(base_url, ("other.example.com",))
    check_host(base_url, ("other.example.com", host))


@pytest.mark.parametrize(
    ("base_url", "allowed"),
    [("http://example.com", "Example.COM"), ("http://[2001:db8::1]", "[2001:db8::1]")],
)
def test_a_name_is_allowed_however_it_is_written(base_url: str, allowed: str) -> None:
    check_host(base_url, (allowed,))


@pytest.mark.parametrize(
    "base_url",
    [
        "127.0.0.1:8080",
        "localhost:8080",
        "",
        "http://",
        "http://[::1",
        "http://127.0.0.1:port",
        "http://127.0.0.1:99999",
        "http://127.0.0.1:0",
        "ftp://127.0.0.1",
        "file:///etc",
        "http://127.0.0.1@example.com",
        "http://example.com\\@127.0.0.1",
        "http://127.0.0.1?x",
        "http://127.0.0.1 ",
    ],
)
def test_what_is_no_plain_address_is_refused(base_url: str) -> None:
    with pytest.raises(BadInput, match="is no address such as"):
        check_host(base_url, ("example.com",))


def test_a_host_is_checked_before_a_run_begins(system: FakeSystem) -> None:
    with pytest.raises(BadInput, match="--allow-host"):
        load(system.world, scenario(), base_url="http://example.com")
    assert not (system.folder / "reports").exists()
    assert system.engine.jobs == []


def test_what_others_deployed_is_asked_for_by_name_and_left_as_it_is(system: FakeSystem) -> None:
    target = system.deploy().target
    target.up = replace(target.deployment(), adopted=True, edge_url="http://osago.example.org")
    asked = scenario(services=(autoscaled(),), costs={"core-app": Cost(cpu_ms=3)})
    with pytest.raises(BadInput, match=r"say so with --allow-host osago\.example\.org"):
        load(system.world, asked)
    before = system.target.deployment()
    load(system.world, asked, allow_hosts=("osago.example.org",))
    assert system.target.deployment() == before
    assert any("are not put in force" in text for text in system.progress.of("warn"))


def test_no_zone_of_others_is_taken_away(system: FakeSystem) -> None:
    target = system.deploy().target
    target.up = replace(target.deployment(), adopted=True)
    fault = PlannedFault(at_s=1, until_s=None, zone="a", kind="kill")
    with pytest.raises(BadInput, match="it takes zones away"):
        load(system.world, scenario(faults=(fault,)))


def test_what_insurectl_deployed_may_be_loaded_wherever_it_is(system: FakeSystem) -> None:
    system.deploy()
    system.target.up = replace(system.target.deployment(), edge_url="http://edge.test")
    assert load(system.world, scenario()).base_url == "http://edge.test"
