"""How the autoscaler's tables are read: one row a line, its columns between bars, one letter a pod.

``r`` ready, ``n`` not ready (and never was), ``h`` started just now, ``H`` that and not ready,
``p`` pending, ``f`` failed, ``d`` being deleted (the last three are not ready, either).
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import replace

import pytest

from insurectl.planning.hpa_behavior import HpaState, Recommendation, ScaleEvent
from insurectl.planning.hpa_pods import Container, Pod, Sample
from insurectl.planning.hpa_spec import Controller, Metric, filled
from insurectl.records import ScalingPolicy, ScalingRules

NOW = 1_000_000.0
# what Kubernetes' own tests set
CONTROLLER = Controller(cpu_initialization_s=120.0, initial_readiness_s=10.0)
KINDS = {"pods": "Pods", "object": "Object", "external": "External"}
READY = Pod(name="")
LETTERS = {
    "r": READY,
    "n": replace(READY, ready=False),
    "h": replace(READY, started_s=NOW, ready_changed_s=NOW),
    "H": replace(READY, ready=False, started_s=NOW, ready_changed_s=NOW),
    "p": replace(READY, ready=False, phase="Pending"),
    "f": replace(READY, ready=False, phase="Failed"),
    "d": replace(READY, ready=False, deleted=True),
}


def rows(table: str) -> list[dict[str, str]]:
    """The first line names the columns."""
    lines = [[cell.strip() for cell in line.split("|")] for line in table.strip().splitlines()]
    return [dict(zip(lines[0], line, strict=True)) for line in lines[1:]]


def cases(table: str) -> list[object]:
    """The first column tells a row from the others."""
    return [pytest.param(row, id=next(iter(row.values()))) for row in rows(table)]


def numbers(text: str) -> list[int]:
    """``5x150`` is 150 five times."""
    found = []
    for word in text.split():
        times, _, value = word.rpartition("x")
        found += [int(value)] * int(times or 1)
    return found


def pods(letters: str, requests: Sequence[int] = ()) -> list[Pod]:
    """Two containers each, with these requests for the CPU."""
    made = []
    for number, letter in enumerate(letters):
        asks = {"cpu": requests[number]} if number < len(requests) else {}
        both = tuple(Container(name=f"container{one}", requests=asks) for one in (1, 2))
        made.append(replace(LETTERS[letter], name=f"p{number}", containers=both))
    return made


def samples(values: Sequence[int], at_s: float = NOW) -> dict[str, Sample]:
    return {f"p{number}": Sample(value=value, at_s=at_s) for number, value in enumerate(values)}


def metric(text: str) -> Metric:
    """``cpu 30%``, ``cpu/app 30%``, ``pods 15000``, ``object 10``, ``external avg 10`` or ``?``."""
    if text == "?":
        return Metric(kind="Unknown", name="?")
    name, *_, target = text.split()
    if name.startswith("cpu"):
        percent, container = int(target.rstrip("%")), name.partition("/")[2]
        kind = "ContainerResource" if container else "Resource"
        return Metric(kind=kind, name="cpu", utilization_percent=percent, container=container)
    value, average = (None, int(target)) if "avg" in text or name == "pods" else (int(target), None)
    kind = KINDS[name]  # type: ignore[assignment] # a row of a table
    return Metric(kind=kind, name="qps", value_milli=value, average_milli=average)


def policies(text: str) -> tuple[ScalingPolicy, ...] | None:
    """``P30/60 %200/60``: 30 pods and 200 percent, both in 60 s. None: nothing is said."""
    found = re.findall(r"([P%])(\d+)/(\d+)", text)
    return (
        tuple(
            ScalingPolicy(
                kind="Pods" if kind == "P" else "Percent", value=int(value), period_s=int(period)
            )
            for kind, value, period in found
        )
        or None
    )


def rules(default: ScalingRules, text: str) -> ScalingRules:
    """Policies, and ``w30``: a window of 30 s, ``t.1``: a tolerance."""
    window, tolerance = re.search(r"\bw(\d+)", text), re.search(r"\bt([.\d]+)", text)
    return filled(
        default,
        policies=policies(text),
        window_s=int(window[1]) if window else None,
        tolerance=float(tolerance[1]) if tolerance else None,
    )


def log(text: str) -> tuple[Recommendation, ...]:
    """``10@600 4@60``: recommendations, and how many seconds ago each was given."""
    pairs = (word.split("@") for word in text.split())
    return tuple(Recommendation(replicas=int(n), at_s=NOW - float(age)) for n, age in pairs)


def spread(changes: str, period_s: int = 120) -> tuple[ScaleEvent, ...]:
    """Each in the middle of its share of the last 120 s, the first the oldest."""
    sizes = numbers(changes)
    share = period_s / len(sizes) if sizes else 0.0
    return tuple(
        ScaleEvent(change=size, at_s=NOW - int(period_s - share * (number + 0.5)))
        for number, size in enumerate(sizes)
    )


def state(row: Mapping[str, str]) -> HpaState:
    return HpaState(ups=spread(row["ups"]), downs=spread(row["downs"]))
