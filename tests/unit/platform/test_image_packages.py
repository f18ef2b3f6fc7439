"""The service image holds fewer packages than insurectl has; what runs there must do with them."""

import json
import re
import subprocess
import sys
from importlib.metadata import packages_distributions
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
ROLES = {
    "zone agent": ["insurectl.cli.app", "insurectl.cli.zone_agent",
                   "insurectl.adapters.cluster_agent", "insurectl.adapters.kubernetes_api"],
    "load worker": ["insurectl.adapters.locust.child", "insurectl.adapters.locust.worker",
                    "insurectl.adapters.locust.journey_file"],
}  # fmt: skip
ROLES |= {
    service.parent.name: [
        f"system.{service.parent.name}.{module.stem}"
        for module in sorted(service.parent.glob("*.py"))
        if module.stem not in ("__init__", "__main__")
    ]
    for service in sorted((ROOT / "system").glob("*/__main__.py"))
}
IMPORT = """
import importlib, json, sys
left_out, modules = json.loads(sys.argv[1])

class Refusing:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in left_out:
            raise ModuleNotFoundError(f"{name} is not in the image", name=name)

sys.meta_path.insert(0, Refusing())
for module in modules:
    importlib.import_module(module)
"""


def named(lock: str) -> set[str]:
    text = (ROOT / "requirements" / lock).read_text()
    return {re.sub(r"[-_.]+", "-", name).lower() for name in re.findall(r"(?m)^([\w.-]+)==", text)}


def left_out() -> list[str]:
    """Packages as they are imported, of the distributions that only insurectl's own lock names."""
    only_here = named("all.txt") - named("runtime.txt")
    return [
        package
        for package, distributions in packages_distributions().items()
        if {re.sub(r"[-_.]+", "-", one).lower() for one in distributions} <= only_here
    ]


def imported(modules: list[str]) -> subprocess.CompletedProcess[str]:
    told = json.dumps([left_out(), modules])
    command = [sys.executable, "-W", "ignore", "-c", IMPORT, told]
    return subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)


@pytest.mark.parametrize("role", ROLES)
def test_a_role_of_the_image_needs_nothing_that_is_left_out_of_it(role: str) -> None:
    assert ROLES[role]
    answer = imported(ROLES[role])
    assert (answer.returncode, answer.stderr) == (0, "")


def test_what_needs_more_is_told_from_what_does_not() -> None:
    assert {"scipy", "matplotlib", "docker"} <= set(left_out())
    answer = imported(["insurectl.planning.queue_fit"])
    assert "is not in the image" in answer.stderr


def test_the_image_has_its_packages_in_insurectls_versions() -> None:
    def pins(lock: str) -> set[str]:
        return set(re.findall(r"(?m)^[\w.-]+==\S+", (ROOT / "requirements" / lock).read_text()))

    assert pins("runtime.txt") <= pins("all.txt")
