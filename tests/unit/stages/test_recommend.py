"""Settings for the traffic to come."""

from dataclasses import replace

import pytest

from insurectl.errors import BadInput
from insurectl.planning.workload import scenario_rates
from insurectl.records import CapacityModel, Recommendation, Stage, TraceWindow
from insurectl.stages.recommend import HOST_SHARE, machine_scale, recommend, traffic
from tests.fake_system import FakeSystem, loop


@pytest.fixture
def model(looped_once: FakeSystem) -> CapacityModel:
    return looped_once.runs.read(looped_once.run_id(), CapacityModel)


def test_alone_it_gives_the_same_advice_again(looped: FakeSystem) -> None:
    before = looped.runs.read(looped.run_id(), Recommendation)
    looped.target.tune(before.before, looped.progress)
    assert recommend(looped.world, loop(), looped.run_id()) == before


def test_it_starts_from_what_is_really_in_force(looped: FakeSystem) -> None:
    mine = replace(looped.target.deployment().tuning, partner_per_minute=99)
    looped.target.tune(mine, looped.progress)
    advice = recommend(looped.world, loop(), looped.run_id())
    assert advice.before == mine
    assert advice.after.partner_per_minute == 99


def test_the_parts_for_tuning_and_verifying_are_apart(model: CapacityModel) -> None:
    trace = TraceWindow(
        file="t.txt", rates=(1.0, 2.0, 3.0, 4.0), from_s=0, to_s=2, verify_from_s=2,
        verify_to_s=4, peak_rps=8.0,
    )  # fmt: skip
    traced = replace(loop(), trace=trace, stages=())
    assert traffic(traced, model, 2, "tune").rates == (2.0, 4.0)
    assert traffic(traced, model, 2, "verify").rates == (6.0, 8.0)


@pytest.mark.parametrize(
    ("peak_rps", "scaled"),
    [
        pytest.param(10.0, False, id="little traffic is not scaled up"),
        pytest.param(10_000.0, True, id="too much for this machine is scaled down"),
    ],
)
def test_traffic_is_scaled_to_this_machine(
    model: CapacityModel, peak_rps: float, scaled: bool
) -> None:
    heavy = replace(loop(), stages=(Stage(duration_s=10, start=peak_rps, end=peak_rps),))
    scale = machine_scale(heavy, model)
    assert (scale < 1.0) is scaled
    used = model.host_cpu_idle.value + model.host_cpu_s_per_request.value * scale * max(
        scenario_rates(heavy, part="tune")
    )
    assert used <= HOST_SHARE + 1e-9


@pytest.mark.parametrize(
    ("change", "said"),
    [
        pytest.param({"model": "closed"}, "needs `model: open`", id="users"),
        pytest.param({"data": {"partners": "many"}}, "'many' is no whole number", id="partners"),
    ],
)
def test_what_it_can_not_plan_for_is_refused(
    looped: FakeSystem, change: dict[str, object], said: str
) -> None:
    before = looped.runs.read(looped.run_id(), Recommendation)
    with pytest.raises(BadInput, match=said):
        recommend(looped.world, replace(loop(), **change), looped.run_id())  # type: ignore[arg-type] # by name
    assert looped.runs.read(looped.run_id(), Recommendation) == before
