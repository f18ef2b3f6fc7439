"""A replica is the queue that it says it is: held against theory in a time that costs nothing.

The loop's clock jumps to the next timer instead of waiting, so thousands of requests take a moment
and the machine's own speed has no part in what is measured.
"""

import asyncio
import math
import random
import selectors
from collections.abc import Coroutine
from typing import Any

import pytest

from system.shared.cost import Cost
from system.shared.settings import CostSettings

MEAN_S = 0.120
REQUESTS = 20_000


class _Jump(selectors.SelectSelector):
    def __init__(self) -> None:
        super().__init__()
        self.now_s = 0.0

    def select(self, timeout: float | None = None) -> Any:
        assert timeout is not None, "nothing will ever happen again"
        self.now_s += max(timeout, 0.0)
        return super().select(0)


class _Loop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self._jump = _Jump()
        super().__init__(self._jump)

    def time(self) -> float:
        return self._jump.now_s


def play(coroutine: Coroutine[Any, Any, list[float]]) -> list[float]:
    with asyncio.Runner(loop_factory=_Loop) as runner:
        return runner.run(coroutine)


def settings(workers: int, cv: float) -> CostSettings:
    return CostSettings(workers=workers, worker_ms=MEAN_S * 1000, worker_cv=cv, seed=3)


async def sojourns_s(cost: Cost, rate_rps: float, own_work_s: float) -> list[float]:
    """How long each of many Poisson arrivals took, in the order in which they ended."""
    loop, chance, took = asyncio.get_running_loop(), random.Random(11), list[float]()

    async def one() -> None:
        began = loop.time()
        async with cost.paid():
            await asyncio.sleep(own_work_s)
        took.append(loop.time() - began)

    async with asyncio.TaskGroup() as group:
        for _ in range(REQUESTS):
            group.create_task(one())
            await asyncio.sleep(chance.expovariate(rate_rps))
    return took


def waiting_probability(workers: int, busy: float) -> float:
    """Erlang's C: the chance that an arrival finds every worker busy."""
    offered = workers * busy
    all_busy = offered**workers / math.factorial(workers) / (1 - busy)
    return all_busy / (sum(offered**k / math.factorial(k) for k in range(workers)) + all_busy)


def theory_s(workers: int, cv: float, busy: float) -> float:
    """Mean sojourn of M/G/c (Lee and Longton's formula): exact for one worker
    (Pollaczek and Khinchine) and for cv 1 (Erlang)."""
    wait_s = waiting_probability(workers, busy) * MEAN_S / (workers * (1 - busy))
    return MEAN_S + wait_s * (1 + cv**2) / 2


@pytest.mark.parametrize(
    ("workers", "cv", "busy", "own_work_s"),
    [
        pytest.param(1, 0.5, 0.5, 0.0, id="M/G/1, exact"),
        pytest.param(4, 1.0, 0.7, 0.0, id="M/M/4, exact"),
        pytest.param(4, 0.5, 0.7, 0.0, id="as core-app is bundled"),
        pytest.param(4, 0.5, 0.7, 0.02, id="own work is part of the worker's time"),
        pytest.param(4, 0.5, 0.2, 0.0, id="hardly anybody waits"),
    ],
)
def test_the_mean_sojourn_is_that_of_the_queue(
    workers: int, cv: float, busy: float, own_work_s: float
) -> None:
    took = play(sojourns_s(Cost(settings(workers, cv), None), busy * workers / MEAN_S, own_work_s))
    assert sum(took) / len(took) == pytest.approx(theory_s(workers, cv, busy), rel=0.03)


@pytest.mark.parametrize("cv", [0.0, 0.2, 0.5, 1.0])
def test_the_workers_time_has_the_mean_and_the_spread_that_were_set(cv: float) -> None:
    took = play(sojourns_s(Cost(settings(REQUESTS, cv), None), 100.0, 0.0))
    mean = sum(took) / len(took)
    spread = math.sqrt(sum((one - mean) ** 2 for one in took) / len(took))
    assert mean == pytest.approx(MEAN_S, rel=0.01)
    assert spread / mean == pytest.approx(cv, rel=0.02, abs=1e-6)


def test_who_comes_first_is_served_first() -> None:
    async def in_a_row() -> list[float]:
        cost, served = Cost(settings(2, 0.5), None), list[float]()

        async def one(number: int) -> None:
            async with cost.paid():
                served.append(number)

        async with asyncio.TaskGroup() as group:
            for number in range(50):
                group.create_task(one(number))
        return served

    assert play(in_a_row()) == list(range(50))
