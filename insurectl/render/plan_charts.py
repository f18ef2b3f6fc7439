"""A plan -> SVG: where things break, and when growth gets there."""

from insurectl.records import Plan
from insurectl.render.charts import COLOURS, canvas, svg, whole_decades, whole_ticks

MOST_BARS = 12


def limits(plan: Plan) -> str:
    """A bar a limit, to the people at which it breaks, on a logarithmic axis."""
    found = [one for one in plan.figures.limits if one.people][:MOST_BARS]
    if not found:
        return ""
    asked = plan.inputs.people
    with canvas(5.4, 0.9 + 0.24 * len(found), 7.5) as figure:
        axes = figure.subplots()
        for row, one in enumerate(reversed(found)):
            people = one.people or 1
            role = "limit" if people < asked else "front" if one.bought else "achieved"
            axes.barh(row, people, height=0.62, color=COLOURS[role], alpha=0.45, linewidth=0)
            axes.annotate(f"{one.name}, {people:,}", (0.01, row), xytext=(2, -2.5),
                          xycoords=("axes fraction", "data"),
                          textcoords="offset points", color=COLOURS["ink"])  # fmt: skip
        axes.axvline(asked, color=COLOURS["chosen"], linewidth=1.4)
        axes.set_xscale("log")
        axes.set_xlim(min(asked, *(one.people or asked for one in found)) / 10,
                      max(asked, *(one.people or asked for one in found)) * 1.5)  # fmt: skip
        axes.set_yticks([])
        whole_decades(axes)
        axes.set_xlabel(f"people at once (the line: {asked:,}, as asked for)")
        figure.tight_layout()
        return svg(figure, "People at once at which each limit breaks")


def growth(plan: Plan) -> str:
    """People by quarter; a dashed line at each set limit that they pass."""
    if not plan.quarters:
        return ""
    most = plan.quarters[-1].people
    with canvas(4.3, 3.1, 7.5) as figure:
        axes = figure.subplots()
        axes.plot([one.number for one in plan.quarters], [one.people for one in plan.quarters],
                  color=COLOURS["achieved"], linewidth=1.6, marker="o", markersize=3)  # fmt: skip
        for one in plan.figures.limits:
            if not one.bought and one.people is not None and one.people <= most:
                axes.axhline(one.people, color=COLOURS["limit"], linewidth=1, linestyle="--")
                axes.annotate(f"{one.name}, {one.people:,}", (0.01, one.people), xytext=(2, 3),
                              xycoords=("axes fraction", "data"), textcoords="offset points",
                              color=COLOURS["limit"])  # fmt: skip
        axes.set_ylim(0, most * 1.12)
        axes.set_xlabel("quarters from now")
        axes.set_ylabel("people at once")
        whole_ticks(axes)
        figure.tight_layout()
        return svg(figure, "People at once by quarter")
