"""Autoscalers side by side on one time axis: traffic, replicas, utilisation, latency."""

from collections.abc import Sequence
from typing import TYPE_CHECKING, Literal

import numpy as np
from numpy.typing import NDArray

from insurectl.planning.application import Candidate, Course
from insurectl.records import Playbacks
from insurectl.render.charts import (
    PRINTED,
    clock_axis,
    image,
    legend_above,
    paper,
    plain_log_ticks,
    whole_ticks,
)

if TYPE_CHECKING:
    from insurectl.render.charts import Axes

WIDTH, HEIGHT, SIZE = 11.4, 9.2, 8.5
MOST_POINTS = 1800  # more than the picture's width can show apart
ROLES = ("zone0", "zone1", "zone2", "most", "mean", "failed")
Floats = NDArray[np.float64]


def playback(
    record: Playbacks,
    courses: Sequence[Course],
    candidates: Sequence[Candidate],
    *,
    form: Literal["png", "svg"],
) -> bytes:
    """The picture's file. Each point is the highest of its stretch, so that no peak is lost."""
    with paper(WIDTH, HEIGHT, SIZE) as figure:
        traffic, replicas, use, latency = figure.subplots(4, 1, sharex=True)
        at, rates = _thinned(courses[0].rates)
        traffic.plot(at, rates, color=PRINTED["offered"], linewidth=1.0, label="offered")
        _title(traffic, "Traffic, requests/s")
        for number, (course, candidate) in enumerate(zip(courses, candidates, strict=True)):
            colour, name = PRINTED[ROLES[number % len(ROLES)]], candidate.name
            replicas.plot(*_thinned(course.replicas), color=colour, linewidth=1.3, label=name,
                          drawstyle="steps-post")  # fmt: skip
            _draw_use(use, course, candidate, colour)
            latency.plot(*_thinned(course.quantile_ms), color=colour, linewidth=1.0, label=name)
        _title(replicas, "Replicas")
        whole_ticks(replicas)
        _title(use, "Use of a replica, % of its request: CPU, memory (dotted)")
        _draw_limit(latency, record)
        clock_axis(latency, record.lasted_s)
        for axes in (traffic, replicas, use):
            axes.set_ylim(bottom=0)
        legend_above(figure, replicas, 6)
        replicas.get_legend().set(bbox_to_anchor=(1.0, 1.02), loc="lower right")
        figure.subplots_adjust(left=0.06, right=0.985, top=0.93, bottom=0.06, hspace=0.28)
        figure.suptitle(
            f"Simulated, not measured: {record.trace}",
            x=0.06,
            y=0.985,
            ha="left",
            fontsize=SIZE + 2,
        )
        return image(figure, form)


def _draw_use(axes: "Axes", course: Course, candidate: Candidate, colour: str) -> None:
    if candidate.cpu_request_milli:
        share = 100_000 * course.cpu_cores / candidate.cpu_request_milli
        axes.plot(*_thinned(share), color=colour, linewidth=0.9)
    if candidate.memory_request_mib and course.memory_mib.any():
        share = 100 * course.memory_mib / candidate.memory_request_mib
        axes.plot(*_thinned(share), color=colour, linewidth=1.0, linestyle=":")


def _draw_limit(axes: "Axes", record: Playbacks) -> None:
    axes.axhline(record.slo_ms, color=PRINTED["limit"], linestyle="--", linewidth=1.0)
    axes.annotate(
        f"SLO {record.slo_ms:g} ms", (0, record.slo_ms), xytext=(4, 3),
        textcoords="offset points", color=PRINTED["limit"],
    )  # fmt: skip
    low, high = axes.get_ylim()
    if high > 25 * max(low, 1.0):
        axes.set_yscale("log")
        axes.set_ylim(bottom=max(low, 1.0))
        plain_log_ticks(axes)
    else:
        axes.set_ylim(bottom=0)
    _title(axes, f"Latency p{100 * record.slo_quantile:g}, ms")


def _title(axes: "Axes", text: str) -> None:
    axes.set_title(text, loc="left", fontsize=SIZE)


def _thinned(values: Floats) -> tuple[Floats, Floats]:
    """Times (s) and the highest value of each stretch; NaN only where all of it is."""
    width = max(-(-len(values) // MOST_POINTS), 1)
    padded = np.full(-(-len(values) // width) * width, np.nan)
    padded[: len(values)] = values
    stretches = padded.reshape(-1, width)
    most = np.where(np.isnan(stretches), -np.inf, stretches).max(axis=1)
    values = np.asarray(np.where(np.isinf(most), np.nan, most), dtype=np.float64)
    return np.arange(len(values), dtype=np.float64) * width, values
