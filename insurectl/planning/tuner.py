"""Searches settings in the simulator: a front of cost against SLO, one point chosen, and what it
will do to traffic that was not used for choosing."""

from collections.abc import Sequence
from dataclasses import replace
from random import Random
from statistics import fmean

from insurectl.errors import BadInput
from insurectl.planning.candidates import Point, Task, points, stuck
from insurectl.planning.reasons import reasons, warnings
from insurectl.planning.simulator import Plant, Traffic, simulate
from insurectl.records import (
    Candidate,
    CapacityModel,
    Effect,
    Estimate,
    Recommendation,
    Simulation,
    Tuning,
)

STRICTER = 0.8  # of the misses that the SLO allows: other traffic must fit too
FINALISTS, REPEATS = 14, 4
NEAR = 1.5  # of the misses allowed: so far a few plays may mislead
DRAWS = 40
ALIKE = 0.02  # costs that differ by less are the same


def recommend(task: Task) -> Recommendation:
    """The cheapest settings that keep the SLO on the tuning traffic, with some room.

    That traffic is played forwards and backwards, since a window of minutes may only rise, and
    settings that never let a replica go would look as good as others.
    """
    _refuse_the_impossible(task)
    searched = _played(task, list(points(task)), repeats=1)
    allowed = STRICTER * (1 - task.model.slo_quantile)
    finalists = _finalists(task, searched, allowed)
    others = [one for one in searched if all(one.tuning != last.tuning for last in finalists)]
    chosen = _choose(finalists, allowed)
    effect = foresee(task, chosen.tuning, task.verify)
    usual = foresee(task, task.before, task.verify)
    return Recommendation(
        run_id=task.run_id,
        service=task.model.service,
        before=task.before,
        after=chosen.tuning,
        rule=(
            f"the least replica-seconds among settings with at most {allowed:.1%} of the requests "
            f"beyond {task.model.slo_ms:g} ms on the tuning traffic (the SLO allows "
            f"{1 - task.model.slo_quantile:.1%}), played forwards and backwards, that memory "
            f"alone does not keep from scaling in; of those within {ALIKE:.0%}, the least memory"
        ),
        reasons=reasons(task, chosen, effect, usual),
        warnings=warnings(task, chosen, allowed),
        candidates=_with_front([one.candidate for one in (*finalists, *others)]),
        searched=len(searched),
        seed=task.seed,
        effect=effect,
    )


def plant_of(model: CapacityModel, scrape_s: float) -> Plant:
    """What is simulated, at its most likely."""
    return Plant(
        service=model.service,
        queue=model.queue.best,
        startup_s=model.startup_s.value,
        memory_floor_mib=model.memory_floor_mib.value,
        memory_per_rps_mib=max(model.memory_per_rps_mib.value, 0.0),
        slo_ms=model.slo_ms,
        slo_quantile=model.slo_quantile,
        requests_per_arrival=model.requests_per_arrival,
        scrape_s=scrape_s,
    )


def foresee(task: Task, tuning: Tuning, traffic: Traffic) -> Effect:
    """Effect with 95 % intervals: each draw has another queue that the measurements allow,
    another start-up time and other arrivals."""
    model, rng = task.model, Random(task.seed)
    base = plant_of(model, task.scrape_s)
    error_s = (model.startup_s.high - model.startup_s.low) / 4
    found = []
    for number in range(DRAWS):
        drawn = replace(
            base,
            queue=rng.choice(model.queue.draws),
            startup_s=max(rng.gauss(model.startup_s.value, error_s), 0.0),
        )
        limited = replace(traffic, zone_rps=tuning.zone_rps)
        found.append(simulate(drawn, tuning.of(model.service), limited, task.seed + 1000 + number))
    return _effect(found)


# ---- the search ----


def _refuse_the_impossible(task: Task) -> None:
    model = task.model
    if model.rps_per_replica.value <= 0:
        raise BadInput(
            f"by the fit no rate keeps p{model.slo_quantile * 100:g} of {model.service} within "
            f"{model.slo_ms:g} ms, so there is nothing to choose; raise `slo` under `calibrate`"
        )
    if task.slots < 1:
        raise BadInput(f"a zone has no room for a replica of {model.service}")


def _played(task: Task, tried: Sequence[Point], repeats: int) -> list[Point]:
    """Each with its cost and misses, the mean of some plays both ways; all get the same
    arrivals."""
    found, plant = [], plant_of(task.model, task.scrape_s)
    for point in tried:
        tuning = point.tuning.of(task.model.service)
        forwards = replace(task.tune, zone_rps=point.tuning.zone_rps)
        both = (forwards, replace(forwards, rates=tuple(reversed(forwards.rates))))
        plays = [
            simulate(plant, tuning, traffic, task.seed + number)
            for traffic in both
            for number in range(repeats)
        ]
        candidate = replace(
            point.candidate,
            replica_seconds=fmean(one.replica_seconds for one in plays),
            miss_ratio=fmean(one.miss_ratio for one in plays),
        )
        found.append(Point(candidate, point.tuning))
    return found


def _finalists(task: Task, tried: Sequence[Point], allowed: float) -> list[Point]:
    """Played more often: the cheapest that may keep the SLO, and dearer ones until one does.
    Settings that memory keeps from scaling in have their turn only when no others come near; when
    none do at all, those that miss least."""
    free = [one for one in tried if not stuck(task.model, one.candidate)]
    for pool in (free, tried):
        near = [one for one in pool if one.candidate.miss_ratio <= NEAR * allowed]
        ranked = sorted(near, key=lambda one: _rank(one, by_cost=True))
        played: list[Point] = []
        while ranked and not any(one.candidate.miss_ratio <= allowed for one in played):
            played += _played(task, ranked[:FINALISTS], repeats=REPEATS)
            ranked = ranked[FINALISTS:]
        if played:
            return played
    best = sorted(free or tried, key=lambda one: _rank(one, by_cost=False))
    return _played(task, best[:FINALISTS], repeats=REPEATS)


def _rank(point: Point, *, by_cost: bool) -> tuple[float, ...]:
    one = point.candidate
    if by_cost:
        return one.replica_seconds, one.memory_request_mib, one.miss_ratio
    return one.miss_ratio, one.replica_seconds


def _choose(finalists: Sequence[Point], allowed: float) -> Point:
    good = [one for one in finalists if one.candidate.miss_ratio <= allowed]
    if not good:
        return min(finalists, key=lambda one: _rank(one, by_cost=False))
    least = min(one.candidate.replica_seconds for one in good)
    alike = [one for one in good if one.candidate.replica_seconds <= least * (1 + ALIKE)]
    return min(alike, key=lambda one: (one.candidate.memory_request_mib, one.candidate.miss_ratio))


def _with_front(candidates: Sequence[Candidate]) -> tuple[Candidate, ...]:
    """Pareto: nothing else is both cheaper and better."""
    marked, best = [], float("inf")
    for one in sorted(candidates, key=lambda one: (one.replica_seconds, one.miss_ratio)):
        marked.append(replace(one, on_front=one.miss_ratio < best))
        best = min(best, one.miss_ratio)
    return tuple(marked)


def _effect(found: Sequence[Simulation]) -> Effect:
    def estimate(values: Sequence[float], unit: str) -> Estimate:
        ordered = sorted(values)
        cut = len(ordered) // 40
        value = fmean(values)  # a rare large one may pull it beyond the quantiles
        return Estimate(
            value=value, low=min(ordered[cut], value), high=max(ordered[-1 - cut], value),
            unit=unit, evidence=f"{len(values)} simulations",
        )  # fmt: skip

    return Effect(
        replicas_mean=estimate([one.replicas_mean for one in found], "replicas"),
        replicas_max=estimate([float(one.replicas_max) for one in found], "replicas"),
        quantile_ms=estimate(
            [one.quantile_ms for one in found if one.quantile_ms is not None] or [0.0], "ms"
        ),
        miss_ratio=estimate([one.miss_ratio for one in found], "share"),
        replica_seconds=estimate([one.replica_seconds for one in found], "replica-s"),
    )
