"""``insurectl rollback``: put the earlier settings back."""

from insurectl.cli.options import RunArgument, Session, YesOption


def rollback(session: Session, run: RunArgument = None, yes: YesOption = False) -> None:
    """Put back the settings that were in force before ``apply``."""
    from insurectl.stages import apply as stage

    session.confirm(f"Put the earlier settings of {session.settings.name} back?", yes=yes)
    session.console.show(stage.rollback(session.world(), run))
