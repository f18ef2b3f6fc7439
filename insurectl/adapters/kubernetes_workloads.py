"""Deployments, stateful sets and horizontal pod autoscalers: what is wanted and what is there."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from insurectl.adapters.kubernetes_connection import MANAGER, Connection, path_of
from insurectl.adapters.kubernetes_values import Object, seconds


@dataclass(frozen=True, kw_only=True)
class WorkloadSeen:
    """A Deployment or StatefulSet. ``current``: pods that there are; ``settled``: the controller
    has seen the newest spec."""

    kind: str
    name: str
    component: str
    wanted: int
    current: int
    ready: int
    updated: int
    settled: bool

    @property
    def rolled_out(self) -> bool:
        """All pods are of the newest spec and ready, and none of an older one is left."""
        return self.settled and self.wanted == self.current == self.ready == self.updated


@dataclass(frozen=True, kw_only=True)
class HpaSeen:
    """A HorizontalPodAutoscaler. ``desired``: its last decision; ``conditions``: type -> (status,
    reason, message); ``metrics``: one text each, such as ``memory 82%/70%``."""

    name: str
    target: str
    minimum: int
    maximum: int
    current: int
    desired: int
    last_scale_s: float | None
    conditions: Mapping[str, tuple[str, str, str]]
    metrics: tuple[str, ...]


class Workloads(Connection):
    """What runs replicas."""

    def deployments(self, namespace: str) -> tuple[WorkloadSeen, ...]:
        """All of a namespace."""
        place = path_of("apis", "apps", "v1", "namespaces", namespace, "deployments")
        return tuple(_workload("Deployment", one) for one in self.items(place))

    def stateful_sets(self, namespace: str) -> tuple[WorkloadSeen, ...]:
        """All of a namespace."""
        place = path_of("apis", "apps", "v1", "namespaces", namespace, "statefulsets")
        return tuple(_workload("StatefulSet", one) for one in self.items(place))

    def rolled_out(self, namespace: str) -> bool:
        """Whether every Deployment and StatefulSet is; True where there is none."""
        everything = (*self.deployments(namespace), *self.stateful_sets(namespace))
        return all(one.rolled_out for one in everything)

    def scale(
        self, namespace: str, name: str, replicas: int, resource: str = "deployments"
    ) -> None:
        """Through the scale subresource, so that nothing else of the object changes hands.
        ``resource``: ``deployments`` or ``statefulsets``."""
        place = path_of("apis", "apps", "v1", "namespaces", namespace, resource, name)
        self.send(
            "PATCH",
            f"{place}/scale",
            {"spec": {"replicas": replicas}},
            {"fieldManager": MANAGER},
            "application/merge-patch+json",
        )

    def hpas(self, namespace: str) -> tuple[HpaSeen, ...]:
        """All of a namespace, KEDA's too."""
        place = path_of(
            "apis", "autoscaling", "v2", "namespaces", namespace, "horizontalpodautoscalers"
        )
        return tuple(hpa_seen(one) for one in self.items(place))


def _workload(kind: str, seen: Object) -> WorkloadSeen:
    status, meta = seen.get("status") or {}, seen["metadata"]
    return WorkloadSeen(
        kind=kind,
        name=meta["name"],
        component=(meta.get("labels") or {}).get("app.kubernetes.io/component", ""),
        wanted=seen["spec"].get("replicas", 1),
        current=status.get("replicas", 0),
        ready=status.get("readyReplicas", 0),
        updated=status.get("updatedReplicas", 0),
        settled=status.get("observedGeneration", 0) >= meta.get("generation", 0),
    )


def hpa_seen(seen: Object) -> HpaSeen:
    """Of an autoscaling/v2 object as the API server has it."""
    spec, status = seen["spec"], seen.get("status") or {}
    target = spec["scaleTargetRef"]
    now = {_metric_name(one): one for one in status.get("currentMetrics") or () if one.get("type")}
    return HpaSeen(
        name=seen["metadata"]["name"],
        target=f"{target['kind']}/{target['name']}",
        minimum=spec.get("minReplicas", 1),
        maximum=spec["maxReplicas"],
        current=status.get("currentReplicas", 0),
        desired=status.get("desiredReplicas", 0),
        last_scale_s=seconds(status.get("lastScaleTime")),
        conditions={
            one["type"]: (one["status"], one.get("reason", ""), one.get("message", ""))
            for one in status.get("conditions") or ()
        },
        metrics=tuple(
            f"{name} {_value(now.get(name), 'current')}/{_value(one, 'target')}"
            for one in spec.get("metrics") or ()
            for name in (_metric_name(one),)
        ),
    )


def _part(metric: Object) -> Object:
    """``type: ContainerResource`` keeps its own in ``containerResource``."""
    kind: str = metric["type"]
    return metric.get(kind[0].lower() + kind[1:]) or {}


def _metric_name(metric: Object) -> str:
    part = _part(metric)
    return str(part.get("name") or (part.get("metric") or {}).get("name") or metric["type"])


_SHOWN: tuple[tuple[str, Callable[[object], str]], ...] = (
    ("averageUtilization", lambda value: f"{value}%"),
    ("averageValue", str),
    ("value", str),
)


def _value(metric: Object | None, which: str) -> str:
    values = _part(metric).get(which) or {} if metric else {}
    return next((show(values[key]) for key, show in _SHOWN if key in values), "?")
