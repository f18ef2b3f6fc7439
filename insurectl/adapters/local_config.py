"""Renders the configuration of every server of a local system from the system's templates."""

import json
import math
import shlex
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import jinja2

from insurectl.adapters import process
from insurectl.adapters.address_plan import AddressPlan
from insurectl.adapters.local_state import LocalState
from insurectl.adapters.postgresql import PostgreSQL
from insurectl.adapters.topology import Service, system_folder
from insurectl.records import Cost, Tuning

SERVICE_STOP_S = 25  # a little over DRAIN_TIMEOUT_S
FRONT = "core-app"  # the service that the gateway leads to
DRAIN = {"DRAIN_DELAY_S": "1.0", "DRAIN_TIMEOUT_S": "20"}


@dataclass(frozen=True)
class LocalConfig:
    """``costs``: one a service."""

    state: LocalState
    plan: AddressPlan
    tuning: Tuning
    costs: Mapping[str, Cost]
    seed: int
    scrape_interval_s: float

    def write(self) -> tuple[Path, ...]:
        """Write every file; those whose text changed."""
        self.state.make(self.plan.zones)
        changed = []
        for path, text in self.files().items():
            if not path.exists() or path.read_text() != text:
                path.write_text(text)
                changed.append(path)
        return tuple(changed)

    def files(self) -> dict[Path, str]:
        """Path -> text."""
        outside = self.state.outside
        files = {
            outside / "postgresql.conf": self._postgresql(),
            outside / "pg_hba.conf": _render("platform/pg_hba.conf", network="127.0.0.0/8"),
            outside / "edge.haproxy.cfg": self._edge(),
            outside / "supervisord.conf": self._supervisord(None),
        }
        for zone in self.plan.zones:
            folder = self.state.zone(zone)
            files[folder / "nginx.conf"] = self._gateway(zone)
            files[folder / "mesh.haproxy.cfg"] = self._mesh(zone)
            files[folder / "prometheus.yml"] = self._prometheus(zone)
            files[folder / "supervisord.conf"] = self._supervisord(zone)
        return files

    def environment(self, zone: str, service: Service, replica: int) -> dict[str, str]:
        """What one replica is told."""
        address = self.plan.replica(zone, service.name, replica)
        postgresql = self.plan.outside("postgresql")
        cost = self.costs[service.name]
        return {
            "SERVICE_NAME": service.name,
            "SERVICE_ZONE": zone,
            "SERVICE_REPLICA": f"{replica}",
            "SERVICE_HOST": address.host,
            "SERVICE_PORT": f"{address.port}",
            "ENVIRONMENT": "development",
            "DATABASE_HOST": postgresql.host,
            "DATABASE_PORT": f"{postgresql.port}",
            "DATABASE_NAME": service.database.name,
            "DATABASE_USER": service.database.role,
            "DATABASE_PASSWORD_FILE": f"{self.state.secrets / service.database.role}",
            "DATABASE_POOL_SIZE": f"{service.database.pool}",
            **self._needs(zone, service),
            **(
                {"PARTNER_PER_MINUTE": f"{self.tuning.partner_per_minute}"}
                if service.name == FRONT
                else {}
            ),
            **{f"COST_{name.upper()}": f"{value}" for name, value in vars(cost).items()},
            "COST_SEED": f"{self.seed * 10_000 + self.plan.topology.zones[zone] * 100 + replica}",
            **DRAIN,
        }

    def _needs(self, zone: str, service: Service) -> dict[str, str]:
        called = [name for name in service.needs if name in self.plan.topology.services]
        return {
            f"{name.upper().replace('-', '_')}_URL": self.plan.service(zone, name).url
            for name in called
        }

    def _postgresql(self) -> str:
        address = self.plan.outside("postgresql")
        return _render(
            "platform/postgresql.conf",
            host=address.host,
            port=address.port,
            max_connections=self.plan.topology.max_connections,
            hba_file=self.state.outside / "pg_hba.conf",
        )

    def _edge(self) -> str:
        gateways = [{"name": z, "gateway": self.plan.server(z, "gateway")} for z in self.plan.zones]
        return _render(
            "platform/edge.haproxy.cfg",
            admin_socket=self.state.socket("edge"),
            edge=self.plan.outside("edge"),
            stats=self.plan.outside("edge-stats"),
            zones=gateways,
        )

    def _mesh(self, zone: str) -> str:
        services = [
            {
                "name": service.name,
                "mesh": self.plan.service(zone, service.name),
                "replicas": [
                    {"number": n, "address": self.plan.replica(zone, service.name, n)}
                    for n in range(service.slots)
                ],
            }
            for service in self.plan.topology.services.values()
        ]
        stats = self.plan.server(zone, "mesh")
        return _render(
            "platform/mesh.haproxy.cfg", zone=zone, services=services, stats=stats, front=FRONT
        )

    def _prometheus(self, zone: str) -> str:
        return _render(
            "platform/prometheus.yml",
            zone=zone,
            scrape_interval_s=f"{self.scrape_interval_s:g}",
            scrape_timeout_s=f"{min(self.scrape_interval_s, 10):g}",
            targets=self.state.zone(zone) / "targets",
            agent=self.plan.server(zone, "agent"),
            edge_stats=self.plan.outside("edge-stats"),
            mesh_stats=self.plan.server(zone, "mesh"),
        )

    def _gateway(self, zone: str) -> str:
        rps = self.tuning.zone_rps
        partner = self.tuning.partner_per_minute
        return _render(
            "gateway/nginx.conf",
            zone=zone,
            folder=self.state.zone(zone),
            gateway=self.plan.server(zone, "gateway"),
            core_app=self.plan.service(zone, FRONT),
            mesh=self.plan.server(zone, "mesh"),
            partner_per_minute=partner,
            partner_retry_s=math.ceil(60 / partner),
            people_per_minute=None if rps is None else max(1, round(rps * 60)),
            people_burst=None if rps is None else max(1, math.ceil(rps)),
        )

    def _supervisord(self, zone: str | None) -> str:
        programs = self._outside_programs() if zone is None else self._zone_programs(zone)
        services = () if zone is None else self.plan.topology.services.values()
        return _render(
            "platform/supervisord.conf",
            place="outside" if zone is None else f"zone-{zone}",
            folder=self.state.place(zone),
            socket=self.state.socket(zone or "outside"),
            user="root" if process.is_root() else None,
            programs=programs,
            groups=[
                {
                    "name": service.name,
                    "programs": ",".join(f"{service.name}-{n}" for n in range(service.slots)),
                }
                for service in services
            ],
        )

    def _outside_programs(self) -> list[dict[str, Any]]:
        outside = self.state.outside
        database = PostgreSQL(self.state, self.plan.outside("postgresql"))
        edge = [process.program("haproxy"), "-db", "-f", f"{outside / 'edge.haproxy.cfg'}"]
        return [
            _program("postgresql", database.command(), stop_signal="INT"),
            _program("edge", edge),
        ]

    def _zone_programs(self, zone: str) -> list[dict[str, Any]]:
        folder = self.state.zone(zone)
        prometheus = [
            process.program("prometheus"),
            f"--config.file={folder / 'prometheus.yml'}",
            f"--storage.tsdb.path={folder / 'prometheus-data'}",
            "--storage.tsdb.retention.size=512MB",
            f"--web.listen-address={self.plan.server(zone, 'prometheus')}",
        ]
        agent = [sys.executable, "-m", "insurectl", "agent", "--state", f"{self.state.folder}"]
        mesh = [process.program("haproxy"), "-db", "-f", f"{folder / 'mesh.haproxy.cfg'}"]
        start = ["/bin/sh", f"{system_folder() / 'gateway' / 'start.sh'}", f"{folder}"]
        nginx = [process.program("nginx"), "-p", f"{folder}", "-c", f"{folder / 'nginx.conf'}"]
        servers = [
            _program("gateway", [*start, *nginx, "-e", f"{folder / 'log' / 'gateway-error.log'}"]),
            _program("mesh", mesh),
            _program("prometheus", prometheus),
            _program("agent", [*agent, "--zone", zone]),
        ]
        replicas = [
            _program(
                f"{service.name}-{number}",
                [sys.executable, "-m", service.module, "serve"],
                autostart=False,
                stop_wait_s=SERVICE_STOP_S,
                environment=self.environment(zone, service, number),
            )
            for service in self.plan.topology.services.values()
            for number in range(service.slots)
        ]
        return servers + replicas


def _program(
    name: str,
    command: list[str],
    *,
    autostart: bool = True,
    stop_signal: str = "TERM",
    stop_wait_s: int = 10,
    environment: Mapping[str, str] | None = None,
) -> dict[str, Any]:
    told = ",".join(f"{key}={json.dumps(value)}" for key, value in (environment or {}).items())
    return {
        "name": name,
        "command": shlex.join(command).replace("%", "%%"),
        "autostart": autostart,
        "stop_signal": stop_signal,
        "stop_wait_s": stop_wait_s,
        "environment": told.replace("%", "%%"),
    }


def _render(template: str, **values: object) -> str:
    environment = jinja2.Environment(
        loader=jinja2.FileSystemLoader(system_folder()),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
    return environment.get_template(f"{template}.j2").render(values)
