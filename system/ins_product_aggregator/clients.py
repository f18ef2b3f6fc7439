"""Calls to the insurers: one time limit for all of a round, a few repeats, nothing too large."""

import asyncio
from typing import TypeVar

import httpx
import stamina
import structlog
from pydantic import BaseModel, ValidationError

from system.ins_product_aggregator.domain import (
    Catalogue,
    Collected,
    Listed,
    Tariff,
    Wrong,
    check,
    content,
)

LOG = structlog.get_logger()
LARGEST = 1024 * 1024  # bytes of an answer
AT_ONCE = 4  # calls to one insurer
Model = TypeVar("Model", bound=BaseModel)


class InsurerAway(Exception):
    """The insurer does not answer, or not in time, or not as it should."""


class _Passing(Exception):
    """An answer that may be another one in a moment."""


def _passing(error: Exception) -> bool:
    return isinstance(error, _Passing | httpx.TransportError)


class Insurers:
    """The insurers' interface. ``authorization``: the header by which they know us."""

    def __init__(self, url: str, authorization: str, *, timeout_s: float, keepalive: bool) -> None:
        headers = {"Authorization": authorization}
        if not keepalive:
            headers["Connection"] = "close"
        self._http = httpx.AsyncClient(
            base_url=url, headers=headers, timeout=timeout_s, trust_env=False
        )
        self._timeout_s = timeout_s

    async def close(self) -> None:
        """Give the connections back."""
        await self._http.aclose()

    async def collect(self, insurer: str) -> Collected:
        """All products of an insurer with their tariffs; InsurerAway when it can't be had.

        A tariff alone that can't be had leaves its product as it was; the list's other products
        are not held back by it.
        """
        try:
            async with asyncio.timeout(self._timeout_s):
                listed = check(await self._read(f"/insurers/{insurer}/v1/products", Catalogue))
                return await self._tariffs(insurer, listed.products)
        except TimeoutError:
            raise InsurerAway(f"no whole answer within {self._timeout_s:g} s") from None
        except (httpx.HTTPError, _Passing, ValidationError, Wrong) as error:
            raise InsurerAway(_short(error)) from error

    async def _tariffs(self, insurer: str, listed: list[Listed]) -> Collected:
        slots = asyncio.Semaphore(AT_ONCE)

        async def one(product: Listed) -> dict[str, object] | None:
            path = f"/insurers/{insurer}/v1/tariffs/{product.code}"
            async with slots:
                try:
                    return content(product, await self._read(path, Tariff))
                except (httpx.HTTPError, _Passing, ValidationError, Wrong) as error:
                    LOG.warning(
                        "a tariff can't be had",
                        insurer=insurer,
                        product=product.code,
                        reason=_short(error),
                    )
                    return None

        async with asyncio.TaskGroup() as group:
            tasks = {product.code: group.create_task(one(product)) for product in listed}
        got = {code: task.result() for code, task in tasks.items()}
        return Collected(
            contents={code: told for code, told in got.items() if told is not None},
            kept=frozenset(code for code, told in got.items() if told is None),
        )

    async def _read(self, path: str, model: type[Model]) -> Model:
        return model.model_validate_json(await self._get(path))

    @stamina.retry(on=_passing, attempts=3, wait_initial=0.1, wait_max=2.0, timeout=None)
    async def _get(self, path: str) -> bytes:
        async with self._http.stream("GET", path) as response:
            if response.status_code == 429 or response.status_code >= 500:
                raise _Passing(f"status {response.status_code}")
            response.raise_for_status()
            got = bytearray()
            async for part in response.aiter_bytes():
                got += part
                if len(got) > LARGEST:
                    raise Wrong(f"an answer of more than {LARGEST} bytes")
            return bytes(got)


def _short(error: Exception) -> str:
    """What went wrong, without the whole of what was sent."""
    if isinstance(error, ValidationError):
        first = error.errors(include_url=False, include_input=False)[0]
        return f"{error.error_count()} faults, first {first['loc']}: {first['msg']}"
    return str(error)[:300] or type(error).__name__
