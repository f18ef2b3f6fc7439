"""The system under the autoscaler, request by request."""

from dataclasses import replace
from math import ceil

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insurectl.planning.queueing import quantile_ms
from insurectl.planning.simulator import (
    RPS,
    SEEN_AFTER_S,
    Plant,
    Traffic,
    simulate,
    steady_replicas,
)
from insurectl.records import (
    Autoscaling,
    MetricTarget,
    Queue,
    ScalingPolicy,
    ScalingRules,
    ServiceTuning,
    Simulation,
)

QUICK = Queue(servers=4, service_ms=20, service_cv=0.5, overhead_ms=3)
UP = ScalingRules(
    stabilization_window_s=0, policies=(ScalingPolicy(kind="Pods", value=10, period_s=1),)
)
WINDOW_S = 20
DOWN = ScalingRules(
    stabilization_window_s=WINDOW_S,
    policies=(ScalingPolicy(kind="Percent", value=100, period_s=1),),
)


def plant(queue: Queue = QUICK, *, startup_s: float = 1.0, per_rps_mib: float = 0.0) -> Plant:
    return Plant(
        service="core-app", queue=queue, startup_s=startup_s, memory_floor_mib=100.0,
        memory_per_rps_mib=per_rps_mib, slo_ms=300.0, slo_quantile=0.95,
    )  # fmt: skip


def fixed(replicas: int) -> ServiceTuning:
    return ServiceTuning(
        service="core-app", replicas=replicas, memory_request_mib=256, memory_limit_mib=512
    )


def scaled(*, rps: float | None = 10.0, memory_percent: int | None = None, most: int = 6,
           request_mib: float = 256.0) -> ServiceTuning:  # fmt: skip
    metrics = []
    if memory_percent is not None:
        metrics.append(
            MetricTarget(kind="Resource", name="memory", utilization_percent=memory_percent)
        )
    if rps is not None:
        metrics.append(MetricTarget(kind="Pods", name=RPS, average_value=rps))
    return replace(
        fixed(1),
        memory_request_mib=request_mib,
        autoscaling=Autoscaling(
            min_replicas=1, max_replicas=most, metrics=tuple(metrics), scale_up=UP,
            scale_down=DOWN, sync_period_s=5.0,
        ),
    )  # fmt: skip


def traffic(*stretches: tuple[float, int], zones: int = 1, zone_rps: float | None = None,
            warmup_s: float = 0.0) -> Traffic:  # fmt: skip
    rates = tuple(rate for rate, lasts_s in stretches for _ in range(lasts_s))
    return Traffic(rates=rates, zones=zones, zone_rps=zone_rps, warmup_s=warmup_s)


@pytest.mark.parametrize(
    ("servers", "cv", "load"),
    [
        pytest.param(1, 1.0, 0.6, id="one server, exponential"),
        pytest.param(1, 0.0, 0.6, id="one server, always as long"),
        pytest.param(3, 0.5, 0.7, id="as the bundled system"),
        pytest.param(8, 1.5, 0.8, id="eight, a few are long"),
    ],
)
def test_without_autoscaling_latencies_are_those_of_the_queue(
    servers: int, cv: float, load: float
) -> None:
    queue = Queue(servers=servers, service_ms=50, service_cv=cv, overhead_ms=4)
    rps = load * servers * 1000 / 50
    lasts_s = ceil(40_000 / rps)
    found = simulate(plant(queue), fixed(1), traffic((rps, lasts_s), warmup_s=20), seed=1)
    assert found.quantile_ms == pytest.approx(quantile_ms(queue, rps, 0.95), rel=0.06)


def test_replicas_share_the_traffic_by_chance_and_zones_take_turns() -> None:
    """Chance leaves each replica a Poisson stream, as if it were alone; turns make it evener."""
    queue = Queue(servers=2, service_ms=50, service_cv=0.5, overhead_ms=4)
    one = simulate(plant(queue), fixed(4), traffic((80.0, 400)), seed=1)
    two = simulate(plant(queue), fixed(2), traffic((80.0, 400), zones=2), seed=1)
    alone = quantile_ms(queue, 20.0, 0.95)
    assert one.quantile_ms == pytest.approx(alone, rel=0.05)
    assert two.quantile_ms is not None
    assert quantile_ms(queue, 1.0, 0.95) < two.quantile_ms < alone
    for found in (one, two):
        assert (found.replicas_max, found.replica_seconds) == (4, 1600.0)


def test_replicas_follow_the_rate_up_at_once_and_down_after_the_window() -> None:
    found = simulate(plant(), scaled(), traffic((5, 20), (40, 40), (5, 60)), seed=3)
    assert found.replicas[19] == 1
    assert found.replicas[59] in (4, 5)  # 40 a second at 10 each, and chance
    assert found.replicas[-1] == 1
    ups = [one for one in found.decisions if one.after > one.before]
    downs = [one for one in found.decisions if one.after < one.before]
    assert 20 < ups[0].at_s < 32  # within two looks
    assert downs[0].at_s > 60 + WINDOW_S - 5
    assert {one.reason for one in ups} == {f"scale up: {RPS}"}
    assert {one.reason for one in downs} == {f"scale down: {RPS}"}


def test_decisions_are_in_order_and_chain_up() -> None:
    found = simulate(plant(), scaled(), traffic((5, 20), (60, 40), (5, 60), zones=2), seed=3)
    assert [one.at_s for one in found.decisions] == sorted(one.at_s for one in found.decisions)
    for zone in ("0", "1"):
        mine = [one for one in found.decisions if one.zone == zone]
        assert mine
        assert [one.after for one in mine[:-1]] == [one.before for one in mine[1:]]


def test_a_replica_serves_only_once_it_has_started() -> None:
    """The same traffic and the same decisions to scale: what differs is how long a start takes."""
    queue = Queue(servers=1, service_ms=80, service_cv=0.5, overhead_ms=3)
    rush = traffic((4, 20), (36, 40))
    quick, slow = (
        simulate(plant(queue, startup_s=startup_s), scaled(rps=6.0, most=8), rush, seed=5)
        for startup_s in (0.5, 12.0)
    )
    assert slow.miss_ratio > quick.miss_ratio + 0.1


def test_replicas_that_all_start_take_no_requests_of_others() -> None:
    """SEEN_AFTER_S is part of it: the mesh looks again only then."""
    queue = Queue(servers=1, service_ms=10, service_cv=0.0, overhead_ms=0)
    found = simulate(plant(queue, startup_s=1e6), scaled(), traffic((30, 60)), seed=1)
    alone = simulate(plant(queue), fixed(3), traffic((30, 60)), seed=1)
    assert SEEN_AFTER_S > 0
    assert found.replicas_max >= 3
    assert found.failed == alone.failed == 0


def test_beyond_its_limit_a_zone_sheds_and_what_is_shed_is_a_miss() -> None:
    found = simulate(plant(), fixed(4), traffic((50, 60), zone_rps=20.0), seed=2)
    assert found.requests == pytest.approx(3000, rel=0.1)
    # 20 a second pass, and one second's worth at the beginning
    assert found.requests - found.failed == pytest.approx(20 * 60 + 20, abs=3)
    assert found.miss_ratio == pytest.approx(found.failed / found.requests, abs=0.01)


@pytest.mark.parametrize(
    ("limit", "zones"),
    [pytest.param(None, 1, id="none"), pytest.param(40.0, 2, id="each zone has its own")],
)
def test_within_its_limit_nothing_is_shed(limit: float | None, zones: int) -> None:
    found = simulate(plant(), fixed(4), traffic((40, 60), zones=zones, zone_rps=limit), seed=2)
    assert found.failed == 0


def test_memory_that_an_idle_replica_holds_keeps_replicas() -> None:
    """100 MiB of a target of 120: from three the autoscaler goes to ceil(3 * 100 / 120) = 3."""
    rush = traffic((5, 20), (60, 40), (2, 100))
    stuck = simulate(plant(), scaled(memory_percent=80, request_mib=150), rush, seed=4)
    free = simulate(plant(), scaled(memory_percent=80, request_mib=300), rush, seed=4)
    assert stuck.replicas_max == free.replicas_max == 6
    assert stuck.replicas[-1] == 5  # 6 -> 5 = ceil(6 * 0.8333), and ceil(5 * 0.8333) = 5
    assert free.replicas[-1] == 1


def test_memory_that_grows_with_the_rate_scales_out() -> None:
    plain = scaled(rps=None, memory_percent=80, request_mib=200)
    found = simulate(plant(per_rps_mib=5.0), plain, traffic((2, 20), (60, 40)), seed=4)
    assert found.replicas[19] == 1
    assert found.replicas[-1] > 2
    assert found.decisions[0].reason == "scale up: memory"


def test_the_warmup_does_not_count_for_latency() -> None:
    jam = traffic((400, 5), (1, 55), warmup_s=10)
    found = simulate(plant(), fixed(1), jam, seed=1)
    assert found.requests == pytest.approx(50, abs=25)
    assert found.miss_ratio == 0.0
    assert found.lasted_s == 60


def test_an_arrival_may_make_several_requests() -> None:
    double = replace(plant(), requests_per_arrival=2.0)
    found = simulate(double, fixed(2), traffic((30, 100)), seed=1)
    assert found.requests == pytest.approx(6000, rel=0.05)


@pytest.mark.parametrize("zones", [1, 2, 3])
def test_without_traffic_nothing_is_judged(zones: int) -> None:
    found = simulate(plant(), scaled(), traffic((0, 30), zones=zones), seed=1)
    assert (found.requests, found.failed, found.quantile_ms, found.miss_ratio) == (0, 0, None, 0.0)
    assert found.replicas == (zones,) * 30


def test_with_no_replica_everything_fails() -> None:
    found = simulate(plant(), fixed(0), traffic((10, 30)), seed=1)
    assert found.failed == found.requests > 0
    assert (found.miss_ratio, found.quantile_ms) == (1.0, None)


@pytest.mark.parametrize(
    ("tuning", "zone_rps", "expected"),
    [
        pytest.param(fixed(3), 100.0, 3, id="no autoscaling"),
        pytest.param(scaled(), 0.0, 1, id="no traffic: the least"),
        pytest.param(scaled(), 30.0, 3, id="just at the target"),
        pytest.param(scaled(), 31.0, 4, id="rounded up"),
        pytest.param(scaled(), 500.0, 6, id="the most"),
        pytest.param(scaled(rps=None, memory_percent=80), 500.0, 1, id="memory alone says nothing"),
    ],
)
def test_what_has_been_there_for_long(
    tuning: ServiceTuning, zone_rps: float, expected: int
) -> None:
    assert steady_replicas(tuning, zone_rps) == expected


def seeds(seed: int) -> Simulation:
    return simulate(plant(), scaled(), traffic((5, 20), (40, 20), zones=2), seed)


def test_a_seed_says_all() -> None:
    assert seeds(7) == seeds(7)
    assert seeds(7) != seeds(8)


@settings(max_examples=25, deadline=None)
@given(
    rates=st.lists(st.floats(0, 40), min_size=1, max_size=30),
    zones=st.integers(1, 3),
    zone_rps=st.one_of(st.none(), st.floats(1, 20)),
    seed=st.integers(0, 1000),
)
def test_counts_stay_within_the_limits_and_add_up(
    rates: list[float], zones: int, zone_rps: float | None, seed: int
) -> None:
    load = Traffic(rates=rates, zones=zones, zone_rps=zone_rps)
    found = simulate(plant(), scaled(most=4), load, seed)
    assert all(zones <= count <= 4 * zones for count in found.replicas)
    assert found.replica_seconds == sum(found.replicas)
    assert found.replicas_mean * len(rates) == pytest.approx(found.replica_seconds)
    assert found.failed / max(found.requests, 1) <= found.miss_ratio <= 1.0
