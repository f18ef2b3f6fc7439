"""values.yaml says the same as the system's own list of what runs."""

from typing import Any

import pytest
import yaml

from insurectl.adapters.topology import system_folder
from tests.unit.chart.rendered import CHART

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
TOPOLOGY = yaml.safe_load((system_folder() / "topology.yaml").read_text())


def test_the_same_services_run() -> None:
    assert list(VALUES["services"]) == list(TOPOLOGY["services"])


@pytest.mark.parametrize("name", TOPOLOGY["services"])
def test_a_service_is_what_the_topology_says(name: str) -> None:
    assert _of_values(VALUES["services"][name]) == _of_topology(TOPOLOGY["services"][name])


def test_the_limits_are_the_same() -> None:
    assert VALUES["limits"]["partnerPerMinute"] == TOPOLOGY["limits"]["partner_per_minute"]
    postgresql = TOPOLOGY["outside"]["postgresql"]
    assert VALUES["postgresql"]["maxConnections"] == postgresql["max_connections"]


def test_the_values_name_a_secret_and_hold_none() -> None:
    assert VALUES["secrets"] == {"database": "database", "revision": ""}
    assert not [key for key in _keys(VALUES) if "password" in key.lower() or "token" in key.lower()]


def _of_values(service: dict[str, Any]) -> dict[str, Any]:
    scaling, memory = service["autoscaling"], service["memory"]
    return {
        **{key: service[key] for key in ("module", "needs", "database", "cost")},
        "memory": (memory["requestMib"], memory["limitMib"]),
        "autoscaling": (scaling["min"], scaling["max"], scaling["metrics"]),
    }


def _of_topology(service: dict[str, Any]) -> dict[str, Any]:
    scaling, memory = service["autoscaling"], service["memory"]
    metrics = [{"type": "memory", "utilizationPercent": scaling["memory_percent"]}]
    return {
        **{key: service[key] for key in ("module", "needs", "database", "cost")},
        "memory": (memory["request_mib"], memory["limit_mib"]),
        "autoscaling": (scaling["min"], scaling["max"], metrics),
    }


def _keys(values: Any) -> list[str]:
    if isinstance(values, dict):
        return [*values, *(key for one in values.values() for key in _keys(one))]
    return []
