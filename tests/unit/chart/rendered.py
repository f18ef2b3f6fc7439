"""The chart as Helm renders it, for tests."""

import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml

CHART = Path(__file__).parents[3] / "helm" / "insure-system"
OUTSIDE = {
    "parts": {"zone": False, "outside": True},
    "zone": "",
    "edge": {"zones": [{"name": "a", "gateway": "gateway.insure-default-a:8080"}]},
}
needs_helm = pytest.mark.skipif(shutil.which("helm") is None, reason="helm is not on PATH")

Object = dict[str, Any]


class Refused(Exception):
    """What Helm said."""


def render(values: Mapping[str, Any] | None = None, namespace: str = "insure-default-a") -> str:
    """``helm template``; Refused with its words when it fails."""
    return _render(yaml.safe_dump(dict(values or {})), namespace)


@cache
def _render(values: str, namespace: str) -> str:
    command = ["helm", "template", "insure-system", f"{CHART}", "-n", namespace, "-f", "-"]
    done = subprocess.run(command, input=values, capture_output=True, text=True, check=False)
    if done.returncode:
        raise Refused(done.stderr)
    return done.stdout


def objects(
    values: Mapping[str, Any] | None = None, namespace: str = "insure-default-a"
) -> list[Object]:
    """Every object of it."""
    return [one for one in yaml.safe_load_all(render(values, namespace)) if one]


def outside(values: Mapping[str, Any] | None = None) -> list[Object]:
    """Every object of the release beside the zones."""
    return objects({**OUTSIDE, **(values or {})}, "insure-default")


def named(found: Sequence[Object], kind: str, name: str) -> Object:
    """The one of that name."""
    return next(o for o in found if o["kind"] == kind and o["metadata"]["name"] == name)


def kinds(found: Sequence[Object], kind: str) -> list[str]:
    """Names of all of a kind, sorted."""
    return sorted(o["metadata"]["name"] for o in found if o["kind"] == kind)


def pods(found: Sequence[Object]) -> Iterator[tuple[str, Object, Object]]:
    """Where it stands, metadata and spec of every pod that the objects would make."""
    for one in found:
        where = f"{one['kind']}/{one['metadata']['name']}"
        if one["kind"] == "Pod":
            yield where, one["metadata"], one["spec"]
        elif "template" in one.get("spec", {}):
            template = one["spec"]["template"]
            yield where, template["metadata"], template["spec"]


def service(name: str, **changed: Any) -> Object:
    """Values that change one service."""
    return {"services": {name: changed}}


def scaled() -> list[str]:
    """Services that have an autoscaler by the values, sorted."""
    values = yaml.safe_load((CHART / "values.yaml").read_text())
    return sorted(name for name, one in values["services"].items() if one["autoscaling"])


def service_names() -> list[str]:
    """All of them by the values, sorted."""
    return sorted(yaml.safe_load((CHART / "values.yaml").read_text())["services"])


def autoscaling(*metrics: Object, provider: str = "keda", **changed: Any) -> Object:
    """Values in which core-app scales on ``metrics``."""
    spec = {"min": 1, "max": 6, "metrics": list(metrics), **changed}
    return {
        **service("core-app", autoscaling=spec),
        "autoscaling": {"provider": provider},
    }
