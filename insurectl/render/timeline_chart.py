"""The picture that matters first -> SVG: load, replicas, latency and memory on one time axis."""

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import TYPE_CHECKING, Any

from insurectl.render.charts import (
    COLOURS,
    canvas,
    minutes,
    plain_log_ticks,
    svg,
    time_axis,
    whole_ticks,
)
from insurectl.render.picture import Limit, Line, Picture

if TYPE_CHECKING:
    from insurectl.render.charts import Axes

WIDE, NARROW = 11.4, 4.1  # inches: a screen and a phone


def timeline(picture: Picture, *, narrow: bool = False) -> str:
    """Load, replicas, latency and memory on one time axis; panels without data are left out."""
    panels = [
        (draw, title)
        for draw, title, lines in (
            (_draw_load, "Load, requests/s", picture.load),
            (_draw_replicas, f"Replicas of {picture.service}", picture.replicas),
            (_draw_latency, "Latency, ms", picture.latency),
            (_draw_memory, f"Memory a replica of {picture.service}, MiB", picture.memory),
        )
        if any(line.points for line in lines)
    ]
    if not panels:
        return ""
    with canvas(NARROW if narrow else WIDE, 0.5 + (2.05 if narrow else 1.75) * len(panels),
                 8.5 if narrow else 8.0) as figure:  # fmt: skip
        every = figure.subplots(len(panels), 1, sharex=True, squeeze=False)[:, 0]
        for axes, (draw, title) in zip(every, panels, strict=True):
            _shade(axes, picture)
            draw(axes, picture)
            _entitle(axes, title, narrow=narrow)
        _name_spans(every[0], picture)
        time_axis(every[-1], picture.lasted_s, 4 if narrow else 12)
        inches = figure.get_figheight()
        figure.subplots_adjust(
            left=0.1 if narrow else 0.045, right=0.955 if narrow else 0.985,
            hspace=0.62 if narrow else 0.36,
            top=1 - (0.42 if narrow else 0.27) / inches, bottom=0.42 / inches,
        )  # fmt: skip
        said = "; ".join(title for _, title in panels)
        return svg(figure, f"What happened, second by second: {said}", _tips(picture))


def _draw_load(axes: "Axes", picture: Picture) -> None:
    for line in picture.load:
        at, values = _xy(line)
        if line.role == "failed":
            axes.fill_between(at, values, color=COLOURS["failed"], alpha=0.75, linewidth=0,
                              step="mid", label=line.name)  # fmt: skip
            continue
        if line.role == "achieved":
            axes.fill_between(at, values, color=COLOURS["achieved"], alpha=0.18, linewidth=0)
        dashes = "--" if line.role == "offered" else "-"
        axes.plot(at, values, color=COLOURS[line.role], linewidth=1.3, linestyle=dashes,
                  label=line.name)  # fmt: skip
    axes.set_ylim(0, _top([picture.load], 1.3))


def _draw_replicas(axes: "Axes", picture: Picture) -> None:
    zones = [line for line in picture.replicas if not line.role.endswith("wanted")]
    for line in picture.replicas:
        wanted = line.role.endswith("wanted")
        role = line.role.split()[0]
        # zones often have the same count: the first is broad, the next narrow on top of it
        width = 1.0 if wanted else 3.4 if role == "zone0" else 1.6
        axes.plot(*_gapped(line), color=COLOURS[role], linewidth=width,
                  linestyle=":" if wanted else "-", drawstyle="steps-post",
                  label=None if wanted else line.name)  # fmt: skip
    if len(zones) < len(picture.replicas):
        axes.plot([], [], color=COLOURS["muted"], linewidth=1.0, linestyle=":", label="wanted")
    for role, marker, rises in (("up", "^", True), ("down", "v", False)):
        label: str | None = f"decided {role}"
        for number, mark in enumerate(picture.marks):
            if (mark.after > mark.before) is rises:
                # one artist a mark, so that each has its own words on hover
                axes.plot([mark.at_s], [mark.after], linestyle="", marker=marker, markersize=6.5,
                          color=COLOURS[role], zorder=5, markeredgecolor=COLOURS["paper"],
                          clip_on=False, label=label, gid=f"mark{number}")  # fmt: skip
                label = None
    axes.set_ylim(0, max(_top([picture.replicas], 1.0), 1) + 0.9)
    whole_ticks(axes)


def _draw_latency(axes: "Axes", picture: Picture) -> None:
    widths = {"p50": 1.1, "p95": 1.7, "p99": 0.9}
    for line in picture.latency:
        axes.plot(*_xy(line), color=COLOURS[line.role], linewidth=widths[line.role],
                  label=line.name)  # fmt: skip
    _limits(axes, picture.latency_limits)
    values = [value for line in picture.latency for _, value in line.points if value > 0]
    levels = [one.level for one in picture.latency_limits]
    if values and max(values) > 25 * min(values):  # a stall would flatten everything else
        axes.set_yscale("log")
        axes.set_ylim(min(values) / 1.4, max([*values, *levels]) * 1.6)
        plain_log_ticks(axes)
    else:
        axes.set_ylim(0, max([*values, *levels], default=1.0) * 1.18)


def _draw_memory(axes: "Axes", picture: Picture) -> None:
    for line in picture.memory:
        axes.plot(*_gapped(line), color=COLOURS[line.role], linewidth=1.5, label=line.name)
    _limits(axes, picture.memory_limits)
    levels = [one.level for one in picture.memory_limits]
    axes.set_ylim(0, max([_top([picture.memory], 1.0), *levels]) * 1.18)


def _tips(picture: Picture) -> dict[str, str]:
    return {
        f"mark{number}": f"{minutes(one.at_s)} zone {one.zone}: {one.before} to {one.after} "
        f"replicas ({one.reason})"
        for number, one in enumerate(picture.marks)
    }


def _limits(axes: "Axes", limits: Sequence[Limit]) -> None:
    for number, one in enumerate(limits):
        right = number % 2 == 0  # neighbours in height keep their names apart
        axes.axhline(one.level, color=COLOURS["limit"], linewidth=1.0, linestyle="--")
        axes.annotate(f"{one.name}: {one.level:.4g}", (1.0 if right else 0.0, one.level),
                      xycoords=("axes fraction", "data"), xytext=(-2 if right else 3, 2),
                      textcoords="offset points", ha="right" if right else "left",
                      color=COLOURS["limit"], fontsize="small")  # fmt: skip


def _shade(axes: "Axes", picture: Picture) -> None:
    for span in picture.spans:
        axes.axvspan(span.from_s, span.to_s, color=COLOURS[span.role], linewidth=0,
                     alpha=0.16 if span.role == "fault" else 0.13)  # fmt: skip
    for mark in picture.marks:
        role = "up" if mark.after > mark.before else "down"
        axes.axvline(mark.at_s, color=COLOURS[role], linewidth=0.8, alpha=0.45)


def _name_spans(axes: "Axes", picture: Picture) -> None:
    for span in picture.spans:
        axes.annotate(span.name, (span.from_s, 1.0), xycoords=("data", "axes fraction"),
                      xytext=(2, -2), textcoords="offset points", va="top", fontsize="small",
                      color=COLOURS["failed" if span.role == "fault" else "muted"])  # fmt: skip


def _entitle(axes: "Axes", title: str, *, narrow: bool) -> None:
    axes.margins(x=0)
    handles, _ = axes.get_legend_handles_labels()
    columns = min(len(handles), 3) if narrow else len(handles)
    rows = math.ceil(len(handles) / columns) if handles else 0
    axes.set_title(title, loc="left", fontsize="large", fontweight="bold",
                   pad=5 + 12.5 * rows if narrow else 5)  # fmt: skip
    where: dict[str, Any] = {"loc": "lower left", "bbox_to_anchor": (0, 1.02)}
    if not narrow:
        where = {"loc": "lower right", "bbox_to_anchor": (1, 1.02)}
    if handles:
        axes.legend(ncol=columns, **where)


def _xy(line: Line) -> tuple[list[float], list[float]]:
    return [at for at, _ in line.points], [value for _, value in line.points]


def _gapped(line: Line) -> tuple[list[float], list[float]]:
    """Where scrapes are missing (a zone is away) the line breaks: no data is not a value."""
    at, values = _xy(line)
    gaps = sorted(later - earlier for earlier, later in pairwise(at))
    usual = gaps[len(gaps) // 2] if gaps else 0.0
    xs, ys = at[:1], values[:1]
    for number in range(1, len(at)):
        if at[number] - at[number - 1] > 3.5 * usual:
            xs.append(at[number - 1] + usual)
            ys.append(float("nan"))
        xs.append(at[number])
        ys.append(values[number])
    return xs, ys


def _top(groups: Sequence[Sequence[Line]], room: float) -> float:
    values = [value for group in groups for line in group for _, value in line.points]
    return max(max(values, default=0.0) * room, 1.0)
