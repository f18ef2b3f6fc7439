"""The search: what is chosen obeys the rule that it states."""

from dataclasses import replace

import pytest

from insurectl.errors import BadInput
from insurectl.planning import simulator
from insurectl.planning.candidates import Task, stuck
from insurectl.planning.queueing import rate_within
from insurectl.planning.simulator import Traffic
from insurectl.planning.tuner import ALIKE, STRICTER, foresee, plant_of, recommend
from insurectl.records import (
    RPS,
    Autoscaling,
    Candidate,
    CapacityModel,
    Estimate,
    MetricTarget,
    Queue,
    QueueModel,
    Recommendation,
    ScalingPolicy,
    ScalingRules,
    ServiceTuning,
    Tuning,
)

QUEUE = Queue(servers=3, service_ms=100, service_cv=0.5, overhead_ms=5)
SLO_MS = 600.0
CAPACITY = rate_within(QUEUE, 0.95, SLO_MS)
DRAWS = (QUEUE, replace(QUEUE, service_ms=104), replace(QUEUE, service_ms=96))
TUNE = (8.0,) * 10 + (30.0,) * 20 + (8.0,) * 20
VERIFY = (6.0,) * 10 + (24.0,) * 15 + (6.0,) * 15
POLICIES = (ScalingPolicy(kind="Percent", value=100, period_s=5),)
BEFORE = Tuning(
    services=(
        ServiceTuning(
            service="core-app", replicas=1, memory_request_mib=128, memory_limit_mib=256,
            autoscaling=Autoscaling(
                min_replicas=1, max_replicas=2,
                metrics=(
                    MetricTarget(kind="Resource", name="memory", utilization_percent=80),
                ),
                scale_up=ScalingRules(stabilization_window_s=0, policies=POLICIES),
                scale_down=ScalingRules(stabilization_window_s=10, policies=POLICIES),
                sync_period_s=2.0,
            ),
        ),
    ),
)  # fmt: skip


def estimate(value: float, half: float = 0.0) -> Estimate:
    return Estimate(value=value, low=value - half, high=value + half, unit="", evidence="")


MODEL = CapacityModel(
    run_id="run", service="core-app", slo_quantile=0.95, slo_ms=SLO_MS,
    rps_per_replica=estimate(CAPACITY, 0.5), lower_bound=False, memory_floor_mib=estimate(80.0),
    memory_per_rps_mib=estimate(0.5), startup_s=estimate(1.0, 0.2), host_cpu_idle=estimate(0.1),
    host_cpu_s_per_request=estimate(0.005), requests_per_arrival=1.0,
    queue=QueueModel(best=QUEUE, misfit=1.0, draws=DRAWS), curve=(), evidence=(),
)  # fmt: skip


def task(model: CapacityModel = MODEL, *, slots: int = 6, zones: int = 2,
         tune: tuple[float, ...] = TUNE, verify: tuple[float, ...] = VERIFY,
         partners: int | None = 50) -> Task:  # fmt: skip
    return Task(
        model=model, before=BEFORE, tune=Traffic(rates=tune, zones=zones, warmup_s=3.0),
        verify=Traffic(rates=verify, zones=zones, warmup_s=3.0), slots=slots, scrape_s=1.0,
        partners=partners, seed=3, run_id="run",
    )  # fmt: skip


@pytest.fixture(scope="module")
def found() -> Recommendation:
    return recommend(task())


def chosen(recommendation: Recommendation) -> Candidate:
    spec = recommendation.after.of("core-app").autoscaling
    assert spec is not None
    rps = {one.name: one.average_value for one in spec.metrics}[RPS]
    (one,) = (
        one
        for one in recommendation.candidates
        if (one.rps_target, one.min_replicas, one.max_replicas, one.scale_down_window_s)
        == (
            rps, spec.min_replicas, spec.max_replicas, spec.scale_down.stabilization_window_s
        )
        and one.memory_request_mib == recommendation.after.of("core-app").memory_request_mib
        and one.memory_target_percent == spec.metrics[0].utilization_percent
    )  # fmt: skip
    return one


def test_the_choice_keeps_the_slo_with_room_and_lets_replicas_go(found: Recommendation) -> None:
    one = chosen(found)
    assert one.miss_ratio <= STRICTER * 0.05
    assert not stuck(MODEL, one)
    assert found.warnings == ()


def test_nothing_much_cheaper_was_as_good(found: Recommendation) -> None:
    """Of those that were played most often; the others were played too little to say so."""
    one = chosen(found)
    for other in found.candidates:
        good = other.miss_ratio <= 0.5 * STRICTER * 0.05 and not stuck(MODEL, other)
        assert not good or other.replica_seconds >= one.replica_seconds * (1 - 2 * ALIKE)


def test_the_front_is_one(found: Recommendation) -> None:
    def better(one: Candidate, other: Candidate) -> bool:
        pair = (one.replica_seconds, one.miss_ratio), (other.replica_seconds, other.miss_ratio)
        return pair[0] != pair[1] and all(a <= b for a, b in zip(*pair, strict=True))

    front = [one for one in found.candidates if one.on_front]
    assert front
    for one in front:
        assert not any(better(other, one) for other in found.candidates)
    for one in found.candidates:
        same = [
            other
            for other in front
            if (other.replica_seconds, other.miss_ratio) == (one.replica_seconds, one.miss_ratio)
        ]
        assert same or any(better(other, one) for other in front)


def test_all_that_was_searched_is_kept(found: Recommendation) -> None:
    assert len(found.candidates) == found.searched
    assert all(one.replica_seconds > 0 for one in found.candidates)


def test_each_figure_lies_in_its_interval(found: Recommendation) -> None:
    for estimated in vars(found.effect).values():
        assert estimated.low <= estimated.value <= estimated.high
        assert estimated.evidence == "40 simulations"


def test_the_effect_is_that_of_the_settings_on_the_traffic_kept_back(
    found: Recommendation,
) -> None:
    limited = replace(task().verify, zone_rps=found.after.zone_rps)
    plays = [
        simulator.simulate(plant_of(MODEL, 1.0), found.after.of("core-app"), limited, seed)
        for seed in range(5)
    ]
    for one in plays:
        assert found.effect.replicas_mean.low * 0.9 <= one.replicas_mean
        assert one.replicas_mean <= found.effect.replicas_mean.high * 1.1


def test_the_reasons_can_be_checked_by_hand(found: Recommendation) -> None:
    one, text = chosen(found), " / ".join(found.reasons)
    assert f"{one.rps_target / CAPACITY:.0%} of the {CAPACITY:.1f} requests/s" in text
    assert "the peak of 30.0 requests/s needs" in text
    assert "when 1 of 2 zones are left" in text
    assert f"zone limit {found.after.zone_rps:g} requests/s" in text
    assert "all 50 at their limit are 8.3 requests/s" in text
    assert "holds 80 MiB when idle and 0.50 MiB more" in text
    assert "4.0% of the requests beyond 600 ms" in found.rule


def test_the_same_seed_recommends_the_same(found: Recommendation) -> None:
    assert recommend(task()) == found


def test_a_queue_that_is_less_certain_gives_wider_intervals() -> None:
    wild = (replace(QUEUE, service_ms=60), QUEUE, replace(QUEUE, service_ms=180))
    vague = replace(MODEL, queue=replace(MODEL.queue, draws=wild))
    sure, unsure = (
        foresee(task(model), BEFORE, task().verify).quantile_ms for model in (MODEL, vague)
    )
    assert unsure.high - unsure.low > 1.5 * (sure.high - sure.low)


@pytest.mark.parametrize(
    ("given_task", "warning"),
    [
        pytest.param(
            task(slots=1, tune=(60.0,) * 20, verify=(60.0,) * 20),
            "no settings that were searched keep the SLO with room", id="far too much traffic",
        ),
        pytest.param(
            task(slots=1, tune=(60.0,) * 20, verify=(60.0,) * 20),
            "a zone has room for 1 replicas, but the peak needs", id="too few slots",
        ),
        pytest.param(
            task(replace(MODEL, lower_bound=True), tune=(10.0,) * 20, verify=(10.0,) * 20),
            "what one replica takes is a lower bound", id="the knee was not reached",
        ),
    ],
)  # fmt: skip
def test_warnings(given_task: Task, warning: str) -> None:
    assert any(one.startswith(warning) for one in recommend(given_task).warnings)


def test_one_zone_is_not_lost_and_no_traffic_is_no_error() -> None:
    still = recommend(task(zones=1, tune=(0.0,) * 10, verify=(0.0,) * 10, partners=None))
    assert not any("zones are left" in reason for reason in still.reasons)
    assert still.effect.miss_ratio.value == 0.0
    assert still.effect.replicas_mean.value == 1.0


@pytest.mark.parametrize(
    ("given_task", "message"),
    [
        pytest.param(
            task(replace(MODEL, rps_per_replica=estimate(0.0))),
            "no rate keeps p95 of core-app within 600 ms", id="the SLO is beyond reach",
        ),
        pytest.param(task(slots=0), "no room for a replica", id="no slots"),
    ],
)  # fmt: skip
def test_what_can_not_be_tuned_is_refused(given_task: Task, message: str) -> None:
    with pytest.raises(BadInput, match=message):
        recommend(given_task)
