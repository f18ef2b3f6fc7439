"""values.yaml says the same as the system's own list of what runs."""

from typing import Any

import pytest
import yaml

from insurectl.adapters.topology import system_folder
from tests.unit.chart.rendered import CHART

VALUES = yaml.safe_load((CHART / "values.yaml").read_text())
LEFT_OUT: dict[str, Any] = {  # what holds where one is left out, in both
    **{"command": "serve", "needs": [], "callers": [], "publishes": [], "consumes": []},
    **{"tokens": "none", "database": None, "migrates": True, "cost": {}},
}
TOPOLOGY = yaml.safe_load((system_folder() / "topology.yaml").read_text())


def test_the_same_services_run() -> None:
    assert list(VALUES["services"]) == list(TOPOLOGY["services"])


@pytest.mark.parametrize("name", TOPOLOGY["services"])
def test_a_service_is_what_the_topology_says(name: str) -> None:
    assert _of_values(VALUES["services"][name]) == _of_topology(TOPOLOGY["services"][name])


def test_the_limits_are_the_same() -> None:
    ours, theirs = VALUES["limits"], TOPOLOGY["limits"]
    assert ours["partnerPerMinute"] == theirs["partner_per_minute"]
    assert ours["peopleInFlight"] == theirs["people_in_flight"]
    assert ours["peopleStreams"] == theirs["people_streams"]
    assert VALUES["insurers"] == TOPOLOGY["insurers"]
    postgresql = TOPOLOGY["outside"]["postgresql"]
    assert VALUES["postgresql"]["maxConnections"] == postgresql["max_connections"]


def test_the_values_name_secrets_and_hold_none() -> None:
    named = {"database": "database", "services": "services", "revision": ""}
    assert VALUES["secrets"] == named
    told = {key.lower() for key in _keys(VALUES)} - {"tokens"}
    assert not [key for key in told if "password" in key or "token" in key]
    assert {one.get("tokens", "none") for one in VALUES["services"].values()} == {
        *("none", "verify", "issue"),
    }


def _of_values(service: dict[str, Any]) -> dict[str, Any]:
    scaling, memory = service.get("autoscaling"), service["memory"]
    return {
        **{key: service.get(key, value) for key, value in LEFT_OUT.items()},
        "module": service["module"],
        "memory": (memory["requestMib"], memory["limitMib"]),
        "autoscaling": scaling and (scaling["min"], scaling["max"], scaling["metrics"]),
    }


def _of_topology(service: dict[str, Any]) -> dict[str, Any]:
    scaling, memory = service.get("autoscaling"), service["memory"]
    metric = {"type": "memory", "utilizationPercent": (scaling or {}).get("memory_percent")}
    return {
        **{key: service.get(key, value) for key, value in LEFT_OUT.items()},
        "module": service["module"],
        "memory": (memory["request_mib"], memory["limit_mib"]),
        "autoscaling": scaling and (scaling["min"], scaling["max"], [metric]),
    }


def _keys(values: Any) -> list[str]:
    if isinstance(values, dict):
        return [*values, *(key for one in values.values() for key in _keys(one))]
    return []
