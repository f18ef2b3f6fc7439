"""A run's folder from its beginning to its end, however it ends."""

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime

from insurectl import __version__
from insurectl.errors import Interrupted
from insurectl.ports import World
from insurectl.records import Outcome, RunInfo


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
    """Begin a run, keep it marked as running meanwhile, and say at the end how it ended."""
    began_s = world.clock.now()
    stamp = datetime.fromtimestamp(began_s, UTC).strftime("%Y%m%d-%H%M%S")
    run_id = f"{parent}.{label}" if parent else f"{stamp}-{scenario}-{secrets.token_hex(2)}"
    info = RunInfo(
        run_id=run_id,
        kind=kind,
        scenario=scenario,
        seed=seed,
        started_s=began_s,
        status="running",
        parent=parent,
        version=__version__,
    )
    world.runs.begin(info)
    recording = Recording(run_id)
    try:
        yield recording
    except (KeyboardInterrupt, Interrupted):
        _end(world, info, "interrupted", Outcome.INTERRUPTED)
        raise
    except BaseException:
        _end(world, info, "failed", None)
        raise
    status = "interrupted" if recording.outcome is Outcome.INTERRUPTED else "finished"
    _end(world, info, status, recording.outcome)


def _end(world: World, info: RunInfo, status: str, outcome: Outcome | None) -> None:
    ended = replace(info, status=status, ended_s=world.clock.now(), outcome=outcome)  # type: ignore[arg-type] # a RunInfo status, see the callers
    world.runs.end(ended)
