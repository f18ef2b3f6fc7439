"""From a step of the load to new pods that serve: where the time went.

Each part ends where the next begins, so that together they are the whole. Kubernetes keeps whole
seconds for most of these moments; a moment that seems to come before the one in front of it is
taken as the same moment, and the part is 0.
"""

import math
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise

from insurectl.records import Decision, Series, Timeline

STEP_RATIO = 1.2  # a rise that is seen above the noise of arrivals
HOLD_S = 10
SEEN_SHARE = 0.1  # of a rise: a rate over some scrapes rises bit by bit
MOMENTS = {  # named query -> field of PodStart
    "pod_created_s": "created_s",
    "pod_scheduled_s": "scheduled_s",
    "pod_started_s": "started_s",
    "pod_ready_s": "ready_s",
}
PARTS = ("scrape", "metrics API", "decision", "schedule", "start")


@dataclass(frozen=True, kw_only=True)
class PodStart:
    """One new pod, in seconds since the epoch; None: it did not come so far, or nobody saw it."""

    pod: str
    created_s: float
    scheduled_s: float | None = None
    started_s: float | None = None
    ready_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class ScaleUp:
    """What is known of one step of the load at ``step_s`` and what came of it in one zone.

    ``scraped_s``: the first scrape with requests of after the step. ``shown_s``: the time of the
    first sample of the metrics API (or the adapter) that is of after the step. ``decided_s``: the
    autoscaler's decision. ``pods``: those that were made for it. ``ready_s``: when as many
    replicas as it asked for were ready; counts where no pod is known (there are none on `local`).
    """

    zone: str
    step_s: float
    scraped_s: float | None
    shown_s: float | None
    decided_s: float | None
    pods: tuple[PodStart, ...] = ()
    ready_s: float | None = None


@dataclass(frozen=True, kw_only=True)
class Lag:
    """Seconds. ``parts``: (name, how long), in order; a moment that nobody recorded has its time
    in the part after it, and ``missing`` names it. ``total_s``: until the last new pod was ready;
    None while one is not."""

    zone: str
    step_s: float
    parts: tuple[tuple[str, float], ...]
    total_s: float | None
    missing: tuple[str, ...] = ()


def split(seen: ScaleUp) -> Lag:
    """The parts of one scale-up. The last pod counts: until then the load is not carried."""
    moments = (
        seen.scraped_s,
        seen.shown_s,
        seen.decided_s,
        _last(one.scheduled_s for one in seen.pods),
        _last(one.ready_s for one in seen.pods) if seen.pods else seen.ready_s,
    )
    parts: list[tuple[str, float]] = []
    missing: list[str] = []
    at_s = seen.step_s
    for name, moment in zip(PARTS, moments, strict=True):
        if moment is None:
            missing.append(name)
            continue
        parts.append((name, max(moment - at_s, 0.0)))
        at_s = max(moment, at_s)
    total = None if moments[-1] is None else at_s - seen.step_s
    return Lag(
        zone=seen.zone,
        step_s=seen.step_s,
        parts=tuple(parts),
        total_s=total,
        missing=tuple(missing),
    )


def _last(moments: Iterable[float | None]) -> float | None:
    """None when there is no pod, or one of them has not come so far."""
    found = tuple(moments)
    known = [one for one in found if one is not None]
    return max(known) if found and len(known) == len(found) else None


def steps(rates: Sequence[float], began_s: float) -> tuple[tuple[float, float], ...]:
    """From when to when the offered load held a level to which it had risen by a fifth or more
    within a second, for ten seconds at least; the load's own begin is such a rise. In a ramp, or
    in a trace that goes up and down, there is no moment that a scale-up could be counted from.
    ``rates``: one a second; the end is that of the level, or of the load."""
    return tuple(
        (began_s + second, began_s + second + _lasts(rates[second:]))
        for second, (before, after) in enumerate(pairwise((0.0, *rates)))
        if after > 0 and after >= STEP_RATIO * before and _held(rates[second : second + HOLD_S])
    )


def _lasts(rates: Sequence[float]) -> int:
    """Seconds until the load leaves its first level."""
    low, high = rates[0] / STEP_RATIO, rates[0] * STEP_RATIO
    return next((n for n, rate in enumerate(rates) if not low < rate < high), len(rates))


def _held(rates: Sequence[float]) -> bool:
    low, high = rates[0] / STEP_RATIO, rates[0] * STEP_RATIO
    return len(rates) == HOLD_S and all(low < rate < high for rate in rates)


def scale_ups(
    timeline: Timeline, held: Sequence[tuple[float, float]], *, service: str
) -> tuple[Lag, ...]:
    """One a step and zone that led to more replicas while the load held its level (a decision of
    later may be for what came then); from what Prometheus and the cluster recorded. ``held``:
    as ``steps`` gives them."""
    found: list[Lag] = []
    zones = sorted({one.zone for one in timeline.decisions})
    for step_s, end_s in held:
        for zone in zones:
            ups = [
                one
                for one in timeline.decisions
                if (one.service, one.zone) == (service, zone)
                and one.after > one.before
                and step_s <= one.at_s < end_s
            ]
            if ups:
                first = min(ups, key=lambda one: one.at_s)
                found.append(split(_seen(timeline, step_s, first)))
    return tuple(found)


def _seen(timeline: Timeline, step_s: float, decision: Decision) -> ScaleUp:
    series = [one for one in timeline.series if one.zone == decision.zone]
    mine = [one for one in series if one.service == decision.service]
    return ScaleUp(
        zone=decision.zone,
        step_s=step_s,
        scraped_s=_risen_s(mine, step_s, decision.at_s),
        shown_s=_shown_s(series, step_s, decision),
        decided_s=decision.at_s,
        pods=_new_pods(series, decision),
        ready_s=_ready_s(mine, decision),
    )


def _ready_s(series: Sequence[Series], decision: Decision) -> float | None:
    return min(
        (
            at_s
            for one in series
            if one.name == "ready_replicas"
            for at_s, count in zip(one.times_s, one.values, strict=True)
            if at_s >= decision.at_s and count >= decision.after
        ),
        default=None,
    )


def _risen_s(series: Sequence[Series], step_s: float, decided_s: float) -> float | None:
    """The first point at which a tenth of the rise of the service's requests is seen."""
    points = [
        (at_s, value)
        for one in series
        if one.name == "requests_rps"
        for at_s, value in zip(one.times_s, one.values, strict=True)
        if at_s <= decided_s
    ]
    before = [value for at_s, value in points if at_s <= step_s]
    after = [(at_s, value) for at_s, value in points if at_s > step_s]
    low, high = before[-1] if before else 0.0, max((value for _, value in after), default=0.0)
    if high <= low:
        return None
    return next(at_s for at_s, value in after if value >= low + SEEN_SHARE * (high - low))


def _shown_s(series: Sequence[Series], step_s: float, decision: Decision) -> float | None:
    """When the metrics API first had a sample of after the step for a pod of the service. Of a
    metric that does not come through it nobody records this moment."""
    if not re.match(r"scale up: (memory|cpu)\b", decision.reason):
        return None
    return min(
        (
            at_s
            for one in series
            if one.name == "metrics_api_age_s" and _is_pod(one.labels["pod"], decision.service)
            for at_s, age_s in zip(one.times_s, one.values, strict=True)
            if step_s < at_s - age_s and at_s <= decision.at_s
        ),
        default=None,
    )


def _new_pods(series: Sequence[Series], decision: Decision) -> tuple[PodStart, ...]:
    """The first that were made after the decision, as many as it asked for."""
    moments: dict[str, dict[str, float]] = {}
    for one in series:
        pod = one.labels.get("pod", "")
        if one.name in MOMENTS and one.values and _is_pod(pod, decision.service):
            # the first value: a pod that was not ready for a while is ready anew
            moments.setdefault(pod, {})[MOMENTS[one.name]] = one.values[0]
    pods = [
        PodStart(pod=pod, **known)
        for pod, known in moments.items()
        if known.get("created_s", -math.inf) >= math.floor(decision.at_s)
    ]
    pods.sort(key=lambda one: (one.created_s, one.pod))
    return tuple(pods[: decision.after - decision.before])


def _is_pod(pod: str, service: str) -> bool:
    """Pods of a Deployment are named after it, its ReplicaSet's hash and their own."""
    return re.fullmatch(rf"{re.escape(service)}-[a-z0-9]+-[a-z0-9]+", pod) is not None
