"""The settings that are worth a try."""

from dataclasses import replace

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from insurectl.planning import hpa
from insurectl.planning.candidates import (
    LEAST,
    MEMORY_PERCENTS,
    SHARES,
    WINDOW_FACTORS,
    Point,
    Task,
    needed,
    peak_rps,
    points,
    stuck,
)
from insurectl.planning.simulator import Traffic
from insurectl.records import (
    KUBERNETES_SCALE_DOWN,
    KUBERNETES_SCALE_UP,
    RPS,
    Autoscaling,
    Candidate,
    CapacityModel,
    Estimate,
    MetricTarget,
    Queue,
    QueueModel,
    ScalingPolicy,
    ScalingRules,
    ServiceTuning,
    Tuning,
)

QUEUE = Queue(servers=3, service_ms=200, service_cv=0.5, overhead_ms=5)
MIB = 1024 * 1024
OTHER = ServiceTuning(
    service="client-info", replicas=2, memory_request_mib=64, memory_limit_mib=128
)
AT_ONCE = ScalingRules(
    stabilization_window_s=0, policies=(ScalingPolicy(kind="Percent", value=100, period_s=1),)
)


def estimate(value: float) -> Estimate:
    return Estimate(value=value, low=value * 0.9, high=value * 1.1, unit="", evidence="")


def model(
    *, rps: float = 10.0, floor_mib: float = 100.0, per_rps_mib: float = 2.0,
    per_arrival: float = 1.0,
) -> CapacityModel:  # fmt: skip
    return CapacityModel(
        run_id="run", service="core-app", slo_quantile=0.95, slo_ms=800,
        rps_per_replica=estimate(rps), lower_bound=False, memory_floor_mib=estimate(floor_mib),
        memory_per_rps_mib=estimate(per_rps_mib), startup_s=estimate(2.0),
        host_cpu_idle=estimate(0.1), host_cpu_s_per_request=estimate(0.01),
        requests_per_arrival=per_arrival,
        queue=QueueModel(best=QUEUE, misfit=1.0, draws=(QUEUE,)), curve=(), evidence=(),
    )  # fmt: skip


def task(
    capacity: CapacityModel | None = None, *, tune: tuple[float, ...] = (10.0, 40.0),
    verify: tuple[float, ...] = (20.0,), zones: int = 2, slots: int = 20,
    autoscaling: Autoscaling | None = None,
) -> Task:  # fmt: skip
    before = Tuning(
        services=(
            ServiceTuning(
                service="core-app", replicas=1, memory_request_mib=128, memory_limit_mib=256,
                autoscaling=autoscaling,
            ),
            OTHER,
        ),
        partner_per_minute=12,
    )  # fmt: skip
    return Task(
        model=capacity or model(), before=before, tune=Traffic(rates=tune, zones=zones),
        verify=Traffic(rates=verify, zones=zones), slots=slots, scrape_s=2.0, partners=None,
        seed=1, run_id="run",
    )  # fmt: skip


def test_every_combination_once() -> None:
    found = [one.candidate for one in points(task())]
    most = len(SHARES) * len(LEAST) * len(WINDOW_FACTORS) * len(MEMORY_PERCENTS) * 2
    assert 0.5 * most < len(found) <= most
    assert len({tuple(vars(one).values()) for one in found}) == len(found)


@given(
    rps=st.floats(0.01, 200), floor_mib=st.floats(1, 2000), per_rps_mib=st.floats(-1, 20),
    peak=st.floats(0, 500), zones=st.integers(1, 4), slots=st.integers(1, 30),
)  # fmt: skip
def test_whatever_was_measured_the_settings_can_be_set(
    rps: float, floor_mib: float, per_rps_mib: float, peak: float, zones: int, slots: int
) -> None:
    capacity = model(rps=rps, floor_mib=floor_mib, per_rps_mib=per_rps_mib)
    found = list(points(task(capacity, tune=(peak,), verify=(0.0,), zones=zones, slots=slots)))
    assert found
    for one in (point.candidate for point in found):
        assert 1 <= one.min_replicas <= one.max_replicas <= slots
        assert 0 < one.rps_target <= rps * 1.005
        assert one.memory_request_mib >= floor_mib
        assert one.memory_request_mib % 8 == 0


@pytest.mark.parametrize(
    ("zones", "slots", "per_arrival", "count", "most"),
    [
        pytest.param(2, 20, 1.0, 4, 4, id="one of two zones carries all"),
        pytest.param(3, 20, 1.0, 2, 2, id="two of three"),
        pytest.param(1, 20, 1.0, 4, 4, id="one zone, which can't be lost"),
        pytest.param(2, 3, 1.0, 4, 3, id="no room for more"),
        pytest.param(2, 20, 2.0, 8, 8, id="two requests an arrival"),
    ],
)
def test_the_most_replicas_carry_the_peak_when_a_zone_is_lost(
    zones: int, slots: int, per_arrival: float, count: int, most: int
) -> None:
    one = task(model(per_arrival=per_arrival), zones=zones, slots=slots)
    assert peak_rps(one) == 40 * per_arrival
    assert needed(one, 10.0) == count
    full = [p.candidate for p in points(one) if p.candidate.rps_target == 10.0]
    assert {each.max_replicas for each in full if each.min_replicas == 1} == {most}


@pytest.mark.parametrize(
    ("tune", "verify"),
    [
        pytest.param((5.0, 40.0), (10.0,), id="in the traffic for tuning"),
        pytest.param((5.0,), (10.0, 40.0), id="in the traffic for verifying"),
    ],
)
def test_the_peak_is_that_of_both_parts(tune: tuple[float, ...], verify: tuple[float, ...]) -> None:
    assert peak_rps(task(tune=tune, verify=verify)) == 40.0


def test_without_traffic_there_is_room_for_one_more_than_the_least() -> None:
    found = [p.candidate for p in points(task(tune=(0.0,), verify=(0.0,)))]
    assert {one.max_replicas - one.min_replicas for one in found} == {1}


def test_a_least_that_has_no_room_is_left_out() -> None:
    found = [p.candidate for p in points(task(slots=1))]
    assert {(one.min_replicas, one.max_replicas) for one in found} == {(1, 1)}


def test_the_settings_reach_the_tuning_and_nothing_else_changes() -> None:
    up = replace(AT_ONCE, stabilization_window_s=3)
    spec = Autoscaling(
        min_replicas=1, max_replicas=3, metrics=(), scale_up=up,
        scale_down=replace(AT_ONCE, stabilization_window_s=15), sync_period_s=5.0,
    )  # fmt: skip
    one = task(autoscaling=spec)
    for point in points(one):
        candidate, tuned = point.candidate, point.tuning.of("core-app")
        assert tuned.autoscaling == Autoscaling(
            min_replicas=candidate.min_replicas,
            max_replicas=candidate.max_replicas,
            metrics=(
                MetricTarget(
                    kind="Resource",
                    name="memory",
                    utilization_percent=candidate.memory_target_percent,
                ),
                MetricTarget(kind="Pods", name=RPS, average_value=candidate.rps_target),
            ),
            scale_up=up,
            scale_down=replace(AT_ONCE, stabilization_window_s=candidate.scale_down_window_s),
            sync_period_s=5.0,
        )
        assert candidate.scale_down_window_s in (15, 30)
        assert tuned.memory_request_mib == candidate.memory_request_mib
        assert tuned.memory_limit_mib >= 1.5 * tuned.memory_request_mib
        assert point.tuning.of("client-info") == OTHER
        assert point.tuning.partner_per_minute == 12
        # what all replicas of a zone take within the SLO, in whole requests
        assert point.tuning.zone_rps == candidate.max_replicas * 10


def test_what_had_no_autoscaling_gets_that_of_kubernetes() -> None:
    for point in points(task()):
        spec = point.tuning.of("core-app").autoscaling
        assert spec is not None
        assert spec.scale_up == KUBERNETES_SCALE_UP
        assert spec.scale_down.policies == KUBERNETES_SCALE_DOWN.policies
        assert spec.scale_down.stabilization_window_s in (300, 600)


# ---- memory that keeps replicas ----


def settings_of(request_mib: float, percent: int, least: int, most: int) -> Candidate:
    return Candidate(
        memory_target_percent=percent, rps_target=5.0, min_replicas=least, max_replicas=most,
        scale_down_window_s=0, memory_request_mib=request_mib, replica_seconds=0, miss_ratio=0,
    )  # fmt: skip


def where_it_stops(one: Candidate, idle_mib: float) -> int:
    """All replicas are there and idle; the autoscaler looks until nothing changes any more."""
    spec = Autoscaling(
        min_replicas=one.min_replicas, max_replicas=one.max_replicas,
        metrics=(
            MetricTarget(
                kind="Resource", name="memory", utilization_percent=one.memory_target_percent
            ),
        ),
        scale_up=AT_ONCE, scale_down=AT_ONCE,
    )  # fmt: skip
    state, current = hpa.HpaState(), one.max_replicas
    for number in range(100):
        pods = [
            hpa.Pod(name=f"{pod}", requests={"memory": round(one.memory_request_mib * MIB)})
            for pod in range(current)
        ]
        samples = {"memory": {pod.name: hpa.Sample(value=round(idle_mib * MIB)) for pod in pods}}
        decision, state = hpa.decide(
            spec, state, current=current, pods=pods, samples=samples, now_s=1000.0 + 20 * number
        )
        if decision.desired == current:
            return current
        current = decision.desired
    raise AssertionError("it never stops")


@given(
    request_mib=st.integers(1, 60).map(lambda eights: 8.0 * eights),
    idle_mib=st.integers(1, 500),
    percent=st.sampled_from(MEMORY_PERCENTS),
    least=st.integers(1, 3),
    more=st.integers(0, 30),
)
def test_stuck_is_where_the_real_autoscaler_stops(
    request_mib: float, idle_mib: int, percent: int, least: int, more: int
) -> None:
    one = settings_of(request_mib, percent, least, least + more)
    assume(request_mib * MIB == round(request_mib * MIB))
    stops = where_it_stops(one, idle_mib)
    assert stuck(model(floor_mib=idle_mib), one) == (stops if stops > least else 0)


@pytest.mark.parametrize(
    ("request_mib", "percent", "least", "most", "expected"),
    [
        pytest.param(256, 80, 1, 6, 0, id="half the target: free"),
        pytest.param(150, 80, 1, 6, 5, id="five sixths: five stay"),
        pytest.param(150, 80, 1, 4, 4, id="no more than the most"),
        pytest.param(150, 80, 5, 6, 0, id="the least anyway"),
        pytest.param(136, 80, 1, 30, 30, id="within the tolerance: any number stays"),
        pytest.param(104, 80, 1, 6, 6, id="beyond the target"),
        pytest.param(104, 80, 2, 2, 0, id="nothing to scale"),
    ],
)
def test_an_idle_replica_of_100_mib(
    request_mib: float, percent: int, least: int, most: int, expected: int
) -> None:
    assert stuck(model(), settings_of(request_mib, percent, least, most)) == expected


def free(point: Point) -> bool:
    return not stuck(model(), point.candidate)


def test_for_each_rps_target_some_settings_let_replicas_go() -> None:
    found = list(points(task()))
    targets = {one.candidate.rps_target for one in found}
    assert {one.candidate.rps_target for one in found if free(one)} == targets
