"""``insurectl load``: play a scenario."""

from typing import Annotated

import typer

from insurectl.cli.options import (
    ProcessesOption,
    ScenarioArgument,
    Session,
    code_of,
    read_scenario,
)


def load(
    session: Session,
    scenario: ScenarioArgument,
    base_url: Annotated[
        str | None, typer.Option(help="Play against this address, not the deployed system.")
    ] = None,
    allow_host: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME", help="A host off loopback that may be put under load."),
    ] = None,
    processes: ProcessesOption = None,
    seed: Annotated[
        int | None, typer.Option(min=0, help="In place of the scenario's seed.")
    ] = None,
    scale: Annotated[float, typer.Option(help="Times all rates, or users.")] = 1.0,
) -> None:
    """Play a scenario, judge its thresholds, and write a report."""
    from insurectl.stages import load as stage

    settings = session.set(load_processes=processes)
    result = stage.load(
        session.world(),
        read_scenario(scenario),
        base_url=base_url,
        allow_hosts=(*settings.allow_host, *(allow_host or ())),
        processes=settings.load_processes,
        seed=seed,
        scale=scale,
    )
    session.finish(result, code_of(result.outcome))
