"""The limit of calls to each insurer, held over all replicas: buckets in Redis, asked once for all
who wait."""

import asyncio
import time
from collections import deque
from collections.abc import Callable

from system.osago_aggregator.store import Store
from system.shared.redis_client import Away

BUCKETS = "osago:rate:"
AWAY_PAUSE_S = 0.02
GATHER_S = 0.005  # for which calls are gathered: one script gives permits to all of them


class Bucket:
    """Tokens that come at ``rate`` a second, at most ``burst``; for the time without Redis."""

    def __init__(self, rate: float, burst: float, clock: Callable[[], float] = time.monotonic):
        self._rate, self._burst, self._clock = rate, burst, clock
        self._left, self._at = 0.0, clock()

    def take(self, wanted: int) -> int:
        """How many of these may go now."""
        now = self._clock()
        self._left = min(self._burst, self._left + (now - self._at) * self._rate)
        self._at = now
        granted = min(wanted, int(self._left))
        self._left -= granted
        return granted


class Permits:
    """``rates``: calls a second of each insurer, in the zone. Without Redis each replica keeps to
    its share of them, ``1 / replicas``: together they are never above the limit."""

    def __init__(self, store: Store, rates: dict[str, float], replicas: int) -> None:
        self._store, self._rates = store, rates
        self._waiting: dict[str, deque[asyncio.Future[None]]] = {code: deque() for code in rates}
        self._not_before = dict.fromkeys(rates, 0.0)
        self._own = {
            code: Bucket(rate / replicas, max(1.0, rate / replicas)) for code, rate in rates.items()
        }
        self._more = asyncio.Event()
        self._pump: asyncio.Task[None] | None = None

    def waiting(self, code: str) -> int:
        """Calls that wait for a permit."""
        return len(self._waiting[code])

    async def take(self, code: str) -> None:
        """Wait until one more call may go to this insurer."""
        permit: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting[code].append(permit)
        self._more.set()
        if self._pump is None or self._pump.done():
            self._pump = asyncio.create_task(self._grant())
        await permit

    async def _grant(self) -> None:
        while self._wanted():
            await asyncio.sleep(GATHER_S)
            wanted = self._wanted()
            if not wanted:
                return
            self._more.clear()
            now = time.monotonic()
            due = {code: n for code, n in wanted.items() if self._not_before[code] <= now}
            if due:
                await self._ask(due)
            else:
                await self._pause(min(self._not_before[code] for code in wanted) - now)

    def _wanted(self) -> dict[str, int]:
        wanted = {}
        for code, line in self._waiting.items():
            while line and line[0].done():  # given up
                line.popleft()
            if line:
                wanted[code] = len(line)
        return wanted

    async def _ask(self, due: dict[str, int]) -> None:
        values: list[float] = []
        for code, wanted in due.items():
            values += [self._rates[code], max(1.0, self._rates[code]), wanted]
        try:
            keys = [BUCKETS + code for code in due]
            told = await self._store.batch.script("take", keys, *values)
        except Away:
            for code, wanted in due.items():
                self._give(code, self._own[code].take(wanted))
            await asyncio.sleep(AWAY_PAUSE_S)
            return
        now = time.monotonic()
        for n, code in enumerate(due):
            self._give(code, int(told[2 * n]))
            self._not_before[code] = now + int(told[2 * n + 1]) / 1000

    def _give(self, code: str, permits: int) -> None:
        line = self._waiting[code]
        while permits and line:
            permit = line.popleft()
            if not permit.done():
                permit.set_result(None)
                permits -= 1

    async def _pause(self, seconds: float) -> None:
        try:
            async with asyncio.timeout(max(seconds, 0.001)):
                await self._more.wait()
        except TimeoutError:
            return
