"""Renders the configuration of every server of a local system from the system's templates."""

import math
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import jinja2

from insurectl.adapters import local_programs, local_secrets, process, service_secrets
from insurectl.adapters.address_plan import AddressPlan
from insurectl.adapters.local_programs import REDIS, SENTINELS
from insurectl.adapters.local_state import LocalState
from insurectl.adapters.topology import Service, system_folder
from insurectl.records import Cost, Tuning

BROKER, CACHE = "rabbitmq", "redis"
REDIS_NAME = "insure"  # what the Sentinels call the pair
FRONT = "core-app"  # the service that the gateway leads to
OPEN_FILES = 16384  # of one process: each person who waits for offers holds two, at each server
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
        """Make what is missing of secrets and write every file; those whose text changed."""
        self.state.make(self.plan.zones)
        local_secrets.settle(self.state, self.plan.topology)
        changed = []
        for path, text in self.files().items():
            if not path.exists() or path.read_text() != text:
                path.write_text(text)
                changed.append(path)
        for path, text in self.hashes().items():
            if not path.exists() or path.read_text() != text:
                local_secrets.write(path, text.encode())
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
            files[folder / "rabbitmq.config"] = self._rabbitmq(zone)
            files[folder / "rabbitmq-plugins"] = _render("platform/rabbitmq-plugins")
            files |= {folder / f"{name}.conf": self._redis(zone, name) for name in REDIS}
            files |= {folder / f"{name}.conf": self._sentinel(zone, name) for name in SENTINELS}
            files[folder / "supervisord.conf"] = self._supervisord(zone)
        return files

    def hashes(self) -> dict[Path, str]:
        """Path -> text of the files that hold hashes of passwords, for their owner alone."""
        known = self.plan.topology
        definitions = _render(
            "platform/rabbitmq-definitions.json",
            users=local_secrets.broker_users(self.state, known),
        )
        users = _render("platform/redis-users.acl", **local_secrets.redis_users(self.state, known))
        folders = [self.state.zone(zone) for zone in self.plan.zones]
        return {
            **{folder / "rabbitmq-definitions.json": definitions for folder in folders},
            **{folder / "redis-users.acl": users for folder in folders},
        }

    def environment(self, zone: str, service: Service, replica: int) -> dict[str, str]:
        """What one replica is told."""
        address = self.plan.replica(zone, service.name, replica)
        known, cost = self.plan.topology, self.costs[service.name]
        secrets = service_secrets.files(known, service)
        return {
            "SERVICE_NAME": service.name,
            "SERVICE_ZONE": zone,
            "SERVICE_REPLICA": f"{replica}",
            "SERVICE_HOST": address.host,
            "SERVICE_PORT": f"{address.port}",
            "ENVIRONMENT": "development",
            **self._database(service),
            **self._needs(zone, service),
            **local_secrets.paths(self.state, secrets),
            **({"INSURERS": f"{known.insurers}"} if service.knows_insurers else {}),
            **(
                {"PARTNER_PER_MINUTE": f"{self.tuning.partner_per_minute}"}
                if service.name == FRONT
                else {}
            ),
            **{f"COST_{name.upper()}": _number(value) for name, value in vars(cost).items()},
            "COST_SEED": f"{self.seed * 10_000 + known.zones[zone] * 100 + replica}",
            **DRAIN,
        }

    def _database(self, service: Service) -> dict[str, str]:
        if service.database is None:
            return {}
        postgresql = self.plan.outside("postgresql")
        return {
            "DATABASE_HOST": postgresql.host,
            "DATABASE_PORT": f"{postgresql.port}",
            "DATABASE_NAME": service.database.name,
            "DATABASE_USER": service.database.role,
            "DATABASE_PASSWORD_FILE": f"{self.state.secrets / service.database.role}",
            "DATABASE_POOL_SIZE": f"{service.database.pool}",
        }

    def _needs(self, zone: str, service: Service) -> dict[str, str]:
        called = [name for name in service.needs if name in self.plan.topology.services]
        found = {
            f"{name.upper().replace('-', '_')}_URL": self.plan.service(zone, name).url
            for name in called
        }
        if BROKER in service.needs:
            broker = self.plan.server(zone, BROKER)
            found |= {"BROKER_HOST": broker.host, "BROKER_PORT": f"{broker.port}"}
            found["BROKER_USER"] = service.name
        if CACHE in service.needs:
            sentinels = [f"{self.plan.server(zone, name)}" for name in SENTINELS]
            found |= {"REDIS_SENTINELS": ",".join(sentinels), "REDIS_NAME": REDIS_NAME}
            found["REDIS_USER"] = service.name
        return found

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
            rabbitmq=self.plan.server(zone, "rabbitmq-metrics"),
        )

    def _rabbitmq(self, zone: str) -> str:
        broker = self.plan.server(zone, BROKER)
        return _render(
            "platform/rabbitmq.config",
            zone=zone,
            host=broker.host,
            port=broker.port,
            metrics_port=self.plan.server(zone, "rabbitmq-metrics").port,
            definitions=self.state.zone(zone) / "rabbitmq-definitions.json",
        )

    def _redis(self, zone: str, name: str) -> str:
        address, folder = self.plan.server(zone, name), self.state.zone(zone)
        return _render(
            "platform/redis.conf",
            name=name,
            zone=zone,
            host=address.host,
            port=address.port,
            folder=folder / name,
            users=folder / "redis-users.acl",
        )

    def _sentinel(self, zone: str, name: str) -> str:
        address, first = self.plan.server(zone, name), self.plan.server(zone, REDIS[0])
        return _render(
            "platform/sentinel.conf",
            name=name,
            zone=zone,
            host=address.host,
            port=address.port,
            folder=self.state.zone(zone) / name,
            master=REDIS_NAME,
            primary_host=first.host,
            primary_port=first.port,
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
            settlement=self.plan.service(zone, "ins-comp-settlement"),
            insurer_stub=self.plan.service(zone, "insurer-stub"),
            web=self.plan.service(zone, "web"),
            people_in_flight=self.plan.topology.people_in_flight,
            people_streams=self.plan.topology.people_streams,
            mesh=self.plan.server(zone, "mesh"),
            partner_per_minute=partner,
            partner_retry_s=math.ceil(60 / partner),
            people_per_minute=None if rps is None else max(1, round(rps * 60)),
            people_burst=None if rps is None else max(1, math.ceil(rps)),
        )

    def _supervisord(self, zone: str | None) -> str:
        if zone is None:
            programs = local_programs.outside(self.state, self.plan)
        else:
            programs = local_programs.zone(self.state, self.plan, zone, self.environment)
        services = () if zone is None else self.plan.topology.services.values()
        return _render(
            "platform/supervisord.conf",
            place="outside" if zone is None else f"zone-{zone}",
            folder=self.state.place(zone),
            socket=self.state.socket(zone or "outside"),
            user="root" if process.is_root() else None,
            open_files=process.open_files(OPEN_FILES),
            programs=programs,
            groups=[
                {
                    "name": service.name,
                    "programs": ",".join(f"{service.name}-{n}" for n in range(service.slots)),
                }
                for service in services
            ],
        )


def _number(value: float) -> str:
    """120 and 120.0 alike: a record that is read back has the second, and what changed in a
    program's environment has it started again."""
    return f"{int(value)}" if value == int(value) else f"{value}"


def _render(template: str, **values: object) -> str:
    return _templates().get_template(f"{template}.j2").render(values)


@cache
def _templates() -> jinja2.Environment:
    return jinja2.Environment(
        loader=jinja2.FileSystemLoader(system_folder()),
        undefined=jinja2.StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
        autoescape=False,
    )
