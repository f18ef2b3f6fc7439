"""A ``Spec`` as the arrays that the compiled autoscaler reads."""

from collections.abc import Callable, Sequence

import numpy as np

from insurectl.planning.compiled_behavior import SELECT_MAX, SELECT_MIN, SELECT_NONE, Log
from insurectl.planning.compiled_metrics import (
    AVERAGE,
    FLOAT_COLUMNS,
    HEAD_COLUMNS,
    METRIC_COLUMNS,
    TOTAL,
    TOTAL_A_POD,
    UNKNOWN,
    UTILIZATION,
    Rules,
)
from insurectl.planning.hpa_round import DEFAULT_METRIC
from insurectl.planning.hpa_spec import Behavior, Controller, Metric, Spec, tolerance

SELECTS = {"Max": SELECT_MAX, "Min": SELECT_MIN, "Disabled": SELECT_NONE}


def rules_of(
    specs: Sequence[Spec], controller: Controller, signal: Callable[[Metric], int] = lambda _: 0
) -> Rules:
    """All of them, with one more dimension in front. ``signal``: what a metric is read from."""
    metrics = max(len(spec.metrics or (DEFAULT_METRIC,)) for spec in specs)
    policies = max(_most_policies(spec.behavior) for spec in specs)
    rules = Rules(
        head=np.zeros((len(specs), HEAD_COLUMNS), dtype=np.int64),
        metrics=np.zeros((len(specs), metrics, METRIC_COLUMNS), dtype=np.int64),
        policies=np.zeros((len(specs), 2, policies, 3), dtype=np.int64),
        floats=np.zeros((len(specs), FLOAT_COLUMNS)),
    )
    for number, spec in enumerate(specs):
        _write(rules, number, spec, controller, signal)
    return rules


def one(rules: Rules, number: int) -> Rules:
    """A single autoscaler of many."""
    return Rules(*(array[number] for array in rules))


def empty_log(wishes: int, changes: int) -> Log:
    """Room for so many of each."""
    return Log(
        lengths=np.zeros(3, dtype=np.int64),
        wished=np.zeros(wishes, dtype=np.int64),
        wished_at=np.zeros(wishes),
        changes=np.zeros((2, changes), dtype=np.int64),
        changed_at=np.zeros((2, changes)),
        outdated=np.zeros((2, changes), dtype=np.bool_),
    )


def _most_policies(behavior: Behavior | None) -> int:
    if behavior is None:
        return 1
    return max(len(behavior.scale_up.policies), len(behavior.scale_down.policies))


def _write(
    rules: Rules,
    number: int,
    spec: Spec,
    controller: Controller,
    signal: Callable[[Metric], int],
) -> None:
    metrics = spec.metrics or (DEFAULT_METRIC,)
    for place, metric in enumerate(metrics):
        rules.metrics[number, place] = _metric(metric, signal(metric))
    up, down = (0, 0, 0), (0, 0, 0)
    if spec.behavior is not None:
        both = (spec.behavior.scale_up, spec.behavior.scale_down)
        for way, direction in enumerate(both):
            for place, policy in enumerate(direction.policies):
                told = (policy.kind == "Percent", policy.value, policy.period_s)
                rules.policies[number, way, place] = told
        up, down = (
            (one.stabilization_window_s, SELECTS[one.select_policy], len(one.policies))
            for one in both
        )
    rules.head[number] = (
        spec.min_replicas, spec.max_replicas, spec.behavior is not None, up[0], down[0],
        up[1], down[1], up[2], down[2], len(metrics), controller.tolerance_test == "distance",
    )  # fmt: skip
    allowed = tolerance(spec, controller)
    rules.floats[number] = (
        allowed.down, allowed.up, controller.downscale_window_s,
        controller.cpu_initialization_s, controller.initial_readiness_s,
    )  # fmt: skip


def _metric(metric: Metric, signal: int) -> tuple[int, int, int, int, bool, int]:
    target = metric.utilization_percent or metric.average_milli or metric.value_milli or 0
    return (
        _shape(metric), metric.is_cpu, metric.unit_milli, target, metric.kind == "External", signal
    )  # fmt: skip


def _shape(metric: Metric) -> int:
    match metric.kind:
        case "Unknown":
            return UNKNOWN
        case "Object" | "External":
            return TOTAL if metric.average_milli is None else TOTAL_A_POD
    return AVERAGE if metric.utilization_percent is None else UTILIZATION
