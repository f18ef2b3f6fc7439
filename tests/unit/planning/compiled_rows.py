"""A round as the readable autoscaler takes it, given to the compiled one."""

from collections.abc import Mapping, Sequence

import numpy as np

from insurectl.planning.compiled_behavior import NO_PROPOSAL, Log
from insurectl.planning.compiled_metrics import (
    IGNORED,
    NO_CONDITION,
    NO_REQUEST,
    NOT_READY,
    PENDING,
    READY,
    READY_UNKNOWN,
    RUNNING,
    SUCCEEDED,
    Moment,
    Seen,
)
from insurectl.planning.compiled_round import decided
from insurectl.planning.hpa_behavior import HpaState, Recommendation, ScaleEvent
from insurectl.planning.hpa_codes import empty_log, one, rules_of
from insurectl.planning.hpa_metrics import Samples
from insurectl.planning.hpa_pods import NoMetric, Pod, request_milli
from insurectl.planning.hpa_round import DEFAULT_METRIC
from insurectl.planning.hpa_spec import Controller, Metric, Spec

PHASES = {"Pending": PENDING, "Running": RUNNING, "Succeeded": SUCCEEDED, "Failed": IGNORED}
READINESS = {True: READY, False: NOT_READY, None: NO_CONDITION, "Unknown": READY_UNKNOWN}
ROOM = 64


def decide_compiled(
    spec: Spec,
    state: HpaState,
    *,
    current: int,
    pods: Sequence[Pod],
    samples: Samples,
    now_s: float,
    controller: Controller,
    status_replicas: int | None = None,
) -> tuple[int, Mapping[str, int], HpaState]:
    """Replicas, what each metric asks for, and what is remembered then."""
    metrics = spec.metrics or (DEFAULT_METRIC,)
    rules, log = one(rules_of([spec], controller), 0), log_of(state)
    names = dict.fromkeys([*(pod.name for pod in pods), *(n for m in samples.values() for n in m)])
    seen = seen_of(metrics, pods, samples, tuple(names), controller)
    proposals = np.zeros(len(metrics), dtype=np.int64)
    status = current if status_replicas is None else status_replicas
    at = Moment(current, status, len(pods), len(names), now_s)
    desired = decided(rules, log, seen, at, proposals)
    found = {
        metric.label: int(value)
        for metric, value in zip(metrics, proposals, strict=True)
        if value != NO_PROPOSAL
    }
    return desired, found, state_of(log)


def seen_of(
    metrics: Sequence[Metric],
    pods: Sequence[Pod],
    samples: Samples,
    names: Sequence[str],
    controller: Controller,
) -> Seen:
    shape = (len(metrics), len(names))
    seen = Seen(
        pods=np.zeros((len(pods), 2), dtype=np.int64),
        times=np.zeros((len(pods), 2)),
        requests=np.zeros((len(metrics), len(pods)), dtype=np.int64),
        values=np.zeros(shape, dtype=np.int64),
        has=np.zeros(shape, dtype=np.bool_),
        looked=np.zeros((*shape, 2)),
        alike=np.ones(len(pods), dtype=np.int64),
        groups=np.zeros(len(pods), dtype=np.int64),
    )
    for number, pod in enumerate(pods):
        phase = IGNORED if pod.deleted else PHASES[pod.phase]
        # one that goes away may be ready still; one that failed is not
        ready = NOT_READY if pod.phase == "Failed" else READINESS[pod.ready]
        if pod.deleted and pod.phase != "Running":
            ready = NOT_READY
        seen.pods[number] = (phase, ready)
        seen.times[number] = (
            np.nan if pod.started_s is None else pod.started_s,
            pod.ready_changed_s,
        )
    for row, metric in enumerate(metrics):
        for number, pod in enumerate(pods):
            seen.requests[row, number] = request_of(pod, metric, controller)
        for column, name in enumerate(names):
            sample = samples.get(metric.label, {}).get(name)
            if sample is not None:
                seen.has[row, column] = True
                seen.values[row, column] = sample.value
                seen.looked[row, column] = (sample.at_s, sample.window_s)
    return seen


def request_of(pod: Pod, metric: Metric, controller: Controller) -> int:
    try:
        return request_milli(pod, metric, controller)
    except NoMetric:
        return NO_REQUEST


def log_of(state: HpaState) -> Log:
    log = empty_log(ROOM, ROOM)
    log.lengths[:] = (len(state.recommendations), len(state.ups), len(state.downs))
    for number, wish in enumerate(state.recommendations):
        log.wished[number], log.wished_at[number] = wish.replicas, wish.at_s
    for way, events in enumerate((state.ups, state.downs)):
        for number, event in enumerate(events):
            log.changes[way, number] = event.change
            log.changed_at[way, number] = event.at_s
            log.outdated[way, number] = event.outdated
    return log


def state_of(log: Log) -> HpaState:
    ups, downs = (
        tuple(
            ScaleEvent(
                change=int(log.changes[way, number]),
                at_s=float(log.changed_at[way, number]),
                outdated=bool(log.outdated[way, number]),
            )
            for number in range(log.lengths[1 + way])
        )
        for way in (0, 1)
    )
    wishes = tuple(
        Recommendation(replicas=int(log.wished[number]), at_s=float(log.wished_at[number]))
        for number in range(log.lengths[0])
    )
    return HpaState(recommendations=wishes, ups=ups, downs=downs)
