"""Pods onto nodes of one kind: first-fit decreasing in CPU, memory and number of pods.

There are libraries for packing weights (``binpacking``), but they know one weight an item; a pod
has two and takes a place besides.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from math import ceil

from insurectl.errors import BadInput
from insurectl.records.plan import NodeType, PodKind

Size = tuple[int, int, int]  # CPU in thousandths of a core, memory in MiB, places
EVICTION_MIB = 100


@dataclass(frozen=True, kw_only=True)
class Packed:
    """``nodes``: as packed; ``bound``: no packing needs fewer; ``exact``: that before rounding;
    ``loads``: how many nodes hold how much."""

    nodes: int
    bound: int
    exact: float
    loads: tuple[tuple[int, Size], ...]


def reserved(node: NodeType) -> tuple[int, int]:
    """CPU (m) and memory (MiB) that a node keeps for itself, where nobody said: 80 m and 1 % of
    the CPU, 330 MiB and 5 % of the memory, and an eviction threshold of 100 MiB (Google
    Distributed Cloud, "Resources available for your workloads")."""
    cpu_m = node.reserved_cpu_m
    memory_mib = node.reserved_memory_mib
    return (
        80 + ceil(node.cpu_m / 100) if cpu_m is None else cpu_m,
        330 + ceil(node.memory_mib / 20) + EVICTION_MIB if memory_mib is None else memory_mib,
    )


def room(node: NodeType) -> Size:
    """What one node has left for pods; BadInput where that is nothing."""
    cpu_m, memory_mib = reserved(node)
    left = (
        node.cpu_m - cpu_m - node.daemon_cpu_m,
        node.memory_mib - memory_mib - node.daemon_memory_mib,
        node.pods - node.daemon_pods,
    )
    if min(left) <= 0:
        raise BadInput(
            f"a node with {node.cpu_m / 1000:g} cores, {node.memory_mib} MiB and {node.pods} pods "
            f"has nothing left for the system: {cpu_m} m and {memory_mib} MiB are its own, "
            f"{node.daemon_cpu_m} m, {node.daemon_memory_mib} MiB and {node.daemon_pods} pods its "
            "DaemonSets'; give a larger one with --node"
        )
    return left


def pack(pods: Sequence[PodKind], node: NodeType) -> Packed:
    """First-fit decreasing by the largest share of a node. Alike nodes are kept together, so a
    million pods take no longer than ten; the outcome is that of one pod after the other. BadInput
    for a pod that no node holds."""
    capacity = room(node)
    runs: list[
        tuple[int, Size]
    ] = []  # nodes in the order they were opened, and what they have left
    for kind in sorted(pods, key=lambda one: (-_share(one, capacity), one.name)):
        if kind.count:
            _check(kind, capacity)
            runs = _placed(kind, runs, capacity)
    exact = _exact(pods, capacity)
    loads = tuple((many, _less(capacity, left)) for many, left in runs)
    return Packed(
        nodes=sum(many for many, _ in runs),
        bound=max(ceil(exact), _large(pods, capacity)),
        exact=float(exact),
        loads=loads,
    )


def cut(pods: Sequence[tuple[float, PodKind]], capacity: Size) -> float:
    """Nodes that hold them if pods could be cut; so many of each kind."""
    sizes = [(many, _size(one)) for many, one in pods]
    return max(
        sum(many * size[number] for many, size in sizes) / capacity[number] for number in range(3)
    )


def _placed(kind: PodKind, runs: list[tuple[int, Size]], capacity: Size) -> list[tuple[int, Size]]:
    size, left, after = _size(kind), kind.count, list[tuple[int, Size]]()
    for many, free in runs:
        each = _fits(free, size)
        full = min(many, left // each) if each else 0
        rest = left - full * each
        partly = 1 if each and full < many and rest else 0
        after += [
            (full, _taken(free, size, each)),
            (partly, _taken(free, size, rest if partly else 0)),
            (many - full - partly, free),
        ]
        left = rest if not partly else 0
    each = _fits(capacity, size)
    after.append((left // each, _taken(capacity, size, each)))
    after.append((1 if left % each else 0, _taken(capacity, size, left % each)))
    return [run for run in after if run[0]]


def _size(kind: PodKind) -> Size:
    return kind.cpu_m, kind.memory_mib, 1


def _fits(free: Size, size: Size) -> int:
    return min(have // need for have, need in zip(free, size, strict=True) if need)


def _taken(free: Size, size: Size, many: int) -> Size:
    cpu_m, memory_mib, places = (have - many * need for have, need in zip(free, size, strict=True))
    return cpu_m, memory_mib, places


def _less(capacity: Size, left: Size) -> Size:
    return _taken(capacity, left, 1)


def _share(kind: PodKind, capacity: Size) -> Fraction:
    sizes = zip(_size(kind), capacity, strict=True)
    return max(Fraction(need, have) for need, have in sizes)


def _exact(pods: Sequence[PodKind], capacity: Size) -> Fraction:
    """Each dimension alone, as if pods could be cut: the largest of them."""
    sums = [sum(one.count * _size(one)[number] for one in pods) for number in range(3)]
    return max(Fraction(need, have) for need, have in zip(sums, capacity, strict=True))


def _large(pods: Sequence[PodKind], capacity: Size) -> int:
    """No two pods that take more than half of the same thing share a node."""
    return max(
        sum(one.count for one in pods if 2 * _size(one)[number] > capacity[number])
        for number in range(3)
    )


def _check(kind: PodKind, capacity: Size) -> None:
    if not _fits(capacity, _size(kind)):
        raise BadInput(
            f"a pod of {kind.name} asks for {kind.cpu_m} m CPU and {kind.memory_mib} MiB, a node "
            f"has {capacity[0]} m and {capacity[1]} MiB left for pods: give a larger one with "
            "--node, or a smaller request"
        )
