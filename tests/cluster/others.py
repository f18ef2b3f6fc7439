"""Who deploys the system in the tests of adopting it, and what can be seen of their objects."""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml

from insurectl import settings, wiring
from insurectl.ports import World
from insurectl.records import Deployment
from tests.cluster.test_chart import Programs
from tests.fakes import ListProgress
from tests.unit.chart.rendered import objects
from tests.unit.chart.variants import MEMORY, QUERY, RESPONSE_TIME, RPS

ZONES = ("a", "b")
KINDS = "deployment,scaledobject,horizontalpodautoscaler,configmap"
CONTROLLERS = ("kube-controller-manager",)


def values(provider: str = "keda", behavior: Any = None) -> dict[str, Any]:
    """Of the chart, with two metrics that insurectl does not know."""
    metrics = [MEMORY, RESPONSE_TIME, RPS, QUERY]
    spec = {"min": 1, "max": 6, "metrics": metrics, "behavior": behavior or {}}
    return {
        "services": {"core-app": {"autoscaling": spec}},
        "autoscaling": {
            "provider": provider,
            "hpa": {"customMetrics": True, "externalMetrics": True},
        },
        "migrations": {"enabled": False},
        "clusterParts": False,
    }


@dataclass
class Others:
    """Who deployed the system: ``argocd`` by server-side apply, or Helm."""

    programs: Programs
    context: str
    kubeconfig: Path
    state: Path

    def namespace(self, zone: str) -> str:
        return f"{self.state.name}-{zone}".lower().replace("_", "-")[-40:].strip("-")

    def apply(self, zone: str, told: Mapping[str, Any] | None, how: str = "argocd") -> None:
        """``argocd``: server-side; ``kubectl``: client-side; ``helm``: a release of its own."""
        where = self.namespace(zone)
        if how == "helm":
            self.programs.install(where, {**(told or {}), "zone": zone})
            return
        found = objects({**(told or {}), "zone": zone}, where)
        side = ("--server-side", f"--field-manager={how}") if how == "argocd" else ()
        self.programs.kubectl(
            *("apply", *side, "-n", where, "-f", "-"),
            told=yaml.safe_dump_all([one for one in found if one["kind"] not in ("Pod", "Job")]),
        )

    def get(self, zone: str, what: str) -> dict[str, Any]:
        kind, name = what.split("/")
        shown = ("-o", "json", "--show-managed-fields")
        found: dict[str, Any] = json.loads(
            self.programs.kubectl("get", kind, name, "-n", self.namespace(zone), *shown)
        )
        return found

    def patch(self, zone: str, what: str, patch: Any, manager: str) -> None:
        told = ("--type=merge", f"--field-manager={manager}", "-p", json.dumps(patch))
        self.programs.kubectl("patch", *what.split("/"), "-n", self.namespace(zone), *told)

    def all(self) -> dict[str, Any]:
        """What is wanted, and who wants it, of every object that could be tuned; as JSON."""
        found: dict[str, Any] = {}
        for zone in ZONES:
            where = ("-n", self.namespace(zone), "-o", "json", "--show-managed-fields")
            for one in json.loads(self.programs.kubectl("get", KINDS, *where))["items"]:
                name = f"{zone}/{one['kind']}/{one['metadata']['name']}"
                if one["kind"] == "Deployment":
                    del one["spec"]["replicas"]  # the autoscaler's, which goes back when it does
                found[name] = (
                    json.dumps({key: one.get(key) for key in ("spec", "data")}, sort_keys=True),
                    json.dumps(owned(one), sort_keys=True),
                )
        return found

    def world(self) -> World:
        return wiring.connect(self.settings(), ListProgress())

    def settings(self) -> settings.Settings:
        flags = {"name": "osago", "target": "kubeconfig", "state": self.state,
                 "context": [self.context], "kubeconfig": f"{self.kubeconfig}"}  # fmt: skip
        return settings.load(flags, {})

    def adopt(self) -> Deployment:
        places = {zone: self.namespace(zone) for zone in ZONES}
        return wiring.adopt(
            self.settings(), places, edge_url="http://osago.example.org", credentials=None
        )


def owned(found: Mapping[str, Any]) -> dict[str, Any]:
    """Manager -> its fields, less those who only write what the settings lead to, and what they
    write."""
    entries = {
        f"{one['manager']} {one['operation']}": one["fieldsV1"]
        for one in found["metadata"]["managedFields"]
        if one["manager"] not in CONTROLLERS
    }
    for fields in entries.values():
        fields.get("f:spec", {}).pop("f:replicas", None)
    return entries
