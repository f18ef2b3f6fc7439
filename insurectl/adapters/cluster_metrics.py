"""MetricsSource of the cluster targets: series from Prometheus, decisions from the events that
the cluster's own autoscalers leave."""

import time
from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

from insurectl.adapters import cluster_hpa
from insurectl.adapters.kubernetes_events import EventSeen
from insurectl.adapters.prometheus import NOT_RECORDED, Ask, PrometheusMetrics
from insurectl.adapters.prometheus_dialect import Dialect
from insurectl.adapters.prometheus_queries import DESIRED
from insurectl.errors import TargetNotReady
from insurectl.records import Decision, Zone

KEPT_S = 3600.0  # --event-ttl of the API server, unless its owner chose another
RESCALED = "SuccessfulRescale"
SCALER = "HorizontalPodAutoscaler"
Object = Mapping[str, Any]


class EventApi(Protocol):
    """What is asked of a cluster's API server."""

    def events(self, namespace: str, since_s: float = 0.0) -> tuple[EventSeen, ...]:
        """The namespace's events that happened at or after a time."""

    def items(self, path: str) -> Sequence[Object]:
        """All objects of a list."""


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where a zone's autoscalers stand."""

    api: EventApi
    namespace: str


@dataclass(frozen=True, kw_only=True)
class _Rescale:
    """One time that an event happened."""

    at_s: float
    service: str
    after: int
    reason: str


class ClusterMetrics(PrometheusMetrics):
    """``places``: by the zone's name."""

    def __init__(
        self,
        scrape_interval_s: float,
        ask: Ask,
        places: Mapping[str, Place],
        dialect: Dialect | None = None,
        *,
        shared: bool = False,
        now: Callable[[], float] = time.time,
    ) -> None:
        super().__init__(scrape_interval_s, ask, dialect, shared=shared)
        self._places, self._now = places, now

    def decisions(
        self, zones: Sequence[Zone], start_s: float, end_s: float
    ) -> tuple[Decision, ...]:
        """Every change by an autoscaler. What the events do not tell (any more) is taken from
        the changes of the wanted count, and has no reason then."""
        found: list[Decision] = []
        for zone in zones:
            found += self._decisions_of(zone, start_s, end_s)
        return tuple(sorted(found, key=lambda one: (one.at_s, one.zone, one.service)))

    def _decisions_of(self, zone: Zone, start_s: float, end_s: float) -> list[Decision]:
        if start_s < self._now() - KEPT_S:
            self._warn(
                f"zone {zone.name}: the window begins {(self._now() - start_s) / 60:.0f} min ago "
                f"and a cluster keeps events for {KEPT_S / 60:.0f} min unless told otherwise: "
                "decisions whose event is gone have no reason"
            )
        scaled = self._scaled(zone)
        events, triggers = self._events(zone, start_s, scaled)
        counts = self._counts(zone, start_s, end_s, scaled)
        decisions: list[Decision] = []
        for service in sorted({one.service for one in events} | set(counts)):
            mine = [one for one in events if one.service == service]
            told = self._told(zone, mine, counts.get(service, ()), triggers.get(service), start_s)
            told += _untold(zone, service, counts.get(service, ()), mine, 3 * self._step_s)
            decisions += [one for one in told if start_s <= one.at_s <= end_s]
        return decisions

    def _scaled(self, zone: Zone) -> Mapping[str, str]:
        """Service by the name of its autoscaler. One that is gone had its service's name, as far
        as we know."""
        place = self._places[zone.name]
        try:
            return cluster_hpa.targets(place.api.items(cluster_hpa.list_path(place.namespace)))
        except TargetNotReady as error:
            self._warn(
                f"zone {zone.name}: decisions are told under the autoscalers' names, since what "
                f"they scale is not known: {error}"
            )
            return {}

    def _events(
        self, zone: Zone, start_s: float, scaled: Mapping[str, str]
    ) -> tuple[list[_Rescale], dict[str, Object]]:
        """Rescales, oldest first, from a while before the window on: an earlier one tells what
        the count was. And KEDA's objects by service, where a metric has only its number."""
        place = self._places[zone.name]
        try:
            seen = [
                one
                for one in place.api.events(place.namespace, start_s - KEPT_S)
                if (one.reason, one.kind) == (RESCALED, SCALER)
            ]
        except TargetNotReady as error:
            self._warn(f"zone {zone.name}: no events of the autoscalers: {error}")
            return [], {}
        rescales: list[_Rescale] = []
        for event in seen:
            read = cluster_hpa.rescaled(event.message)
            if read is None:
                self._warn(f"zone {zone.name}: unknown words of an autoscaler: {event.message}")
                continue
            # one event stands for all that say the same; of those in between the time is lost
            service = scaled.get(event.name, event.name)
            for at_s in dict.fromkeys((event.first_s, event.at_s)):
                rescales.append(_Rescale(at_s=at_s, service=service, after=read[0], reason=read[1]))
        rescales.sort(key=lambda one: one.at_s)
        return rescales, self._triggers(zone, place, rescales)

    def _triggers(
        self, zone: Zone, place: Place, rescales: Sequence[_Rescale]
    ) -> dict[str, Object]:
        metrics = (cluster_hpa.above_target(one.reason) for one in rescales)
        if not any(cluster_hpa.is_numbered(metric) for metric in metrics if metric):
            return {}
        try:
            return cluster_hpa.by_service(
                place.api.items(cluster_hpa.triggers_path(place.namespace))
            )
        except TargetNotReady as error:
            self._warn(f"zone {zone.name}: metrics keep the numbers that KEDA gave them: {error}")
            return {}

    def _counts(
        self, zone: Zone, start_s: float, end_s: float, scaled: Mapping[str, str]
    ) -> dict[str, tuple[tuple[float, int], ...]]:
        """What each autoscaler asked for, at each scrape; from a little before the window on."""
        try:
            answers = self._range(zone, DESIRED, start_s - 5 * self._step_s, end_s)
        except TargetNotReady as error:
            self._warn(f"zone {zone.name}: {error}")
            return {}
        found = {}
        for one in answers:  # one an autoscaler: the query says so
            name = one["metric"].get(SCALER.lower(), "")
            found[scaled.get(name, name)] = tuple(
                (float(at_s), round(float(value))) for at_s, value in one["values"]
            )
        return found

    def _told(
        self,
        zone: Zone,
        rescales: Sequence[_Rescale],
        counts: Sequence[tuple[float, int]],
        scaled_object: Object | None,
        start_s: float,
    ) -> list[Decision]:
        """Those of before ``start_s`` only say what the count was."""
        found: list[Decision] = []
        earlier: _Rescale | None = None
        for one in rescales:
            before = _before(one, earlier, counts, 3 * self._step_s)
            earlier = one
            if one.at_s < start_s:
                continue
            if before is None:
                self._warn(
                    f"zone {zone.name}: {one.service} was set to {one.after} ({one.reason}), but "
                    "what it was before is not known; that decision is left out"
                )
                continue
            up = cluster_hpa.goes_up(one.reason)
            reason = cluster_hpa.told(
                one.reason,
                up=one.after > before if up is None else up,
                scaled_object=scaled_object,
            )
            found.append(
                Decision(
                    at_s=one.at_s,
                    zone=zone.name,
                    service=one.service,
                    before=before,
                    after=one.after,
                    reason=reason,
                )
            )
        return found


def _before(
    rescale: _Rescale,
    earlier: _Rescale | None,
    counts: Sequence[tuple[float, int]],
    settled_s: float,
) -> int | None:
    """The count that was scraped last, unless an earlier event is so near that the scrape may
    not show it yet."""
    index = bisect_right(counts, rescale.at_s, key=lambda point: point[0]) - 1
    scraped = counts[index] if index >= 0 else None
    if earlier is not None and (scraped is None or scraped[0] < earlier.at_s + settled_s):
        return earlier.after
    return None if scraped is None else scraped[1]


def _untold(
    zone: Zone,
    service: str,
    counts: Sequence[tuple[float, int]],
    rescales: Sequence[_Rescale],
    settled_s: float,
) -> list[Decision]:
    """Changes of the count that no event tells of. A count of 0 is that of an autoscaler that
    has not looked yet."""
    found: list[Decision] = []
    for (earlier_s, before), (at_s, after) in pairwise(counts):
        known = any(
            one.after == after and earlier_s - settled_s <= one.at_s <= at_s for one in rescales
        )
        if before not in (0, after) and not known:
            direction = "up" if after > before else "down"
            found.append(
                Decision(
                    at_s=at_s,
                    zone=zone.name,
                    service=service,
                    before=before,
                    after=after,
                    reason=f"scale {direction}: {NOT_RECORDED}",
                )
            )
    return found
