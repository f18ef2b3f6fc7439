"""LoadEngine that plays from inside a cluster: workers in pods, this process their parent."""

import json
import queue
import secrets
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path

from pydantic import TypeAdapter

from insurectl.adapters.locust import cluster_objects as objects
from insurectl.adapters.locust.clock_bounds import together
from insurectl.adapters.locust.cluster_leftovers import clear, parent, remove
from insurectl.adapters.locust.cluster_objects import Workers
from insurectl.adapters.locust.cluster_worker import Cluster, ClusterWorker, Place, Reading
from insurectl.adapters.locust.job import Generator, Job
from insurectl.adapters.locust.journey_bundle import pack
from insurectl.adapters.locust.run import Child, Line, Run, Used
from insurectl.adapters.locust.watch import in_most_seconds
from insurectl.errors import BadFile, InsurectlError, TargetNotReady
from insurectl.planning.slo import Limits, saturation
from insurectl.ports import LoadJob
from insurectl.records import LoadResult, LoadSecond

READY_TIMEOUT_S = 180.0  # an image may have to be pulled
HEAD_START_S = 2.0  # from the order to the first second, so that every worker got it
STOP_TIMEOUT_S = 10.0
SPARE_S = 120.0  # what a Job may last beyond its load, before the cluster ends it
LOOKS = 5  # at each clock
HELD_BACK = 0.05  # of the time; each wait for its limit is in a worker's latencies


@dataclass(frozen=True, kw_only=True)
class ClusterLoadEngine(Generator):
    """Plays from the pods of a Job, as many as ``workers`` says and never ``LoadJob.processes``.
    ``inside_url``: what a base URL of outside is called inside the cluster."""

    cluster: Cluster
    workers: Workers
    inside_url: Callable[[str], str]

    def play(self, job: LoadJob, on_second: Callable[[LoadSecond], None]) -> LoadResult:
        """As ``LocustEngine.play``, with the same counts and the same judgement. TargetNotReady
        when workers don't start, or another load is played there. Leaves no object behind; where
        the cluster can't be reached any more, the workers end by themselves and so do they."""
        return Run(_Pods(self, job), job, self.limits, on_second).play()


class _Pods:
    """The crew in the cluster."""

    ready_timeout_s = READY_TIMEOUT_S

    def __init__(self, engine: ClusterLoadEngine, job: LoadJob) -> None:
        self._engine, self._job = engine, job
        self._name = f"load-{secrets.token_hex(4)}"
        self._workers: list[ClusterWorker] = []
        self._clocks = self._left = ""

    @property
    def children(self) -> Sequence[Child]:
        return self._workers

    def spawn(self, lines: "queue.Queue[Line]") -> None:
        engine, workers = self._engine, self._engine.workers
        orders, credentials = self._inputs()
        remove(engine.cluster, workers)
        place = Place(
            cluster=engine.cluster,
            namespace=workers.namespace,
            job=self._name,
            workers=workers.count,
            journey_file=Path(self._job.scenario.journey_file).absolute(),
        )
        self._workers += [ClusterWorker(1 + n, place, lines) for n in range(workers.count)]
        made = engine.cluster.create(
            objects.load_job(
                workers,
                self._name,
                lasts_s=READY_TIMEOUT_S + len(self._job.rates) + engine.drain_s + SPARE_S,
                notes={objects.RUN: self._job.run_id, objects.PARENT: json.dumps(parent())},
                with_credentials=credentials is not None,
            )
        )
        engine.cluster.create(objects.inputs(workers, made, orders))
        if credentials is not None:
            engine.cluster.create(objects.credentials(workers, made, credentials))
        for worker in self._workers:
            worker.start()

    def _inputs(self) -> tuple[bytes, bytes | None]:
        """What all workers get, and what lets the load in."""
        job, engine = self._job, self._engine
        orders = replace(
            engine.orders(job, child=0, children=engine.workers.count),
            base_url=engine.inside_url(job.base_url).rstrip("/"),
            journey_file=Path(job.scenario.journey_file).name,
            credentials_file="",
        )
        journey = Path(job.scenario.journey_file).absolute()
        packed = pack(journey, TypeAdapter(Job).dump_json(orders))
        if not job.credentials_file:
            return packed, None
        try:
            return packed, Path(job.credentials_file).read_bytes()
        except OSError as error:
            raise BadFile(job.credentials_file, f"can't be read: {error.strerror}") from error

    def not_started(self, child: Child) -> InsurectlError:
        worker = self._workers[self.children.index(child)]
        return TargetNotReady(
            f"load worker {worker.number} of {len(self._workers)} in namespace "
            f"{self._engine.workers.namespace} did not start: {worker.told()}"
        )

    def go(self) -> float:
        for _ in range(LOOKS):
            self._each(lambda worker, _: worker.order("on"))
        offsets_s, self._clocks = together([worker.clock for worker in self._workers])
        began_s = time.monotonic() + HEAD_START_S
        self._each(lambda worker, n: worker.order(f"go {began_s + offsets_s[n]!r}"))
        return began_s

    def look(self) -> None:
        """They tell themselves what they use."""

    def end(self) -> None:
        if not self._workers:
            return
        try:
            self._each(self._stop)
            deadline_s = time.monotonic() + STOP_TIMEOUT_S
            for worker in self._workers:
                if worker.ready:
                    worker.told_end.wait(max(0.0, deadline_s - time.monotonic()))
        finally:
            for worker in self._workers:
                worker.over.set()
            self._left = clear(self._engine.cluster, self._engine.workers, self._name)

    def _stop(self, worker: ClusterWorker, _: int) -> None:
        if worker.ready and not worker.told_end.is_set():
            with suppress(TargetNotReady):  # then its lines tell what became of it
                worker.order("stop")

    def _each(self, do: Callable[[ClusterWorker, int], object]) -> None:
        """For all at once."""
        with ThreadPoolExecutor(len(self._workers)) as pool:
            tasks = [pool.submit(do, worker, n) for n, worker in enumerate(self._workers)]
        for task in tasks:
            task.result()

    # ---- what they used ----

    def used(self) -> Used:
        node = [_mean([one.node_cpu for one in self._judged(worker)]) for worker in self._workers]
        cpu = [in_most_seconds([one.cpu for one in self._judged(w)]) for w in self._workers]
        return Used(max(cpu, default=0.0), max(node, default=0.0))

    def invalid(self, limits: Limits, shortfall: float) -> tuple[str, ...]:
        reasons, used = [self._clocks] if self._clocks else [], self.used()
        if used.generator > limits.generator_cpu:
            reasons.append(
                f"a load worker was saturated: it used {used.generator:.0%} of its CPU (limit "
                f"{limits.generator_cpu:.0%}); give the load more workers, or less to play"
            )
        reasons += saturation(generator_cpu=0, host_cpu=0, shortfall=shortfall, limits=limits)
        for worker in self._workers:
            held_back = _mean([one.held_back for one in self._judged(worker)])
            if held_back > HELD_BACK:
                reasons.append(
                    f"load worker {worker.number} was held back by its own CPU limit for "
                    f"{held_back:.0%} of the time (limit {HELD_BACK:.0%}), which is in its "
                    "latencies; give each worker a whole core"
                )
        if used.host > limits.host_cpu:
            reasons.append(
                f"the node of a load worker was saturated: {used.host:.0%} of its CPU was in use "
                f"(limit {limits.host_cpu:.0%}), so latencies are those of the node"
            )
        return tuple(reasons)

    def notes(self) -> tuple[str, ...]:
        return (self._left,) if self._left else ()

    def _judged(self, worker: ClusterWorker) -> list[Reading]:
        """Of the seconds that are judged."""
        first, last = self._job.scenario.warmup_s, len(self._job.rates)
        return [one for one in worker.readings if first < one.second <= last]


def _mean(values: Sequence[float]) -> float:
    return sum(values) / len(values) if values else 0.0
