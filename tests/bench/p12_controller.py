"""P12: the simulator beside the real HorizontalPodAutoscaler, on the same load, for ten minutes.

A real control plane with Kubernetes' own period (kwok plays the node), the metrics API as
metrics-server and Prometheus would serve it, four loads at once. The simulator knows the load and
what a calibration would find; it does not know when the controller looks, so it is played with
several seeds. A campaign: only run when it is named.
"""

import os
import statistics
import subprocess
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import yaml

from insurectl.adapters.kubernetes_api import ClusterApi
from insurectl.adapters.scenario_file import load_scenario
from insurectl.planning.workload import scenario_rates
from insurectl.records import (
    KUBERNETES_SCALE_UP,
    RPS,
    Autoscaling,
    Cost,
    MetricTarget,
    ScalingPolicy,
    ScalingRules,
    ServiceTuning,
)
from tests.bench.figure import Figure
from tests.cluster.controller_loop import Recording, play
from tests.cluster.controller_objects import scaling
from tests.cluster.controller_replay import Closeness, closeness, decide_alike, rescales, syncs
from tests.cluster.driven_system import Load

CAMPAIGN = True
SCRIPT = Path(__file__).parents[3] / "shared" / "cluster" / "control-plane"
ADDRESS = "127.0.45.1"
SYNC_S = 15.0
SEEDS = range(7, 28)
STRETCH = 5  # the bundled scenarios last two minutes, made for a period of 5 s or less
TRACE = slice(1350, 2550, 2)  # twenty minutes at double speed: the hour's steepest rise and fall
TRACE_PEAK_RPS = 75.0
CPU_ONLY = "cpu"  # the simulator has no CPU; here only decisions are compared, slow ones

MEMORY = MetricTarget(kind="Resource", name="memory", utilization_percent=80)
CPU = MetricTarget(kind="Resource", name="cpu", utilization_percent=50)
DOWN = ScalingRules(
    stabilization_window_s=60,
    policies=(ScalingPolicy(kind="Percent", value=100, period_s=15),),
)
TWO_UP = ScalingRules(
    stabilization_window_s=0, policies=(ScalingPolicy(kind="Pods", value=2, period_s=15),)
)
SLOW_UP = ScalingRules(  # so slow that the load outruns it
    stabilization_window_s=30,
    policies=(
        ScalingPolicy(kind="Pods", value=1, period_s=60),
        ScalingPolicy(kind="Percent", value=20, period_s=90),
    ),
)
SLOW_DOWN = ScalingRules(
    stabilization_window_s=15,
    policies=(
        ScalingPolicy(kind="Pods", value=2, period_s=45),
        ScalingPolicy(kind="Percent", value=10, period_s=30),
    ),
    select_policy="Min",
)


def figures() -> Iterator[Figure]:
    """One a load, and one for all decisions together."""
    with tempfile.TemporaryDirectory() as name, _control_plane(Path(name)) as cluster:
        folder = Path(name)
        recordings = play(cluster, loads(), folder)
        log = folder / "controller-manager.log"
        yield _decisions(recordings, log)
    for one in recordings:
        if one.load.name != CPU_ONLY:
            yield _close(one)


def loads() -> list[Load]:
    """Three that the simulator plays, and one on CPU."""
    memory, rate = load_scenario("memory_scaling"), load_scenario("rps_scaling")
    trace = load_scenario("trace").trace
    assert trace is not None
    rates = [one * TRACE_PEAK_RPS / max(trace.rates) for one in trace.rates[TRACE]]
    both = _tuning((MEMORY, _rps(10)), low=2, high=12, request_mib=256, up=KUBERNETES_SCALE_UP)
    cost = Cost(workers=3, worker_ms=200, worker_cv=0.5, memory_mib=0.5, memory_hold_ms=3000,
                start_s=2, cpu_ms=5)  # fmt: skip
    return [
        _load("memory", _stretched(scenario_rates(memory, part="tune")),
              _tuning((MEMORY,), low=1, high=6, request_mib=288, up=TWO_UP),
              replace(memory.costs["core-app"], start_s=2)),
        _load("rps", _stretched(scenario_rates(rate, part="tune")),
              _tuning((_rps(7),), low=1, high=6, request_mib=256, up=TWO_UP),
              replace(rate.costs["core-app"], start_s=2)),
        _load("trace", rates, both, cost),
        _load(CPU_ONLY, rates,
              _tuning((MEMORY, CPU, _rps(12)), low=2, high=12, request_mib=256, up=SLOW_UP,
                      down=SLOW_DOWN),
              replace(cost, start_s=20)),
    ]  # fmt: skip


def _load(name: str, rates: Sequence[float], tuning: ServiceTuning, cost: Cost) -> Load:
    return Load(name=name, rates=rates, tuning=tuning, cost=cost, floor_mib=100,
                scrape_s=5.0, resolution_s=15.0)  # fmt: skip


def _tuning(metrics: tuple[MetricTarget, ...], *, low: int, high: int, request_mib: float,
            up: ScalingRules, down: ScalingRules = DOWN) -> ServiceTuning:  # fmt: skip
    spec = Autoscaling(
        min_replicas=low, max_replicas=high, metrics=metrics, scale_up=up, scale_down=down,
        sync_period_s=SYNC_S,
    )  # fmt: skip
    return ServiceTuning(
        service="core-app", replicas=low, memory_request_mib=request_mib,
        memory_limit_mib=3 * request_mib, autoscaling=spec,
    )  # fmt: skip


def _rps(value: float) -> MetricTarget:
    return MetricTarget(kind="Pods", name=RPS, average_value=value)


def _stretched(rates: Sequence[float]) -> list[float]:
    return [rate for rate in rates for _ in range(STRETCH)]


def _decisions(recordings: Sequence[Recording], log: Path) -> Figure:
    found = [decide_alike(scaling(one.load), syncs(one, rescales(log, one))) for one in recordings]
    for difference in (told for one in found for told in one.told):
        print(f"  {difference}")
    rounds, reasons = sum(one.syncs for one in found), sum(one.reasons for one in found)
    return Figure(
        goal="P12",
        what="decisions of planning/hpa.py that are the real controller's, told the same",
        value=100 * sum(one.same for one in found) / rounds,
        unit="%",
        wanted=100,
        sense="min",
        runs=len(found),
        note=f"{rounds} syncs, {sum(one.rescaled for one in found)} of them changed the count; "
        f"the reason is the same in {sum(one.same_reason for one in found)} of {reasons}",
    )


def _close(recording: Recording) -> Figure:
    found = [closeness(recording, seed) for seed in SEEDS]
    within = [100 * one.within_one for one in found]
    real = recording.replicas
    return Figure(
        goal="P12",
        what=f"sync periods with replicas within one of the real ones, load {recording.load.name}",
        value=statistics.median(within),
        unit="%",
        wanted=95,
        sense="min",
        runs=len(found),
        note=f"{found[0].periods} periods of {SYNC_S:g} s, {min(real)} to {max(real)} replicas; "
        f"by seed {min(within):.1f} to {max(within):.1f} %, mean {statistics.fmean(within):.1f} %; "
        f"{_more(found)}",
    )


def _more(found: Sequence[Closeness]) -> str:
    equal = statistics.median(100 * one.equal for one in found)
    throughout = statistics.median(100 * one.throughout for one in found)
    return f"equal in {equal:.1f} %, within one in every second of it {throughout:.1f} %"


@contextmanager
def _control_plane(folder: Path) -> Iterator[ClusterApi]:
    if not SCRIPT.is_file():
        raise SystemExit(f"P12 needs a real control plane: there is no {SCRIPT}")
    env = {**os.environ, "CONTROL_PLANE_ADDRESS": ADDRESS, "HPA_SYNC": f"{SYNC_S:g}s"}
    try:
        subprocess.run([SCRIPT, "start", folder], env=env, check=True, capture_output=True)
        config = yaml.safe_load((folder / "kubeconfig").read_text(encoding="utf-8"))
        server = config["clusters"][0]["cluster"]["server"]
        authority = str(folder / "certs" / "apiserver.crt")
        config["clusters"][0]["cluster"] = {"server": server, "certificate-authority": authority}
        (folder / "kubeconfig").write_text(yaml.safe_dump(config), encoding="utf-8")
        yield ClusterApi(config["current-context"], folder / "kubeconfig")
    finally:
        subprocess.run([SCRIPT, "stop", folder], env=env, check=False, capture_output=True)
