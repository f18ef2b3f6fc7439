"""The queue against formulas that are exact, and against a plain event by event play."""

import heapq
import math
from decimal import Decimal, localcontext

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from insurectl.planning.queueing import Chance, Experiment, play, quantile_ms, rate_within
from insurectl.records import Queue

SERVICE_MS, OVERHEAD_MS = 100.0, 7.0


def queue(servers: int = 1, cv: float = 1.0, overhead_ms: float = OVERHEAD_MS) -> Queue:
    return Queue(servers=servers, service_ms=SERVICE_MS, service_cv=cv, overhead_ms=overhead_ms)


def rate(load: float, servers: int = 1) -> float:
    return load * servers * 1000 / SERVICE_MS


def mmc_beyond(servers: int, load: float, time: float) -> float:
    """P(sojourn > time) of M/M/c in mean service times, as the sum over who is there before:
    with fewer than ``servers`` no wait, else the wait is exponential."""
    offered = load * servers
    weights = [offered**n / math.factorial(n) for n in range(servers)]
    queued = offered**servers / math.factorial(servers) / (1 - load)
    waits = queued / (sum(weights) + queued)
    steps = 20_000  # the wait's density by the midpoint rule, so that no case is special
    spare = servers * (1 - load)
    width = time / steps
    late = math.exp(-spare * time)
    for number in range(steps):
        at = (number + 0.5) * width
        late += spare * math.exp(-spare * at) * math.exp(-(time - at)) * width
    return (1 - waits) * math.exp(-time) + waits * late


def md1_within(load: float, time: int) -> Decimal:
    """P(wait <= time) of M/D/1 at whole service times (Erlang 1909), with digits enough for its
    alternating sum."""
    with localcontext() as context:
        context.prec = 80
        rate_, total = Decimal(str(load)), Decimal(0)
        for k in range(time):
            off = rate_ * (k - time)
            total += off**k / math.factorial(k) * (-off).exp()
        return (1 - rate_) * total


@pytest.mark.parametrize("load", [0.0, 0.03, 0.3, 0.55, 0.7, 0.86, 0.91, 0.95, 0.97])
@pytest.mark.parametrize("share", [0.5, 0.95, 0.99])
def test_one_exponential_server_is_exact_at_every_load(load: float, share: float) -> None:
    exact = -math.log(1 - share) / (1 - load) * SERVICE_MS + OVERHEAD_MS
    assert quantile_ms(queue(), rate(load), share) == pytest.approx(exact, rel=1e-4)


@pytest.mark.parametrize("servers", [2, 3, 8, 20])
@pytest.mark.parametrize(
    ("load", "off"),
    [
        pytest.param(0.12, 0.01, id="hardly busy"),
        pytest.param(0.6, 0.01, id="on the grid"),
        pytest.param(0.64, 0.01, id="between"),
        pytest.param(0.87, 0.01, id="busy"),
        pytest.param(0.96, 0.01, id="near saturation, between the play and the limit"),
    ],
)
def test_several_exponential_servers_are_near_the_formula(
    servers: int, load: float, off: float
) -> None:
    found = (quantile_ms(queue(servers), rate(load, servers), 0.95) - OVERHEAD_MS) / SERVICE_MS
    below, above = (mmc_beyond(servers, load, found * part) for part in (1 - off, 1 + off))
    assert below > 0.05 > above


@pytest.mark.parametrize(
    ("load", "wait"),
    [
        pytest.param(0.5, 2, id="half busy"),
        pytest.param(0.7, 4, id="busy"),
        pytest.param(0.8, 6, id="busier"),
        pytest.param(0.9, 12, id="hardly keeps up"),
        pytest.param(0.96, 30, id="near saturation"),
    ],
)
def test_constant_service_is_near_erlangs_formula(load: float, wait: int) -> None:
    share = float(md1_within(load, wait))
    found = quantile_ms(queue(cv=0.0, overhead_ms=0.0), rate(load), share)
    assert found == pytest.approx((wait + 1) * SERVICE_MS, rel=0.02)


@pytest.mark.parametrize("cv", [0.0, 0.25, 0.5, 0.7, 1.0, 1.4, 2.0])
def test_without_load_the_quantile_is_that_of_the_service_alone(cv: float) -> None:
    rng = np.random.default_rng(3)
    alone = rng.gamma(1 / cv**2, SERVICE_MS * cv**2, 400_000) if cv else np.full(10, SERVICE_MS)
    expected = float(np.quantile(alone, 0.95)) + OVERHEAD_MS
    assert quantile_ms(queue(cv=cv), 0.0, 0.95) == pytest.approx(expected, rel=0.03)


@pytest.mark.parametrize(
    ("load", "cv"),
    [
        pytest.param(0.5, 0.0, id="constant"),
        pytest.param(0.7, 0.5, id="as the bundled system"),
        pytest.param(0.6, 1.0, id="exponential"),
        pytest.param(0.5, 2.0, id="a few are very long"),
    ],
)
def test_the_mean_wait_is_that_of_pollaczek_and_khinchine(load: float, cv: float) -> None:
    rng = np.random.default_rng(11)
    shape = (1500, 800)
    arrivals = np.cumsum(rng.exponential(SERVICE_MS / load, shape), axis=0)
    services = rng.gamma(1 / cv**2, SERVICE_MS * cv**2, shape) if cv else np.full(shape, SERVICE_MS)
    waits = (play(arrivals, services, 1) - services)[300:]
    exact = load / (1 - load) * (1 + cv**2) / 2 * SERVICE_MS
    assert float(waits.mean()) == pytest.approx(exact, rel=0.03)


@given(
    servers=st.integers(1, 5),
    requests=st.lists(st.tuples(st.floats(0, 50), st.floats(0, 200)), min_size=1, max_size=40),
)
def test_play_is_first_come_first_served(servers: int, requests: list[tuple[float, float]]) -> None:
    arrivals = np.cumsum([gap for gap, _ in requests])
    services = np.array([service for _, service in requests])
    free, expected = [0.0] * servers, []
    for at, service in zip(arrivals, services, strict=True):
        end = max(at, heapq.heappop(free)) + service
        heapq.heappush(free, end)
        expected.append(end - at)
    # two lanes, the other one played backwards, so that lanes can't leak into each other
    both = play(
        np.stack([arrivals, arrivals], axis=1),
        np.stack([services, services[::-1]], axis=1),
        servers,
    )
    assert both[:, 0] == pytest.approx(np.array(expected))


QUEUES = st.builds(
    Queue,
    servers=st.sampled_from([1, 2, 3, 6]),
    service_ms=st.floats(1, 500),
    service_cv=st.floats(0, 2.5),
    overhead_ms=st.floats(0, 50),
)


@settings(deadline=None)
@given(queue=QUEUES, load=st.floats(0.0, 0.99))
def test_rate_and_quantile_are_each_others_inverse(queue: Queue, load: float) -> None:
    rps = load * queue.servers * 1000 / queue.service_ms
    limit_ms = quantile_ms(queue, rps, 0.95)
    found = rate_within(queue, 0.95, limit_ms + 1e-9)
    assert found >= rps * (1 - 1e-6)  # the quantile may be flat, then it is the highest
    assert quantile_ms(queue, found, 0.95) == pytest.approx(limit_ms, rel=1e-5)


@settings(deadline=None)
@given(queue=QUEUES, loads=st.tuples(st.floats(0, 0.999), st.floats(0, 0.999)))
def test_more_load_is_never_faster(queue: Queue, loads: tuple[float, float]) -> None:
    full = queue.servers * 1000 / queue.service_ms
    slow, fast = (quantile_ms(queue, load * full, 0.95) for load in sorted(loads))
    assert slow <= fast * (1 + 1e-9)


@pytest.mark.parametrize(
    ("limit_ms", "expected"),
    [
        pytest.param(7.0, 0.0, id="no more than the way takes"),
        pytest.param(250.0, 0.0, id="one alone takes longer"),
        pytest.param(1e9, 10.0, id="no limit to speak of: until saturation"),
    ],
)
def test_rates_at_the_ends(limit_ms: float, expected: float) -> None:
    assert rate_within(queue(), 0.95, limit_ms) == pytest.approx(expected)


@pytest.mark.parametrize("load", [1.0, 3.0])
def test_from_saturation_there_is_no_quantile(load: float) -> None:
    assert quantile_ms(queue(), rate(load), 0.95) == math.inf


@pytest.mark.parametrize(
    ("experiment", "rps", "warmup", "count"),
    [
        pytest.param(Experiment(per_second=(5, 3, 4, 2), warmup_s=1), 3.0, 5, 9, id="counted"),
        pytest.param(
            Experiment(per_second=(5, 3, 4, 2), warmup_s=1, extra=6), 5.0, 7, 15,
            id="an arrival makes more than one request",
        ),
        pytest.param(Experiment(per_second=(), warmup_s=0), 0.0, 0, 0, id="nothing"),
        pytest.param(Experiment(per_second=(4,), warmup_s=2), 0.0, 4, 0, id="all warm-up"),
    ],
)  # fmt: skip
def test_an_experiment_counts_what_began_after_its_warmup(
    experiment: Experiment, rps: float, warmup: int, count: int
) -> None:
    assert (experiment.rate_rps, experiment.warmup, experiment.count) == (rps, warmup, count)


def test_each_experiment_of_a_chance_is_played_on_its_own() -> None:
    quiet = Experiment(per_second=(2,) * 12, warmup_s=2)
    busy = Experiment(per_second=(9,) * 12, warmup_s=2, extra=5)
    one = queue(cv=0.5)
    found = np.exp(Chance([quiet, busy, quiet], 200, 5).log_quantiles(one, (0.5, 0.95)))
    assert found.shape == (3, 200, 2)
    medians = found.mean(axis=1)
    assert medians[0] == pytest.approx(medians[2], rel=0.05)
    assert (medians[1] > 1.3 * medians[0]).all()
    assert (found[..., 0] <= found[..., 1]).all()


def test_the_same_seed_is_the_same_chance() -> None:
    one = Experiment(per_second=(4,) * 6, warmup_s=1)
    first, again, other = (
        Chance([one], 8, seed).log_quantiles(queue(cv=0.5), (0.9,)) for seed in (1, 1, 2)
    )
    assert (first == again).all()
    assert (first != other).any()
