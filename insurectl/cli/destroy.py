"""``insurectl destroy``: leave nothing behind."""

from insurectl.cli.console import ConsoleProgress
from insurectl.cli.options import DryRunOption, Session, YesOption


def destroy(session: Session, yes: YesOption = False, dry_run: DryRunOption = False) -> None:
    """Stop the system and delete all its state; runs under reports stay."""
    target = session.world().target
    name = session.settings.name
    if dry_run:
        session.console.say(f"these processes of {name} and their data would be gone:")
        session.console.show(target.status())
        return
    session.confirm(f"Stop {name} and delete its data?", yes=yes)
    target.destroy(ConsoleProgress(session.console))
    session.console.say(f"{name} is gone: no process, no file")
