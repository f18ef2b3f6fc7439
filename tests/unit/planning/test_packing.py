"""Pods onto nodes: as one does it by hand, and never wrong."""

from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from insurectl.errors import BadInput
from insurectl.planning.packing import pack, reserved, room
from insurectl.records.plan import NodeType, PodKind
from tests.unit.planning.plan_samples import NODE


def pods(*kinds: tuple[int, int, int]) -> list[PodKind]:
    """(count, CPU, memory) each."""
    return [
        PodKind(name=f"p{number:02}", count=count, cpu_m=cpu_m, memory_mib=memory_mib)
        for number, (count, cpu_m, memory_mib) in enumerate(kinds)
    ]


@pytest.mark.parametrize(
    ("kinds", "nodes", "bound"),
    [
        pytest.param([], 0, 0, id="nothing needs nothing"),
        pytest.param([(4, 250, 100)], 1, 1, id="four quarters fill one"),
        pytest.param([(5, 250, 100)], 2, 2, id="a fifth opens another"),
        pytest.param([(3, 100, 512)], 2, 2, id="memory decides"),
        pytest.param([(11, 1, 1)], 2, 2, id="places decide"),
        pytest.param([(3, 600, 1)], 3, 3, id="what is above a half is alone"),
        pytest.param([(2, 600, 100), (2, 400, 100)], 2, 2, id="small ones fill the gaps"),
        pytest.param([(2, 600, 1), (2, 1, 600)], 2, 2, id="CPU and memory share a node"),
        pytest.param([(6, 340, 1)], 3, 3, id="two fit beside each other, a third does not"),
        pytest.param([(3, 340, 1), (3, 500, 1)], 3, 3, id="the larger go first"),
        pytest.param([(6, 300, 1), (3, 400, 1)], 4, 3, id="first-fit is not always the best"),
    ],
)
def test_packs_as_by_hand(kinds: list[tuple[int, int, int]], nodes: int, bound: int) -> None:
    found = pack(pods(*kinds), NODE)
    assert (found.nodes, found.bound) == (nodes, bound)


@pytest.mark.parametrize(
    ("node", "left"),
    [
        pytest.param(
            NodeType(cpu_m=4000, memory_mib=8192, daemon_cpu_m=0, daemon_memory_mib=0),
            (4000 - 120, 8192 - 330 - 410 - 100, 107),
            id="the published formula",
        ),
        pytest.param(
            replace(NODE, daemon_cpu_m=100, daemon_pods=2), (900, 1024, 8), id="DaemonSets"
        ),
        pytest.param(replace(NODE, reserved_memory_mib=24), (1000, 1000, 10), id="said by hand"),
    ],
)
def test_a_node_keeps_something_for_itself(node: NodeType, left: tuple[int, int, int]) -> None:
    assert room(node) == left


def test_what_nobody_said_is_reserved_by_the_nodes_size() -> None:
    assert reserved(NodeType(cpu_m=2000, memory_mib=1000)) == (100, 480)


@pytest.mark.parametrize(
    ("kinds", "node", "said"),
    [
        pytest.param([(1, 1001, 1)], NODE, "1001 m CPU", id="too many cores"),
        pytest.param([(1, 1, 1025)], NODE, "1025 MiB", id="too much memory"),
        pytest.param([], replace(NODE, daemon_cpu_m=1000), "nothing left", id="only DaemonSets"),
        pytest.param([], replace(NODE, daemon_pods=10), "nothing left", id="no place"),
    ],
)
def test_what_fits_nowhere_is_refused(
    kinds: list[tuple[int, int, int]], node: NodeType, said: str
) -> None:
    with pytest.raises(BadInput, match=rf"{said}.*--node"):
        pack(pods(*kinds), node)


def one_by_one(kinds: list[PodKind]) -> int:
    """First-fit decreasing as it stands in books: each pod alone, nodes in a list."""
    capacity = room(NODE)

    def share(one: PodKind) -> float:
        return max(one.cpu_m / capacity[0], one.memory_mib / capacity[1], 1 / capacity[2])

    nodes: list[list[int]] = []
    for kind in sorted(kinds, key=lambda one: (-share(one), one.name)):
        for _ in range(kind.count):
            need = (kind.cpu_m, kind.memory_mib, 1)
            for free in nodes:
                if all(have >= want for have, want in zip(free, need, strict=True)):
                    break
            else:
                free = list(capacity)
                nodes.append(free)
            for number, want in enumerate(need):
                free[number] -= want
    return len(nodes)


KINDS = st.lists(
    st.tuples(st.integers(0, 30), st.integers(1, 1000), st.integers(1, 1024)), max_size=6
)


@given(kinds=KINDS)
def test_never_overfills_never_below_the_bound_and_nothing_is_left_out(
    kinds: list[tuple[int, int, int]],
) -> None:
    found = pack(pods(*kinds), NODE)
    assert found.nodes >= found.bound >= found.exact
    assert sum(many for many, _ in found.loads) == found.nodes
    for _, load in found.loads:
        assert all(0 <= used <= most for used, most in zip(load, room(NODE), strict=True))
    packed = [sum(many * load[number] for many, load in found.loads) for number in range(3)]
    assert packed == [
        sum(count * cpu for count, cpu, _ in kinds),
        sum(count * memory for count, _, memory in kinds),
        sum(count for count, *_ in kinds),
    ]


@given(kinds=KINDS)
def test_kept_together_it_packs_as_one_pod_after_the_other(
    kinds: list[tuple[int, int, int]],
) -> None:
    assert pack(pods(*kinds), NODE).nodes == one_by_one(pods(*kinds))


def test_a_million_pods_take_no_time() -> None:
    assert pack(pods((1_000_000, 250, 128), (1_000_000, 100, 64)), NODE).nodes == 350_000
