"""What is chosen for one call reaches it as a setting; what is not chosen stays as deployed."""

import os
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path

import pytest

from insurectl import settings as settings_module
from insurectl import wiring
from insurectl.adapters import cluster_record
from insurectl.cli import app
from insurectl.errors import ExitCode
from insurectl.ports import DeployPlan, Progress, World
from insurectl.records import Deployment
from insurectl.settings import Settings
from tests.fake_system import FakeSystem
from tests.fakes import FakeTarget, constant
from tests.unit.cli.conftest import Call


@dataclass
class Planned(FakeTarget):
    """Keeps every plan."""

    plans: list[DeployPlan] = field(default_factory=list)

    def deploy(self, plan: DeployPlan, progress: Progress) -> Deployment:
        self.plans.append(plan)
        return super().deploy(plan, progress)


Given = Callable[..., Settings]


@pytest.fixture
def given(looped: FakeSystem, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Given:
    """The settings that a command asks its world with."""
    monkeypatch.chdir(tmp_path)
    for variable in [name for name in os.environ if name.startswith(settings_module.PREFIX)]:
        monkeypatch.delenv(variable)

    def call(*arguments: str) -> Settings:
        seen: list[Settings] = []

        def connect(settings: Settings, progress: Progress) -> World:
            seen.append(settings)
            return replace(looped.world, progress=progress)

        app.run(list(arguments), connect)
        return seen[-1]

    return call


@pytest.fixture
def planned(system: FakeSystem) -> Planned:
    target = Planned(system.clock, journal=system.target.journal)
    system.target = system.metrics.target = target
    system.engine.latencies_ms = constant(100.0)
    return target


@pytest.mark.parametrize(
    ("line", "name", "value"),
    [
        ("deploy --registry r.example/team", "registry", "r.example/team"),
        ("deploy --clients 9", "clients", 9),
        ("deploy --seed 0", "seed", 0),
        ("observe --prometheus-url https://p", "prometheus_url", "https://p"),
        ("load card_browse --processes 3", "load_processes", 3),
        ("run card_browse --processes 3", "load_processes", 3),
        ("calibrate trace --processes 3", "load_processes", 3),
        ("verify --processes 3", "load_processes", 3),
        ("failover --zone a --processes 3", "load_processes", 3),
    ],
)
def test_a_commands_own_option_is_a_flag_like_any_other(
    given: Given, line: str, name: str, value: object
) -> None:
    settings = given(*line.split())
    assert (getattr(settings, name), settings.origins[name]) == (value, "flag")
    assert {one for one in settings.origins if settings.given(one)} == {name}


def test_shared_flags_and_the_file_stay_with_them(given: Given, tmp_path: Path) -> None:
    (tmp_path / "other.yaml").write_text("slot: 3\n")
    settings = given("deploy", "--seed", "1", "--name", "peak", "--config", "other.yaml")
    assert (settings.seed, settings.name, settings.slot) == (1, "peak", 3)


def test_a_registry_chosen_now_holds_over_the_one_that_was_deployed(
    given: Given, tmp_path: Path
) -> None:
    folder = tmp_path / "state" / "default"
    folder.mkdir(parents=True)
    cluster_record.keep_choices(folder, {"registry": "old", "target": "kind"})
    state = f"{tmp_path}/state"
    assert wiring.as_deployed(given("deploy", "--state", state)).registry == "old"
    chosen = given("deploy", "--state", state, "--registry", "new")
    assert wiring.as_deployed(chosen).registry == "new"


@pytest.mark.parametrize("line", ["status", "logs core-app", "destroy --yes"])
def test_what_measures_nothing_needs_no_prometheus(
    given: Given, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    monkeypatch.setenv("INSURECTL_PROMETHEUS_URL", "https://p")
    settings = given(*line.split())
    assert settings.prometheus_url == ""
    assert settings.given("prometheus_url"), "or one that was remembered would take its place"


# ---- zones, clients and seed ----


def test_what_is_not_chosen_is_left_to_the_target(
    insurectl: Call, system: FakeSystem, planned: Planned
) -> None:
    assert insurectl(system, "deploy").code == 0
    assert insurectl(system, "run", "card_browse").code == 0
    for plan in planned.plans:
        assert (plan.zones, plan.clients, plan.seed) == (None, None, None)


def test_a_setting_is_a_choice(
    insurectl: Call, system: FakeSystem, planned: Planned, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("INSURECTL_SEED", "7")
    Path("insurectl.yaml").write_text("clients: 9\n")
    insurectl(system, "run", "card_browse")
    assert (planned.plans[0].clients, planned.plans[0].seed) == (9, 7)


@pytest.mark.usefixtures("planned")
def test_run_and_deploy_keep_the_zones_that_are_there(insurectl: Call, system: FakeSystem) -> None:
    insurectl(system, "deploy", "--zones", "eu-1a,eu-1b", "--clients", "9")
    for line in ("run card_browse", "deploy"):
        assert insurectl(system, *line.split()).code == 0
        deployment = system.target.deployment()
        assert [zone.name for zone in deployment.zones] == ["eu-1a", "eu-1b"]
        assert deployment.clients == 9


@pytest.mark.parametrize(
    ("zones", "names"),
    [
        pytest.param("2", ["a", "b"], id="two"),
        pytest.param("1", ["a"], id="one"),
        pytest.param("b", ["b"], id="a name"),
        pytest.param("1,2", ["1", "2"], id="names that are numbers"),
    ],
)
def test_a_number_of_zones_means_the_first(
    insurectl: Call, system: FakeSystem, zones: str, names: list[str]
) -> None:
    said = insurectl(system, "deploy", "--zones", zones, "--dry-run", "-o", "json")
    assert (said.code, said.json()["zones"]) == (0, names)


@pytest.mark.parametrize("zones", ["0", "3", "99999"])
def test_more_zones_than_there_are_is_refused(
    insurectl: Call, system: FakeSystem, zones: str
) -> None:
    said = insurectl(system, "deploy", "--zones", zones)
    assert said.code == ExitCode.USAGE
    assert f"--zones {zones}: the system has 2 zones, a, b" in said.err


# ---- doctor ----


def test_doctor_looks_for_what_the_deployed_target_needs(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    folder = tmp_path / "state" / "default"
    folder.mkdir(parents=True)
    cluster_record.keep_choices(folder, {"target": "kubeconfig"})
    app.run(["doctor", "--state", f"{tmp_path}/state"])
    assert "helm" in capsys.readouterr().out
