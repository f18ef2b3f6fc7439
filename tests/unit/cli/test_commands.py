"""Every command: what it shows, where, and how it ends."""

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from insurectl.errors import ExitCode, MissingOnMachine
from insurectl.ports import LoadJob, Progress
from insurectl.records import Change, Deployment, LoadResult, Outcome, Tuning
from tests.fake_system import FakeSystem
from tests.fakes import FakeTarget, constant
from tests.unit.cli.conftest import Call

WORLDLY = {  # after a whole loop, everything can be done
    "deploy": ("deployment",),
    "status": ("status",),
    "scale core-app 2": ("deployment",),
    "load card_browse": ("load",),
    "observe": ("timeline",),
    "calibrate trace": ("calibration",),
    "fit": ("capacity",),
    "apply --yes": ("change",),
    "rollback --yes": ("change",),
    "verify": ("verdict",),
    "report": ("report-files",),
    "run card_browse": ("run-records",),
    "simulate": ("simulation",),
    "failover --zone a": ("failover",),
    "failback --zone b": ("fault",),
    "plan --people 50": ("plan",),
    "deploy --dry-run": ("deploy-plan",),
    "apply --dry-run": ("change",),
    "rollback --dry-run": ("change",),
    "destroy --dry-run": ("status",),
}


@pytest.fixture
def ready(looped: FakeSystem) -> FakeSystem:
    """A whole loop was run, a load was played, and zone b is away."""
    looped.engine.latencies_ms = constant(100.0)
    return looped


def played(insurectl: Call, system: FakeSystem) -> None:
    assert insurectl(system, "load", "card_browse").code == 0


@pytest.mark.parametrize("line", WORLDLY)
def test_what_a_program_reads_has_a_schema(insurectl: Call, ready: FakeSystem, line: str) -> None:
    if line == "observe":
        played(insurectl, ready)
    if line.startswith("failback"):
        ready.target.inject("kill", "b", ready.progress)
    said = insurectl(ready, *line.split(), "-o", "json")
    assert said.code in (0, ExitCode.THRESHOLDS_MISSED, ExitCode.VERIFICATION_FAILED), said.err
    assert said.json()["schema"] == f"insurectl/{WORLDLY[line][0]}/v1"
    assert next(iter(said.json())) == "schema"


def test_recommend_shows_its_record(insurectl: Call, ready: FakeSystem) -> None:
    said = insurectl(ready, "recommend", "-o", "json")
    assert (said.code, said.json()["schema"]) == (0, "insurectl/recommendation/v1")


def test_yaml_says_the_same_as_json(insurectl: Call, ready: FakeSystem) -> None:
    as_json = insurectl(ready, "simulate", "-o", "json").json()
    assert yaml.safe_load(insurectl(ready, "simulate", "-o", "yaml").out) == as_json


def test_destroy_has_nothing_to_show(insurectl: Call, ready: FakeSystem) -> None:
    said = insurectl(ready, "destroy", "--yes")
    assert (said.code, said.out) == (0, "")
    assert "default is gone: no process, no file" in said.err
    assert ready.target.up is None


def test_logs_are_the_lines_themselves(insurectl: Call, ready: FakeSystem) -> None:
    said = insurectl(ready, "logs", "core-app", "--lines", "2")
    assert said.out == "core-app line 0\ncore-app line 1\n"


# ---- stdout is data, stderr is talk ----


def test_talk_is_not_data(insurectl: Call, ready: FakeSystem) -> None:
    said = insurectl(ready, "run", "card_browse", "-o", "json")
    json.loads(said.out)
    assert "deploy default ..." in said.err
    assert f"report: {ready.folder / 'reports'}" in said.err


def test_quiet_silences_talk_and_no_data(insurectl: Call, ready: FakeSystem) -> None:
    said = insurectl(ready, "run", "card_browse", "--quiet")
    assert said.err == ""
    assert "card_browse" in said.out


# ---- how it ends ----


def outcome(one: Outcome) -> Callable[[FakeSystem], None]:
    def change(system: FakeSystem) -> None:
        system.engine.outcome = lambda job: one

    return change


def slow(system: FakeSystem) -> None:
    system.engine.latencies_ms = constant(5000.0)


def ill(system: FakeSystem) -> None:
    system.target.ill["core-app-0"] = "gone"


def gone(system: FakeSystem) -> None:
    system.target.up = None


def losing(system: FakeSystem) -> None:
    system.probe.lost = 1


def raising(error: BaseException) -> Callable[[FakeSystem], None]:
    def change(system: FakeSystem) -> None:
        def fail(job: LoadJob) -> Outcome:
            raise error

        system.engine.outcome = fail

    return change


def other_settings(system: FakeSystem) -> None:
    tuning = system.target.deployment().tuning
    system.target.tune(replace(tuning, zone_rps=1.0), system.progress)


def nothing(system: FakeSystem) -> None:
    pass


@pytest.mark.parametrize(
    ("line", "change", "code"),
    [
        pytest.param("load card_browse", nothing, 0, id="load passes"),
        pytest.param("load card_browse", slow, 99, id="load misses a threshold"),
        pytest.param("load card_browse", outcome(Outcome.INVALID), 98, id="load is invalid"),
        pytest.param("load card_browse", outcome(Outcome.INTERRUPTED), 130, id="load interrupted"),
        pytest.param("load card_browse", ill, 4, id="something is down"),
        pytest.param("load card_browse", gone, 4, id="nothing is deployed"),
        pytest.param("load nosuch", nothing, 2, id="unknown scenario"),
        pytest.param("load card_browse --scale 1e9", nothing, 2, id="too much load"),
        pytest.param("load card_browse --processes 65", nothing, 2, id="too many processes"),
        pytest.param("load card_browse --base-url http://example.com", nothing, 2, id="host"),
        pytest.param(
            "load card_browse", raising(MissingOnMachine("no locust")), 3, id="something missing"
        ),
        pytest.param("load card_browse", raising(KeyError("x")), 70, id="our own bug"),
        pytest.param("load card_browse", raising(KeyboardInterrupt()), 130, id="Ctrl-C"),
        pytest.param("run card_browse", outcome(Outcome.FAIL), 99, id="run misses a threshold"),
        pytest.param("run trace", outcome(Outcome.INVALID), 98, id="nothing to fit"),
        pytest.param("calibrate card_browse", nothing, 2, id="no plan to calibrate by"),
        pytest.param("verify", slow, 96, id="verification fails"),
        pytest.param("verify", outcome(Outcome.INVALID), 98, id="verification is invalid"),
        pytest.param("verify", other_settings, 98, id="other settings are in force"),
        pytest.param("verify", outcome(Outcome.INTERRUPTED), 130, id="verification interrupted"),
        pytest.param("rollback --yes", other_settings, 2, id="settings of somebody else"),
        pytest.param("failover --zone a", losing, 95, id="data lost"),
        pytest.param("failover --zone x", nothing, 2, id="no such zone"),
        pytest.param("failover --zone a --fault boom", nothing, 2, id="no such fault"),
        pytest.param("failback --zone a", nothing, 4, id="zone is not away"),
        pytest.param("status", nothing, 0, id="healthy"),
        pytest.param("status", ill, 4, id="not healthy"),
        pytest.param("status", gone, 4, id="nothing to look at"),
        pytest.param("scale core 2", nothing, 2, id="no such service"),
        pytest.param("observe no-such-run", nothing, 2, id="no such run"),
        pytest.param("report ../../etc", nothing, 2, id="no run's id"),
        pytest.param("simulate --part other", nothing, 2, id="no such part"),
        pytest.param("deploy --zones ,", nothing, 2, id="no zone"),
    ],
)
def test_the_exit_code_says_how_it_ended(
    insurectl: Call,
    ready: FakeSystem,
    line: str,
    change: Callable[[FakeSystem], None],
    code: int,
) -> None:
    change(ready)
    said = insurectl(ready, *line.split())
    assert said.code == code, said.err
    assert "Traceback" not in said.err + said.out


def test_an_interrupted_command_says_so(insurectl: Call, ready: FakeSystem) -> None:
    raising(KeyboardInterrupt())(ready)
    said = insurectl(ready, "run", "card_browse")
    assert said.err.endswith("insurectl: interrupted\n")
    assert "report.html" in said.err


def test_a_bug_asks_to_be_reported_and_debug_shows_where(
    insurectl: Call, ready: FakeSystem
) -> None:
    raising(KeyError("x"))(ready)
    said = insurectl(ready, "load", "card_browse")
    assert "a bug in insurectl: KeyError: 'x'. Please report it" in said.err
    assert "raise error" in insurectl(ready, "load", "card_browse", "--debug").err


# ---- asked before anything moves ----


class Deaf(FakeTarget):
    """Nothing may be changed on it."""

    def tune(self, tuning: Tuning, progress: Progress) -> Deployment:
        raise AssertionError(tuning)

    def destroy(self, progress: Progress) -> None:
        raise AssertionError


@pytest.mark.parametrize("command", ["apply", "rollback", "destroy"])
def test_where_nobody_can_be_asked_yes_is_needed(
    insurectl: Call, ready: FakeSystem, command: str
) -> None:
    ready.target = Deaf(ready.clock, ready.target.up)
    said = insurectl(ready, command)
    assert (said.code, said.out) == (2, "")
    assert "Nobody can be asked here: add --yes" in said.err


@pytest.mark.parametrize("line", ["deploy", "apply", "rollback", "destroy"])
def test_a_dry_run_changes_nothing(insurectl: Call, ready: FakeSystem, line: str) -> None:
    before = ready.runs.read(ready.run_id(), Change)
    up = ready.target.up
    ready.target = Deaf(ready.clock, up)
    assert insurectl(ready, line, "--dry-run").code == 0
    assert (ready.target.up, ready.runs.read(ready.run_id(), Change)) == (up, before)


def test_apply_and_rollback_show_what_would_change(insurectl: Call, ready: FakeSystem) -> None:
    there = "core-app.autoscaling.min_replicas: 1 -> 2"
    back = "core-app.autoscaling.min_replicas: 2 -> 1"
    assert there in insurectl(ready, "apply", "--dry-run").out
    assert back in insurectl(ready, "rollback", "--dry-run").err
    assert insurectl(ready, "rollback", "--yes").code == 0
    assert there in insurectl(ready, "apply", "--yes").err


# ---- runs, long after ----


def test_the_latest_run_that_fits_is_taken(insurectl: Call, ready: FakeSystem) -> None:
    loop = ready.run_id()
    played(insurectl, ready)
    said = insurectl(ready, "fit", "-o", "json").json()
    assert said["run_id"] == loop  # the load that came after it has no calibration


def test_a_run_that_there_is_not_names_those_that_there_are(
    insurectl: Call, ready: FakeSystem
) -> None:
    said = insurectl(ready, "report", "20200101-000000-x-0000")
    assert ready.run_id() in said.err


@pytest.mark.parametrize("text", ["", "{", '{"schema": "insurectl/verdict/v9"}', "[]"])
def test_a_damaged_record_is_named(insurectl: Call, ready: FakeSystem, text: str) -> None:
    path = ready.runs.folder(ready.run_id()) / "70-verify.json"
    path.write_text(text)
    said = insurectl(ready, "report")
    assert (said.code, said.out) == (2, "")
    assert f"insurectl: {path}: " in said.err


def test_a_report_needs_neither_the_scenarios_file_nor_a_system(
    insurectl: Call, ready: FakeSystem
) -> None:
    ready.target.up = None
    (ready.runs.folder(ready.run_id()) / "05-scenario.json").unlink()
    said = insurectl(ready, "report")
    page = ready.runs.folder(ready.run_id()) / "report.html"
    assert (said.code, said.out) == (0, f"{page}\n")


def test_a_stage_plays_the_scenario_that_its_run_kept(insurectl: Call, ready: FakeSystem) -> None:
    assert insurectl(ready, "simulate", "-o", "json").json()["lasted_s"] == 60
    other = insurectl(ready, "simulate", "--scenario", "rps_scaling", "-o", "json").json()
    assert other["lasted_s"] == 110


def test_a_run_that_kept_no_scenario_and_has_one_of_its_own_needs_it_named(
    insurectl: Call, ready: FakeSystem
) -> None:
    (ready.runs.folder(ready.run_id()) / "05-scenario.json").unlink()
    said = insurectl(ready, "verify")
    assert said.code == ExitCode.USAGE
    assert "no scenario 'loop'" in said.err


def test_a_load_that_is_observed_elsewhere_is_refused(insurectl: Call, ready: FakeSystem) -> None:
    insurectl(ready, "load", "card_browse", "--base-url", "http://127.0.0.1:9")
    said = insurectl(ready, "observe")
    assert said.code == ExitCode.USAGE
    assert "http://127.0.0.1:9, which is not the system default" in said.err


# ---- options that reach the stage ----


@pytest.mark.parametrize(
    ("options", "expected"),
    [
        pytest.param(["--seed", "0"], {"seed": 0}, id="seed 0"),
        pytest.param(["--processes", "3"], {"processes": 3}, id="processes"),
        pytest.param(["--scale", "0.5"], {"scale": 0.5}, id="scale"),
        pytest.param([], {"seed": 7, "processes": 1, "scale": 1.0}, id="none"),
    ],
)
def test_options_of_a_load_reach_it(
    insurectl: Call, ready: FakeSystem, options: list[str], expected: dict[str, Any]
) -> None:
    assert insurectl(ready, "load", "card_browse", *options).code == 0
    job = ready.engine.jobs[-1]
    assert {name: getattr(job, name) for name in expected} == expected


def test_processes_come_from_the_settings_too(
    insurectl: Call, ready: FakeSystem, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSURECTL_LOAD_PROCESSES", "2")
    insurectl(ready, "load", "card_browse")
    insurectl(ready, "load", "card_browse", "--processes", "4")
    assert [job.processes for job in ready.engine.jobs] == [2, 4]


@pytest.mark.parametrize("by", ["flag", "variable"])
def test_a_host_may_be_allowed_by_flag_or_variable(
    insurectl: Call, ready: FakeSystem, monkeypatch: pytest.MonkeyPatch, by: str
) -> None:
    line = ["load", "card_browse", "--base-url", "http://example.com"]
    if by == "variable":
        monkeypatch.setenv("INSURECTL_ALLOW_HOST", "other, example.com")
    else:
        line += ["--allow-host", "other", "--allow-host", "example.com"]
    assert insurectl(ready, *line).code == 0  # played by the fake engine, which sends nothing
    assert ready.engine.jobs[-1].base_url == "http://example.com"


def test_deploy_takes_what_it_is_given(insurectl: Call, system: FakeSystem) -> None:
    said = insurectl(
        system, "deploy", "--zones", "a, b,c", "--clients", "9", "--name", "peak", "-o", "json"
    )
    assert said.code == 0
    assert said.json()["name"] == "peak"
    assert [zone["name"] for zone in said.json()["zones"]] == ["a", "b", "c"]
    assert said.json()["clients"] == 9


def test_seed_zero_is_a_seed(insurectl: Call, system: FakeSystem) -> None:
    assert insurectl(system, "deploy", "--seed", "0", "--dry-run", "-o", "json").json()["seed"] == 0


def test_a_simulation_says_that_it_is_one(insurectl: Call, ready: FakeSystem) -> None:
    said = insurectl(ready, "simulate", "--settings", "before")
    assert said.out.startswith("simulated: 60 s of traffic on core-app in 2 zones, ")
    assert "replicas, most" in said.out
    assert "nothing was measured" in said.out


def test_a_load_is_kept_with_its_settings(insurectl: Call, ready: FakeSystem) -> None:
    run_id = insurectl(ready, "load", "card_browse", "-o", "json").json()["run_id"]
    assert ready.runs.info(run_id).settings == {"name": "default"}
    assert ready.runs.has(run_id, LoadResult)


def test_the_readmes_settings_file_is_read(
    insurectl: Call, system: FakeSystem, tmp_path: Path
) -> None:
    (tmp_path / "insurectl.yaml").write_text("name: filed\nseed: 3\n")
    plan = insurectl(system, "deploy", "--dry-run", "-o", "json").json()
    assert (plan["name"], plan["seed"]) == ("filed", 3)
    (tmp_path / "insurectl.yaml").write_text("name: filed\nsede: 3\n")
    said = insurectl(system, "deploy", "--dry-run")
    assert said.code == ExitCode.USAGE
    assert "insurectl.yaml:2" in said.err
