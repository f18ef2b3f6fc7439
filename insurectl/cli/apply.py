"""``insurectl apply``: put the recommended settings in force."""

from insurectl.cli.options import DryRunOption, RunArgument, Session, YesOption


def apply(
    session: Session, run: RunArgument = None, yes: YesOption = False, dry_run: DryRunOption = False
) -> None:
    """Show what would change, ask, and put it in force."""
    from insurectl.records import Recommendation
    from insurectl.stages import apply as stage

    world = session.world()
    run_id = run or world.runs.latest(Recommendation)
    foreseen = stage.apply(world, run_id, dry_run=True)
    if dry_run:
        session.console.show(foreseen)
        return
    session.console.say(foreseen.diff or "no setting differs from what is in force")
    session.confirm(f"Put these settings in force on {foreseen.deployment}?", yes=yes)
    session.console.show(stage.apply(world, run_id))
