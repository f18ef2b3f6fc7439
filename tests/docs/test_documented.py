"""What users meet is documented, and what is documented is there."""

import re
from dataclasses import fields
from pathlib import Path
from typing import Any

import pytest
import typer

from insurectl import scenario, settings
from insurectl.adapters import scenario_file, scenario_load, scenario_system
from insurectl.adapters.local_faults import KINDS
from insurectl.adapters.scenario_file import METRICS, bundled_names, load_scenario
from insurectl.adapters.topology import bundled
from insurectl.cli.app import COMMANDS, build
from insurectl.errors import EXIT_CODES, ExitCode
from insurectl.planning.plan_inputs import INPUTS, OF_SERVICE
from insurectl.records import Cost

ROOT = Path(__file__).parents[2]
PLAN = (ROOT / "docs" / "plan.md").read_text(encoding="utf-8")
README = (ROOT / "README.md").read_text(encoding="utf-8")
SCENARIOS = (ROOT / "scenarios" / "README.md").read_text(encoding="utf-8")
SIMULATE = (ROOT / "docs" / "simulate.md").read_text(encoding="utf-8")
FOLDERS = {
    README: ROOT,
    SCENARIOS: ROOT / "scenarios",
    SIMULATE: ROOT / "docs",
    PLAN: ROOT / "docs",
}
SCENARIO_TABLES = {
    "The file": scenario_file.KEYS,
    "load": scenario_load.KEYS,
    "load.stages": ("duration", *scenario_load.LEVELS.values(), "ramp_to"),
    "load.trace": scenario_load.TRACE_KEYS,
    "slo": scenario_file.SLO_KEYS,
    "abort": scenario_file.ABORT_KEYS,
    "faults": scenario_file.FAULT_KEYS,
    "system": scenario_system.SERVICE_KEYS,
    "system.SERVICE.cost": scenario_system.COSTS,
    "system.SERVICE.memory": scenario_system.MEMORY_KEYS,
    "system.SERVICE.autoscaling": scenario_system.AUTOSCALING_KEYS,
    "system.SERVICE.autoscaling.scale_up and scale_down": scenario_system.RULES_KEYS,
    "policies": scenario_system.POLICY_KEYS,
    "calibrate": scenario_file.CALIBRATE_KEYS,
    "calibrate.slo": scenario_file.CALIBRATE_SLO_KEYS,
}
PUBLIC = ("Journey", "task", "feeder", "Http", "Answer", "Streamed", "Event")


def tables(section: str) -> list[dict[str, list[str]]]:
    """Each as first cell -> the others, in the order of the text."""
    found: list[dict[str, list[str]]] = []
    inside = False
    for line in section.splitlines():
        if line.startswith("|---"):
            found.append({})
        elif line.startswith("|") and inside and found:
            first, *others = (cell.strip() for cell in line.strip("|").split("|"))
            found[-1][first.strip("`")] = others
        inside = line.startswith("|")
    return found


def section(text: str, title: str) -> str:
    """What stands below a heading, up to the next one."""
    parts = re.split(rf"^#+ {re.escape(title)}$", text, flags=re.MULTILINE)
    assert len(parts) == 2, f"{title!r} is a heading {len(parts) - 1} times"
    return re.split(r"^#+ ", parts[1], flags=re.MULTILINE)[0]


# ---- README.md ----


def test_every_command_is_in_the_readmes_table_and_no_other() -> None:
    (commands,) = tables(section(README, "Commands"))
    assert list(commands) == list(COMMANDS), "in the order of use"


def test_every_setting_is_in_the_readmes_table_and_no_other() -> None:
    (rows,) = tables(section(README, "Settings"))
    assert set(rows) == set(settings.NAMES)


# those whose default is told in words
WITH_A_DEFAULT = [one for one in settings.NAMES if one not in ("state", "slot", "addons")]


@pytest.mark.parametrize("name", WITH_A_DEFAULT)
def test_the_default_of_a_setting_is_what_the_readme_says(name: str) -> None:
    (rows,) = tables(section(README, "Settings"))
    default = {one.name: one.default for one in fields(settings.Settings)}[name]
    said = rows[name][0].strip("`")
    shown = f"{default:g}" if isinstance(default, float) else str(default)
    assert said == (shown if default not in ((), "") else "none")


def test_the_readme_says_that_an_unknown_variable_is_an_error() -> None:
    assert re.search(
        r"`INSURECTL_\*`.*unknown|unknown.*`INSURECTL_\*`", section(README, "Settings")
    )


def test_every_exit_code_is_in_the_readmes_table_with_its_meaning() -> None:
    (rows,) = tables(section(README, "Exit codes"))
    assert {code: cells[0] for code, cells in rows.items()} == {
        str(int(code)): meaning for code, meaning in EXIT_CODES.items()
    }


def test_every_exit_code_has_a_meaning() -> None:
    assert set(EXIT_CODES) == set(ExitCode)


def test_the_readme_leads_to_how_a_scenario_is_written() -> None:
    assert "(scenarios/README.md)" in README


@pytest.mark.parametrize("text", FOLDERS, ids=["README", "scenarios", "simulate", "plan"])
def test_every_link_leads_somewhere(text: str) -> None:
    for link in re.findall(r"\]\(([^)#]+)\)", text):
        assert "://" in link or (FOLDERS[text] / link).exists(), link


@pytest.mark.parametrize("text", FOLDERS, ids=["README", "scenarios", "simulate", "plan"])
def test_every_command_line_that_is_shown_exists(text: str) -> None:
    shown = re.findall(r"^insurectl (\w+)(.*)$", text, flags=re.MULTILINE)
    assert shown
    group: Any = typer.main.get_command(build())
    for name, rest in shown:
        known = {option for one in parameters(group.commands[name]) for option in one.opts}
        used = re.findall(r"(?<=\s)--?[a-z][a-z-]*", rest.partition("#")[0])
        assert set(used) <= known, f"insurectl {name}"


def parameters(command: Any) -> list[Any]:
    """Those of a command, or of all commands of a group."""
    below = getattr(command, "commands", {}).values()
    return [*command.params, *(one for child in below for one in parameters(child))]


# ---- docs/plan.md ----


def test_every_input_of_a_plan_is_in_its_table_and_no_other() -> None:
    (rows,) = tables(section(PLAN, "Inputs"))
    assert set(rows) == {*INPUTS, *(f"{name}.SERVICE" for name in OF_SERVICE)}
    assert {name: cells[0] for name, cells in rows.items() if name in INPUTS} == {
        name: one.what for name, one in INPUTS.items()
    }


# ---- docs/simulate.md ----

SHARED = {"--name", "--target", "--context", "--state", "--reports", "--config", "--output",
          "--quiet", "--debug", "--help"}  # fmt: skip
OF_A_RUN = {"--scenario", "--part", "--settings", "--zones", "--seed"}


def test_every_option_of_own_autoscalers_is_told() -> None:
    group: Any = typer.main.get_command(build())
    options = {option for one in group.commands["simulate"].params for option in one.opts}
    own = {one for one in options if one.startswith("--")} - SHARED - OF_A_RUN
    assert [one for one in sorted(own) if one not in SIMULATE] == []


# ---- scenarios/README.md ----


@pytest.mark.parametrize("title", SCENARIO_TABLES)
def test_every_key_of_a_scenario_is_in_its_table_and_no_other(title: str) -> None:
    rows = tables(section(SCENARIOS, title))[0]
    assert set(rows) == set(SCENARIO_TABLES[title])


def test_the_tables_are_all_there_are() -> None:
    told = {
        title
        for title in re.findall(r"^#+ (.+)$", SCENARIOS, flags=re.MULTILINE)
        if any(next(iter(table), "") for table in tables(section(SCENARIOS, title)))
    }
    assert told == {*SCENARIO_TABLES, "Scenarios", "Journeys"}


def test_every_metric_is_in_its_table_and_no_other() -> None:
    assert set(tables(section(SCENARIOS, "slo"))[1]) == set(METRICS)


def test_every_bundled_scenario_is_in_its_table_and_no_other() -> None:
    (rows,) = tables(section(SCENARIOS, "Scenarios"))
    assert {re.sub(r"\[(\w+)\]\(\1\.yaml\)", r"\1", row) for row in rows} == set(bundled_names())


@pytest.mark.parametrize("words", [tuple(KINDS), tuple(bundled().zones)], ids=["kinds", "zones"])
def test_every_fault_and_zone_is_named(words: tuple[str, ...]) -> None:
    assert all(f"`{word}`" in section(SCENARIOS, "faults") for word in words)


def test_every_service_is_named() -> None:
    assert all(f"`{name}`" in section(SCENARIOS, "system") for name in bundled().services)


def test_the_limits_of_a_cost_are_those_of_the_parser() -> None:
    (rows,) = tables(section(SCENARIOS, "system.SERVICE.cost"))
    said = {key: float(cells[-1].replace(",", "")) for key, cells in rows.items()}
    assert said == {one.name: most(one.name) for one in fields(Cost)}


def most(cost: str) -> float:
    if cost == "workers":
        return scenario_system.MAX_WORKERS
    return scenario_system.MAX_COST[cost.rpartition("_")[2]]


@pytest.mark.parametrize(
    "limit",
    [scenario_load.MAX_RPS, scenario_load.MAX_ARRIVALS, scenario_load.MAX_USERS],
    ids=["rate", "arrivals", "users"],
)
def test_the_bounds_of_a_load_are_named(limit: int) -> None:
    assert f"{limit:,}" in section(SCENARIOS, "load")


def test_the_example_is_a_scenario(tmp_path: Path) -> None:
    example = section(SCENARIOS, "A small one, complete")
    text, journey = re.findall(r"```(?:yaml|python)\n(.*?)```", example, flags=re.DOTALL)
    (tmp_path / "mine.yaml").write_text(text)
    (tmp_path / "mine.py").write_text(journey)
    found = load_scenario(str(tmp_path / "mine.yaml"))
    assert found.name == "mine"
    names: dict[str, Any] = {}
    exec(compile(journey, "mine.py", "exec"), names)  # the example is ours
    assert names["Mine"].tasks == (("read", 1),)


@pytest.mark.parametrize("name", PUBLIC)
def test_every_public_name_of_journeys_is_there_and_told(name: str) -> None:
    assert hasattr(scenario, name)
    assert name in tables(section(SCENARIOS, "Journeys"))[0]


def test_what_a_newcomer_reads_first_stays_short() -> None:
    first = (
        "README.md",
        "insurectl/records/__init__.py",
        "insurectl/stages/run.py",
        "insurectl/ports.py",
        "insurectl/adapters/local.py",
        "insurectl/planning/hpa.py",
    )
    lines = sum(len((ROOT / name).read_text(encoding="utf-8").splitlines()) for name in first)
    assert lines < 900
