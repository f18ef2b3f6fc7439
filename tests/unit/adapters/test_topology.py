"""The list of what runs, and that it agrees with the contracts between the services."""

import json
from pathlib import Path

import pytest

from insurectl.adapters import topology
from insurectl.errors import BadFile
from system.core_app.app import CoreAppSettings
from system.osago_aggregator.app import OsagoAggregatorSettings

KNOWN = topology.bundled()
CONTRACTS = topology.system_folder() / "contracts"


def events() -> dict[str, set[str]]:
    """Event -> who gets it, as its schema says."""
    schemas = {path: json.loads(path.read_text()) for path in CONTRACTS.glob("*.v[0-9]*.json")}
    return {path.stem: set(schema["x-consumers"]) for path, schema in schemas.items()}


def test_every_event_goes_to_those_whom_its_contract_names() -> None:
    consumers: dict[str, set[str]] = {}
    for one in KNOWN.services.values():
        for event in one.consumes:
            consumers.setdefault(event, set()).add(one.name)
    assert consumers == events()


def test_every_event_is_published_by_one_service() -> None:
    published = [event for one in KNOWN.services.values() for event in one.publishes]
    assert sorted(published) == sorted(events())


def test_whoever_needs_a_service_with_callers_is_one_of_them() -> None:
    wrong = [
        f"{one.name} -> {need}"
        for one in KNOWN.services.values()
        for need in one.needs
        if need in KNOWN.services and one.name not in KNOWN.services[need].callers
    ]
    assert wrong == []


def test_needs_are_services_or_servers() -> None:
    servers = {"postgresql", "rabbitmq", "redis"}
    unknown = [n for one in KNOWN.services.values() for n in one.needs
               if n not in servers and n not in KNOWN.services]  # fmt: skip
    assert unknown == []


def test_a_database_is_needed_by_whoever_has_one() -> None:
    assert {n for n, s in KNOWN.services.items() if "postgresql" in s.needs} == set(
        KNOWN.databases()
    )


@pytest.mark.parametrize(
    ("service", "migrates"),
    [
        pytest.param("core-app", True, id="has a database"),
        pytest.param("core-app-relay", False, id="uses another's"),
        pytest.param("web", False, id="has none"),
    ],
)
def test_who_migrates(service: str, migrates: bool) -> None:
    assert KNOWN.service(service).migrates is migrates


def test_migrations_are_where_the_topology_says() -> None:
    folder = topology.system_folder()
    for one in KNOWN.services.values():
        if one.migrates:
            assert (folder / one.module.removeprefix("system.") / "migrations").is_dir(), one.name


@pytest.mark.parametrize("text", ["", "[]", "zones: {}", "services: ["])
def test_a_file_that_holds_no_topology_is_named(tmp_path: Path, text: str) -> None:
    path = tmp_path / "topology.yaml"
    path.write_text(text)
    with pytest.raises(BadFile, match="no topology"):
        topology.read(path)


def test_what_is_left_out_of_a_service_has_its_usual_value() -> None:
    found = KNOWN.service("web")
    assert (found.command, found.callers, found.database, found.seeds) == ("serve", (), None, False)


def test_what_a_plan_takes_for_limits_are_the_services_own() -> None:
    demand = KNOWN.demand
    aggregator = OsagoAggregatorSettings.model_fields
    assert demand.insurer_per_second == aggregator["insurer_rate"].default
    assert demand.applications_max == aggregator["applications_max"].default
    pace = CoreAppSettings.model_fields["aggregator_per_second"]
    assert demand.aggregator_per_second == pace.default


def test_people_drive_services_that_there_are() -> None:
    demand = KNOWN.demand
    assert {*demand.calls, *demand.calls_per_insurer} <= set(KNOWN.services)
