"""All stages in order: the story of one run."""

from dataclasses import replace

from insurectl.ports import DeployPlan, World
from insurectl.records import Outcome, RunRecords, Scenario
from insurectl.stages.apply import apply
from insurectl.stages.calibrate import calibrate
from insurectl.stages.deploy import deploy, settle
from insurectl.stages.fit import fit
from insurectl.stages.load import play_and_observe
from insurectl.stages.recommend import recommend
from insurectl.stages.recording import recorded
from insurectl.stages.verify import verify


def run(world: World, scenario: Scenario, plan: DeployPlan, *, processes: int = 1) -> RunRecords:
    """Deploy, then the scenario's own plan: the whole loop, or play it and look. The report is
    drawn however it ends."""
    with recorded(world, "run", scenario.name, seed=scenario.seed) as recording:
        run_id = recording.run_id
        world.runs.write(run_id, scenario)
        with world.progress.step(f"deploy {plan.name}"):
            deploy(world, replace(plan, costs=scenario.costs))  # not those of an earlier scenario
        world.runs.write(run_id, settle(world, scenario))
        if scenario.plan == "loop":
            recording.outcome = _loop(world, scenario, run_id, processes)
        else:
            load = play_and_observe(world, scenario, run_id, processes=processes)
            recording.outcome = load.outcome
    return world.runs.records(run_id)


def _loop(world: World, scenario: Scenario, run_id: str, processes: int) -> Outcome:
    calibrate(world, scenario, run_id, processes=processes)
    with world.progress.step("fit the capacity model"):
        fit(world, run_id)
    with world.progress.step("search settings in the simulator"):
        recommend(world, scenario, run_id)
    apply(world, run_id)
    return verify(world, scenario, run_id, processes=processes).outcome
