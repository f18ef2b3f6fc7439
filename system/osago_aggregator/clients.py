"""Calls to the insurers. Each insurer stands behind its own bulkhead, limit, breaker and budget of
repeats, so that what one of them does touches none of the others."""

import asyncio
import json
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

from prometheus_client import Counter, Gauge, Histogram

from system.osago_aggregator import domain
from system.osago_aggregator.domain import Outcome, WrongAnswer
from system.osago_aggregator.permits import Permits
from system.osago_aggregator.wire import Wire, WireError
from system.shared import resilience
from system.shared.resilience import Breaker, Bulkhead, Deadline, RetryBudget

DURATION = Histogram(
    "insurer_request_duration_seconds",
    "Time of one call to an insurer.",
    ["insurer", "call", "outcome"],
    buckets=(0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
)
BREAKER = Gauge("insurer_breaker_state", "0 closed, 1 half open, 2 open.", ["insurer"])
IN_FLIGHT = Gauge("insurer_in_flight", "Calls that are being made.", ["insurer"])
WAITING = Gauge("insurer_waiting", "Calls that wait for a slot.", ["insurer"])
RETRIES = Counter("insurer_retries", "Calls that were repeated.")
MOST_REPEATS = 3
BASE_S, CAP_S = 0.2, 2.0
POLL_MS, LEAST_POLL_MS, MOST_POLL_MS = 500, 20, 15_000


class GaveUp(Exception):
    """An insurer could not be asked, or refused to answer; the message may be shown."""


class _Failed(resilience.Failed):
    """It did not answer, or not with sense."""


class _Limited(Exception):
    """It answered 429."""

    def __init__(self, after_s: float) -> None:
        super().__init__("it has too many calls")
        self.after_s = after_s


@dataclass(frozen=True, kw_only=True)
class Bounds:
    """How an insurer is called; ``timeout_s`` is for one call."""

    timeout_s: float
    in_flight: int
    waiting: int
    open_s: float


class _Insurer:
    def __init__(self, code: str, bounds: Bounds) -> None:
        self.code = code
        self.bulkhead = Bulkhead(bounds.in_flight, bounds.waiting)
        self.breaker = Breaker(open_s=bounds.open_s)
        self.budget = RetryBudget()
        BREAKER.labels(code).set_function(lambda: self.breaker.state)
        IN_FLIGHT.labels(code).set_function(lambda: self.bulkhead.in_flight)
        WAITING.labels(code).set_function(lambda: self.bulkhead.waiting)
        self._timed: dict[tuple[str, str], Any] = {}

    def timed(self, call: str, outcome: str, began_s: float) -> None:
        """Looking up a metric's labels costs more than adding to it."""
        key = (call, outcome)
        if key not in self._timed:
            self._timed[key] = DURATION.labels(self.code, call, outcome)
        self._timed[key].observe(time.perf_counter() - began_s)


@dataclass(frozen=True)
class _Answer:
    status: int
    body: Any
    headers: Mapping[str, str]

    def poll_s(self) -> float:
        """When to ask again, as the insurer says; within reason."""
        told = self.headers.get("retry-after-ms", "")
        told_ms = int(told) if told.isascii() and told.isdigit() and len(told) < 9 else POLL_MS
        return min(max(told_ms + 1, LEAST_POLL_MS), MOST_POLL_MS) / 1000


class Insurers:
    """All of them, behind one address. ``keepalive``: whether a connection may carry a second
    call; not where each connection is what leads to another replica."""

    def __init__(
        self,
        url: str,
        codes: tuple[str, ...],
        permits: Permits,
        bounds: Bounds,
        authorization: str,
        *,
        keepalive: bool = True,
    ) -> None:
        self._permits, self._bounds = permits, bounds
        self._wire = Wire(url, {"Authorization": authorization}, keepalive=keepalive)
        self._insurers = {code: _Insurer(code, bounds) for code in codes}

    async def close(self) -> None:
        """Give the connections back."""
        await self._wire.close()

    async def offer(
        self,
        code: str,
        application: str,
        body: Mapping[str, Any],
        deadline: Deadline,
        reference: str | None,
        created: Callable[[str], None],
    ) -> Outcome:
        """Create the application there and poll its offer. ``reference``: when it was created
        already; creating again is a repeat to the insurer, by the application's id."""
        insurer, path = self._insurers[code], f"/insurers/{code}/v1/applications"
        try:
            if reference is None:
                sent = domain.compact({"applicationId": application, **body}).encode()
                answer = await self._repeated(
                    insurer, "create", path, deadline, domain.read_reference, sent, application
                )
                reference = str(answer.body)
                created(reference)
                await asyncio.sleep(answer.poll_s())
            return await self._polled(insurer, f"{path}/{reference}/offer", deadline)
        except GaveUp as error:
            return Outcome(state="failed", reason=str(error))

    async def _polled(self, insurer: _Insurer, path: str, deadline: Deadline) -> Outcome:
        while True:
            answer = await self._repeated(insurer, "poll", path, deadline, domain.read_offer)
            if answer.status != 202:
                outcome: Outcome = answer.body
                return outcome
            await asyncio.sleep(answer.poll_s())

    async def products(self, code: str, deadline: Deadline) -> Any:
        """An insurer's products."""
        path = f"/insurers/{code}/v1/products"
        insurer = self._insurers[code]
        return (
            await self._repeated(insurer, "products", path, deadline, domain.read_products)
        ).body

    async def tariff(self, code: str, product: str, deadline: Deadline) -> Any:
        """A product's tariff; None when the insurer has no such product."""
        path = f"/insurers/{code}/v1/tariffs/{product}"
        insurer = self._insurers[code]
        return (await self._repeated(insurer, "tariff", path, deadline, domain.read_tariff)).body

    async def _repeated(
        self,
        insurer: _Insurer,
        call: str,
        path: str,
        deadline: Deadline,
        read: Callable[[Any], Any],
        sent: bytes | None = None,
        key: str = "",
    ) -> _Answer:
        """All calls may be repeated: they only read, or carry the application's id as key."""
        insurer.budget.called()
        repeat = 0
        while True:
            try:
                return await self._bounded(insurer, call, path, deadline, read, sent, key)
            except resilience.Open as error:  # no call was made, so none has to be paid for
                reason, paid = str(error), True
                pause_s, made = error.after_s * (1 + resilience.jitter()), False
            except (_Failed, _Limited, resilience.Full) as error:
                reason, paid, made = str(error), insurer.budget.may_repeat(), True
                pause_s = resilience.full_jitter_s(repeat, BASE_S, CAP_S, resilience.jitter)
                pause_s += getattr(error, "after_s", 0.0)
            if repeat >= MOST_REPEATS or not paid or deadline.left_s() < pause_s:
                raise GaveUp(reason)
            repeat += 1
            if made:
                RETRIES.inc()
            await asyncio.sleep(pause_s)

    async def _bounded(
        self,
        insurer: _Insurer,
        call: str,
        path: str,
        deadline: Deadline,
        read: Callable[[Any], Any],
        sent: bytes | None,
        key: str,
    ) -> _Answer:
        insurer.breaker.check()  # before waiting in line for nothing
        async with insurer.bulkhead.entered():
            insurer.breaker.check()  # those in line when it opens take no permit
            await self._permits.take(insurer.code)
            began_s, outcome = time.perf_counter(), "given up"
            try:
                with insurer.breaker.call():
                    answer = await self._timely(path, deadline, read, sent, key)
                outcome = "ok"
                return answer
            except (_Failed, _Limited, GaveUp) as error:
                outcome = "limited" if isinstance(error, _Limited) else "failed"
                raise
            finally:
                insurer.timed(call, outcome, began_s)

    async def _timely(
        self,
        path: str,
        deadline: Deadline,
        read: Callable[[Any], Any],
        sent: bytes | None,
        key: str,
    ) -> _Answer:
        headers = f"{resilience.DEADLINE_HEADER}: {deadline.header()}\r\n"
        if key:
            headers += f"Idempotency-Key: {key}\r\n"
        try:
            answer = await self._wire.call(path, self._bounds.timeout_s, headers, sent)
        except WireError as error:
            raise _Failed(str(error)) from error
        return _judged(answer.status, answer.body, answer.headers, read)


def _judged(
    status: int, body: bytes, headers: Mapping[str, str], read: Callable[[Any], Any]
) -> _Answer:
    if status == 429:
        told = headers.get("retry-after", "")
        raise _Limited(float(told) if told.isascii() and told.isdigit() and len(told) < 4 else 1.0)
    if status == 404 and read is domain.read_tariff:
        return _Answer(status, None, headers)
    if 400 <= status < 500:
        raise GaveUp(f"it refused the call ({status})")
    if status not in {200, 201, 202}:
        raise _Failed(f"it answered {status}")
    if status == 202:
        return _Answer(status, None, headers)
    try:
        return _Answer(status, read(json.loads(body)), headers)
    except (WrongAnswer, ValueError, RecursionError) as error:
        told = str(error) if isinstance(error, WrongAnswer) else "no JSON"
        raise _Failed(f"a wrong answer: {told}") from error
