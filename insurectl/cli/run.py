"""``insurectl run``: everything, in order."""

from typing import TYPE_CHECKING

from insurectl.cli.options import (
    ProcessesOption,
    ScenarioArgument,
    Session,
    code_of,
    deploy_plan,
    read_scenario,
)
from insurectl.errors import ExitCode

if TYPE_CHECKING:
    from insurectl.records import RunRecords


def run(session: Session, scenario: ScenarioArgument, processes: ProcessesOption = None) -> None:
    """Deploy, then play the scenario's plan: the whole loop, or play it and look."""
    from insurectl.stages import run as stage

    settings = session.set(load_processes=processes)
    plan = deploy_plan(settings)
    records = stage.run(
        session.world(), read_scenario(scenario), plan, processes=settings.load_processes
    )
    session.finish(records, exit_code(records))


def exit_code(records: "RunRecords") -> ExitCode:
    """Lost data first, then the verdict, then the load's own thresholds."""
    if records.failover is not None and records.failover.lost + records.failover.doubled:
        return ExitCode.DATA_LOST
    if records.verdict is not None:
        return code_of(records.verdict.outcome, ExitCode.VERIFICATION_FAILED)
    return code_of(records.info.outcome)
