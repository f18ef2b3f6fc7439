"""What the chart is told: a tuning, costs and places, as values of ``helm/insure-system``.

What ``apply`` may change stands in an overlay of its own, so that it can be kept beside a chart
that others upgrade.
"""

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Literal
from urllib.parse import urlsplit

import insurectl
from insurectl.adapters.topology import Service, Topology
from insurectl.records import Autoscaling, Cost, MetricTarget, ScalingRules, Tuning

KUBERNETES_SYNC_S = 15.0  # of the controller manager: --horizontal-pod-autoscaler-sync-period
DATABASE_SIZE = "2Gi"
BROKER_SIZE = "1Gi"  # events that were published and not yet read outlive the pod
ZONE_LABEL = "topology.kubernetes.io/zone"
Provider = Literal["keda", "hpa"]
Values = dict[str, Any]


@dataclass(frozen=True, kw_only=True)
class Images:
    """Where a cluster finds the two images; ``prefix`` is a registry with its path, or empty."""

    tag: str
    prefix: str = ""

    @property
    def service(self) -> str:
        """Name without the tag."""
        return f"{self.prefix}insure-system/service"

    @property
    def platform(self) -> str:
        """Name without the tag."""
        return f"{self.prefix}insure-system/platform"

    def names(self) -> tuple[str, str]:
        """Both, with the tag."""
        return f"{self.service}:{self.tag}", f"{self.platform}:{self.tag}"

    def values(self) -> Values:
        """As the chart wants them."""
        return {
            "service": {"repository": self.service, "tag": self.tag},
            "platform": {"repository": self.platform, "tag": self.tag},
        }


@dataclass(frozen=True, kw_only=True)
class DatabasePlace:
    """Where the zones find PostgreSQL; ``cidr``: who may be asked, for the network policies."""

    host: str
    port: int = 5432
    cidr: str | None = None


def chart_folder() -> Path:
    """Installed it is within the package, in a checkout beside it."""
    package = Path(insurectl.__file__).parent
    bundled = package / "bundled" / "chart"
    return bundled if bundled.is_dir() else package.parent / "helm" / "insure-system"


def zone_values(
    known: Topology,
    *,
    system: str,
    zone: str,
    number: int,
    images: Images,
    costs: Mapping[str, Cost],
    seed: int,
    database: DatabasePlace | None,
    provider: Provider,
    scrape_interval_s: float,
    gateway: Mapping[str, Any],
    edge: str = "",
    pinned: bool = False,
) -> Values:
    """The values of one zone's release, less what the overlay says. ``number``: of the zone, for
    its draws of chance; ``edge``: its URL where it stands in no cluster; ``database`` None: the
    one that stands in the system's own namespace."""
    services = {
        name: {"cost": {**asdict(costs[name]), "seed": seed * 10_000 + number * 100 + one.index}}
        for name, one in known.services.items()
    }
    external: Values = {} if database is None else {"postgresql": _place(database)}
    if edge:
        split = urlsplit(edge)
        by_scheme = 443 if split.scheme == "https" else 80
        external["edge"] = {"url": edge, "port": split.port or by_scheme}
    return {
        "system": system,
        "zone": zone,
        "parts": {"zone": True, "outside": False},
        "image": images.values(),
        "services": services,
        "autoscaling": {"provider": provider},
        "gateway": {"service": dict(gateway)},
        "prometheus": {"scrapeIntervalSeconds": scrape_interval_s},
        "rabbitmq": {"storage": {"size": BROKER_SIZE}},
        "external": external,
        "nodeSelector": {ZONE_LABEL: zone} if pinned else {},
    }


def outside_values(
    known: Topology,
    *,
    system: str,
    images: Images,
    zones: Sequence[Mapping[str, str]],
    edge: Mapping[str, Any],
    database: DatabasePlace | None = None,
    given_edge: str = "",
) -> Values:
    """The values of the release that holds PostgreSQL and the edge, less those that are given.
    ``zones``: name and gateway of each."""
    external: Values = {} if database is None else {"postgresql": _place(database)}
    if given_edge:
        external["edge"] = {"url": given_edge}
    return {
        "system": system,
        "zone": "",
        "parts": {"zone": False, "outside": True},
        "image": images.values(),
        "postgresql": {
            "maxConnections": known.max_connections,
            "storage": {"size": DATABASE_SIZE},
        },
        "edge": {"service": dict(edge), "zones": [dict(zone) for zone in zones]},
        "external": external,
    }


def overlay(tuning: Tuning) -> Values:
    """What ``apply`` may change, the replicas aside: insurectl sets those through the scale
    subresource, since a manifest that stops naming them would put them back to one."""
    services = {
        one.service: {
            "memory": {
                "requestMib": _number(one.memory_request_mib),
                "limitMib": _number(one.memory_limit_mib),
            },
            "autoscaling": None if one.autoscaling is None else _autoscaling(one.autoscaling),
        }
        for one in tuning.services
    }
    return {
        "services": services,
        "limits": {"partnerPerMinute": tuning.partner_per_minute, "zoneRps": tuning.zone_rps},
    }


def databases(known: Topology) -> list[dict[str, str]]:
    """Each database and its role once, for the platform image."""
    pairs = dict.fromkeys((one.name, one.role) for one in known.databases().values())
    return [{"name": name, "role": role} for name, role in pairs]


def roles(services: Mapping[str, Service]) -> tuple[str, ...]:
    """Every role of a database, which needs a password."""
    found = (one.database for one in services.values())
    return tuple(dict.fromkeys(one.role for one in found if one is not None))


def merged(base: Mapping[str, Any], over: Mapping[str, Any]) -> Values:
    """As Helm lays one values file over another: mappings key by key, all else whole."""
    both: Values = dict(base)
    for key, value in over.items():
        under = both.get(key)
        if isinstance(under, Mapping) and isinstance(value, Mapping):
            both[key] = merged(under, value)
        else:
            both[key] = value
    return both


def _place(database: DatabasePlace) -> Values:
    place: Values = {"host": database.host, "port": database.port}
    return place if database.cidr is None else {**place, "cidr": database.cidr}


def _autoscaling(spec: Autoscaling) -> Values:
    return {
        "min": spec.min_replicas,
        "max": spec.max_replicas,
        "metrics": [_metric(metric) for metric in spec.metrics],
        "behavior": {"scaleUp": _rules(spec.scale_up), "scaleDown": _rules(spec.scale_down)},
    }


def _metric(metric: MetricTarget) -> Values:
    if metric.kind == "Resource":
        return {"type": metric.name, "utilizationPercent": metric.utilization_percent}
    # thousandths: what a quantity of Kubernetes can hold
    return {"type": "rps", "perReplica": _number(round(metric.average_value or 0.0, 3))}


def _rules(rules: ScalingRules) -> Values:
    found: Values = {
        "stabilizationWindowSeconds": rules.stabilization_window_s,
        "selectPolicy": rules.select_policy,
        "policies": [
            {"type": one.kind, "value": one.value, "periodSeconds": one.period_s}
            for one in rules.policies
        ],
    }
    if rules.tolerance is not None:
        found["tolerance"] = f"{_number(round(rules.tolerance, 3))}"
    return found


def _number(value: float) -> float | int:
    """Whole where it is: ``192``, not ``192.0``, as people write values."""
    return int(value) if value == int(value) else value
