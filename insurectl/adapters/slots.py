"""Finds the addresses of a new system, so that several stand side by side on one machine."""

import time
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

from insurectl.adapters import address_plan, process
from insurectl.adapters.address_plan import SLOTS, Address, AddressPlan
from insurectl.adapters.local_state import LocalState, locked
from insurectl.adapters.topology import Topology
from insurectl.errors import BadInput, TargetNotReady

LOOKS, PAUSE_S = 6, 0.4


def settle(
    state: LocalState, topology: Topology, zones: tuple[str, ...], port_base: int, slot: int | None
) -> AddressPlan:
    """The addresses that the system has, or the first free ones; kept in its folder.

    MissingOnMachine naming the program that holds a port.
    """
    for zone in zones:
        if zone not in topology.zones:
            raise BadInput(f"no zone {zone!r}; there are: {', '.join(topology.zones)}")
    try:
        plan = address_plan.load(state.folder)
    except TargetNotReady:
        with locked(state.folder.parent):
            plan = AddressPlan(0, port_base, zones, topology)
            plan = _first_free(plan, state.folder.parent, slot)
            plan.save(state.folder)
        return plan
    if plan.zones != zones:
        raise BadInput(
            f"{state.folder.name} is deployed with zones {', '.join(plan.zones)}: destroy it "
            "first to deploy it with others"
        )
    _refuse_strangers(plan, state.folder)
    return plan


def _first_free(plan: AddressPlan, state_root: Path, slot: int | None) -> AddressPlan:
    used = set(_slots_of_others(state_root, plan.port_base))
    first_taken: Address | None = None
    for candidate in SLOTS if slot is None else (slot,):
        found = replace(plan, slot=candidate)
        if candidate in used:
            continue
        taken = _first_taken(found.every())
        if taken is None:
            return found
        first_taken = first_taken or taken
    if first_taken is None:
        raise BadInput(f"every place for a system is in use under {state_root}: destroy one")
    raise process.port_taken(first_taken)


def _slots_of_others(state_root: Path, port_base: int) -> Iterable[int]:
    """Also of those that do not run now: they come back to where they were."""
    for file in state_root.glob(f"*/{address_plan.FILE}"):
        other = address_plan.load(file.parent)
        if other.port_base == port_base:
            yield other.slot


def _first_taken(addresses: Iterable[Address]) -> Address | None:
    return next((address for address in addresses if process.taken(address)), None)


def _refuse_strangers(plan: AddressPlan, folder: Path) -> None:
    """A port of ours may be held by a process of ours, and by no other."""
    for _ in range(LOOKS):
        strangers = _held_by_strangers(plan, folder)
        if not strangers:
            return
        time.sleep(PAUSE_S)  # a replica that ends just now leaves its port ownerless for a moment
    raise process.port_taken(strangers[0])


def _held_by_strangers(plan: AddressPlan, folder: Path) -> list[Address]:
    held = [address for address in plan.every() if process.taken(address)]
    if not held:
        return []
    owners = process.owners_of(held)
    ours = {found.pid for found in process.below(folder)}
    return [address for address in held if not ours & owners[address]]
