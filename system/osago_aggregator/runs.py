"""Running applications: each asks all insurers at once, stores what comes, and is kept by a lease
that any other replica takes over when it lapses."""

import asyncio
from dataclasses import dataclass, field
from typing import Any

import structlog
from prometheus_client import Counter, Gauge

from system.osago_aggregator.clients import Insurers
from system.osago_aggregator.domain import Asked, Outcome, digest
from system.osago_aggregator.store import LEASE_MS, Accepted, Store, Stored
from system.shared.redis_client import Away
from system.shared.resilience import Deadline

LOG = structlog.get_logger()
RUNNING = Gauge("osago_applications_running", "Applications this replica works at.")
OFFERS = Counter("osago_offers", "Offers that came.", ["insurer"])
TAKEOVERS = Counter("osago_takeovers", "Applications taken over from another replica.")
TICK_S = LEASE_MS / 1000 / 6
CHUNK = 500
LOST, ANOTHERS = -1, -2


class Conflict(Exception):
    """The id was submitted before, with something else."""


class Busy(Exception):
    """This replica has all the applications it can work at."""


@dataclass(eq=False, kw_only=True)
class Run:
    """One application at work. ``stored``: events that Redis is known to have."""

    application: str
    body: dict[str, Any]
    deadline: Deadline
    insurers: tuple[str, ...]
    references: dict[str, str] = field(default_factory=dict)
    settled: dict[str, tuple[Outcome, str]] = field(default_factory=dict)
    stored: int = 0
    task: asyncio.Task[None] | None = None


class Runs:
    """Those of this replica. ``most``: beyond that it takes no more."""

    def __init__(self, store: Store, insurers: Insurers, codes: tuple[str, ...], most: int) -> None:
        self._store, self._insurers, self._codes, self._most = store, insurers, codes, most
        self._runs: dict[str, Run] = {}
        self._ticks = 0
        RUNNING.set_function(lambda: len(self._runs))

    async def submit(self, asked: Asked, deadline: Deadline) -> Accepted:
        """Take it, or find it taken; Conflict, Busy, or Away."""
        application, canonical = str(asked.id), asked.canonical()
        if len(self._runs) >= self._most:
            raise Busy
        marked = digest(canonical)
        taken = await self._store.patiently(
            lambda: self._store.accept(
                application, marked, canonical, deadline.left_s(), self._codes
            )
        )
        if taken.verdict < 0:
            raise Conflict
        # known and ours, but not at work: the answer to our first attempt was lost
        ours = taken.owner == self._store.owner and application not in self._runs
        if taken.status == "running" and ours:
            body = asked.model_dump(mode="json", include={"vehicle", "startsOn"})
            self._begin(
                Run(
                    application=application,
                    body=body,
                    deadline=Deadline.after(taken.left_s),
                    insurers=self._codes,
                )
            )
        return taken

    async def tend(self) -> None:
        """Renew leases, and look for those that lapsed; never returns."""
        while True:
            await asyncio.sleep(TICK_S)
            self._ticks += 1
            try:
                if self._ticks % 2 == 0:
                    await self._renew()
                # when Redis was away all leases have lapsed: their owners come first
                if self._store.presence.for_s() > LEASE_MS / 1000:
                    await self._claim()
            except Away as error:
                LOG.warning("leases wait for Redis", reason=str(error))
                await self._store.presence.wait()
                self._ticks = 1  # renew at once

    async def release(self) -> None:
        """Leave all to the other replicas, at the end of this one."""
        runs = list(self._runs.values())
        for run in runs:
            self._drop(run)
        try:
            for n in range(0, len(runs), CHUNK):
                await self._store.release([run.application for run in runs[n : n + CHUNK]])
        except Away as error:  # their leases lapse by themselves
            LOG.warning("leases were not released", reason=str(error))

    def _begin(self, run: Run) -> None:
        self._runs[run.application] = run
        run.task = asyncio.create_task(self._work(run))

    def _drop(self, run: Run) -> None:
        if self._runs.get(run.application) is run:
            del self._runs[run.application]
        if run.task is not None:
            run.task.cancel()

    async def _work(self, run: Run) -> None:
        asked = {
            code: asyncio.create_task(self._ask(run, code))
            for code in run.insurers
            if code not in run.settled
        }
        try:
            if asked:
                await asyncio.wait(asked.values(), timeout=run.deadline.left_s())
            over = [self._close(run, code, task) for code, task in asked.items()]
            await asyncio.gather(*over)
            await asyncio.gather(*(self._keep(run, code) for code in run.insurers))
        finally:
            for task in asked.values():
                task.cancel()
            if self._runs.get(run.application) is run:
                del self._runs[run.application]

    async def _ask(self, run: Run, code: str) -> None:
        def created(reference: str) -> None:
            run.references[code] = reference
            self._store.refer(run.application, code, reference)

        if not run.deadline.left_s():  # taken over too late
            return
        known = run.references.get(code)
        outcome = await self._insurers.offer(
            code, run.application, run.body, run.deadline, known, created
        )
        await self._settle(run, code, outcome)

    async def _close(self, run: Run, code: str, task: "asyncio.Task[None]") -> None:
        """At the deadline: what has no outcome by then is a timeout."""
        if code in run.settled:
            await task  # which only waits for Redis now
            return
        outcome = Outcome(state="timeout", reason="no answer within the application's time")
        if task.done() and not task.cancelled() and (bug := task.exception()) is not None:
            LOG.error("unexpected error", insurer=code, exc_info=bug)
            outcome = Outcome(state="failed", reason="internal error")
        task.cancel()
        await self._settle(run, code, outcome)

    async def _settle(self, run: Run, code: str, outcome: Outcome) -> None:
        run.settled[code] = (outcome, outcome.event(run.application, code))
        if outcome.state == "offered":
            OFFERS.labels(code).inc()
        await self._keep(run, code)

    async def _keep(self, run: Run, code: str) -> None:
        """Until Redis has it; when Redis has lost the application itself, all of it again."""
        if run.stored >= len(run.insurers):
            return
        while True:
            count = await self._stored(run, code)
            if count != LOST:
                run.stored = max(run.stored, count)
                return
            if not await self._restored(run):
                return

    async def _stored(self, run: Run, code: str) -> int:
        outcome, event = run.settled[code]
        return await self._store.surely(
            lambda: self._store.settle(run.application, code, outcome, event)
        )

    async def _restored(self, run: Run) -> bool:
        """Give Redis back what a failover lost, in the order it had; False when the application
        is another's by now (or over for so long that nobody asks for it)."""
        if run.deadline.left_s() == 0 and run.stored >= len(run.insurers):
            return False
        canonical = Asked.model_validate({"id": run.application, **run.body}).canonical()
        marked, left_s = digest(canonical), run.deadline.left_s()
        taken = await self._store.surely(
            lambda: self._store.accept(run.application, marked, canonical, left_s, run.insurers)
        )
        if taken.owner != self._store.owner:
            self._drop(run)
            return False
        LOG.warning("an application was stored again", application=run.application)
        for code in list(run.settled):
            await self._stored(run, code)
        for code, reference in run.references.items():
            self._store.refer(run.application, code, reference)
        return True

    async def _renew(self) -> None:
        runs = list(self._runs.values())
        for n in range(0, len(runs), CHUNK):
            chunk = runs[n : n + CHUNK]
            before = [run.stored for run in chunk]
            counts = await self._store.renew([run.application for run in chunk])
            for run, stored, count in zip(chunk, before, counts, strict=True):
                if count == ANOTHERS:
                    LOG.warning("another replica has it now", application=run.application)
                    self._drop(run)
                elif count < stored and run.application in self._runs:
                    await self._restored(run)

    async def _claim(self) -> None:
        most = min(CHUNK, self._most - len(self._runs))
        if most <= 0:
            return
        for application, left_s in await self._store.claim(most):
            if application in self._runs:  # this replica was too slow to renew it
                continue
            stored = await self._store.read(application)
            if stored is not None:
                TAKEOVERS.inc()
                LOG.info("taken over", application=application, left_s=left_s)
                self._begin(_resumed(application, left_s, stored))


def _resumed(application: str, left_s: float, stored: Stored) -> Run:
    """As its first owner left it."""
    run = Run(
        application=application,
        body={name: stored.body[name] for name in ("vehicle", "startsOn")},
        deadline=Deadline.after(left_s),
        insurers=stored.insurers,
        references=dict(stored.references),
        stored=len(stored.events),
    )
    for code, event in stored.by_insurer().items():
        state: Any = stored.states[code]
        run.settled[code] = (Outcome(state=state), event)
    return run
