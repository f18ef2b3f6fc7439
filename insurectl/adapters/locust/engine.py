"""LoadEngine that plays from child processes of this machine."""

import queue
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from pydantic import TypeAdapter

from insurectl.adapters.locust.child_process import ChildProcess
from insurectl.adapters.locust.job import Generator, Job
from insurectl.adapters.locust.run import Child, Line, Run, Used
from insurectl.adapters.locust.watch import Watch
from insurectl.errors import InsurectlError, MissingOnMachine
from insurectl.planning.slo import Limits, saturation
from insurectl.ports import LoadJob
from insurectl.records import LoadResult, LoadSecond

READY_TIMEOUT_S = 60.0
HEAD_START_S = 0.3  # from the order to the first second, so that every child got it
STOP_TIMEOUT_S = 2.5


@dataclass(frozen=True, kw_only=True)
class LocustEngine(Generator):
    """Plays from ``processes`` children."""

    def play(self, job: LoadJob, on_second: Callable[[LoadSecond], None]) -> LoadResult:
        """Play to the end, to an abort or to an interrupt. Statistics, shortfall and thresholds
        leave the warm-up out, ``scheduled``, ``sent`` and ``seconds`` do not. BadInput for a
        journey that can't be played, MissingOnMachine when no child starts."""
        return Run(_Processes(self, job), job, self.limits, on_second).play()


class _Processes:
    """The crew on this machine."""

    ready_timeout_s = READY_TIMEOUT_S

    def __init__(self, engine: LocustEngine, job: LoadJob) -> None:
        self._engine, self._job = engine, job
        self._children: list[ChildProcess] = []
        self._watch: Watch | None = None

    @property
    def children(self) -> Sequence[Child]:
        return self._children

    def spawn(self, lines: "queue.Queue[Line]") -> None:
        job = self._job
        try:
            job.folder.mkdir(parents=True, exist_ok=True)
            for number in range(job.processes):
                file = job.folder / f"generator-{number + 1}.json"
                orders = self._engine.orders(job, child=number, children=job.processes)
                file.write_bytes(TypeAdapter(Job).dump_json(orders))
                self._children.append(ChildProcess(number + 1, job.processes, file, lines))
        except OSError as error:
            raise MissingOnMachine(
                f"the load generator can't be started: {error.filename or job.folder}: "
                f"{error.strerror}"
            ) from error

    def not_started(self, child: Child) -> InsurectlError:
        number = self.children.index(child)
        told = self._children[number].told()
        return MissingOnMachine(f"load generator {number + 1} did not start: {told}")

    def go(self) -> float:
        began_s = time.monotonic() + HEAD_START_S
        for child in self._children:
            child.order(f"go {began_s!r}")
        return began_s

    def look(self) -> None:
        if self._watch is None:
            self._watch = Watch([child.process.pid for child in self._children])
        self._watch.look()

    def end(self) -> None:
        try:
            for child in self._children:
                child.order("stop")
            deadline_s = time.monotonic() + STOP_TIMEOUT_S
            for child in self._children:
                child.end(deadline_s)
        except KeyboardInterrupt:  # a second time: no more patience
            for child in self._children:
                child.end(deadline_s=0.0)
            raise

    def used(self) -> Used:
        return Used(self._watch.generator, self._watch.host) if self._watch else Used(0.0, 0.0)

    def invalid(self, limits: Limits, shortfall: float) -> tuple[str, ...]:
        used = self.used()
        return saturation(
            generator_cpu=used.generator, shortfall=shortfall, host_cpu=used.host, limits=limits
        )

    def notes(self) -> tuple[str, ...]:
        return ()
