"""Pods that are alike can be told of once, with their number: nothing is decided otherwise."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st

from insurectl.planning.compiled_metrics import Moment, Seen
from insurectl.planning.compiled_round import decided
from insurectl.planning.hpa_codes import empty_log, one, rules_of
from insurectl.planning.hpa_pods import Sample
from insurectl.planning.hpa_spec import Metric, Spec
from tests.unit.planning.compiled_rows import ROOM, seen_of
from tests.unit.planning.hpa_rows import CONTROLLER, LETTERS, NOW, metric

Kind = tuple[str, int | None, int]  # a pod's letter, its sample, how many there are of it

metrics = st.sampled_from(
    (metric("cpu 50%"), metric("pods 700"), metric("object 900"),
     Metric(kind="Resource", name="cpu", average_milli=600),
     Metric(kind="Resource", name="memory", utilization_percent=70))
)  # fmt: skip
kinds = st.lists(
    st.tuples(
        st.sampled_from("rrrrnhHpfd"),
        st.none() | st.integers(0, 3000) | st.sampled_from((2**31, 2**62, 2**63 - 1)),
        st.integers(1, 9),
    ),
    max_size=5,
)


def seen(one: Metric, told: Sequence[Kind]) -> Seen:
    pods = [
        replace(LETTERS[letter], name=f"p{number}", requests={"cpu": 100, "memory": 700})
        for number, (letter, _, _) in enumerate(told)
    ]
    found = {
        f"p{number}": Sample(value=value, at_s=NOW)
        for number, (_, value, _) in enumerate(told)
        if value is not None
    }
    names = [pod.name for pod in pods]
    return seen_of([one], pods, {one.label: found}, names, CONTROLLER)


@settings(deadline=None, max_examples=150)
@given(chosen=metrics, told=kinds, current=st.integers(1, 40))
def test_alike_pods_count_as_often_as_there_are(
    chosen: Metric, told: list[Kind], current: int
) -> None:
    rules = one(rules_of([Spec(min_replicas=0, max_replicas=60, metrics=(chosen,))], CONTROLLER), 0)
    each = [kind for kind in told for _ in range(kind[2])]
    once = seen(chosen, told)
    once.alike[:] = [many for _, _, many in told]
    found = []
    for given_, rows in ((once, len(told)), (seen(chosen, each), len(each))):
        log, proposals = empty_log(ROOM, ROOM), np.zeros(1, dtype=np.int64)
        at = Moment(current, current, rows, rows, NOW)
        found.append((decided(rules, log, given_, at, proposals), int(proposals[0])))
    assert found[0] == found[1]
