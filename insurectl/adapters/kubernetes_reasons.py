"""Why a namespace is not ready, as lines for people."""

from collections.abc import Iterator, Sequence

from insurectl.adapters.kubernetes_connection import path_of
from insurectl.adapters.kubernetes_events import Events, EventSeen
from insurectl.adapters.kubernetes_pods import Pods, PodSeen, pod_seen, unwell
from insurectl.adapters.kubernetes_values import Object
from insurectl.errors import TargetNotReady

LOG_LINES = 5
EVENTS = 3
LONGEST = 500
RECENT_S = 1200.0  # the longest pause between two tries of a controller
MAKERS = ("ReplicaSet", "StatefulSet", "Job", "PersistentVolumeClaim")  # of pods and their needs
NORMAL = frozenset({"Scheduled", "Pulled", "Created", "Started", "Killing"})


class Reasons(Pods, Events):
    """Looks at pods, events and logs together."""

    def why_not_ready(self, namespace: str) -> tuple[str, ...]:
        """For each pod that is not ready: its state and reason, its last events, its last log
        lines; then warnings of what has no pod (a quota, a policy, a volume). Empty: all well."""
        seen = self.items(path_of("api", "v1", "namespaces", namespace, "pods"))
        events = self.events(namespace)
        lines: list[str] = []
        for raw in seen:
            pod = pod_seen(raw)
            if not pod.ready and pod.phase != "Succeeded":
                about = [one for one in events if (one.kind, one.name) == ("Pod", pod.name)]
                lines += _of_pod(pod, about)
                lines += self._last_words(namespace, pod, raw)
        return (*lines, *_of_others(self.events(namespace, self.clock.now() - RECENT_S)))

    def _last_words(self, namespace: str, pod: PodSeen, raw: Object) -> Iterator[str]:
        """Of the container that is not well, else of the first; of its run before when it waits
        to be started again."""
        if not pod.node:
            return
        bad = [name for name, _ in unwell(raw.get("status") or {})]
        container = next(iter(bad), pod.container)
        statuses: Sequence[Object] = (
            *(raw["status"].get("initContainerStatuses") or ()),
            *(raw["status"].get("containerStatuses") or ()),
        )
        waits = any(
            one["name"] == container
            and "waiting" in (one.get("state") or {})
            and one.get("restartCount", 0)
            for one in statuses
        )
        try:
            said = list(self.logs(namespace, pod.name, container, lines=LOG_LINES, previous=waits))
        except TargetNotReady as error:  # a container that never ran has none
            said = [] if bad else [f"(no log: {error})"]
        yield from (f"  {container} said: {line[:LONGEST]}" for line in said if line.strip())


def _of_pod(pod: PodSeen, events: Sequence[EventSeen]) -> Iterator[str]:
    restarts = f", {pod.restarts} restarts" if pod.restarts else ""
    state = f"{pod.phase}{', ending' if pod.ending else ''}{restarts}"
    yield f"pod {pod.name}: {state}: {pod.reason[:LONGEST]}"
    telling = [one for one in events if one.reason not in NORMAL]
    yield from (_line(one) for one in telling[-EVENTS:])


def _of_others(events: Sequence[EventSeen]) -> Iterator[str]:
    """The newest warning of each object that should have made something."""
    newest = {(one.kind, one.name): one for one in events if one.warning and one.kind in MAKERS}
    for (kind, name), one in newest.items():
        yield f"{kind} {name}: {one.reason}: {one.message[:LONGEST]}"


def _line(event: EventSeen) -> str:
    times = f" ({event.count} times)" if event.count > 1 else ""
    return f"  event {event.reason}{times}: {event.message[:LONGEST]}"
