"""Pods: what they are, what they say, and commands inside them."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from insurectl.adapters.kubernetes_connection import Connection, path_of
from insurectl.adapters.kubernetes_errors import ApiRefusal, NotThere, Unreachable
from insurectl.adapters.kubernetes_exec import Finished, run
from insurectl.adapters.kubernetes_namespaces import selector
from insurectl.adapters.kubernetes_values import Object, cpu_millis, memory_mib, seconds

READ_S = 30.0
QUIET_S = 600.0  # a followed log without a line is asked for again
PATIENT = ("PodInitializing", "ContainerCreating")  # waits for another one, or for a moment


@dataclass(frozen=True, kw_only=True)
class PodSeen:
    """``container``: its first one, which does the work. ``restarts`` are of all containers;
    ``oom_kills`` only those that the status still shows (the last end of each container).
    Times are seconds since the epoch, None while it is not so far; ``ready_s``: ready since.
    ``reason``: why it is not ready, "" when it is."""

    name: str
    component: str
    zone: str
    container: str
    node: str
    ip: str
    phase: str
    ready: bool
    ending: bool
    restarts: int
    oom_kills: int
    created_s: float
    scheduled_s: float | None
    started_s: float | None
    ready_s: float | None
    reason: str
    labels: Mapping[str, str]


@dataclass(frozen=True, kw_only=True)
class Usage:
    """What metrics.k8s.io measured of one container; ``at_s``: the end of its window."""

    pod: str
    container: str
    cpu_millis: float
    memory_mib: float
    at_s: float


class Pods(Connection):
    """Pods of one namespace at a time."""

    def pods(self, namespace: str, labels: Mapping[str, str] | None = None) -> tuple[PodSeen, ...]:
        """All that carry the labels, by name."""
        params = {"labelSelector": selector(labels)} if labels else {}
        seen = self.items(path_of("api", "v1", "namespaces", namespace, "pods"), params)
        return tuple(sorted((pod_seen(one) for one in seen), key=lambda pod: pod.name))

    def delete_pod(self, namespace: str, pod: str, grace_s: int | None = None) -> None:
        """Ask for it, with the pod's own grace or ``grace_s``; fine when it is gone already."""
        params = {} if grace_s is None else {"gracePeriodSeconds": grace_s}
        try:
            self.send("DELETE", _place(namespace, pod), params=params)
        except NotThere:
            return

    def logs(
        self,
        namespace: str,
        pod: str,
        container: str | None = None,
        *,
        lines: int = 100,
        follow: bool = False,
        previous: bool = False,
    ) -> Iterator[str]:
        """The last lines and, with ``follow``, what comes until the container ends;
        ``previous``: of its run before the last restart."""
        params: dict[str, str | int] = {"tailLines": lines}
        if container:
            params["container"] = container
        if previous:
            params["previous"] = "true"
        place = f"{_place(namespace, pod)}/log"
        if not follow:
            yield from self.lines(place, params, READ_S)
            return
        while True:
            try:
                yield from self.lines(place, {**params, "follow": "true"}, QUIET_S)
            except Unreachable as error:
                if not error.timed_out:
                    raise
                params["tailLines"] = 0  # nothing was said for long: go on from now
            else:
                return

    def execute(
        self,
        namespace: str,
        pod: str,
        container: str | None,
        command: Sequence[str],
        *,
        stdin: str | bytes | None = None,
        timeout_s: float = 30.0,
    ) -> Finished:
        """Run a command in a container: (code, stdout, stderr). TargetNotReady when there is no
        such program, or when it does not end in time."""
        return run(
            self,
            f"{_place(namespace, pod)}/exec",
            container,
            command,
            stdin=stdin,
            timeout_s=timeout_s,
        )

    def usage(self, namespace: str) -> tuple[Usage, ...]:
        """Needs metrics.k8s.io (metrics-server); pods that were never measured are left out."""
        place = path_of("apis", "metrics.k8s.io", "v1beta1", "namespaces", namespace, "pods")
        return tuple(
            Usage(
                pod=pod["metadata"]["name"],
                container=one["name"],
                cpu_millis=cpu_millis(one["usage"]),
                memory_mib=memory_mib(one["usage"]),
                at_s=seconds(pod.get("timestamp")) or 0.0,
            )
            for pod in self.items(place)
            for one in pod.get("containers") or ()
        )

    def memory_mib(self, namespace: str) -> dict[str, float]:
        """Pod -> working set; empty where metrics.k8s.io is missing or has no answer yet."""
        found: dict[str, float] = {}
        try:
            for one in self.usage(namespace):
                found[one.pod] = found.get(one.pod, 0.0) + one.memory_mib
        except ApiRefusal as error:
            if error.status not in (404, 503):
                raise
        return found


def pod_seen(seen: Object) -> PodSeen:
    """Of the pod as the API server has it."""
    meta, spec, status = seen["metadata"], seen["spec"], seen.get("status") or {}
    labels: Mapping[str, str] = meta.get("labels") or {}
    conditions = {one["type"]: one for one in status.get("conditions") or ()}
    containers: list[Object] = status.get("containerStatuses") or []
    ready = _since(conditions.get("Ready"))
    main = spec["containers"][0]["name"]
    return PodSeen(
        name=meta["name"],
        component=labels.get("app.kubernetes.io/component", ""),
        zone=labels.get("insurectl.zone", ""),
        container=main,
        node=spec.get("nodeName", ""),
        ip=status.get("podIP", ""),
        phase=status.get("phase", "Unknown"),
        ready=ready is not None,
        ending="deletionTimestamp" in meta,
        restarts=sum(one.get("restartCount", 0) for one in containers),
        oom_kills=sum(
            (one.get(which) or {}).get("terminated", {}).get("reason") == "OOMKilled"
            for one in containers
            for which in ("state", "lastState")
        ),
        created_s=seconds(meta.get("creationTimestamp")) or 0.0,
        scheduled_s=_since(conditions.get("PodScheduled")),
        started_s=_started(containers, main),
        ready_s=ready,
        reason="" if ready is not None else _reason(status, conditions),
        labels=labels,
    )


def unwell(status: Object) -> Iterator[tuple[str, str]]:
    """(container, why) for each container that waits or ended badly; init containers first."""
    for one in (
        *(status.get("initContainerStatuses") or ()),
        *(status.get("containerStatuses") or ()),
    ):
        state = one.get("state") or {}
        if waiting := state.get("waiting"):
            last = ((one.get("lastState") or {}).get("terminated")) or {}
            yield one["name"], _join(waiting.get("reason"), waiting.get("message")) + _ended(last)
        elif (ended := state.get("terminated")) and ended.get("exitCode", 0) != 0:
            yield one["name"], _join(ended.get("reason"), ended.get("message")) + _ended(ended)


def _reason(status: Object, conditions: Mapping[str, Object]) -> str:
    scheduled = conditions.get("PodScheduled") or {}
    if scheduled.get("status") == "False":
        return _join(scheduled.get("reason"), scheduled.get("message"))
    found = [(name, why) for name, why in unwell(status) if why]
    telling = [one for one in found if not one[1].startswith(PATIENT)]
    if chosen := (telling or found):
        return f"container {chosen[0][0]}: {chosen[0][1]}"
    if status.get("reason"):
        return _join(status["reason"], status.get("message"))
    ready = conditions.get("Ready") or {}
    return _join(ready.get("reason"), ready.get("message")) or "not seen by its node yet"


def _ended(terminated: Object) -> str:
    if not terminated:
        return ""
    return f" (ended with {terminated.get('exitCode')}, {terminated.get('reason', 'no reason')})"


def _join(reason: str | None, message: str | None) -> str:
    return ": ".join(part for part in (reason, message) if part)


def _since(condition: Object | None) -> float | None:
    if condition is None or condition.get("status") != "True":
        return None
    return seconds(condition.get("lastTransitionTime"))


def _started(containers: Sequence[Object], main: str) -> float | None:
    for one in containers:
        if one["name"] == main:
            return seconds(((one.get("state") or {}).get("running") or {}).get("startedAt"))
    return None


def _place(namespace: str, pod: str) -> str:
    return path_of("api", "v1", "namespaces", namespace, "pods", pod)
