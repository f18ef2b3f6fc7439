"""A worker in a cluster as its parent sees it: one pod, followed by its log, ordered by exec."""

import json
import queue
import threading
import time
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple, Protocol

from insurectl.adapters.locust.clock_bounds import ClockBounds
from insurectl.adapters.locust.cluster_objects import CONTAINER, ROOM, Manifest
from insurectl.adapters.locust.run import Line
from insurectl.adapters.locust.worker_pod import ended, hopeless, started, state
from insurectl.errors import TargetNotReady

WORD_S = 15.0  # a worker that hears nothing for four times as long ends by itself
SILENT_S = 60.0  # a worker tells each second
FIRST_LINES = 100_000
MORE_LINES = 20  # of those that are known already, when a log is asked for again
# opened for both, since to open a pipe for writing alone waits for a worker that may have ended
TELL = f'echo "$0" 1<> {ROOM}/orders; date +%s.%N'


class Finished(Protocol):
    """How a command in a container ended."""

    @property
    def code(self) -> int: ...
    @property
    def stdout(self) -> str: ...
    @property
    def stderr(self) -> str: ...


class Event(Protocol):
    """What happened to an object."""

    @property
    def kind(self) -> str: ...
    @property
    def name(self) -> str: ...
    @property
    def warning(self) -> bool: ...
    @property
    def message(self) -> str: ...


class Cluster(Protocol):
    """What is needed of ``ClusterApi``; TargetNotReady when it does not answer or refuses."""

    def create(self, manifest: Mapping[str, Any], /) -> Manifest: ...
    def list_objects(
        self, version: str, kind: str, namespace: str, labels: Mapping[str, str], /
    ) -> list[Manifest]: ...
    def delete(self, version: str, kind: str, namespace: str, name: str, /) -> bool: ...
    def logs(
        self, namespace: str, pod: str, container: str, /, *, lines: int, follow: bool
    ) -> Iterator[str]: ...
    def execute(
        self, namespace: str, pod: str, container: str, command: Sequence[str], /
    ) -> Finished: ...
    def events(self, namespace: str, /) -> Sequence[Event]: ...


class Reading(NamedTuple):
    """What a worker said of a second: see ``Meter``."""

    second: int
    cpu: float
    held_back: float
    node_cpu: float


@dataclass(frozen=True, kw_only=True)
class Place:
    """Where the workers of one load are; ``journey_file``: here, what they call by their own."""

    cluster: Cluster
    namespace: str
    job: str
    workers: int
    journey_file: Path
    look_s: float = 1.0  # between two looks at a pod


class ClusterWorker:
    """Two threads: one follows its log, the other says each ``WORD_S`` that we are there."""

    def __init__(self, number: int, place: Place, lines: "queue.Queue[Line]") -> None:
        self.number = number
        self.ready = self.ended = self.gone = False
        self.second = 0
        self.clock = ClockBounds()
        self.readings: list[Reading] = []
        self.told_end = threading.Event()  # or it will not tell any more
        self.over = threading.Event()  # nobody listens any more
        self._place, self._lines = place, lines
        self._pod = ""
        self._next = 0
        self._why_known = False
        self._heard_s = time.monotonic()
        self._why = "its pod never came to be"
        self._noise: deque[str] = deque(maxlen=3)

    def start(self) -> None:
        """Look for its pod, and follow it."""
        for task in (self._follow, self._keep):
            threading.Thread(target=task, daemon=True, name=f"load-{self.number}").start()

    def order(self, text: str) -> None:
        """Returns when it has it, and its clock is known better; TargetNotReady when it can't be
        told."""
        place, sent_s = self._place, time.monotonic()
        command = ("sh", "-c", TELL, text)
        done = place.cluster.execute(place.namespace, self._pod, CONTAINER, command)
        heard_s = time.monotonic()
        if done.code != 0:
            raise TargetNotReady(
                f"load worker {self.number} (pod {self._pod} in {place.namespace}) can't be told "
                f"to {text.split(maxsplit=1)[0]}: {done.stderr.strip() or f'code {done.code}'}"
            )
        self.clock.read(float(done.stdout), sent_s=sent_s, heard_s=heard_s)

    def lost(self) -> str:
        """What became of its pod."""
        return f"load worker {self.number} of {self._place.workers} was lost: {self.told()}"

    def told(self) -> str:
        """Why it is not there, with what its node and its log say."""
        place = self._place
        seen = self._look()
        why = self._why if seen is None else state(seen)
        try:
            events = place.cluster.events(place.namespace)
        except TargetNotReady as error:
            return f"{why} ({error})"
        about = {("Pod", self._pod), ("Job", place.job)}
        said = [one.message for one in events if one.warning and (one.kind, one.name) in about]
        said = [message for message in said if message not in why]
        return " / ".join(dict.fromkeys([why, *said[-2:], *self._noise]))

    # ---- its log ----

    def _follow(self) -> None:
        try:
            while not self.over.is_set() and not self._read_to_its_end():
                self.over.wait(self._place.look_s)
        finally:
            self.told_end.set()
            self._lines.put(Line(self, {"kind": "gone"}))

    def _read_to_its_end(self) -> bool:
        """False: there will be more."""
        seen = self._look()
        if seen is None:
            return bool(self._pod) and self._why_known
        self._pod = seen["metadata"]["name"]
        if not started(seen):
            return hopeless(seen)
        self._read(follow=not ended(seen))
        return ended(seen)

    def _look(self) -> Manifest | None:
        """None where there is no pod (then it is known why), or no answer."""
        place, self._why_known = self._place, False
        labels = {
            "batch.kubernetes.io/job-name": place.job,
            "batch.kubernetes.io/job-completion-index": str(self.number - 1),
        }
        try:
            seen = place.cluster.list_objects("v1", "Pod", place.namespace, labels)
        except TargetNotReady as error:
            self._why = str(error)
            return None
        same = [one for one in seen if self._pod in {"", one["metadata"]["name"]}]
        if not same and self._pod:
            self._why, self._why_known = f"its pod {self._pod} was deleted", True
        return same[0] if same else None

    def _read(self, *, follow: bool) -> None:
        """A log that breaks off is asked for again: what is known already is left out."""
        lines, place = FIRST_LINES, self._place
        if self._next:
            lines = MORE_LINES + int(time.monotonic() - self._heard_s)
        try:
            for text in place.cluster.logs(
                place.namespace, self._pod, CONTAINER, lines=lines, follow=follow
            ):
                self._take(text)
                if self.over.is_set():
                    return
        except TargetNotReady as error:
            self._why = str(error)

    def _take(self, text: str) -> None:
        heard_s = time.monotonic()
        try:
            content = json.loads(text)
            sequence = content["sequence"]
        except (ValueError, KeyError, TypeError):
            self._noise.append(text.strip()[:300])
            return
        if sequence < self._next:
            return
        if sequence > self._next:
            count = sequence - self._next
            self._lose(f"{count} lines of load worker {self.number} were lost on their way")
        self._next, self._heard_s = sequence + 1, heard_s
        self.clock.read(content["at_s"], heard_s=heard_s)
        self._understand(content)
        self._lines.put(Line(self, content))

    def _understand(self, content: dict[str, Any]) -> None:
        """What is for us alone."""
        if "log" in content:
            self._noise.extend(content["log"].splitlines()[-3:])
        match content["kind"]:
            case "tick":
                numbers = (content[key] for key in Reading._fields)
                self.readings.append(Reading(*numbers))
            case "going" if content["left_s"] < 0:
                late_s = -content["left_s"]
                self._lose(f"load worker {self.number} heard of the start {late_s:.1f} s late")
            case "bad":
                there = f"{ROOM}/files/{self._place.journey_file.name}"
                here = str(self._place.journey_file)
                content["message"] = content["message"].replace(there, here)
            case "lost":
                content["reason"] = f"load worker {self.number} ended: {content['reason']}"
            case "end":
                self.told_end.set()

    def _lose(self, reason: str) -> None:
        self._lines.put(Line(self, {"kind": "lost", "reason": reason}))

    # ---- that we are there ----

    def _keep(self) -> None:
        while not self.told_end.wait(WORD_S) and not self.over.is_set():
            if not self._next:
                continue
            silent_s = time.monotonic() - self._heard_s
            if self.second and silent_s > SILENT_S:
                self._lose(f"nothing was heard of load worker {self.number} for {silent_s:.0f} s")
            try:
                self.order("on")
            except TargetNotReady as error:  # it ends by itself when no word comes for long
                self._why = str(error)
