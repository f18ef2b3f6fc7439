"""Values that between them switch everything on and off."""

from collections.abc import Mapping
from typing import Any

from tests.unit.chart.rendered import OUTSIDE, autoscaling, service

MEMORY = {"type": "memory", "utilizationPercent": 80}
CPU = {"type": "cpu", "utilizationPercent": 70}
RPS = {"type": "rps", "perReplica": 12.5}
RESPONSE_TIME = {"type": "responseTime", "quantile": 0.95, "ms": 400}
QUERY = {
    **{"type": "query", "name": "applications", "query": 'sum(x{a="b"})'},
    **{"value": 5, "metricType": "AverageValue"},
}
BEHAVIOR = {
    "scaleUp": {
        "stabilizationWindowSeconds": 0,
        "selectPolicy": "Max",
        "policies": [{"type": "Pods", "value": 4, "periodSeconds": 15}],
    },
    "scaleDown": {
        "stabilizationWindowSeconds": 300,
        "selectPolicy": "Max",
        "tolerance": "0.1",
        "policies": [{"type": "Percent", "value": 100, "periodSeconds": 15}],
    },
}
ALL = (MEMORY, CPU, RPS, RESPONSE_TIME, QUERY)
EXTERNAL = {
    "postgresql": {"host": "db.example.org", "port": 5433, "cidr": "192.0.2.7/32"},
    "prometheus": {
        "url": "https://prometheus.example.org",
        "authentication": {"name": "prometheus", "modes": "bearer"},
    },
    "edge": {"url": "https://edge.example.org"},
    "redis": {"sentinels": ["redis.example.org:26379"], "cidr": "192.0.2.8/32"},
    "rabbitmq": {"host": "mq.example.org", "port": 5673, "cidr": "192.0.2.9/32"},
}
STORAGE = {"storage": {"class": "standard", "size": "5Gi"}}
PLACED = {
    "clusterParts": True,
    "nodeSelector": {"topology.kubernetes.io/zone": "a"},
    "tolerations": [{"key": "zone", "operator": "Equal", "value": "a", "effect": "NoSchedule"}],
    "imagePullSecrets": ["registry"],
    **{name: STORAGE for name in ("prometheus", "redis", "rabbitmq")},
}
HPA = autoscaling(*ALL, provider="hpa", behavior=BEHAVIOR)
HPA["autoscaling"]["hpa"] = {"customMetrics": True, "externalMetrics": True}
ANOTHER = {
    **{"module": "system.another", "needs": ["postgresql"]},
    "database": {"name": "another", "role": "another", "pool": 2},
    "memory": {"requestMib": 100.5, "limitMib": 201},
    "cpu": {"requestMillis": 10},
    "autoscaling": None,
    "replicas": 3,
}
PEER = [{"ipBlock": {"cidr": "192.0.2.0/24"}}]

VARIANTS: dict[str, Mapping[str, Any]] = {
    "zone": {},
    "outside": OUTSIDE,
    "both in one": {"parts": {"zone": True, "outside": True}},
    "every metric, KEDA": autoscaling(*ALL, behavior=BEHAVIOR),
    "every metric, HPA": HPA,
    "neither Redis nor RabbitMQ is needed": {
        "services": {
            **{
                name: None
                for name in ("osago-aggregator", "ins-product-aggregator", "ins-comp-settlement")
            },
            **{name: None for name in ("insurer-stub", "web", "core-app-relay")},
            "core-app": {"needs": ["postgresql", "client-info"]},
        }
    },
    "no autoscaling": service("core-app", autoscaling=None),
    "another service": service("another", **ANOTHER),
    "external, zone": {"external": EXTERNAL},
    "external, outside": {**OUTSIDE, "external": {"edge": EXTERNAL["edge"]}},
    "storage and place": PLACED,
    "storage outside": {**OUTSIDE, "postgresql": STORAGE},
    "named entrances": {
        "gateway": {"from": PEER, "service": {"type": "NodePort", "nodePort": 30080}},
        "prometheus": {"from": PEER, "edge": "192.0.2.9:8404"},
        "networkPolicy": {
            "apiServer": {"to": PEER, "ports": [6443], "from": PEER},
            "kedaNamespace": None,
        },
    },
    "edge to other clusters": {
        **OUTSIDE,
        "edge": {
            **{"zones": [{"name": "a", "gateway": "192.0.2.3:30080"}], "to": PEER, "from": PEER},
            "service": {"type": "LoadBalancer"},
        },
        "networkPolicy": {"apiServer": {"from": PEER}},
    },
    "no policies, no migrations, no spread": {
        "networkPolicy": {"enabled": False},
        "migrations": {"enabled": False},
        "topologySpread": {"enabled": False},
    },
    "limits": {"limits": {"partnerPerMinute": 1_000_000, "zoneRps": 12.5}},
}


def namespace(values: Mapping[str, Any]) -> str:
    """Where such a release belongs."""
    in_zone = values.get("parts", {}).get("zone", True)
    return "insure-default-a" if in_zone else "insure-default"
