"""What this machine has of what a target needs, and how to get the rest."""

import importlib.util
import os
import platform
import shutil
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from insurectl.adapters import docker_engine, helm, kind_clusters, process, programs
from insurectl.adapters.process import MINIMUM_FREE_MIB, PACKAGES
from insurectl.errors import MissingOnMachine

MODULES = ("fastapi", "uvicorn", "strawberry", "psycopg_pool", "supervisor", "locust")


@dataclass(frozen=True, kw_only=True)
class Check:
    """One thing that has to be there; ``fix``: the one line that brings it."""

    what: str
    ok: bool
    found: str
    fix: str = ""


@dataclass(frozen=True, kw_only=True)
class Diagnosis:
    """All checks; ``install``: one line for every package that is missing."""

    schema: str = "insurectl/doctor/v1"
    healthy: bool
    checks: tuple[Check, ...]
    install: str = ""


def examine(state: Path, reports: Path, env: Mapping[str, str], target: str = "local") -> Diagnosis:
    """Look only; nothing is started or written."""
    install, needed = _servers(env) if target == "local" else ("", _cluster_tools(target))
    checks = (
        Check(
            what="Python",
            ok=sys.version_info >= (3, 11),
            found=platform.python_version(),
            fix="install Python 3.11 or newer",
        ),
        *needed,
        *(_module(name) for name in MODULES),
        *(_space(name, folder) for name, folder in (("state", state), ("reports", reports))),
    )
    return Diagnosis(healthy=all(check.ok for check in checks), checks=checks, install=install)


def _servers(env: Mapping[str, str]) -> tuple[str, tuple[Check, ...]]:
    programs = {name: process.find(name, env.get("PATH", "")) for name in PACKAGES}
    missing = [PACKAGES[name] for name, path in programs.items() if path is None]
    install = process.install_line(missing) if missing else ""
    return install, tuple(
        Check(what=name, ok=path is not None, found=path or "missing", fix=install)
        for name, path in programs.items()
    )


def _cluster_tools(target: str) -> tuple[Check, ...]:
    """Each fix is what the tool's own adapter says."""
    checks = [_asked("helm", lambda: programs.find("helm", helm.HOW))]
    if target == "kind":
        checks.append(_asked("kind", lambda: programs.find("kind", kind_clusters.HOW)))
        checks.append(_asked("Docker", lambda: docker_engine.connect().address))
    return tuple(checks)


def _asked(what: str, look: Callable[[], str]) -> Check:
    try:
        return Check(what=what, ok=True, found=look())
    except MissingOnMachine as error:
        return Check(what=what, ok=False, found="missing", fix=str(error))


def _module(name: str) -> Check:
    there = importlib.util.find_spec(name) is not None
    return Check(
        what=f"Python package {name}",
        ok=there,
        found="there" if there else "missing",
        fix="pip install 'insurectl[system]'",
    )


def _space(name: str, folder: Path) -> Check:
    there = next(
        place for place in (folder.absolute(), *folder.absolute().parents) if place.exists()
    )
    free_mib = shutil.disk_usage(there).free / 2**20
    writable = os.access(there, os.W_OK)
    return Check(
        what=f"folder of {name}",
        ok=writable and free_mib >= MINIMUM_FREE_MIB,
        found=f"{free_mib:.0f} MiB free" if writable else f"{there} can't be written",
        fix=f"needs {MINIMUM_FREE_MIB} MiB; set INSURECTL_{name.upper()} to another folder",
    )
