"""What the loop found -> SVG: capacity, memory, the front, the comparison, quantiles."""

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from insurectl.planning.histogram import value_of
from insurectl.records import (
    Calibration,
    CalibrationStep,
    Candidate,
    CapacityModel,
    Comparison,
    Outcome,
    RequestStats,
)
from insurectl.render.charts import COLOURS, canvas, legend_above, plain_log_ticks, svg
from insurectl.render.figures import measure

if TYPE_CHECKING:
    from insurectl.render.charts import Axes


def capacity(calibration: Calibration | None, model: CapacityModel | None) -> str:
    """Latency against rate: steps, the curve with its interval, the SLO and the knee."""
    steps = [one for one in calibration.steps if one.quantile_ms is not None] if calibration else []
    curve = model.curve if model else ()
    head = model or calibration
    if head is None or not (steps or curve):
        return ""
    with canvas(4.3, 3.1, 7.5) as figure:
        axes = figure.subplots()
        if model and curve:
            points = sorted(curve, key=lambda one: one.rps)
            rates = [one.rps for one in points]
            axes.fill_between(rates, [one.low_ms for one in points],
                              [one.high_ms for one in points], color=COLOURS["achieved"],
                              alpha=0.16, linewidth=0)  # fmt: skip
            axes.plot(rates, [one.quantile_ms for one in points], color=COLOURS["achieved"],
                      linewidth=1.6, label="curve, 95 % band")  # fmt: skip
        if model:
            _knee(axes, model)
        highest = [one.quantile_ms or 0.0 for one in steps] + [one.high_ms for one in curve]
        top = min(max([*highest, head.slo_ms * 1.2]), head.slo_ms * 3.2) * 1.08
        _steps(axes, steps, model.requests_per_arrival if model else 1.0, top)
        axes.axhline(head.slo_ms, color=COLOURS["limit"], linewidth=1.2, linestyle="--")
        axes.annotate(f"SLO {head.slo_ms:g} ms", (0.01, head.slo_ms),
                      xycoords=("axes fraction", "data"), xytext=(2, 3),
                      textcoords="offset points", color=COLOURS["limit"])  # fmt: skip
        axes.set_ylim(0, top)
        axes.set_xlim(left=0)
        axes.set_xlabel(f"{'requests' if model else 'arrivals'}/s to one replica")
        axes.set_ylabel(f"p{head.slo_quantile * 100:g}, ms")
        legend_above(figure, axes, 3)
        return svg(figure, f"Latency of one replica of {head.service} against its rate")


def memory(calibration: Calibration | None, model: CapacityModel | None) -> str:
    """Memory of one replica against its rate: steps and the fitted line."""
    steps = [one for one in calibration.steps if one.memory_mib is not None] if calibration else []
    if not steps:
        return ""
    with canvas(4.3, 3.1, 7.5) as figure:
        axes = figure.subplots()
        most = max(one.achieved_rps for one in steps) * 1.08
        if model:
            floor, slope = model.memory_floor_mib, model.memory_per_rps_mib
            axes.fill_between([0, most], [floor.low, floor.low + slope.low * most],
                              [floor.high, floor.high + slope.high * most],
                              color=COLOURS["most"], alpha=0.14, linewidth=0)  # fmt: skip
            axes.plot([0, most], [floor.value, floor.value + slope.value * most],
                      color=COLOURS["most"], linewidth=1.6,
                      label=f"{floor.value:.3g} + {slope.value:.3g} MiB a request/s")  # fmt: skip
        for name, valid in (("steps", True), ("invalid", False)):
            found = [one for one in steps if (one.outcome is not Outcome.INVALID) is valid]
            if found:
                axes.plot([one.achieved_rps for one in found],
                          [one.memory_mib or 0.0 for one in found], linestyle="",
                          marker="o" if valid else "x", markersize=4.5, label=name,
                          color=COLOURS["ink" if valid else "muted"])  # fmt: skip
        axes.set_ylim(0, max(one.memory_mib or 0.0 for one in steps) * 1.25)
        axes.set_xlim(0, most)
        axes.set_xlabel("requests/s achieved by one replica")
        axes.set_ylabel("memory, MiB")
        legend_above(figure, axes, 3)
        return svg(figure, "Memory of one replica against its rate")


def front(candidates: Sequence[Candidate], chosen: Candidate | None) -> str:
    """Cost against SLO of all settings that were kept; the front and the chosen point."""
    if not candidates:
        return ""
    with canvas(4.3, 3.1, 7.5) as figure:
        axes = figure.subplots()
        rest = [one for one in candidates if not one.on_front]
        best = sorted((one for one in candidates if one.on_front),
                      key=lambda one: one.replica_seconds)  # fmt: skip
        if rest:
            axes.plot(*_cost(rest), linestyle="", marker="o", markersize=2.6, markeredgewidth=0,
                      color=COLOURS["muted"], alpha=0.55, label="searched")  # fmt: skip
        if best:
            axes.plot(*_cost(best), color=COLOURS["front"], linewidth=1.3, marker="o",
                      markersize=4, drawstyle="steps-post", label="front")  # fmt: skip
        if chosen is not None:
            axes.plot(*_cost([chosen]), linestyle="", marker="*", markersize=13,
                      color=COLOURS["chosen"], markeredgecolor=COLOURS["paper"],
                      label="chosen")  # fmt: skip
        most = 100 * max(one.miss_ratio for one in best or candidates)
        axes.set_yscale("symlog", linthresh=0.1)  # what matters is near none, and none is there
        ticks = [0, *(tick for tick in (0.1, 1, 10, 100) if tick < most * 10)]
        axes.set_yticks(ticks, [f"{tick:g}" for tick in ticks])
        axes.minorticks_off()
        axes.set_ylim(-0.02, max(most * 1.6, 0.2))
        axes.set_xlabel("replica-seconds (cost)")
        axes.set_ylabel("slower than the SLO, %")
        legend_above(figure, axes, 3)
        return svg(figure, "Cost against SLO of the settings searched")


def _cost(candidates: Sequence[Candidate]) -> tuple[list[float], list[float]]:
    return ([one.replica_seconds for one in candidates],
            [100 * one.miss_ratio for one in candidates])  # fmt: skip


def _steps(
    axes: "Axes", steps: Sequence[CalibrationStep], requests_per_arrival: float, top_ms: float
) -> None:
    """Shape says it too: filled within the SLO, hollow beyond it, a cross when invalid; an arrow
    where the point lies above the picture."""

    def kind(one: CalibrationStep) -> str:
        if one.outcome is Outcome.INVALID:
            return "invalid"
        if (one.quantile_ms or 0.0) > top_ms:
            return "far beyond"
        return "within" if one.within_slo else "beyond"

    looks: dict[str, dict[str, Any]] = {
        "within": {"marker": "o", "color": COLOURS["ink"]},
        "beyond": {"marker": "o", "color": COLOURS["failed"], "markerfacecolor": "none"},
        "far beyond": {"marker": "^", "color": COLOURS["failed"], "markerfacecolor": "none"},
        "invalid": {"marker": "x", "color": COLOURS["muted"]},
    }
    for name, look in looks.items():
        found = [one for one in steps if kind(one) == name]
        if found:
            axes.plot([one.rate_rps * requests_per_arrival for one in found],
                      [min(one.quantile_ms or 0.0, 0.97 * top_ms) for one in found],
                      linestyle="", markersize=4.5, label=name, **look)  # fmt: skip


def _knee(axes: "Axes", model: CapacityModel) -> None:
    knee = model.rps_per_replica
    sign = "at least " if model.lower_bound else ""
    axes.axvspan(knee.low, knee.high, color=COLOURS["up"], alpha=0.18, linewidth=0)
    axes.axvline(knee.value, color=COLOURS["up"], linewidth=1.4,
                 label=f"takes {sign}{knee.value:.3g}/s")  # fmt: skip


def comparison(found: Sequence[Comparison]) -> str:
    """Allowed interval, prediction and measurement; each row on its own scale."""
    if not found:
        return ""
    with canvas(4.3, 0.35 + 0.5 * len(found), 7.5) as figure:
        axes = figure.subplots()
        for row, one in enumerate(found):
            _compare(axes, len(found) - 1 - row, one)
        axes.set_xlim(-0.62, 1.62)
        axes.set_ylim(-0.55, len(found) - 0.3)
        axes.axis("off")
        figure.subplots_adjust(left=0.01, right=0.99, top=0.99, bottom=0.02)
        said = "; ".join(f"{one.what} {measure(one.measured, one.unit)}" for one in found)
        return svg(figure, f"Predicted against measured: {said}")


def _compare(axes: "Axes", height: float, one: Comparison) -> None:
    width = one.allowed_high - one.allowed_low or 1.0

    def at(value: float) -> float:
        return min(max((value - one.allowed_low) / width, -0.55), 1.55)

    predicted = one.predicted
    axes.fill_between([0, 1], height - 0.17, height + 0.17, color=COLOURS["up"], alpha=0.16,
                      linewidth=0)  # fmt: skip
    axes.plot([at(predicted.low), at(predicted.high)], [height, height], linewidth=1.6,
              color=COLOURS["muted"])  # fmt: skip
    axes.plot([at(predicted.value)] * 2, [height - 0.11, height + 0.11], linewidth=1.6,
              color=COLOURS["muted"])  # fmt: skip
    small: dict[str, Any] = {"fontsize": "small", "color": COLOURS["muted"], "va": "center"}
    axes.text(-0.02, height - 0.06, measure(one.allowed_low, one.unit), ha="right", **small)
    axes.text(1.02, height - 0.06, measure(one.allowed_high, one.unit), ha="left", **small)
    axes.text(-0.6, height + 0.3, one.what, va="center", color=COLOURS["ink"], fontweight="bold")
    if one.measured is None or not math.isfinite(one.measured):
        return
    role = "up" if one.met else "failed"
    axes.plot([at(one.measured)], [height], marker="o" if one.met else "X", markersize=7,
              color=COLOURS[role], markeredgecolor=COLOURS["paper"], zorder=5)  # fmt: skip
    axes.text(1.6, height + 0.3, f"measured {measure(one.measured, one.unit)}", va="center",
              ha="right", color=COLOURS[role])  # fmt: skip


QUANTILE_ROLES = ("achieved", "zone1", "most", "p95", "front", "muted")


def quantiles(requests: Sequence[RequestStats], slo_ms: float | None) -> str:
    """Latency of the slowest share of the requests, on the scale of nines."""
    drawn = [one for one in requests if one.histogram][: len(QUANTILE_ROLES)]
    if not drawn:
        return ""
    with canvas(4.3, 3.1, 7.5) as figure:
        axes = figure.subplots()
        for one, role in zip(drawn, QUANTILE_ROLES, strict=False):
            shares, values = _tail(one.histogram)
            axes.plot(shares, values, color=COLOURS[role], linewidth=1.5, label=one.name)
        if slo_ms is not None:
            axes.axhline(slo_ms, color=COLOURS["limit"], linewidth=1.2, linestyle="--",
                         label=f"SLO {slo_ms:g} ms")  # fmt: skip
        axes.set_xscale("log")
        axes.set_xlim(1.0, _least_share(drawn))
        axes.set_yscale("log")
        plain_log_ticks(axes)
        axes.set_xticks(*_nines(_least_share(drawn)))
        axes.minorticks_off()
        axes.set_ylabel("latency, ms")
        legend_above(figure, axes, 3)
        return svg(figure, "Latency by quantile: " + ", ".join(one.name for one in drawn))


def _tail(histogram: Mapping[int, int]) -> tuple[list[float], list[float]]:
    """(share of requests that are slower or as slow, latency), from all to the slowest."""
    count, left = sum(histogram.values()), sum(histogram.values())
    shares, values = [], []
    for index in sorted(histogram):
        shares.append(left / count)
        values.append(value_of(index))
        left -= histogram[index]
    return shares, values


def _least_share(drawn: Sequence[RequestStats]) -> float:
    most = max(sum(one.histogram.values()) for one in drawn)
    return min(max(1 / most, 1e-5), 0.1)


def _nines(least: float) -> tuple[list[float], list[str]]:
    marks = {0.5: "p50", 0.1: "p90", 0.01: "p99", 0.001: "p99.9", 0.0001: "p99.99"}
    kept = {share: name for share, name in marks.items() if share >= least * 0.999}
    return list(kept), list(kept.values())
