"""A run's folder from its beginning to its end, however it ends, with its report."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from itertools import count

from insurectl import __version__
from insurectl.errors import InsurectlError, Interrupted
from insurectl.ports import World
from insurectl.records import Outcome, RunInfo
from insurectl.stages.report import report


@dataclass
class Recording:
    """The run that is being written; a stage sets ``outcome`` before it leaves."""

    run_id: str
    outcome: Outcome | None = None


@contextmanager
def recorded(
    world: World,
    kind: str,
    scenario: str,
    *,
    seed: int = 0,
    parent: str | None = None,
    label: str = "",
) -> Iterator[Recording]:
    """Begin a run, keep it marked as running meanwhile, and say at the end how it ended. A run
    that is no child gets its report, also of what there is of an interrupted one."""
    began_s = world.clock.now()
    stamp = datetime.fromtimestamp(began_s, UTC).strftime("%Y%m%d-%H%M%S")
    run_id = (
        _child_id(world, parent, label) if parent else f"{stamp}-{scenario}-{secrets.token_hex(2)}"
    )
    info = RunInfo(
        run_id=run_id,
        kind=kind,
        scenario=scenario,
        seed=seed,
        started_s=began_s,
        status="running",
        parent=parent,
        version=__version__,
        settings={} if parent else world.settings,
    )
    world.runs.begin(info)
    recording = Recording(run_id)
    try:
        yield recording
    except (KeyboardInterrupt, Interrupted):
        info = replace(info, status="interrupted", outcome=Outcome.INTERRUPTED)
        raise
    except BaseException as error:
        told = str(error) if isinstance(error, InsurectlError) else repr(error)
        info = replace(info, status="failed", error=told)
        raise
    else:
        interrupted = recording.outcome is Outcome.INTERRUPTED
        info = replace(
            info,
            status="interrupted" if interrupted else "finished",
            outcome=recording.outcome,
        )
    finally:
        world.runs.end(replace(info, ended_s=world.clock.now()))
        if parent is None:
            world.progress.say(f"report: {report(world, run_id)[0]}")


def _child_id(world: World, parent: str, label: str) -> str:
    """A stage that is repeated keeps what it measured before."""
    taken = world.runs.children(parent)
    first = f"{parent}.{label}"
    others = (f"{first}-{number}" for number in count(2))
    return first if first not in taken else next(one for one in others if one not in taken)
