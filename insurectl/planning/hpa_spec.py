"""What the autoscaler is told: its object (autoscaling/v2) and the controller's own settings.

Limits and defaults are those of the API server of Kubernetes 1.34.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from insurectl.errors import BadInput
from insurectl.planning.hpa_numbers import MAX_INT32, approximate, thousandths
from insurectl.records import Autoscaling, ScalingPolicy, ScalingRules

LONGEST_WINDOW_S, LONGEST_PERIOD_S = 3600, 1800
Kind = Literal["Resource", "ContainerResource", "Pods", "Object", "External", "Unknown"]


@dataclass(frozen=True, kw_only=True)
class Metric:
    """One source and where it should be: a percentage of the request, or thousandths (of a byte,
    too) for each pod or for all together. ``key`` tells two sources of one name apart;
    ``Unknown`` is a kind that a newer API server lets through and this controller can't read."""

    kind: Kind
    name: str
    utilization_percent: int | None = None
    average_milli: int | None = None
    value_milli: int | None = None
    container: str = ""
    key: str = ""

    def __post_init__(self) -> None:
        given = {
            "utilization_percent": self.utilization_percent,
            "average_milli": self.average_milli,
            "value_milli": self.value_milli,
        }
        allowed = _targets(self.kind)
        for name, target in given.items():
            if target is not None and name not in allowed:
                raise BadInput(f"{self._told} has no {name}; it takes {_either(allowed)}")
            if target is not None and target <= 0:
                raise BadInput(f"{self._told}: {name} is {target}; give more than 0")
        if allowed and sum(target is not None for target in given.values()) != 1:
            raise BadInput(f"{self._told} needs one target; give {_either(allowed)}")
        if (self.kind == "ContainerResource") != bool(self.container):
            raise BadInput(f"{self._told}: `container` goes with ContainerResource, and only there")

    @property
    def label(self) -> str:
        """Under which its samples are given and its proposal is told."""
        return self.key or (f"{self.name}/{self.container}" if self.container else self.name)

    @property
    def is_cpu(self) -> bool:
        return self.kind in {"Resource", "ContainerResource"} and self.name == "cpu"

    @property
    def unit_milli(self) -> int:
        """Samples are thousandths, but of a resource other than the CPU they are whole (bytes)."""
        whole = self.kind in {"Resource", "ContainerResource"} and self.name != "cpu"
        return 1000 if whole else 1

    @property
    def failure(self) -> str:
        """The condition's reason when it can't be had."""
        return (
            "InvalidMetricSourceType" if self.kind == "Unknown" else f"FailedGet{self.kind}Metric"
        )

    @property
    def _told(self) -> str:
        return f"metric {self.label!r} ({self.kind})"


@dataclass(frozen=True, kw_only=True)
class Behavior:
    """Both directions, filled up."""

    scale_up: ScalingRules
    scale_down: ScalingRules

    def __post_init__(self) -> None:
        for direction, rules in (("scaleUp", self.scale_up), ("scaleDown", self.scale_down)):
            _check_rules(f"behavior.{direction}", rules)


@dataclass(frozen=True, kw_only=True)
class Spec:
    """One HorizontalPodAutoscaler. Without ``behavior`` the older limits hold (``hpa_legacy``);
    without metrics, 80 % of the CPU request."""

    min_replicas: int = 1
    max_replicas: int
    metrics: tuple[Metric, ...] = ()
    behavior: Behavior | None = None

    def __post_init__(self) -> None:
        if self.min_replicas < 0:
            raise BadInput(f"minReplicas is {self.min_replicas}; give 0 or more")
        if not max(self.min_replicas, 1) <= self.max_replicas <= MAX_INT32:
            raise BadInput(
                f"maxReplicas is {self.max_replicas} and minReplicas {self.min_replicas}; "
                f"give a maxReplicas from {max(self.min_replicas, 1)} to {MAX_INT32}"
            )
        twice = [
            name for name, times in Counter(m.label for m in self.metrics).items() if times > 1
        ]
        if twice:
            raise BadInput(f"two metrics are called {twice[0]!r}; give each its own `key`")


@dataclass(frozen=True, kw_only=True)
class Controller:
    """The controller manager's flags and feature gates.

    ``configurable_tolerance`` is off in Kubernetes 1.33 and 1.34 unless switched on, and
    ``pod_level_resources`` on since 1.34. ``tolerance_test``: up to 1.32 a ratio of exactly 1.1
    was out of a tolerance of 0.1, as 1.1 - 1 is a little more (``distance``).
    """

    tolerance: float = 0.1
    downscale_window_s: float = 300.0
    cpu_initialization_s: float = 300.0
    initial_readiness_s: float = 30.0
    configurable_tolerance: bool = True
    pod_level_resources: bool = True
    tolerance_test: Literal["range", "distance"] = "range"

    def __post_init__(self) -> None:
        for name in ("tolerance", "downscale_window_s", "cpu_initialization_s",
                     "initial_readiness_s"):  # fmt: skip
            if not getattr(self, name) >= 0:
                raise BadInput(f"controller: {name} is {getattr(self, name)}; give 0 or more")


KUBERNETES = Controller()


@dataclass(frozen=True, kw_only=True)
class Tolerance:
    """How far a ratio may be from 1 without a change, downwards and upwards."""

    down: float
    up: float
    test: Literal["range", "distance"] = "range"

    def covers(self, ratio: float) -> bool:
        if self.test == "distance":
            return abs(1.0 - ratio) <= (self.up if ratio > 1.0 else self.down)
        return (1.0 - self.down) <= ratio <= (1.0 + self.up)


def tolerance(spec: Spec, controller: Controller) -> Tolerance:
    """The controller's own, but where ``behavior`` gives another and may."""
    own = controller.tolerance
    rules = spec.behavior if controller.configurable_tolerance else None
    given_down = rules.scale_down.tolerance if rules else None
    given_up = rules.scale_up.tolerance if rules else None
    return Tolerance(
        down=own if given_down is None else approximate(given_down),
        up=own if given_up is None else approximate(given_up),
        test=controller.tolerance_test,
    )


def filled(
    default: ScalingRules,
    *,
    window_s: int | None = None,
    policies: tuple[ScalingPolicy, ...] | None = None,
    select_policy: Literal["Max", "Min", "Disabled"] | None = None,
    tolerance: float | None = None,
) -> ScalingRules:
    """What is unset is the default's, field by field; a list of policies replaces it whole."""
    return ScalingRules(
        stabilization_window_s=default.stabilization_window_s if window_s is None else window_s,
        policies=default.policies if policies is None else policies,
        select_policy=select_policy or default.select_policy,
        tolerance=default.tolerance if tolerance is None else tolerance,
    )


@lru_cache(maxsize=256)
def spec_of(autoscaling: Autoscaling) -> Spec:
    """insurectl's own record, which always has a ``behavior``."""
    return Spec(
        min_replicas=autoscaling.min_replicas,
        max_replicas=autoscaling.max_replicas,
        metrics=tuple(
            Metric(
                kind=one.kind,
                name=one.name,
                utilization_percent=one.utilization_percent,
                average_milli=None if one.average_value is None else thousandths(one.average_value),
            )
            for one in autoscaling.metrics
        ),
        behavior=Behavior(scale_up=autoscaling.scale_up, scale_down=autoscaling.scale_down),
    )


def refused(spec: Spec, *, scale_to_zero: bool = False) -> str | None:
    """Why the API server would not take what the controller itself could work with."""
    if spec.min_replicas > 0:
        return None
    if not scale_to_zero:
        return "minReplicas is 0; give 1 or more, or switch the feature gate HPAScaleToZero on"
    if not any(metric.kind in {"Object", "External"} for metric in spec.metrics):
        return "minReplicas is 0 without an Object or External metric; no pod could tell of load"
    return None


def _targets(kind: Kind) -> tuple[str, ...]:
    match kind:
        case "Resource" | "ContainerResource":
            return ("utilization_percent", "average_milli")
        case "Pods":
            return ("average_milli",)
        case "Object" | "External":
            return ("value_milli", "average_milli")
        case "Unknown":
            return ()


def _either(names: Sequence[str]) -> str:
    return " or ".join(names) or "none"


def _check_rules(where: str, rules: ScalingRules) -> None:
    window_s = rules.stabilization_window_s
    if not 0 <= window_s <= LONGEST_WINDOW_S:
        raise BadInput(f"{where}: the window is {window_s} s; give 0 to {LONGEST_WINDOW_S} s")
    if rules.tolerance is not None and not rules.tolerance >= 0:
        raise BadInput(f"{where}: the tolerance is {rules.tolerance}; give 0 or more")
    if not rules.policies:
        raise BadInput(f"{where} has no policy; give one or more, or leave the list out")
    for policy in rules.policies:
        if not 0 < policy.value <= MAX_INT32:
            raise BadInput(f"{where}: a policy allows {policy.value}; give 1 to {MAX_INT32}")
        if not 0 < policy.period_s <= LONGEST_PERIOD_S:
            raise BadInput(
                f"{where}: a policy's period is {policy.period_s} s; give 1 to {LONGEST_PERIOD_S} s"
            )
