"""Simulated, without a system."""

from insurectl.planning.simulator import Traffic
from insurectl.records import CapacityModel, Recommendation, Simulation
from insurectl.stages.simulate import simulate
from tests.fake_system import FakeSystem


def played(system: FakeSystem, *, after: bool, seed: int = 7) -> Simulation:
    run_id = system.run_id()
    model = system.runs.read(run_id, CapacityModel)
    advice = system.runs.read(run_id, Recommendation)
    tuning = advice.after if after else advice.before
    traffic = Traffic(rates=(30.0,) * 60, warmup_s=2, zones=2)
    return simulate(model, tuning, traffic, scrape_s=2.0, seed=seed)


def test_it_says_that_nothing_was_measured(looped_once: FakeSystem) -> None:
    result = played(looped_once, after=True)
    assert result.notes == ("simulated from a capacity model; nothing was measured",)
    assert (result.lasted_s, result.zones, result.replicas_max) == (60, 2, 4)


def test_the_recommended_settings_do_better_than_the_earlier(looped_once: FakeSystem) -> None:
    assert played(looped_once, after=True).miss_ratio < played(looped_once, after=False).miss_ratio


def test_it_is_repeatable_by_its_seed(looped_once: FakeSystem) -> None:
    assert played(looped_once, after=True) == played(looped_once, after=True)
    other = played(looped_once, after=True, seed=8)
    assert other.quantile_ms != played(looped_once, after=True).quantile_ms


def test_the_zones_limit_of_the_settings_holds(looped_once: FakeSystem) -> None:
    run_id = looped_once.run_id()
    model = looped_once.runs.read(run_id, CapacityModel)
    tuning = looped_once.runs.read(run_id, Recommendation).after
    assert tuning.zone_rps is not None
    flood = Traffic(rates=(4 * tuning.zone_rps,) * 20, zones=2)
    assert simulate(model, tuning, flood, scrape_s=2.0, seed=7).failed > 0
