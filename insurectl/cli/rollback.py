"""``insurectl rollback``: put the earlier settings back."""

from insurectl.cli.options import DryRunOption, RunArgument, Session, YesOption


def rollback(
    session: Session, run: RunArgument = None, yes: YesOption = False, dry_run: DryRunOption = False
) -> None:
    """Put back the settings that were in force before ``apply``."""
    from insurectl.planning.tuning_diff import diff
    from insurectl.stages import apply as stage

    world = session.world()
    change = stage.rollback(world, run, dry_run=True)
    session.console.say(diff(change.after, change.before) or "no setting differs")
    if dry_run:
        session.console.show(change)
        return
    session.confirm(f"Put these settings back on {change.deployment}?", yes=yes)
    session.console.show(stage.rollback(world, change.run_id))
