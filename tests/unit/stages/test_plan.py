"""What a plan takes from earlier runs."""

from dataclasses import replace

from insurectl.adapters import plan_facts
from insurectl.cli.plan_inputs import typed
from insurectl.records import CapacityModel, Outcome, Plan, RunInfo
from insurectl.stages.plan import PlanRequest, plan
from tests.fake_system import FakeSystem

SYSTEM = plan_facts.bundled()


def request(*pairs: tuple[str, str]) -> PlanRequest:
    asked = typed(SYSTEM, [("people", "50"), *pairs], (), None, "")
    return PlanRequest(inputs=asked.inputs, currency="", system=SYSTEM, origins=asked.origins)


def later(system: FakeSystem, run_id: str, rps: float | None) -> None:
    """Another run with a model of the same service; None: a damaged one."""
    old = system.run_id()
    model, info = system.runs.read(old, CapacityModel), system.runs.info(old)
    folder = system.runs.begin(replace(info, run_id=run_id, started_s=info.started_s + 1000))
    estimate = replace(model.rps_per_replica, value=rps or 1.0, low=rps or 1.0, high=rps or 1.0)
    system.runs.write(run_id, replace(model, run_id=run_id, rps_per_replica=estimate))
    if rps is None:
        (folder / "40-fit.json").write_text("{")


def test_the_newest_model_counts(looped: FakeSystem) -> None:
    later(looped, "newer", 3.0)
    found = plan(looped.world, request()).capacity["core-app"]
    assert (found.value, found.source.partition(",")[0]) == (3.0, "run newer")


def test_a_damaged_run_does_not_hide_the_others(looped: FakeSystem) -> None:
    measured = looped.run_id()
    later(looped, "newer", None)
    assert measured in plan(looped.world, request()).capacity["core-app"].source


def test_the_slowest_start_that_was_measured_counts_unless_another_is_given(
    looped: FakeSystem,
) -> None:
    model = looped.runs.read(looped.run_id(), CapacityModel)
    found = plan(looped.world, request())
    assert found.inputs.pod_start_s == model.startup_s.high
    assert found.origins["pod-start"].basis == "measured"
    asked = plan(looped.world, request(("pod-start", "5s")))
    assert (asked.inputs.pod_start_s, asked.origins["pod-start"].basis) == (5.0, "given")


def test_it_is_kept_as_a_run_that_fails_where_a_set_limit_is_passed(looped: FakeSystem) -> None:
    def info(one: Plan) -> RunInfo:
        return looped.runs.info(one.run_id)

    good = plan(looped.world, request(("assume.core-app", "500")))
    assert (info(good).kind, info(good).outcome) == ("plan", Outcome.PASS)
    bad = plan(looped.world, request(("assume.core-app", "500"), ("people", "4000")))
    assert info(bad).outcome is Outcome.FAIL
