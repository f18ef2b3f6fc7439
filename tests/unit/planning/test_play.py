"""A day through the compiled kernel: what has to hold, and what is refused."""

import math
from collections.abc import Callable
from dataclasses import replace

import numpy as np
import pytest

from insurectl.errors import BadInput
from insurectl.planning.application import (
    NEVER,
    Application,
    Candidate,
    Course,
    Plant,
    Traffic,
    Watch,
)
from insurectl.planning.hpa_spec import Behavior, Metric, Spec, filled
from insurectl.planning.play import play, play_many
from insurectl.records import KUBERNETES_SCALE_DOWN, KUBERNETES_SCALE_UP, Playback, Queue

# one pod serves 20 a second: 1 at a time, 50 ms each, 25 ms of a CPU
APPLICATION = Application(
    queue=Queue(servers=1, service_ms=50.0, service_cv=1.0, overhead_ms=0.0),
    cpu_ms=25.0, slo_ms=400.0, memory_floor_mib=100.0, pending_s=2, startup_s=18,
)  # fmt: skip
PLANT = Plant(application=APPLICATION)
CPU = Metric(kind="Resource", name="cpu", utilization_percent=50)
MEMORY = Metric(kind="Resource", name="memory", utilization_percent=80)
RPS = Metric(kind="Pods", name="rps", average_milli=10_000)
TOTAL = Metric(kind="External", name="rps", average_milli=10_000)
AT_ONCE = Behavior(
    scale_up=KUBERNETES_SCALE_UP, scale_down=filled(KUBERNETES_SCALE_DOWN, window_s=0)
)


def candidate(*metrics: Metric, least: int = 1, most: int = 20) -> Candidate:
    spec = Spec(min_replicas=least, max_replicas=most, metrics=metrics, behavior=AT_ONCE)
    return Candidate(spec=spec, cpu_request_milli=500, memory_request_mib=200.0)


def steps(*levels: tuple[float, int]) -> Traffic:
    return Traffic(rates=np.concatenate([np.full(lasts, rate) for rate, lasts in levels]))


def played(one: Candidate, traffic: Traffic, plant: Plant = PLANT) -> tuple[Playback, Course]:
    return play(plant, one, traffic)


@pytest.mark.parametrize(
    ("metric", "replicas"),
    [
        pytest.param(CPU, 10, id="100/s take 2.5 CPUs, 50 % of 500m each"),
        pytest.param(replace(CPU, utilization_percent=None, average_milli=500), 5, id="500m each"),
        pytest.param(RPS, 10, id="10/s each"),
        pytest.param(TOTAL, 10, id="10/s each of all that are served"),
    ],
)
def test_it_comes_to_rest_where_the_target_is(metric: Metric, replicas: int) -> None:
    found, course = played(candidate(metric), steps((100.0, 600)))
    assert (found.replicas_fewest, found.replicas_most) == (replicas, replicas)
    assert found.requests == pytest.approx(60_000)
    assert found.pod_hours == pytest.approx(replicas / 6)
    assert course.cpu_cores[-1] == pytest.approx(2.5 / replicas)


def test_steady_misses_are_the_queues() -> None:
    """10 pods with 10/s each: M/M/1 at a load of a half."""
    found, course = played(candidate(RPS), steps((100.0, 600)))
    assert found.miss_ratio == pytest.approx(math.exp(-0.4 * 10), rel=0.01)
    assert course.quantile_ms[-1] == pytest.approx(-math.log(0.05) * 100, rel=0.01)
    assert (found.overloaded, found.turned_away) == (0.0, 0.0)


def test_a_step_is_served_when_the_new_pods_are_ready() -> None:
    """The rate is seen at the sync, at most 15 s later, and a pod takes 20 s."""
    found, course = played(candidate(RPS), steps((10.0, 600), (100.0, 600)))
    grown = int(np.argmax(course.replicas > course.replicas[0]))
    served = int(np.argmax(course.serving > course.serving[0]))
    assert 600 < grown <= 615
    assert served == grown + 20
    assert found.overloaded > 0
    assert course.quantile_ms[620] > 400
    assert course.serving[-1] == 10


def test_a_backlog_is_carried_over_and_ends() -> None:
    fixed = candidate(RPS, least=2, most=2)
    found, course = played(fixed, steps((10.0, 60), (60.0, 10), (10.0, 120)))
    # 200 are too many after ten seconds; 30 a second more than come are served then
    assert course.quantile_ms[69] > 1000 * 4.5
    assert found.overloaded == pytest.approx(600 + 70, abs=10)
    assert found.turned_away == 0.0
    assert course.quantile_ms[-1] < 400


def test_who_would_wait_too_long_is_turned_away() -> None:
    impatient = replace(PLANT, application=replace(APPLICATION, patience_s=1.0))
    found, _ = played(candidate(RPS, least=1, most=1), steps((10.0, 60), (50.0, 60)), impatient)
    assert found.turned_away == pytest.approx(60 * 30 - 20)
    assert found.missed <= found.requests


def test_memory_that_is_never_given_back_keeps_the_replicas() -> None:
    hungry = replace(APPLICATION, memory_per_rps_mib=10.0, memory_release_s=NEVER)
    both = candidate(MEMORY, least=1)
    day = steps((10.0, 300), (60.0, 900), (10.0, 3600))
    kept, course = played(both, day, replace(PLANT, application=hungry))
    given_back = replace(hungry, memory_release_s=60.0)
    freed, falling = played(both, day, replace(PLANT, application=given_back))
    assert kept.pod_hours > freed.pod_hours
    assert course.memory_mib[-1] > falling.memory_mib[-1]
    assert (np.diff(course.memory_mib[1200:]) == 0).all()


@pytest.mark.parametrize("lag_s", [0, 40])
def test_a_lag_of_the_metrics_delays_the_decision(lag_s: int) -> None:
    late = replace(PLANT, watch=Watch(lag_s=lag_s))
    _, course = played(candidate(RPS), steps((10.0, 600), (100.0, 600)), late)
    grown = int(np.argmax(course.replicas > course.replicas[0]))
    assert 600 + lag_s < grown <= 600 + lag_s + 30


def test_a_limit_of_the_cpu_makes_requests_slower() -> None:
    limited = replace(APPLICATION, cpu_limit_milli=250)
    assert (APPLICATION.capacity_rps, limited.capacity_rps) == (20.0, 10.0)


def test_many_are_played_as_each_alone_whatever_the_threads() -> None:
    day = steps((10.0, 600), (100.0, 600), (30.0, 600))
    chosen = [candidate(CPU), candidate(RPS, most=7), candidate(MEMORY, CPU), candidate(TOTAL)]
    alone = tuple(played(one, day)[0] for one in chosen)
    for workers in (1, 2):
        for one, other in zip(play_many(PLANT, chosen, day, workers=workers), alone, strict=True):
            assert numbers(one) == pytest.approx(numbers(other), rel=1e-9)


def numbers(one: Playback) -> list[float]:
    return [value for value in vars(one).values() if isinstance(value, int | float)]


def test_none_are_played_of_none() -> None:
    assert play_many(PLANT, [], steps((1.0, 60))) == ()


@pytest.mark.parametrize(
    ("rates", "told"),
    [
        pytest.param([], "is empty", id="empty"),
        pytest.param([1.0, float("nan")], "second 1 of the traffic has the rate nan", id="nan"),
        pytest.param([1.0, -1.0], "the rate -1.0", id="negative"),
        pytest.param([0.0] * 60, "every rate of the traffic is 0", id="all zero"),
        pytest.param(np.ones(32 * 86_400), "the most is 2678400 s", id="too long"),
    ],
)
def test_traffic_that_can_not_be_played_is_refused(rates: list[float], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        play_many(PLANT, [candidate(CPU)], Traffic(rates=rates))


HUGE = replace(MEMORY, name="hugepages-2Mi")


@pytest.mark.parametrize(
    ("make", "told"),
    [
        pytest.param(lambda: candidate(HUGE), "no data for it; use cpu or memory", id="a resource"),
        pytest.param(
            lambda: replace(candidate(CPU), cpu_request_milli=0), "no request for cpu", id="cpu"
        ),
        pytest.param(
            lambda: replace(candidate(MEMORY), memory_request_mib=0.0), "for memory", id="memory"
        ),
        pytest.param(lambda: candidate(CPU, most=5001), "at most 5000", id="too many replicas"),
    ],
)
def test_a_candidate_without_data_is_refused(make: Callable[[], Candidate], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        play_many(PLANT, [make()], steps((1.0, 60)))


@pytest.mark.parametrize(
    ("make", "told"),
    [
        pytest.param(lambda: replace(APPLICATION, slo_ms=0.0), "slo_ms is 0.0", id="slo"),
        pytest.param(lambda: replace(APPLICATION, cpu_ms=-1.0), "cpu_ms is -1.0", id="cpu"),
        pytest.param(lambda: replace(APPLICATION, slo_quantile=1.0), "slo_quantile", id="share"),
        pytest.param(lambda: replace(APPLICATION, cpu_limit_milli=0), "cpu_limit", id="limit"),
        pytest.param(lambda: Watch(sync_s=0), "sync_s is 0", id="sync"),
        pytest.param(lambda: Watch(offset_s=15), "less than sync_s", id="offset"),
    ],
)
def test_what_makes_no_sense_is_refused(make: Callable[[], object], told: str) -> None:
    with pytest.raises(BadInput, match=told):
        make()
