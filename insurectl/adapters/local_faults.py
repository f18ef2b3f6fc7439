"""Taking a zone of a local system away and giving it back, with a journal of both."""

import json
import signal
import socket
from dataclasses import asdict, replace
from pathlib import Path

import psutil

from insurectl.adapters import process
from insurectl.adapters.local_state import LocalState
from insurectl.errors import BadInput, TargetNotReady
from insurectl.records import Fault

KINDS = {
    "kill": "SIGKILL to every process of the zone, its supervisor first",
    "freeze": "SIGSTOP to every process of the zone",
    "drain": "the edge sends no new request to the zone",
}
JOURNAL = "faults.jsonl"


def take_away(state: LocalState, kind: str, zone: str, now_s: float) -> Fault:
    """BadInput for a kind that processes on one machine can't suffer, or a zone already away."""
    if kind not in KINDS:
        raise BadInput(
            f"the target local can't do {kind!r}: all zones share this machine's loopback and "
            f"disk. It can do: {', '.join(KINDS)}"
        )
    if under := current(state, zone):
        raise BadInput(f"zone {zone} is away already ({under.kind}): give it back first")
    fault = Fault(zone=zone, kind=kind, began_s=now_s, detail=KINDS[kind])
    match kind:
        case "kill":
            _kill(state.zone(zone))
        case "freeze":
            process.send(process.below(state.zone(zone)), signal.SIGSTOP)
        case "drain":
            tell_edge(state, f"set server people/zone-{zone} state drain")
    _note(state.folder, fault)
    return fault


def give_back(state: LocalState, zone: str) -> Fault:
    """Undo the fault that is on the zone, as far as it needs undoing before a deploy."""
    fault = current(state, zone)
    if fault is None:
        raise BadInput(f"zone {zone} is not away")
    if fault.kind == "freeze":
        process.send(process.below(state.zone(zone)), signal.SIGCONT)
    if fault.kind == "drain":
        tell_edge(state, f"set server people/zone-{zone} state ready")
    return fault


def note_end(state: LocalState, fault: Fault, now_s: float) -> Fault:
    """Keep that it is over."""
    ended = replace(fault, ended_s=now_s)
    _note(state.folder, ended)
    return ended


def journal(state: LocalState) -> tuple[Fault, ...]:
    """Every fault, the last line of each counts (a second one says when it ended)."""
    path = state.folder / JOURNAL
    if not path.exists():
        return ()
    faults = [Fault(**json.loads(line)) for line in path.read_text().splitlines()]
    return tuple({(f.zone, f.kind, f.began_s): f for f in faults}.values())


def current(state: LocalState, zone: str) -> Fault | None:
    """The fault that the zone is under now."""
    on = [f for f in journal(state) if f.zone == zone and f.ended_s is None]
    return on[-1] if on else None


def touching(faults: tuple[Fault, ...], start_s: float, end_s: float) -> tuple[Fault, ...]:
    """Those that were on at some moment of the window."""
    return tuple(
        f for f in faults if f.began_s <= end_s and (f.ended_s is None or f.ended_s >= start_s)
    )


def tell_edge(state: LocalState, command: str) -> None:
    """One command to the edge's admin socket; TargetNotReady when it does not take it."""
    with socket.socket(socket.AF_UNIX) as admin:
        admin.settimeout(3.0)
        try:
            admin.connect(str(state.socket("edge")))
            admin.sendall(f"{command}\n".encode())
            said = admin.recv(4096).decode().strip()
        except OSError as error:
            raise TargetNotReady(f"the edge does not take commands: {error}") from error
    if said:
        raise TargetNotReady(f"the edge refused {command!r}: {said}")


def _kill(folder: Path) -> None:
    """The supervisor first, so that it starts nothing again; twice, for what was just forked."""
    supervisor = folder / "supervisord.pid"
    if supervisor.exists():
        pid = int(supervisor.read_text())
        process.kill([p for p in process.below(folder) if p.pid == pid])
    for _ in range(2):
        found: list[psutil.Process] = process.below(folder)
        process.kill(found)


def _note(folder: Path, fault: Fault) -> None:
    with (folder / JOURNAL).open("a") as file:
        file.write(json.dumps(asdict(fault)) + "\n")
