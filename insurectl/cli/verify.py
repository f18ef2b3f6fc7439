"""``insurectl verify``: predicted against measured."""

from insurectl.cli.options import (
    ProcessesOption,
    RunArgument,
    ScenarioOption,
    Session,
    code_of,
    scenario_of,
)
from insurectl.errors import ExitCode


def verify(
    session: Session,
    run: RunArgument = None,
    scenario: ScenarioOption = None,
    processes: ProcessesOption = None,
) -> None:
    """Play traffic that was not used for tuning, and compare with what was foreseen."""
    from insurectl.records import Recommendation
    from insurectl.stages import verify as stage

    settings = session.set(load_processes=processes)
    world = session.world()
    run_id = run or world.runs.latest(Recommendation)
    verdict = stage.verify(
        world,
        scenario_of(world, run_id, scenario),
        run_id,
        processes=settings.load_processes,
    )
    session.finish(verdict, code_of(verdict.outcome, ExitCode.VERIFICATION_FAILED))
