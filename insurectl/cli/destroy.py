"""``insurectl destroy``: leave nothing behind."""

from typing import TYPE_CHECKING

from insurectl.cli.console import ConsoleProgress
from insurectl.cli.options import DryRunOption, Session, YesOption
from insurectl.errors import InsurectlError

if TYPE_CHECKING:
    from insurectl.ports import Target


def destroy(session: Session, yes: YesOption = False, dry_run: DryRunOption = False) -> None:
    """Stop the system and delete all its state; runs under reports stay."""
    target = session.target()
    name = session.settings.name
    if _adopted(target):
        if dry_run:
            session.console.say(f"{name} was deployed by others: it would only be forgotten here")
            return
        session.confirm(f"Forget {name}? It runs on as it is.", yes=yes)
        target.destroy(ConsoleProgress(session.console))
        return
    if dry_run:
        session.console.say(f"these processes of {name} and their data would be gone:")
        session.console.show(target.status())
        return
    session.confirm(f"Stop {name} and delete its data?", yes=yes)
    target.destroy(ConsoleProgress(session.console))
    session.console.say(f"{name} is gone: no process, no file")


def _adopted(target: "Target") -> bool:
    try:
        return target.deployment().adopted
    except InsurectlError:  # what is not there, or can't be read, is taken down all the same
        return False
