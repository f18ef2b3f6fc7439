"""A recording of the real autoscaler beside insurectl's own: decision by decision, where both were
told the same, and period by period, where the simulator was told nothing but the load."""

import re
import time
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime
from pathlib import Path

from insurectl.planning import hpa
from insurectl.planning.simulator import Plant, Traffic, simulate
from insurectl.records import Autoscaling, Queue

from .controller_loop import Asked, Recording
from .controller_objects import scaling
from .driven_system import Load

ONE_SYNC_S = 0.4  # questions no further apart are of one sync
RESCALED = re.compile(
    r"I(?P<at>\d{4} [\d:.]+).*\"Successfully rescaled\".* HPA=\"(?P<key>[^\"]+)\""
    r" currentReplicas=(?P<before>\d+) desiredReplicas=(?P<after>\d+) reason=\"(?P<reason>[^\"]*)\""
)


@dataclass(frozen=True, kw_only=True)
class Rescaled:
    """As the controller's log has it, with its own clock."""

    at_s: float
    before: int
    after: int
    reason: str


@dataclass(frozen=True, kw_only=True)
class Sync:
    """One round. ``after``: the replicas that the controller left; ``conditions``: what its status
    said of it, type -> (status, reason), empty where the next round came too soon."""

    at_s: float
    before: int
    after: int
    pods: tuple[hpa.Pod, ...]
    samples: hpa.Samples
    conditions: Mapping[str, tuple[str, str]]


@dataclass(frozen=True, kw_only=True)
class Agreement:
    """Of ``syncs`` rounds, how often the same count was decided and the same reason given;
    ``told``: each difference. ``rescaled``: rounds in which the controller changed the count."""

    syncs: int
    rescaled: int
    same: int
    reasons: int
    same_reason: int
    told: tuple[str, ...]


@dataclass(frozen=True, kw_only=True)
class Closeness:
    """Shares of the sync periods at whose end both counts are no more than one apart, or equal;
    ``throughout``: no more than one apart in each second of the period."""

    periods: int
    within_one: float
    equal: float
    throughout: float


def rescales(log: Path, recording: Recording) -> list[Rescaled]:
    """What the controller changed in this recording, in order."""
    from_s = recording.asked[0].at_s
    found = []
    for match in RESCALED.finditer(log.read_text(encoding="utf-8")):
        at_s = _klog_time(match["at"])
        if match["key"] == recording.key and at_s >= from_s:
            before, after = int(match["before"]), int(match["after"])
            found.append(Rescaled(at_s=at_s, before=before, after=after, reason=match["reason"]))
    return found


def syncs(recording: Recording, changes: Sequence[Rescaled]) -> list[Sync]:
    """The controller's rounds, each with what it was told. A round without all its questions (the
    recording ended in it) is left out."""
    spec = scaling(recording.load)
    rounds: list[list[Asked]] = []
    for one in recording.asked:
        if rounds and one.at_s - rounds[-1][0].at_s < ONE_SYNC_S:
            rounds[-1].append(one)
        else:
            rounds.append([one])
    count = changes[0].before if changes else recording.replicas[0]
    found = []
    for number, asked in enumerate(rounds):
        ends_s = rounds[number + 1][0].at_s if number + 1 < len(rounds) else float("inf")
        mine = [one for one in changes if asked[0].at_s <= one.at_s < ends_s]
        after = mine[-1].after if mine else count
        if len(asked) == len(spec.metrics):
            found.append(
                Sync(
                    at_s=asked[-1].at_s, before=count, after=after, pods=asked[-1].pods,
                    samples=_samples(spec, asked),
                    conditions=recording.conditions.get(asked[-1].at_s, {}),
                )
            )  # fmt: skip
        count = after
    return found


def decide_alike(spec: Autoscaling, rounds: Sequence[Sync]) -> Agreement:
    """``planning/hpa.py`` told what the controller was told, round after round. Its memory of what
    it changed is the controller's, so that one difference does not make others."""
    state = hpa.HpaState()
    same = reasons = same_reason = 0
    told = []
    for number, one in enumerate(rounds):
        decision, after = hpa.decide(
            spec, state, current=one.before, pods=one.pods, samples=one.samples, now_s=one.at_s
        )
        if decision.desired == one.after:
            same += 1
        else:
            told.append(_difference(number, one, decision))
            after = replace(after, ups=state.ups, downs=state.downs)
            if one.after != one.before:
                after = hpa.store_event(spec, after, one.before, one.after, one.at_s)
        state = after
        if one.conditions:
            reasons += 1
            if _reason_alike(decision, one):
                same_reason += 1
            else:
                told.append(_difference(number, one, decision))
    return Agreement(
        syncs=len(rounds), rescaled=sum(one.after != one.before for one in rounds), same=same,
        reasons=reasons, same_reason=same_reason, told=tuple(told),
    )  # fmt: skip


def closeness(recording: Recording, seed: int) -> Closeness:
    """The simulator's replicas on the same load beside the real ones."""
    load, real = recording.load, recording.replicas
    period = round(scaling(load).sync_period_s)
    traffic = Traffic(rates=load.rates, zones=1)
    played = simulate(plant(load), load.tuning, traffic, seed).replicas
    apart = [abs(one - other) for one, other in zip(real, played, strict=True)]
    periods = [apart[begin : begin + period] for begin in range(0, len(apart), period)]
    return Closeness(
        periods=len(periods),
        within_one=_share(one[-1] <= 1 for one in periods),
        equal=_share(one[-1] == 0 for one in periods),
        throughout=_share(max(one) <= 1 for one in periods),
    )


def plant(load: Load) -> Plant:
    """What a calibration of the driven system would find."""
    cost = load.cost
    return Plant(
        service=load.tuning.service,
        queue=Queue(
            servers=cost.workers, service_ms=cost.worker_ms, service_cv=cost.worker_cv,
            overhead_ms=0.0,
        ),
        startup_s=cost.start_s,
        memory_floor_mib=load.floor_mib,
        memory_per_rps_mib=cost.memory_mib * cost.memory_hold_ms / 1000,
        slo_ms=1000.0,
        slo_quantile=0.95,
        scrape_s=load.scrape_s,
    )  # fmt: skip


def _klog_time(text: str) -> float:
    """It leaves the year out, and is local."""
    year = time.localtime().tm_year
    return datetime.strptime(f"{year} {text}", "%Y %m%d %H:%M:%S.%f").astimezone().timestamp()


def _samples(spec: Autoscaling, asked: Sequence[Asked]) -> dict[str, Mapping[str, hpa.Sample]]:
    """Metric by metric in the order in which the controller asks."""
    return {
        metric.name: one.samples.get(metric.name, {})
        for metric, one in zip(spec.metrics, asked, strict=True)
    }


def _reason_alike(decision: hpa.Decision, one: Sync) -> bool:
    """A change overwrites the reason for which it was held back before its rate was limited."""
    given = {reason for _, reason in one.conditions.values()}
    return decision.reason in given or (
        decision.reason.endswith("Stabilized") and one.after != one.before
    )


def _difference(number: int, one: Sync, decision: hpa.Decision) -> str:
    values = {name: {pod: s.value for pod, s in by.items()} for name, by in one.samples.items()}
    return (
        f"sync {number}: {one.before} -> {one.after} by the controller, {decision.desired} "
        f"({decision.reason}, {dict(decision.proposals)}, {decision.errors}) by insurectl; "
        f"{len(one.pods)} pods, {values}, {dict(one.conditions)}"
    )


def _share(flags: Iterable[bool]) -> float:
    known = list(flags)
    return sum(known) / len(known)
