"""What keeps a call to another service from doing harm: a deadline that is handed on, a bound on
what is in flight, a breaker, repeats with jitter and a budget.

The breaker is our own: purgatory's lets every waiting call through when it half opens, counts
only failures in a row and takes a cancelled call for a failure. stamina repeats without a budget
over all calls and can't be told by an answer when to come again.
"""

import asyncio
import random
import time
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from dataclasses import dataclass

DEADLINE_HEADER = "X-Deadline-Ms"
Clock = Callable[[], float]


@dataclass(frozen=True)
class Deadline:
    """A moment on this process' monotonic clock. Between processes the time that is left is
    told, since their clocks differ."""

    at_s: float
    clock: Clock = time.monotonic

    @classmethod
    def after(cls, seconds: float, clock: Clock = time.monotonic) -> "Deadline":
        """So long from now."""
        return cls(clock() + seconds, clock)

    @classmethod
    def from_header(cls, told: str | None, most_s: float) -> "Deadline":
        """From ``X-Deadline-Ms``, and never later than ``most_s`` from now; ValueError for what is
        no number of milliseconds."""
        if told is None:
            return cls.after(most_s)
        if not (told.isascii() and told.isdigit() and len(told) <= 12):
            raise ValueError(f"{DEADLINE_HEADER} is a whole number of milliseconds")
        return cls.after(min(int(told) / 1000, most_s))

    def left_s(self) -> float:
        """Seconds until then; 0 when it is over."""
        return max(0.0, self.at_s - self.clock())

    def header(self) -> str:
        """What to hand on, in ``X-Deadline-Ms``."""
        return str(int(self.left_s() * 1000))


class RetryBudget:
    """Repeats are a share of calls, so that they can't multiply the load on what is failing.

    ``ratio``: repeats a call; ``reserve``: how many may come at once after a quiet time.
    """

    def __init__(self, ratio: float = 0.2, reserve: float = 10.0) -> None:
        self._ratio, self._reserve, self._left = ratio, reserve, reserve

    def called(self) -> None:
        """A first call was made."""
        self._left = min(self._reserve, self._left + self._ratio)

    def may_repeat(self) -> bool:
        """Take one repeat, if there is one."""
        if self._left < 1:
            return False
        self._left -= 1
        return True


def full_jitter_s(repeat: int, base_s: float, cap_s: float, draw: Callable[[], float]) -> float:
    """Between nothing and the exponential pause: those who failed together come back apart
    (M. Brooker, Exponential Backoff and Jitter, 2015). ``repeat`` counts from 0."""
    return min(cap_s, base_s * 2.0 ** min(repeat, 30)) * draw()


def jitter() -> float:
    """The usual draw, in [0, 1)."""
    return random.random()


class Full(Exception):
    """So many wait already that one more would only wait in vain."""


class Bulkhead:
    """At most ``in_flight`` at once and ``waiting`` in line: what hangs holds nothing else back."""

    def __init__(self, in_flight: int, waiting: int) -> None:
        self._slots = asyncio.Semaphore(in_flight)
        self._most_waiting = waiting
        self.in_flight = self.waiting = 0

    @asynccontextmanager
    async def entered(self) -> AsyncIterator[None]:
        """Hold a slot; waits for one, or raises Full."""
        if self._slots.locked() and self.waiting >= self._most_waiting:
            raise Full(f"{self.waiting} calls are waiting already")
        self.waiting += 1
        try:
            await self._slots.acquire()
        finally:
            self.waiting -= 1
        self.in_flight += 1
        try:
            yield
        finally:
            self.in_flight -= 1
            self._slots.release()


class Open(Exception):
    """The breaker lets nothing through. ``after_s``: when it may again."""

    def __init__(self, after_s: float) -> None:
        super().__init__("its breaker is open")
        self.after_s = after_s


class Failed(Exception):
    """A call that counts against the callee; raise it (or a subclass) inside ``Breaker.call``."""


CLOSED, HALF_OPEN, OPEN = 0, 1, 2


class Breaker:
    """Opens when ``ratio`` of the last ``window`` calls failed; after ``open_s`` lets one call
    through, which decides. Calls that were given up by the caller decide nothing."""

    def __init__(
        self,
        window: int = 20,
        ratio: float = 0.75,
        open_s: float = 5.0,
        clock: Clock = time.monotonic,
    ) -> None:
        self._least_failures = max(1, round(window * ratio))
        self._open_s, self._clock = open_s, clock
        self._results: deque[bool] = deque(maxlen=window)
        self._opened_at = 0.0
        self._probing = False
        self.state = CLOSED

    def check(self) -> None:
        """Raises Open when a call would be refused now; takes nothing."""
        if self.state == CLOSED:
            return
        left_s = self._opened_at + self._open_s - self._clock()
        if left_s > 0 or self._probing:
            raise Open(max(left_s, self._open_s / 2))

    @contextmanager
    def call(self) -> Iterator[None]:
        """Around one call; raises Open in place of making it."""
        self.check()
        probe = self._probing = self.state != CLOSED
        if probe:
            self.state = HALF_OPEN
        try:
            yield
        except Failed:
            self._failed(probe=probe)
            raise
        except BaseException:  # nothing was learnt of the callee
            if probe:
                self._probing, self.state = False, OPEN
            raise
        self._succeeded(probe=probe)

    def _failed(self, *, probe: bool) -> None:
        if probe:
            self._open()
        elif self.state == CLOSED:
            self._results.append(False)
            if self._results.count(False) >= self._least_failures:
                self._open()

    def _succeeded(self, *, probe: bool) -> None:
        if probe:
            self._results.clear()
            self._probing, self.state = False, CLOSED
        elif self.state == CLOSED:
            self._results.append(True)

    def _open(self) -> None:
        self._results.clear()
        self._probing, self.state, self._opened_at = False, OPEN, self._clock()
