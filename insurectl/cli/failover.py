"""``insurectl failover``: take a zone away under load."""

from typing import Annotated

import typer

from insurectl.cli.options import ProcessesOption, Session, code_of, read_scenario
from insurectl.errors import BadInput, ExitCode


def failover(
    session: Session,
    zone: Annotated[str, typer.Option(help="The zone to take away.")],
    fault: Annotated[str, typer.Option(help="How, such as kill.")] = "kill",
    scenario: Annotated[
        str, typer.Option(help="What is played meanwhile: a file or a bundled name.")
    ] = "evening",
    play: Annotated[
        bool, typer.Option("--play/--no-play", help="Play load, or leave another run's alone.")
    ] = True,
    processes: ProcessesOption = None,
) -> None:
    """Take a zone away under load and prove what was lost; ``failback`` brings it back."""
    from insurectl.stages import failover as stage

    settings = session.set(load_processes=processes)
    world = session.world()
    kinds = world.target.fault_kinds()
    if fault not in kinds:
        raise BadInput(f"there is no fault {fault!r} on this target; there are: {', '.join(kinds)}")
    result = stage.failover(
        world,
        read_scenario(scenario),
        zone,
        fault,
        play_load=play,
        processes=settings.load_processes,
    )
    lost = result.lost + result.doubled > 0
    session.finish(result, ExitCode.DATA_LOST if lost else code_of(result.outcome))
