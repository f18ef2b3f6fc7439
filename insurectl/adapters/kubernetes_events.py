"""Events of a namespace, with the best time that each one carries."""

from dataclasses import dataclass

from insurectl.adapters.kubernetes_connection import Connection, path_of
from insurectl.adapters.kubernetes_values import Object, seconds


@dataclass(frozen=True, kw_only=True)
class EventSeen:
    """``at_s``: the last time it happened, ``first_s`` the first (seconds since the epoch, with
    a fraction where the server knows one); ``count``: how often in between."""

    at_s: float
    first_s: float
    warning: bool
    reason: str
    message: str
    kind: str
    name: str
    count: int
    source: str


class Events(Connection):
    """Both core/v1 and events.k8s.io/v1 are views of the same objects; core/v1 has all fields."""

    def events(self, namespace: str, since_s: float = 0.0) -> tuple[EventSeen, ...]:
        """Those that happened (again) at or after ``since_s``, oldest first. The cluster forgets
        events, usually after an hour."""
        seen = (event_seen(one) for one in self.items(_place(namespace)))
        return tuple(sorted((one for one in seen if one.at_s >= since_s), key=lambda one: one.at_s))


def _place(namespace: str) -> str:
    return path_of("api", "v1", "namespaces", namespace, "events")


def event_seen(seen: Object) -> EventSeen:
    """Of a core/v1 Event as the API server has it."""
    about, series = seen.get("involvedObject") or {}, seen.get("series") or {}
    count = int(series.get("count") or seen.get("count") or 1)
    first = _first(seen)
    last = seconds(series.get("lastObservedTime")) or seconds(seen.get("lastTimestamp")) or first
    return EventSeen(
        at_s=first if count == 1 else max(first, last),
        first_s=first,
        warning=seen.get("type") == "Warning",
        reason=seen.get("reason") or "",
        message=(seen.get("message") or "").strip(),
        kind=about.get("kind") or "",
        name=about.get("name") or "",
        count=count,
        source=(seen.get("source") or {}).get("component") or seen.get("reportingComponent") or "",
    )


def _first(seen: Object) -> float:
    """The old kind has whole seconds only, but its name ends with the nanoseconds in hex
    (client-go's recorder names it so): taken where both agree."""
    if (exact := seconds(seen.get("eventTime"))) is not None:
        return exact
    meta = seen["metadata"]
    whole = seconds(seen.get("firstTimestamp")) or seconds(meta.get("creationTimestamp")) or 0.0
    try:
        named = int(meta["name"].rpartition(".")[2], 16) / 1e9
    except ValueError:
        return whole
    return named if -1.0 <= named - whole < 2.0 else whole
