"""One zone's controller: each sync period, metrics and pods -> a decision -> replicas."""

from collections.abc import Mapping, Sequence
from typing import Protocol

from insurectl.errors import TargetNotReady
from insurectl.planning import hpa
from insurectl.ports import Clock
from insurectl.records import ServiceTuning, Tuning

LOOK_S = 1.0


class ZoneNode(Protocol):
    """What the controller sees of its zone, and the one thing that it may change."""

    def tuning(self) -> Tuning:
        """The settings in force."""

    def look(self, tuning: Tuning) -> None:
        """Measure every replica; end one that is over its memory limit; show the metrics."""

    def pods(self, service: ServiceTuning) -> Sequence[hpa.Pod]:
        """The replicas that are up."""

    def samples(self, service: ServiceTuning) -> Mapping[str, Mapping[str, hpa.Sample]]:
        """What Prometheus says of each; a metric without an answer is left out."""

    def decided(self, service: ServiceTuning, current: int, decision: hpa.Decision) -> None:
        """Put a decision in force, and tell of it."""

    def wanted(self, service: str) -> int:
        """The replicas that the zone should have (``spec.replicas``)."""

    def away(self, error: TargetNotReady) -> None:
        """The zone's supervisor or Prometheus did not answer; the next look tries again."""


class Controller:
    """Keeps what the autoscaler must remember of each service."""

    def __init__(self, node: ZoneNode, clock: Clock) -> None:
        self._node, self._clock = node, clock
        self._states: dict[str, hpa.HpaState] = {}
        self._synced_s: dict[str, float] = {}

    def run(self) -> None:
        """Until the process is ended."""
        while True:
            began_s = self._clock.now()
            try:
                self.look()
            except TargetNotReady as error:
                self._node.away(error)
            self._clock.sleep(max(0.05, LOOK_S - (self._clock.now() - began_s)))

    def look(self) -> None:
        """One look, and a sync of each service whose period is over."""
        tuning = self._node.tuning()
        self._node.look(tuning)
        for service in tuning.services:
            if service.autoscaling is None:
                self._states.pop(service.service, None)  # as when the object is deleted
                continue
            due_s = self._synced_s.get(service.service, 0.0) + service.autoscaling.sync_period_s
            if self._clock.now() >= due_s:
                self._synced_s[service.service] = self._clock.now()
                self._sync(service)

    def _sync(self, service: ServiceTuning) -> None:
        assert service.autoscaling is not None
        current = self._node.wanted(service.service)
        decision, state = hpa.decide(
            service.autoscaling,
            self._states.get(service.service, hpa.HpaState()),
            current=current,
            pods=self._node.pods(service),
            samples=self._node.samples(service),
            now_s=self._clock.now(),
        )
        self._node.decided(service, current, decision)
        self._states[service.service] = state  # kept only once the decision is in force
