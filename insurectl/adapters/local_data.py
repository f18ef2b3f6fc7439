"""Brings the databases of a local system to the wanted schema and content."""

import os
import subprocess
import sys
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial

from insurectl.adapters import local_secrets
from insurectl.adapters.local_config import LocalConfig
from insurectl.adapters.postgresql import PostgreSQL
from insurectl.adapters.topology import Database, Service
from insurectl.errors import TargetNotReady

PARTNERS = 50
TIMEOUT_S = 120


def fill(config: LocalConfig, clients: int) -> None:
    """Databases, roles, migrations, seed data: each service on its own, all at once."""
    server = PostgreSQL(config.state, config.plan.outside("postgresql"))

    def one(service: Service, database: Database) -> None:
        server.ensure(database)
        run(config, service, ["migrate"])
        if service.seeds:
            run(config, service, _seed(config, service, clients))

    in_parallel(
        [
            partial(one, service, service.database)
            for service in config.plan.topology.services.values()
            if service.migrates and service.database is not None
        ]
    )
    local_secrets.give_to_load(config.state)


def run(config: LocalConfig, service: Service, arguments: Sequence[str]) -> None:
    """TargetNotReady with the last lines it wrote when the service's command fails."""
    told = config.environment(config.plan.zones[0], service, 0)
    command = [sys.executable, "-m", service.module, *arguments]
    done = subprocess.run(
        command, cwd=config.state.folder, env={**os.environ, **told}, timeout=TIMEOUT_S,
        stdin=subprocess.DEVNULL, capture_output=True, text=True, check=False,
    )  # fmt: skip
    if done.returncode:
        last = "\n".join((done.stdout + done.stderr).strip().splitlines()[-5:])
        raise TargetNotReady(f"{service.name} {arguments[0]} ended with {done.returncode}: {last}")


def in_parallel(tasks: Sequence[Callable[[], object]]) -> None:
    """Run all at once; the first failure is raised when every one has ended."""
    with ThreadPoolExecutor(max(1, len(tasks))) as pool:
        for future in [pool.submit(task) for task in tasks]:
            future.result()


def _seed(config: LocalConfig, service: Service, clients: int) -> list[str]:
    seed = ["seed", "--seed", f"{config.seed}"]
    if service.name == "client-info":
        return [*seed, "--clients", f"{clients}"]
    return [*seed, "--partners", f"{PARTNERS}", "--keys-file", f"{config.state.partner_keys}"]
