"""The journal of the zones that were taken away: one line when one begins and one when it ends."""

import json
from dataclasses import asdict, replace
from pathlib import Path

from insurectl.errors import BadInput
from insurectl.records import Fault

JOURNAL = "faults.jsonl"


def begin(folder: Path, fault: Fault) -> Fault:
    """Keep that it is on."""
    with (folder / JOURNAL).open("a") as file:
        file.write(json.dumps(asdict(fault)) + "\n")
    return fault


def end(folder: Path, fault: Fault, now_s: float) -> Fault:
    """Keep that it is over."""
    return begin(folder, replace(fault, ended_s=now_s))


def read(folder: Path) -> tuple[Fault, ...]:
    """Every fault, the last line of each counts."""
    path = folder / JOURNAL
    if not path.exists():
        return ()
    faults = [Fault(**json.loads(line)) for line in path.read_text().splitlines()]
    return tuple({(f.zone, f.kind, f.began_s): f for f in faults}.values())


def current(folder: Path, zone: str) -> Fault | None:
    """The fault that the zone is under now."""
    on = [f for f in read(folder) if f.zone == zone and f.ended_s is None]
    return on[-1] if on else None


def must_be_there(folder: Path, zone: str) -> None:
    """BadInput for a zone that is away already."""
    if under := current(folder, zone):
        raise BadInput(f"zone {zone} is away already ({under.kind}): give it back first")


def must_be_away(folder: Path, zone: str) -> Fault:
    """The fault that it is under; BadInput for a zone that is not away."""
    fault = current(folder, zone)
    if fault is None:
        raise BadInput(f"zone {zone} is not away")
    return fault


def touching(folder: Path, start_s: float, end_s: float) -> tuple[Fault, ...]:
    """Those that were on at some moment of the window."""
    return tuple(
        f
        for f in read(folder)
        if f.began_s <= end_s and (f.ended_s is None or f.ended_s >= start_s)
    )
