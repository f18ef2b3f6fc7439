"""The system under the autoscaler, request by request: what a tuning would do with traffic.

Each zone gets every n-th request; within a zone each goes to a ready replica at random, where it
waits for one of the fitted queue's servers. Every sync period the autoscaler (``hpa``) looks at
what Prometheus would show by then.
"""

import heapq
from bisect import bisect_left, bisect_right, insort
from collections.abc import Sequence
from dataclasses import dataclass, field
from math import ceil
from random import Random

from insurectl.planning import hpa
from insurectl.planning.histogram import percentile, record
from insurectl.planning.workload import arrivals
from insurectl.records import RPS, Autoscaling, Decision, Queue, ServiceTuning, Simulation

MIB = 1024 * 1024
MEMORY_HOLD_S = 3.0  # memory follows the rate of so long a time
SEEN_AFTER_S = 0.4  # a new replica is ready; the mesh sees it at its next check


@dataclass(frozen=True, kw_only=True)
class Plant:
    """What is simulated. ``scrape_s``: how often Prometheus looks; a rate spans four looks."""

    service: str
    queue: Queue
    startup_s: float
    memory_floor_mib: float
    memory_per_rps_mib: float
    slo_ms: float
    slo_quantile: float
    requests_per_arrival: float = 1.0
    scrape_s: float = 2.0


@dataclass(frozen=True, kw_only=True)
class Traffic:
    """Arrivals a second, all zones together; the first seconds do not count for latency."""

    rates: Sequence[float]
    warmup_s: float = 0.0
    zones: int = 2
    zone_rps: float | None = None


def simulate(plant: Plant, tuning: ServiceTuning, traffic: Traffic, seed: int) -> Simulation:
    """Play the traffic once. Without ``autoscaling`` the replicas stay as they are set."""
    rates = [rate * plant.requests_per_arrival for rate in traffic.rates]
    due_s = arrivals(rates, seed, "poisson")
    zones = [
        _Zone(plant, tuning, traffic, Random(f"{seed}/{number}"), f"{number}", rates[0])
        for number in range(traffic.zones)
    ]
    for number, at_s in enumerate(due_s):
        zones[number % traffic.zones].arrive(at_s)
    for zone in zones:
        zone.advance(float(len(rates)))
    latencies = [latency for zone in zones for latency in zone.latencies_ms]
    failed = sum(zone.failed for zone in zones)
    late = sum(latency > plant.slo_ms for latency in latencies)
    counts = [sum(each) for each in zip(*(zone.counts for zone in zones), strict=True)]
    judged = len(latencies) + failed
    return Simulation(
        service=plant.service,
        zones=traffic.zones,
        lasted_s=len(rates),
        requests=judged,
        failed=failed,
        slo_ms=plant.slo_ms,
        quantile_ms=percentile(record(latencies), plant.slo_quantile),
        miss_ratio=(late + failed) / judged if judged else 0.0,
        replicas_mean=sum(counts) / len(counts),
        replicas_max=max(counts),
        replica_seconds=float(sum(counts)),
        replicas=tuple(counts),
        decisions=tuple(
            sorted((one for zone in zones for one in zone.decisions), key=lambda one: one.at_s)
        ),
    )


def steady_replicas(tuning: ServiceTuning, zone_rps: float) -> int:
    """Replicas of a zone in which traffic of this rate has been for long."""
    spec = tuning.autoscaling
    if spec is None:
        return tuning.replicas
    wanted = spec.min_replicas
    for metric in spec.metrics:
        if metric.name == RPS and metric.average_value:
            wanted = max(wanted, ceil(zone_rps / metric.average_value))
    return min(wanted, spec.max_replicas)


@dataclass
class _Replica:
    number: int
    serves_s: float
    free_s: list[float]
    began_s: list[float] = field(default_factory=list)
    ended_s: list[float] = field(default_factory=list)


@dataclass
class _Zone:
    plant: Plant
    tuning: ServiceTuning
    traffic: Traffic
    rng: Random
    name: str
    first_rps: float
    latencies_ms: list[float] = field(default_factory=list)
    counts: list[int] = field(default_factory=list)
    decisions: list[Decision] = field(default_factory=list)
    failed: int = 0
    _excess: float = 0.0
    _last_s: float = 0.0
    _state: hpa.HpaState = field(default_factory=hpa.HpaState)

    def __post_init__(self) -> None:
        count = steady_replicas(self.tuning, self.first_rps / self.traffic.zones)
        self._replicas = [self._new(number, 0.0) for number in range(count)]
        spec = self.tuning.autoscaling
        self._sync_s = self.rng.uniform(0, spec.sync_period_s) if spec else float("inf")
        cv = self.plant.queue.service_cv
        self._shape = 1 / cv**2 if cv > 0.01 else 0.0

    def arrive(self, at_s: float) -> None:
        """One request; later ones come later."""
        self.advance(at_s)
        counted = at_s >= self.traffic.warmup_s
        ready = [one for one in self._replicas if one.serves_s <= at_s]
        if not ready or self._sheds(at_s):
            self.failed += counted
            return
        replica = ready[int(self.rng.random() * len(ready))]
        begin_s = max(at_s, heapq.heappop(replica.free_s))
        end_s = begin_s + self._service_s()
        heapq.heappush(replica.free_s, end_s)
        replica.began_s.append(at_s)
        insort(replica.ended_s, end_s)
        if counted:
            self.latencies_ms.append((end_s - at_s) * 1000 + self.plant.queue.overhead_ms)

    def advance(self, until_s: float) -> None:
        """Look at each sync, and count the replicas at the end of each second, until then."""
        while min(self._sync_s, len(self.counts) + 1) <= until_s:
            if self._sync_s < len(self.counts) + 1:
                self._sync(self._sync_s)
            else:
                self.counts.append(len(self._replicas))

    def _service_s(self) -> float:
        mean_s = self.plant.queue.service_ms / 1000
        if not self._shape:
            return mean_s
        return self.rng.gammavariate(self._shape, mean_s / self._shape)

    def _sheds(self, at_s: float) -> bool:
        """The gateway's limit: nginx's leaky bucket, with a second's worth of room."""
        limit = self.traffic.zone_rps
        if limit is None:
            return False
        leaked = max(self._excess - (at_s - self._last_s) * limit, 0.0)
        if leaked > max(1, ceil(limit)):
            return True
        self._excess, self._last_s = leaked + 1, at_s
        return False

    def _sync(self, now_s: float) -> None:
        spec = self.tuning.autoscaling
        assert spec is not None
        self._sync_s = now_s + spec.sync_period_s
        current = len(self._replicas)
        decision, self._state = hpa.decide(
            spec,
            self._state,
            current=current,
            pods=[self._pod(one) for one in self._replicas],
            samples=self._samples(spec, now_s),
            now_s=now_s,
        )
        if decision.desired != current:
            self._scale(now_s, decision)

    def _scale(self, now_s: float, decision: hpa.Decision) -> None:
        before = len(self._replicas)
        serves_s = now_s + self.plant.startup_s + SEEN_AFTER_S
        fresh = range(before, decision.desired)
        kept = self._replicas[: decision.desired]
        self._replicas = kept + [self._new(number, serves_s) for number in fresh]
        direction = "up" if decision.desired > before else "down"
        self.decisions.append(
            Decision(
                at_s=now_s,
                zone=self.name,
                service=self.plant.service,
                before=before,
                after=decision.desired,
                reason=f"scale {direction}: {decision.metric or decision.reason}",
            )
        )

    def _new(self, number: int, serves_s: float) -> _Replica:
        return _Replica(number, serves_s, [0.0] * self.plant.queue.servers)

    def _pod(self, replica: _Replica) -> hpa.Pod:
        request = round(self.tuning.memory_request_mib * MIB)
        return hpa.Pod(name=f"{replica.number}", requests={"memory": request})

    def _samples(self, spec: Autoscaling, now_s: float) -> hpa.Samples:
        seen_s = now_s - self.plant.scrape_s / 2
        found: dict[str, dict[str, hpa.Sample]] = {}
        for metric in spec.metrics:
            look = self._memory if metric.name == "memory" else self._rate
            values = {f"{one.number}": look(one, seen_s) for one in self._replicas}
            found[metric.name] = {
                name: hpa.Sample(value=value) for name, value in values.items() if value is not None
            }
        return found

    def _memory(self, replica: _Replica, seen_s: float) -> int:
        """Bytes; one that starts has what an idle one has."""
        began = replica.began_s
        held = bisect_right(began, seen_s) - bisect_left(began, seen_s - MEMORY_HOLD_S)
        grown_mib = self.plant.memory_per_rps_mib * held / MEMORY_HOLD_S
        return round((self.plant.memory_floor_mib + grown_mib) * MIB)

    def _rate(self, replica: _Replica, seen_s: float) -> int | None:
        """Thousandths; a counter that has not been scraped twice has no rate yet."""
        scrape_s = self.plant.scrape_s
        ended = replica.ended_s
        if replica.serves_s > 0.0:
            first_s = ended[0] if ended else float("inf")
            if first_s > seen_s - 1.5 * scrape_s:
                return None
        window_s = 4 * scrape_s
        if replica.serves_s > 0.0:  # the others have been there, idle, before the traffic began
            window_s = min(window_s, max(seen_s - replica.serves_s, scrape_s))
        count = bisect_right(ended, seen_s) - bisect_left(ended, seen_s - window_s)
        return round(1000 * count / window_s)
