"""Taking a zone of a local system away and giving it back, with a journal of both."""

import signal
import socket
from pathlib import Path

import psutil

from insurectl.adapters import fault_journal, process
from insurectl.adapters.local_state import LocalState
from insurectl.errors import BadInput, TargetNotReady
from insurectl.records import Fault

KINDS = {
    "kill": "SIGKILL to every process of the zone, its supervisor first",
    "freeze": "SIGSTOP to every process of the zone",
    "drain": "the edge sends no new request to the zone",
}


def take_away(state: LocalState, kind: str, zone: str, now_s: float) -> Fault:
    """BadInput for a kind that processes on one machine can't suffer, or a zone already away."""
    if kind not in KINDS:
        raise BadInput(
            f"the target local can't do {kind!r}: all zones share this machine's loopback and "
            f"disk. It can do: {', '.join(KINDS)}"
        )
    fault_journal.must_be_there(state.folder, zone)
    fault = Fault(zone=zone, kind=kind, began_s=now_s, detail=KINDS[kind])
    match kind:
        case "kill":
            _kill(state.zone(zone))
        case "freeze":
            process.send(process.below(state.zone(zone)), signal.SIGSTOP)
        case "drain":
            tell_edge(state, f"set server people/zone-{zone} state drain")
    return fault_journal.begin(state.folder, fault)


def give_back(state: LocalState, zone: str) -> Fault:
    """Undo the fault that is on the zone, as far as it needs undoing before a deploy."""
    fault = fault_journal.must_be_away(state.folder, zone)
    if fault.kind == "freeze":
        process.send(process.below(state.zone(zone)), signal.SIGCONT)
    if fault.kind == "drain":
        tell_edge(state, f"set server people/zone-{zone} state ready")
    return fault


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
