"""Plays one child's job: begins the arrivals when they are due, and counts what comes of them.

Open model: each arrival gets a greenlet and the session that was freed last. Closed model: a
user is a greenlet with a session of its own. Needs a process that gevent has patched.
"""

import bisect
import gc
import time
from array import array
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import Any

import gevent  # type: ignore[import-untyped] # it has no types
from gevent.event import Event  # type: ignore[import-untyped] # it has no types
from gevent.lock import Semaphore  # type: ignore[import-untyped] # it has no types

from insurectl.adapters.load_credentials import LoadCredentials, Minter
from insurectl.adapters.locust import journey_file
from insurectl.adapters.locust.connection import Connection
from insurectl.adapters.locust.http import JourneyHttp
from insurectl.adapters.locust.job import Job
from insurectl.adapters.locust.tally import Sample, Tally
from insurectl.errors import BadFile
from insurectl.planning.workload import arrivals

TICK_LAG_S = 0.05  # what ends with a second is counted before the second is told
LOOK_S = 0.05
ROUND = 1_000_000  # a user's rounds are numbered this far apart, so that no two are alike


class Session:
    """A journey and what it speaks through."""

    def __init__(self, player: "Player") -> None:
        self._connection = player.connect()
        self.http = JourneyHttp(
            self._connection.send, player.keep, player.now, self._connection.stream
        )
        self.journey = player.made(self.http)

    def arrive(self, number: int, intended_s: float | None) -> None:
        """Another arrival: it has no cookies, but the connection stays open."""
        self._connection.forget()
        self.http.arrive(intended_s)
        self.journey.arrive(number)


class Player:
    """BadFile for a journey that can't be played. ``tell``: says a line to the parent."""

    def __init__(
        self, job: Job, connect: Callable[[], Connection], tell: Callable[..., None]
    ) -> None:
        self.job, self.connect, self._tell = job, connect, tell
        self.journey = journey_file.load(Path(job.journey_file))
        file = Path(job.credentials_file) if job.credentials_file else None
        self._credentials = LoadCredentials.read(file) if file else LoadCredentials()
        self._minter = Minter(self._credentials.token_private_pem)
        self.tally = Tally(job.warmup_s)
        self.bad: BadFile | None = None
        self._stopped = Event()  # at once, nobody waits for answers
        self._over = Event()  # no more load; a user who thinks need not think to the end
        self._start_s = 0.0
        self._numbers, self._due = _own_arrivals(job)
        self._told = 0
        self._playing = 0
        self._sessions: list[Session] = []
        self._free = [self._new_session()]  # now, so that a journey that can't be made is known
        self._spare = Semaphore(job.sessions)

    def made(self, http: JourneyHttp) -> Any:
        """A journey that speaks through ``http``."""
        return self.journey(
            http,
            data=self.job.data,
            partner_keys=self._credentials.partner_keys,
            run_id=self.job.run_id,
            seed=self.job.seed,
            token=self._minter.token,
            operator=self._credentials.operator,
        )

    def prepare(self) -> None:
        """The journey's own; BadFile when it, or a request in it, fails."""
        self._once("prepare")

    def finish(self) -> None:
        """The journey's own; what fails in it is known afterwards as ``bad``."""
        try:
            self._once("finish")
        except BadFile as error:
            self.bad = self.bad or error

    def _once(self, part: str) -> None:
        failed: list[Sample] = []

        def keep(sample: Sample) -> None:
            if sample.failure is not None:
                failed.append(sample)

        connection = self.connect()
        http = JourneyHttp(connection.send, keep, time.monotonic, connection.stream)
        file = Path(self.job.journey_file)
        try:
            getattr(self.made(http), part)()
        except Exception as error:  # whatever a file of the user may raise
            raise journey_file.problem(file, error) from error
        http.settle()
        if failed:
            told = f"its {part} failed: {failed[0].name}: {failed[0].failure}"
            raise BadFile(file, told)

    def play(self, start_s: float) -> None:
        """From the start (``time.monotonic``) to the last answer, or until it is stopped."""
        self._start_s = start_s
        ticker = gevent.spawn(self._tick)
        source = gevent.spawn(self._arrive if self.job.model == "open" else self._use)
        self._stopped.wait(max(0.0, len(self.job.rates) - self.now()))
        self._schedule_until(self.now())
        source.kill()
        self._over.set()
        if not self._stopped.is_set():
            self._drain()
        ticker.kill()
        self._tell("end", counts=self.tally.to_json())

    def stop(self) -> None:
        """End it now."""
        self._stopped.set()

    def keep(self, sample: Sample) -> None:
        """Count a request that ended, in whatever tally is the one of now."""
        self.tally.end(sample)

    def now(self) -> float:
        """Seconds from the start."""
        return time.monotonic() - self._start_s

    # ---- open model ----

    def _arrive(self) -> None:
        for number, due_s in zip(self._numbers, self._due, strict=True):
            # also when it is due already: others run between two that are late
            gevent.sleep(max(0.0, due_s - self.now()))
            session = self._session()
            self._playing += 1
            gevent.spawn(self._arrival, session, number, due_s)

    def _arrival(self, session: Session, number: int, due_s: float) -> None:
        self.tally.begin(due_s, self.now())
        session.arrive(number, due_s)
        self._guarded(session, session.journey.play)
        self._release(session)

    # ---- closed model ----

    def _use(self) -> None:
        """Start users as the level rises; each looks for itself whether it is still wanted."""
        alive: dict[int, gevent.Greenlet] = {}
        rounds: Counter[int] = Counter()
        gevent.sleep(max(0.0, -self.now()))
        while True:
            for user in range(self.job.child, self._level(), self.job.children):
                if user not in alive or alive[user].dead:
                    session = self._session()
                    self._playing += 1
                    alive[user] = gevent.spawn(self._user, session, user, rounds)
            gevent.sleep(LOOK_S)

    def _user(self, session: Session, user: int, rounds: Counter[int]) -> None:
        due_s = self.now() + Random(f"{self.job.seed}/user/{user}").random()
        while self._thought_until(due_s) and user < self._level():
            self.tally.schedule(due_s)
            self.tally.begin(due_s, self.now())
            session.arrive(rounds[user] * ROUND + user, None)
            rounds[user] += 1
            self._guarded(session, session.journey.play)
            pause_s = self._guarded(session, session.journey.think) or 0.0
            due_s = self.now() + pause_s
        self._release(session)

    def _thought_until(self, due_s: float) -> bool:
        """False: the load was over before."""
        wait_s = due_s - self.now()
        if wait_s > 0:
            self._over.wait(wait_s)
        else:
            gevent.sleep(0)  # a user who never waits must not keep the others from it
        return not self._over.is_set()

    def _level(self) -> int:
        second = int(self.now())
        return round(self.job.rates[second]) if second < len(self.job.rates) else 0

    # ---- both ----

    def _session(self) -> Session:
        """Waits when all are in use: the arrival begins late, which its latency shows."""
        self._spare.acquire()
        return self._free.pop() if self._free else self._new_session()

    def _release(self, session: Session) -> None:
        self._playing -= 1
        self._free.append(session)
        self._spare.release()

    def _new_session(self) -> Session:
        try:
            self._sessions.append(Session(self))
        except Exception as error:  # whatever a file of the user may raise
            raise journey_file.problem(Path(self.job.journey_file), error) from error
        return self._sessions[-1]

    def _guarded(self, session: Session, part: Callable[[], Any]) -> Any:
        """A journey may fall over an answer that failed; else its fault ends the run."""
        fault, result = None, None
        try:
            result = part()
        except Exception as error:  # whatever a file of the user may raise
            fault = error
        session.http.settle()
        if fault is not None and not session.http.failed:
            self.bad = journey_file.problem(Path(self.job.journey_file), fault)
            self.stop()
        return result

    def _drain(self) -> None:
        """Wait for those that began; what has no answer by then counts as failed."""
        until_s = self.now() + self.job.drain_s
        while self._playing and not self._stopped.is_set() and self.now() < until_s:
            gevent.sleep(LOOK_S)
        for session in self._sessions:
            session.http.give_up()

    def _tick(self) -> None:
        second, known = 1, 0
        while True:
            gevent.sleep(max(0.0, second + TICK_LAG_S - self.now()))
            if known < len(self._sessions):
                # They stay to the end. To look through thousands of them for garbage takes
                # 100 ms, in which nobody would arrive.
                gc.freeze()
                known = len(self._sessions)
            self._schedule_until(min(float(second), len(self.job.rates)))
            told, self.tally = self.tally, Tally(self.job.warmup_s)
            self._tell("tick", second=second, counts=told.to_json())
            second += 1

    def _schedule_until(self, until_s: float) -> None:
        """Count arrivals as due by their time, whether or not this process got to them."""
        end = bisect.bisect_left(self._due, until_s)
        for due_s in self._due[self._told : end]:
            self.tally.schedule(due_s)
        self._told = max(self._told, end)


def _own_arrivals(job: Job) -> tuple["array[int]", "array[float]"]:
    """This child's share (numbers, due times): each arrival of the whole process goes to one
    child at random, so a Poisson process stays one in each child, and all play all of it."""
    numbers, due = array("q"), array("d")
    if job.model == "closed":
        return numbers, due
    chance = Random(f"{job.seed}/split")
    for number, due_s in enumerate(arrivals(job.rates, job.seed, job.arrivals)):
        if chance.randrange(job.children) == job.child:
            numbers.append(number)
            due.append(due_s)
    return numbers, due
