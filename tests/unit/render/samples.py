"""Sample records for the report's tests: SAMPLE DATA, made up and seeded; nothing was measured.

The numbers are of the size that the bundled system gives on a small machine, so that a picture
drawn from them looks as a real one does.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from random import Random

from insurectl.planning.histogram import merge, percentile, record
from insurectl.planning.plan_changes import quarters, sensitivity, what_if
from insurectl.planning.tuning_diff import diff
from insurectl.records import (
    Autoscaling,
    Calibration,
    CalibrationStep,
    Candidate,
    CapacityModel,
    Change,
    Comparison,
    Cost,
    CurvePoint,
    Decision,
    Deployment,
    Effect,
    Estimate,
    FailoverResult,
    Fault,
    LoadResult,
    LoadSecond,
    MetricTarget,
    Outcome,
    Plan,
    Queue,
    QueueModel,
    Recommendation,
    RequestStats,
    RunInfo,
    RunRecords,
    ScalingPolicy,
    ScalingRules,
    Series,
    ServiceTuning,
    ThresholdResult,
    Timeline,
    Tuning,
    Verdict,
    Zone,
)
from insurectl.records.plan import PlanFigures, PlanInputs, Sourced
from tests.unit.planning import plan_samples

START_S = 1_795_482_000.0
RUN = "20261124-100000-sample-0001"
SERVICE = "core-app"
KNEE_RPS, SLO_MS = 21.4, 600.0
FAULT_AT_S, BACK_AT_S = 40, 70


def autoscaling(memory_percent: int, rps: float, low: int, high: int, window_s: int) -> Autoscaling:
    return Autoscaling(
        min_replicas=low,
        max_replicas=high,
        metrics=(
            MetricTarget(kind="Resource", name="memory", utilization_percent=memory_percent),
            MetricTarget(kind="Pods", name="http_requests_per_second", average_value=rps),
        ),
        scale_up=ScalingRules(
            stabilization_window_s=0,
            policies=(ScalingPolicy(kind="Pods", value=2, period_s=15),),
        ),
        scale_down=ScalingRules(
            stabilization_window_s=window_s,
            policies=(ScalingPolicy(kind="Percent", value=100, period_s=15),),
        ),
        sync_period_s=5.0,
    )


def tuning(chosen: bool) -> Tuning:
    core = autoscaling(72, 15.5, 2, 6, 20) if chosen else autoscaling(80, 30.0, 1, 4, 300)
    return Tuning(
        services=(
            ServiceTuning(
                service=SERVICE,
                replicas=1,
                memory_request_mib=176 if chosen else 192,
                memory_limit_mib=320,
                autoscaling=core,
            ),
            ServiceTuning(
                service="client-info", replicas=2, memory_request_mib=160, memory_limit_mib=256
            ),
        ),
        zone_rps=90.0 if chosen else None,
    )


DEPLOYMENT = Deployment(
    name="default",
    target="local",
    deployed_at_s=START_S - 400,
    took_s=9.4,
    edge_url="http://127.0.1.10:18080",
    zones=tuple(
        Zone(
            name=name,
            gateway_url=f"http://127.0.{number}.10:18081",
            prometheus_url=f"http://127.0.{number}.12:18090",
        )
        for name, number in (("a", 10), ("b", 20))
    ),
    costs={
        SERVICE: Cost(worker_ms=120, worker_cv=0.5, memory_mib=0.5, memory_hold_ms=3000),
        "client-info": Cost(workers=8, worker_ms=4, worker_cv=0.2),
    },
    tuning=tuning(chosen=False),
    clients=5000,
    credentials_file="",
    slots={"core-app": 12, "client-info": 12},
    notes=("PostgreSQL stands outside the two zones and is not replicated.",),
)


def estimate(value: float, low: float, high: float, unit: str, evidence: str) -> Estimate:
    return Estimate(value=value, low=low, high=high, unit=unit, evidence=evidence)


def rates(seconds: int = 90) -> tuple[float, ...]:
    """Bursty: a floor, a wave and two bursts."""
    bursts = ((24, 20.0), (62, 44.0))
    return tuple(
        26
        + 14 * math.sin(second / 14)
        + sum(height * math.exp(-(((second - at) / 6) ** 2)) for at, height in bursts)
        for second in range(seconds)
    )


def stats(name: str, values: Sequence[float], failed: dict[str, int]) -> RequestStats:
    histogram = record(values)
    statuses = {"200": len(values) - sum(failed.values()), **failed}
    return RequestStats(
        name=name,
        count=len(values),
        failed=sum(failed.values()),
        p50_ms=percentile(histogram, 0.5),
        p90_ms=percentile(histogram, 0.9),
        p95_ms=percentile(histogram, 0.95),
        p99_ms=percentile(histogram, 0.99),
        max_ms=max(values, default=None),
        status_counts=statuses,
        histogram=histogram,
    )


def _seconds(
    offered: Sequence[float], fault: bool, rng: Random
) -> tuple[list[LoadSecond], list[float]]:
    seconds, every = [], []
    for number, rate in enumerate(offered):
        due = max(round(rng.gauss(rate, math.sqrt(rate))), 0)
        failed = due if fault and FAULT_AT_S <= number < FAULT_AT_S + 2 else 0
        busy = min(rate / (2 * KNEE_RPS * 1.9), 0.94)
        factor = 1 + busy**4 / (1 - busy)
        values = [105 * factor * rng.lognormvariate(0, 0.33) + 6 for _ in range(due - failed)]
        every += values
        bins = record(values)
        seconds.append(
            LoadSecond(
                at_s=START_S + number,
                scheduled=due,
                sent=due,
                ok=due - failed,
                failed=failed,
                p50_ms=percentile(bins, 0.5),
                p95_ms=percentile(bins, 0.95),
                p99_ms=percentile(bins, 0.99),
            )
        )
    return seconds, every


def load(
    run_id: str = RUN,
    *,
    outcome: Outcome = Outcome.PASS,
    reasons: tuple[str, ...] = (),
    fault: bool = False,
    scale: float = 0.8,
) -> LoadResult:
    offered = rates()
    seconds, values = _seconds(offered, fault, Random(7))
    failed = sum(one.failed for one in seconds)
    split = len(values) * 3 // 5
    created = stats("create_application", values[:split], {})
    card = stats("client_card", values[split:], {"503": failed} if failed else {})
    total = replace(
        stats("total", values, {"503": failed} if failed else {}),
        histogram=merge((created.histogram, card.histogram)),
    )
    p95 = total.p95_ms or 0.0
    return LoadResult(
        run_id=run_id,
        scenario="trace",
        seed=7,
        model="open",
        base_url="http://127.0.1.10:18080",
        started_s=START_S,
        ended_s=START_S + len(offered),
        warmup_s=5.0,
        outcome=outcome,
        reasons=reasons,
        scale=scale,
        scheduled=sum(one.scheduled for one in seconds),
        sent=sum(one.sent for one in seconds),
        shortfall=0.0,
        late_p99_ms=4.2,
        generator_cpu=0.31,
        host_cpu=0.58,
        total=total,
        requests=(created, card),
        seconds=tuple(seconds),
        thresholds=(
            ThresholdResult(metric="latency_p95_ms", request="total", limit=600, sense="max",
                            measured=p95, met=p95 <= 600),
            ThresholdResult(metric="error_ratio", request="create_application", limit=0.01,
                            sense="max", measured=0.0, met=True),
        ),
        offered_rps=offered,
    )  # fmt: skip


def _series(name: str, zone: str, unit: str, points: Sequence[tuple[float, float]],
            **labels: str) -> Series:  # fmt: skip
    return Series(
        name=name,
        zone=zone,
        service=SERVICE,
        labels={"service": SERVICE, **labels},
        unit=unit,
        query=f'sum by (service) ({name}{{job="services"}})',
        times_s=tuple(START_S + at for at, _ in points),
        values=tuple(value for _, value in points),
    )


def _wanted(zone: str, fault: bool) -> tuple[list[int], list[Decision]]:
    """A zone's replicas by second, as an autoscaler with a look every 5 s would have them."""
    now, counts, decisions = 1, [], []
    shift = 0 if zone == "a" else 3
    alone = range(FAULT_AT_S, BACK_AT_S) if fault else range(0)
    here = [rate if at in alone else rate / 2 for at, rate in enumerate(rates())]
    for number, rate in enumerate(here):
        if number % 5 == shift % 5:
            recent = max(here[max(number - 20, 0) : number + 1])
            up = min(max(math.ceil(rate / 10.5), 1), 6)
            down = min(max(math.ceil(recent / 10.5), 1), 6)
            after = up if up > now else min(now, down)
            if after != now:
                decisions.append(
                    Decision(at_s=START_S + number, zone=zone, service=SERVICE, before=now,
                             after=after, reason="http_requests_per_second")
                )  # fmt: skip
            now = after
        counts.append(now)
    return counts, decisions


def timeline(run_id: str = RUN, *, fault: bool = False) -> Timeline:
    rng, series, decisions = Random(11), [], []
    for zone in ("a", "b"):
        counts, changes = _wanted(zone, fault)
        away = range(FAULT_AT_S, BACK_AT_S) if fault and zone == "a" else range(0)
        seen = [at for at in range(len(counts)) if at not in away]
        decisions += [one for one in changes if int(one.at_s - START_S) not in away]
        ready = [(float(at), float(counts[max(at - 3, 0)])) for at in seen]
        series += [
            _series("replicas", zone, "1", [(float(at), float(counts[at])) for at in seen]),
            _series("ready_replicas", zone, "1", ready),
            _series("wanted_replicas", zone, "1", [(float(at), float(counts[at])) for at in seen]),
        ]
        for pod in range(6):
            points = [
                (float(at), 92 + 2.6 * rates()[at] / 2 / counts[at] + rng.uniform(-2, 2) + 3 * pod)
                for at in seen
                if counts[max(at - 3, 0)] > pod
            ]
            series.append(_series("memory_mib", zone, "MiB", points, pod=f"{SERVICE}-{pod}"))
        series.append(
            _series("latency_p95_ms", zone, "ms", [(float(at), 180.0 + at) for at in seen])
        )
    faults = (Fault(zone="a", kind="kill", began_s=START_S + FAULT_AT_S,
                    ended_s=START_S + BACK_AT_S),) if fault else ()  # fmt: skip
    return Timeline(
        run_id=run_id,
        started_s=START_S,
        ended_s=START_S + 90,
        series=tuple(series),
        decisions=tuple(sorted(decisions, key=lambda one: one.at_s)),
        faults=faults,
        warnings=("zone b: no answer for shed_rps",) if fault else (),
    )


def _step(number: int, phase: str, rate: float, outcome: Outcome = Outcome.PASS) -> CalibrationStep:
    rng = Random(number)
    busy = min(rate / 33, 0.97)
    quantile = 210 * (1 + 1.6 * busy**4 / (1 - busy)) * rng.uniform(0.94, 1.06)
    return CalibrationStep(
        run_id=f"{RUN}.{number:02d}-{phase}",
        phase="search" if phase == "search" else "around",
        rate_rps=rate,
        replicas=1,
        outcome=outcome,
        within_slo=outcome is Outcome.PASS and quantile <= SLO_MS,
        achieved_rps=rate * rng.uniform(0.98, 1.02),
        quantile_ms=quantile,
        memory_mib=92 + 1.48 * rate + rng.uniform(-3, 3),
        host_cpu=0.1 + rate / 80,
        reasons=("the generator's CPU was at 97 %",) if outcome is Outcome.INVALID else (),
    )


SEARCHED = (8, 12.8, 20.5, 32.8, 26.6, 23.6)
AROUND = (16.1, 21.4, 19.3, 21.4, 16.1, 19.3)
CALIBRATION = Calibration(
    run_id=RUN,
    scenario="trace",
    service=SERVICE,
    slo_quantile=0.95,
    slo_ms=SLO_MS,
    replicas=1,
    steps=(
        *(_step(n, "search", rate) for n, rate in enumerate(SEARCHED, 1)),
        *(_step(n, "around", rate) for n, rate in enumerate(AROUND, 7)),
        _step(13, "around", 30.0, Outcome.INVALID),
    ),
    startup_s=(2.1, 2.4, 2.2),
    idle_memory_mib=91.0,
    notes=("Each step went straight to the gateway of zone a, with one replica of core-app.",),
)  # fmt: skip

MODEL = CapacityModel(
    run_id=RUN,
    service=SERVICE,
    slo_quantile=0.95,
    slo_ms=SLO_MS,
    rps_per_replica=estimate(KNEE_RPS, 19.8, 22.9, "requests/s", "12 steps, 2000 resamples"),
    lower_bound=False,
    memory_floor_mib=estimate(92.3, 90.1, 94.8, "MiB", "a line through 12 steps"),
    memory_per_rps_mib=estimate(1.47, 1.31, 1.62, "MiB", "the slope of that line"),
    startup_s=estimate(2.2, 2.1, 2.4, "s", "3 starts"),
    host_cpu_idle=estimate(0.08, 0.06, 0.1, "share", "12 steps"),
    host_cpu_s_per_request=estimate(0.011, 0.009, 0.013, "s", "12 steps"),
    requests_per_arrival=1.0,
    queue=QueueModel(
        best=Queue(servers=4, service_ms=121.0, service_cv=0.5, overhead_ms=6.2),
        misfit=1.1,
        draws=(Queue(servers=4, service_ms=118.0, service_cv=0.55, overhead_ms=7.0),),
    ),
    curve=tuple(
        CurvePoint(
            rps=rate,
            quantile_ms=210 * (1 + 1.6 * (rate / 33) ** 4 / (1 - rate / 33)),
            low_ms=190 * (1 + 1.3 * (rate / 33) ** 4 / (1 - rate / 33)),
            high_ms=225 * (1 + 1.9 * (rate / 33) ** 4 / (1 - rate / 33)),
        )
        for rate in (8.0, 12.8, 16.1, 19.3, 20.5, 21.4, 23.6, 26.6, 29.0)
    ),
    evidence=tuple(one.run_id for one in CALIBRATION.steps),
    notes=("Steps that were invalid are left out of the fit.",),
)


def _candidates() -> tuple[Candidate, ...]:
    rng, found = Random(3), []
    for number in range(160):
        cost = rng.uniform(300, 900)
        miss = max(0.0004, 0.22 * math.exp(-(cost - 300) / 120)) * rng.uniform(1, 4)
        found.append((number, cost, miss))
    front, least = set(), math.inf
    for number, _, miss in sorted(found, key=lambda one: one[1]):
        if miss < least:
            front.add(number)
            least = miss
    points = [
        Candidate(memory_request_mib=176.0, memory_target_percent=60 + number % 30,
                  rps_target=10.0 + number % 20,
                  min_replicas=1 + number % 3, max_replicas=6, scale_down_window_s=15,
                  replica_seconds=cost, miss_ratio=miss, on_front=number in front)
        for number, cost, miss in found
    ]  # fmt: skip
    chosen = min((one for one in points if one.on_front and one.miss_ratio < 0.01),
                 key=lambda one: one.replica_seconds)  # fmt: skip
    at = points.index(chosen)
    points[at] = replace(chosen, memory_target_percent=72, rps_target=15.5, min_replicas=2,
                         scale_down_window_s=20)  # fmt: skip
    return tuple(points)


EFFECT = Effect(
    replicas_mean=estimate(5.6, 5.1, 6.2, "replicas", "200 simulations"),
    replicas_max=estimate(8, 7, 9, "replicas", "200 simulations"),
    quantile_ms=estimate(262, 236, 301, "ms", "200 simulations"),
    miss_ratio=estimate(0.004, 0.0, 0.011, "share", "200 simulations"),
    replica_seconds=estimate(504, 459, 558, "s", "200 simulations"),
)

RECOMMENDATION = Recommendation(
    run_id=RUN,
    service=SERVICE,
    before=tuning(chosen=False),
    after=tuning(chosen=True),
    rule="The cheapest point of the front that misses the SLO for at most 1 % of requests.",
    reasons=(
        "15.5 requests/s a replica is 72 % of what one was shown to take (21.4).",
        "Two replicas a zone at least, so that a burst finds room for the 2.2 s of a start.",
        "The memory target stands above what the RPS target leads to, so RPS decides.",
    ),
    warnings=("The interval of the knee is 14 % wide; repeat the steps around it.",),
    candidates=_candidates(),
    searched=1240,
    seed=7,
    effect=EFFECT,
)

CHANGE = Change(
    run_id=RUN,
    deployment="default",
    applied_at_s=START_S - 20,
    before=tuning(chosen=False),
    after=tuning(chosen=True),
    diff=diff(tuning(chosen=False), tuning(chosen=True)),
)


def _comparison(
    what: str, predicted: Estimate, low: float, high: float, measured: float
) -> Comparison:
    return Comparison(
        what=what,
        unit=predicted.unit,
        predicted=predicted,
        allowed_low=low,
        allowed_high=high,
        measured=measured,
        met=low <= measured <= high,
    )


def verdict(outcome: Outcome = Outcome.PASS, reasons: tuple[str, ...] = ()) -> Verdict:
    p95 = 268.0 if outcome is Outcome.PASS else 412.0
    return Verdict(
        run_id=RUN,
        outcome=outcome,
        reasons=reasons,
        comparisons=(
            _comparison("replicas, mean", EFFECT.replicas_mean, 4.6, 6.8, 5.8),
            _comparison("replicas, most", EFFECT.replicas_max, 6, 10, 8),
            _comparison("latency p95", EFFECT.quantile_ms, 201, 346, p95),
            _comparison("share slower than the SLO", EFFECT.miss_ratio, 0, 0.02, 0.003),
            _comparison("replica-seconds", EFFECT.replica_seconds, 413, 614, 522),
        ),
        thresholds=load().thresholds,
        load_run_id=f"{RUN}.verify",
        window="traces/bursty.txt, seconds 1200 to 1290 in real time, rates scaled to a peak of "
        "70.0 requests/s (its own: 4312)",
    )


def info(
    kind: str,
    *,
    run_id: str = RUN,
    outcome: Outcome | None = Outcome.PASS,
    parent: str | None = None,
) -> RunInfo:
    return RunInfo(
        run_id=run_id,
        kind=kind,
        scenario="trace",
        seed=7,
        started_s=START_S - 300,
        status="finished",
        parent=parent,
        ended_s=START_S + 95,
        outcome=outcome,
        version="0.1.0",
        settings={"target": "local", "scrape_interval_s": "1"},
    )


def _child(step: CalibrationStep) -> RunRecords:
    return RunRecords(info=info("load", run_id=step.run_id, parent=RUN, outcome=step.outcome))


def loop(
    outcome: Outcome = Outcome.PASS, reasons: tuple[str, ...] = (), fault: bool = False
) -> RunRecords:
    """The whole loop: the children hold the calibration's steps and the verification."""
    verify = f"{RUN}.verify"
    return RunRecords(
        info=info("run", outcome=outcome),
        scenario_text="schema: insurectl/scenario/v1\nname: trace  # see https://example.org/trace\n",
        deployment=replace(DEPLOYMENT, tuning=tuning(chosen=True)),
        calibration=CALIBRATION,
        model=MODEL,
        recommendation=RECOMMENDATION,
        change=CHANGE,
        verdict=verdict(outcome, reasons),
        children=(
            *(_child(step) for step in CALIBRATION.steps),
            RunRecords(
                info=info("load", run_id=verify, parent=RUN),
                load=load(verify, fault=fault),
                timeline=timeline(verify, fault=fault),
            ),
        ),
    )  # fmt: skip


def load_only(outcome: Outcome = Outcome.PASS, reasons: tuple[str, ...] = ()) -> RunRecords:
    return RunRecords(
        info=info("load", outcome=outcome),
        deployment=DEPLOYMENT,
        load=load(outcome=outcome, reasons=reasons),
        timeline=timeline(),
    )


def failover(outcome: Outcome = Outcome.PASS, lost: int = 0) -> RunRecords:
    played = load(fault=True)
    return RunRecords(
        info=info("failover", outcome=outcome),
        deployment=DEPLOYMENT,
        load=played,
        timeline=timeline(fault=True),
        failover=FailoverResult(
            run_id=RUN,
            outcome=outcome,
            reasons=(f"{lost} acknowledged writes are gone",) if lost else (),
            fault=Fault(zone="a", kind="kill", began_s=START_S + FAULT_AT_S,
                        ended_s=START_S + BACK_AT_S, detail="9 processes"),
            steady_before=True,
            steady_after=True,
            gap_s=1.84,
            probes=1641,
            acknowledged=1604,
            lost=lost,
            doubled=0,
            failed_by_class={"503": 41, "connection refused": 22},
            requests=played.total.count,
            budget_spent=0.0123,
            notes=("PostgreSQL stands outside the two zones; its loss was not tried.",),
        ),
    )  # fmt: skip


def probe_only() -> RunRecords:
    """A failover beside somebody else's load: no load of its own."""
    return replace(failover(), load=None, timeline=None, deployment=None)


def interrupted() -> RunRecords:
    return RunRecords(
        info=replace(info("run", outcome=Outcome.INTERRUPTED), status="interrupted"),
        deployment=DEPLOYMENT,
        calibration=replace(CALIBRATION, steps=CALIBRATION.steps[:2]),
    )


def head_only() -> RunRecords:
    """A run that failed before it could keep a record."""
    return RunRecords(info=replace(info("run", outcome=None), status="failed", ended_s=None))


def plan() -> Plan:
    """A peak of the small system of the planner's tests, with growth and what-ifs."""
    inputs = replace(
        plan_samples.INPUTS_OF_A_MINUTE, price=0.2, growth=0.5, horizon_years=2.0, survive=1
    )
    capacity = plan_samples.CAPACITY

    def answer(asked: PlanInputs, known: Mapping[str, Sourced]) -> PlanFigures:
        return plan_samples.planned(asked, known)

    base = answer(inputs, capacity)
    others = (
        ("people=1200", replace(inputs, people=1200)),
        ("survive=2", replace(inputs, survive=2)),
    )
    return Plan(
        run_id=RUN,
        inputs=inputs,
        currency="EUR",
        system=plan_samples.SYSTEM,
        capacity=capacity,
        origins=plan_samples.origins(inputs),
        figures=base,
        what_ifs=tuple(what_if(answer, one, capacity, change) for change, one in others),
        sensitivity=sensitivity(answer, inputs, capacity, base),
        quarters=quarters(answer, inputs, capacity, base),
        notes=("register is not driven by people.",),
    )


SUBSETS: dict[str, RunRecords] = {
    "the loop": loop(),
    "the loop, with a fault": loop(fault=True),
    "the loop, failed": loop(Outcome.FAIL, ("latency p95 is 412 ms, allowed is 201 to 346 ms",)),
    "the loop, invalid": loop(Outcome.INVALID, ("the generator's CPU was at 97 %",)),
    "a load": load_only(),
    "an invalid load": load_only(Outcome.INVALID, ("the generator's CPU was at 97 %",)),
    "a failover": failover(),
    "a failover that lost data": failover(Outcome.FAIL, lost=3),
    "a probe beside another load": probe_only(),
    "an interrupted loop": interrupted(),
    "only a head": head_only(),
    "a plan": RunRecords(info=info("plan"), plan=plan()),
    "a plan that fails": RunRecords(info=info("plan", outcome=Outcome.FAIL), plan=plan()),
    "only a model": RunRecords(info=info("fit"), model=MODEL),
    "only a recommendation": RunRecords(info=info("recommend"), recommendation=RECOMMENDATION),
    "only a timeline": RunRecords(info=info("observe"), timeline=timeline()),
    "only a load result": RunRecords(info=info("load"), load=load()),
}
