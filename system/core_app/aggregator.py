"""Calls to osago-aggregator: submit an application, follow its offers."""

import asyncio
from collections.abc import AsyncGenerator, Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from decimal import Decimal
from typing import Literal, TypeVar
from uuid import UUID

import aiohttp
import structlog
from prometheus_client import Counter, Histogram
from pydantic import AwareDatetime, BaseModel, Field

from system.core_app.domain import INSURER, TEXT, Application, Offer
from system.shared.resilience import (
    DEADLINE_HEADER,
    Breaker,
    Deadline,
    Failed,
    Open,
    RetryBudget,
    full_jitter_s,
    jitter,
)

LOG = structlog.get_logger()
Answer = TypeVar("Answer")
SUBMIT_TIMEOUT_S = 5.0
CONNECT_TIMEOUT_S = 2.0
SILENCE_S = 25.0  # the stream has a heartbeat each 10 s
REPEATS = 2
REJECTED = {400, 409, 413, 422}
LINE = 64 * 1024
WRONG = Counter("osago_offers_refused", "Offers of the aggregator that make no sense.")
CALLS = Counter("osago_aggregator_calls", "Calls to osago-aggregator.", ["call", "result"])
WAITED = Histogram(
    "osago_aggregator_limit_wait_seconds",
    "How long an application waited for the rate limit in front of osago-aggregator.",
    buckets=(0.001, 0.01, 0.1, 0.5, 1, 5, 10),
)


class Away(Failed):
    """osago-aggregator can't be asked now; it may be asked again, after ``after_s`` at the
    earliest."""

    def __init__(self, why: str, after_s: float = 0.0) -> None:
        super().__init__(why)
        self.after_s = after_s


class Unknown(Exception):
    """osago-aggregator has no such application, so it is to be submitted (again)."""


class Rejected(Exception):
    """osago-aggregator will never take this application; no fault of its own, and no reason to
    ask it again or to leave it alone."""


class _Money(BaseModel):
    amount: Decimal = Field(gt=0, max_digits=14, decimal_places=2)
    currency: Literal["RUB"]


class _Offer(BaseModel):
    """An offer as it comes, as far as it is read here."""

    offerId: UUID
    applicationId: UUID
    insurer: str = Field(pattern=INSURER)
    productCode: str = Field(min_length=1, max_length=100, pattern=TEXT)
    premium: _Money
    validUntil: AwareDatetime
    receivedAt: AwareDatetime


@dataclass
class Pace:
    """At most ``per_s`` a second, evenly, after a burst of one second's worth; waits in line."""

    per_s: float
    _free_at: float = 0.0

    async def turn(self, at_most_s: float) -> None:
        """Wait for one's turn; Away when it would not come in time."""
        now = asyncio.get_running_loop().time()
        self._free_at = max(self._free_at, now - 1.0)
        wait_s = self._free_at + 1 / self.per_s - now
        if wait_s > at_most_s:
            raise Away("the rate limit in front of osago-aggregator is used up")
        self._free_at += 1 / self.per_s
        WAITED.observe(max(0.0, wait_s))
        if wait_s > 0:
            await asyncio.sleep(wait_s)


class Aggregator:
    """osago-aggregator, behind the zone's own address for it. ``keepalive``: whether a connection
    may carry a second call. ``authorization``: this service's own credential."""

    def __init__(
        self,
        url: str,
        *,
        authorization: str,
        per_s: float,
        keepalive: bool = True,
    ) -> None:
        self._url, self._authorization, self._keepalive = url, authorization, keepalive
        self._pace = Pace(per_s)
        self._breaker, self._budget = Breaker(open_s=2.0), RetryBudget()
        self._http: aiohttp.ClientSession | None = None

    async def open(self) -> None:
        """Called in the loop that makes the calls."""
        self._http = aiohttp.ClientSession(
            connector=aiohttp.TCPConnector(limit=0, force_close=not self._keepalive),
            headers={"Authorization": self._authorization},
            read_bufsize=LINE,
            trust_env=False,
        )

    async def close(self) -> None:
        """Give the connections back."""
        if self._http is not None:
            await self._http.close()

    async def submit(self, application: Application, left_s: float) -> None:
        """Give it to all insurers; a repeat is none there. Raises Away, Rejected."""
        deadline = Deadline.after(left_s)
        with _told_away():  # before a turn is taken that could not be used
            self._breaker.check()
        await self._pace.turn(left_s)
        body = {
            "id": str(application.id),
            "vehicle": application.vehicle,
            "startsOn": application.starts_on.isoformat(),
        }
        self._budget.called()
        for repeat in range(REPEATS):
            try:
                await self._guarded(lambda: self._submit(body, deadline))
            except Away:
                if not self._budget.may_repeat():
                    raise
                await asyncio.sleep(full_jitter_s(repeat, 0.1, 1.0, jitter))
            else:
                return
        await self._guarded(lambda: self._submit(body, deadline))

    async def _submit(self, body: Mapping[str, object], deadline: Deadline) -> None:
        timeout = aiohttp.ClientTimeout(total=min(SUBMIT_TIMEOUT_S, deadline.left_s() + 0.1))
        headers = {DEADLINE_HEADER: deadline.header()}
        async with self._session.post(
            f"{self._url}/v1/applications", json=body, headers=headers, timeout=timeout
        ) as answer:
            CALLS.labels("submit", str(answer.status)).inc()
            if answer.status in REJECTED:
                raise Rejected(f"osago-aggregator answered {answer.status} to an application")
            if answer.status != 202:
                raise Away(f"osago-aggregator answered {answer.status} to an application")

    async def follow(self, application_id: UUID, left_s: float) -> AsyncGenerator[Offer, None]:
        """Its offers as they come, from the first; ends when no more come. Raises Unknown, Away."""
        timeout = aiohttp.ClientTimeout(
            total=max(left_s, 0.1), sock_connect=CONNECT_TIMEOUT_S, sock_read=SILENCE_S
        )
        address = f"{self._url}/v1/applications/{application_id}/offers/stream"
        answer = await self._guarded(lambda: self._begin(address, timeout))
        try:
            async for offer in self._offers(answer, application_id):
                yield offer
        except (aiohttp.ClientError, TimeoutError, ValueError) as error:
            raise Away(str(error) or type(error).__name__) from error
        finally:
            answer.close()  # not released: the rest of a stream is not read to its end

    async def _begin(self, url: str, timeout: aiohttp.ClientTimeout) -> aiohttp.ClientResponse:
        answer = await self._session.get(
            url, headers={"Accept": "text/event-stream"}, timeout=timeout
        )
        CALLS.labels("follow", str(answer.status)).inc()
        if answer.status == 200:
            return answer
        answer.close()
        if answer.status == 404:
            raise Unknown
        raise Away(f"osago-aggregator answered {answer.status} to a stream")

    async def _offers(
        self, answer: aiohttp.ClientResponse, application_id: UUID
    ) -> AsyncGenerator[Offer, None]:
        """Reads server-sent events: a line a field, an empty line ends an event."""
        event, data = "", b""
        async for line in answer.content:
            text = line.rstrip(b"\r\n")
            if text.startswith(b"event:"):
                event = text[6:].strip().decode()
            elif text.startswith(b"data:"):
                data += text[5:].strip()
            elif not text:
                if event == "done":
                    return
                if event == "offer" and (offer := _read(data, application_id)) is not None:
                    yield offer
                event, data = "", b""
        raise Away("the stream ended before it was done")

    async def _guarded(self, call: Callable[[], Awaitable[Answer]]) -> Answer:
        """One call through the circuit breaker."""
        with _told_away(), self._breaker.call():
            try:
                return await call()
            except (aiohttp.ClientError, TimeoutError) as error:
                raise Away(str(error) or type(error).__name__) from error

    @property
    def _session(self) -> aiohttp.ClientSession:
        if self._http is None:
            raise AssertionError("it was not opened")
        return self._http


@contextmanager
def _told_away() -> Iterator[None]:
    try:
        yield
    except Open as error:
        raise Away(str(error), error.after_s) from error


def _read(data: bytes, application_id: UUID) -> Offer | None:
    """The offer; None for one that makes no sense, which holds up no other."""
    try:
        told = _Offer.model_validate_json(data)
        if told.applicationId != application_id:
            raise ValueError(f"this is an offer for {told.applicationId}")
    except ValueError as error:  # of pydantic, too
        WRONG.inc()
        LOG.warning("an offer makes no sense", application=str(application_id), why=str(error))
        return None
    return Offer(
        id=told.offerId,
        application_id=told.applicationId,
        insurer=told.insurer,
        product_code=told.productCode,
        premium=told.premium.amount,
        currency=told.premium.currency,
        valid_until=told.validUntil,
        received_at=told.receivedAt,
    )
