"""The tables of waits, beside what is known exactly and what was played."""

import math

import numpy as np
import pytest

from insurectl.planning.queueing import quantile_ms
from insurectl.planning.waiting import HIGHEST_LOAD, POINTS, Waits, erlang_c, waits
from insurectl.records import Queue

LOADS = np.linspace(0.0, HIGHEST_LOAD, POINTS)


def queue(servers: int = 1, cv: float = 1.0, overhead_ms: float = 0.0) -> Queue:
    return Queue(servers=servers, service_ms=100.0, service_cv=cv, overhead_ms=overhead_ms)


def at(found: Waits, table: str, load: float) -> float:
    return float(np.interp(load, LOADS, getattr(found, table)))


@pytest.mark.parametrize("load", [0.1, 0.5, 0.8, 0.95])
def test_with_one_server_and_exponential_service_it_is_exact(load: float) -> None:
    """M/M/1: the sojourn is exponential with the rate (1 - load) / service."""
    found = waits(queue(), 400.0, 0.95)
    rate = (1 - load) / 100
    assert at(found, "missed", load) == pytest.approx(math.exp(-400 * rate), rel=0.01, abs=2e-4)
    assert at(found, "quantile_s", load) == pytest.approx(-math.log(0.05) / rate / 1000, rel=0.01)
    assert at(found, "wait_s", load) == pytest.approx(0.1 * load / (1 - load), rel=0.01)


@pytest.mark.parametrize(
    ("servers", "load", "share"),
    [
        pytest.param(1, 0.7, 0.7, id="one server: its load"),
        pytest.param(2, 0.5, 1 / 3, id="two, half busy: a third"),
        pytest.param(2, 0.0, 0.0, id="idle: nobody"),
    ],
)
def test_who_waits_is_erlangs(servers: int, load: float, share: float) -> None:
    assert erlang_c(servers, load) == pytest.approx(share)


@pytest.mark.parametrize("servers", [1, 4])
@pytest.mark.parametrize("cv", [0.0, 0.5, 1.0, 1.5])
@pytest.mark.parametrize("load", [0.3, 0.6, 0.8, 0.9])
def test_it_is_near_to_the_queue_played(servers: int, cv: float, load: float) -> None:
    """Within 12 %: what is assumed is that the waits of those who wait are exponential."""
    one = queue(servers, cv, 20.0)
    played = quantile_ms(one, load * servers * 10, 0.95)
    found = at(waits(one, 400.0, 0.95), "quantile_s", load)
    assert 1000 * found == pytest.approx(played, rel=0.12)


@pytest.mark.parametrize(
    "cv", [pytest.param(0.0, id="constant"), pytest.param(1.0, id="exponential")]
)
def test_more_load_and_a_longer_backlog_never_help(cv: float) -> None:
    found = waits(queue(2, cv), 400.0, 0.95)
    for table in (found.missed, found.quantile_s, found.wait_s, found.late):
        assert (np.diff(table) >= -1e-12).all()
    assert found.late[0] == pytest.approx(found.missed[-1])
    assert found.late[-1] == 1.0


def test_an_slo_below_what_is_spent_on_the_way_is_never_kept() -> None:
    found = waits(queue(overhead_ms=50.0), 40.0, 0.95)
    assert (found.missed == 1.0).all()
    assert found.late_step_s == 0.0
