"""The only file that imports matplotlib, and only when it draws: a canvas, ticks, figure -> SVG.

Colours are drawn as placeholders and become CSS variables, so that one picture serves a light
and a dark page; text stays text. Nothing in the SVG names an address.
"""

import io
import re
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Literal
from xml.sax.saxutils import escape, quoteattr

if TYPE_CHECKING:
    # the other charts take the types from here: matplotlib has one door
    from matplotlib.axes import Axes as Axes  # noqa: PLC0414 - exported
    from matplotlib.figure import Figure as Figure  # noqa: PLC0414 - exported

# role -> placeholder; the page defines a CSS variable ``--c-<role>`` for each
ROLES = (
    "ink", "muted", "grid", "paper", "offered", "achieved", "failed", "zone0", "zone1", "zone2",
    "p50", "p95", "p99", "mean", "most", "limit", "warmup", "fault", "up", "down", "front",
    "chosen",
)  # fmt: skip
COLOURS = {role: f"#fe{number:02x}dc" for number, role in enumerate(ROLES)}
STYLE: Any = {
    "svg.fonttype": "none",
    "svg.hashsalt": "insurectl",
    "text.parse_math": False,  # a service may have a $ in its name
    "axes.unicode_minus": False,
    "font.family": "DejaVu Sans",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": COLOURS["muted"],
    "axes.labelcolor": COLOURS["muted"],
    "axes.titlecolor": COLOURS["ink"],
    "text.color": COLOURS["ink"],
    "xtick.color": COLOURS["muted"],
    "ytick.color": COLOURS["muted"],
    "grid.color": COLOURS["grid"],
    "grid.linewidth": 0.6,
    "axes.grid": True,
    "axes.axisbelow": True,
    "axes.linewidth": 0.7,
    "xtick.major.size": 2.5,
    "ytick.major.size": 0,
    "legend.frameon": False,
    "legend.handlelength": 1.3,
    "legend.handletextpad": 0.5,
    "legend.columnspacing": 1.1,
    "legend.borderaxespad": 0.0,
    "legend.labelcolor": COLOURS["ink"],
}
STEPS_S = (1, 2, 5, 10, 15, 20, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14400)


# the light page's colours, for a picture that stands alone
PRINTED = {
    "ink": "#17202b", "muted": "#66727f", "grid": "#e4e8ed", "paper": "#ffffff",
    "offered": "#17202b", "limit": "#c92a2a", "zone0": "#1c7ed6", "zone1": "#d9480f",
    "zone2": "#2b8a3e", "most": "#7048e8", "mean": "#b35c00", "failed": "#d6336c",
}  # fmt: skip
STEPS_OF_DAYS_S = (600, 1800, 3600, 7200, 10_800, 21_600, 43_200, 86_400, 172_800, 604_800)


@contextmanager
def canvas(width: float, height: float, size: float) -> "Iterator[Figure]":
    """A figure of its own, without pyplot's global state or a display."""
    from matplotlib import rc_context  # noqa: PLC0415 - heavy
    from matplotlib.figure import Figure  # noqa: PLC0415 - heavy

    sizes: Any = {"font.size": size, "legend.fontsize": size}
    with rc_context(STYLE | sizes):
        yield Figure(figsize=(width, height))


def image(figure: "Figure", form: Literal["png", "svg"]) -> bytes:
    """A picture that stands alone, on paper, with the colours it was drawn in."""
    content = io.BytesIO()
    metadata: Any = {"Date": None, "Creator": None} if form == "svg" else {"Software": None}
    figure.patch.set_facecolor(PRINTED["paper"])
    figure.savefig(content, format=form, dpi=130, metadata=metadata)
    return content.getvalue()


@contextmanager
def paper(width: float, height: float, size: float) -> "Iterator[Figure]":
    """``canvas`` for a picture that stands alone: in the colours of print."""
    from matplotlib import rc_context  # noqa: PLC0415 - heavy

    ink, muted = PRINTED["ink"], PRINTED["muted"]
    colours: Any = {
        "axes.edgecolor": muted, "axes.labelcolor": muted, "axes.titlecolor": ink,
        "text.color": ink, "xtick.color": muted, "ytick.color": muted,
        "grid.color": PRINTED["grid"], "legend.labelcolor": ink,
    }  # fmt: skip
    with canvas(width, height, size) as figure, rc_context(colours):
        yield figure


def clock_axis(axes: "Axes", lasted_s: float) -> None:
    """Hours and minutes from the start of the trace."""
    from matplotlib.ticker import FuncFormatter, MultipleLocator  # noqa: PLC0415 - heavy

    step = next((step for step in STEPS_OF_DAYS_S if lasted_s / step <= 13), STEPS_OF_DAYS_S[-1])
    axes.set_xlim(0, lasted_s)
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(
        FuncFormatter(lambda at_s, _: f"{round(at_s) // 3600}:{round(at_s) % 3600 // 60:02d}")
    )
    axes.set_xlabel("hours:minutes from the start of the trace")


NOISE = re.compile(
    r"<\?xml.*?\?>|<!DOCTYPE.*?>|<metadata>.*?</metadata>|<style.*?</style>|<!--.*?-->", re.DOTALL
)
SIZE = re.compile(r'<svg [^>]*?viewBox="([^"]+)"[^>]*>')
IDS = re.compile(r'( id="|url\(#|href="#)')
FONTS = re.compile(r"'DejaVu Sans'[^;\"]*")


def svg(figure: "Figure", label: str, tips: Mapping[str, str] | None = None) -> str:
    """Only what a page needs: no prologue, no namespace, no metadata, no address. ``tips``: what
    is shown over the artist of that gid."""
    figure.patch.set_alpha(0)
    for axes in figure.axes:
        axes.patch.set_alpha(0)
    text = io.StringIO()
    figure.savefig(text, format="svg", metadata={"Date": None, "Creator": None})
    drawn = NOISE.sub("", text.getvalue())
    drawn = SIZE.sub(rf'<svg viewBox="\1" role="img" aria-label={_safe(quoteattr(label))}>', drawn)
    for gid, tip in (tips or {}).items():
        drawn = drawn.replace(f'<g id="{gid}">', f"<g><title>{escape(tip)}</title>")
    drawn = re.sub(r'<g id="[^"]*"', "<g", drawn).replace("xlink:href", "href")
    drawn = FONTS.sub("var(--font)", drawn)
    # several pictures share a page: their clip paths and markers must not share names
    drawn = IDS.sub(rf"\g<1>c{zlib.crc32(drawn.encode()):08x}-", drawn)
    for role, colour in COLOURS.items():
        drawn = drawn.replace(colour, f"var(--c-{role})")
    return drawn.strip()


def _safe(text: str) -> str:
    return text.replace("\\", r"\\")


def legend_above(figure: "Figure", axes: "Axes", columns: int) -> None:
    """Above the axes, where no point is; the room is kept for it."""
    if axes.get_legend_handles_labels()[0]:
        axes.legend(loc="lower left", bbox_to_anchor=(0, 1.02), ncol=columns)
    figure.subplots_adjust(left=0.12, right=0.98, top=0.86, bottom=0.13)


def plain_log_ticks(axes: "Axes") -> None:
    """Numbers as people write them, the more of them the fewer decades there are."""
    from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter  # noqa: PLC0415 - heavy

    least, most = axes.get_ylim()
    subs = (1.0, 2.0, 5.0) if most < 60 * least else (1.0, 3.0) if most < 3000 * least else (1.0,)
    axes.yaxis.set_major_locator(LogLocator(base=10, subs=subs))
    axes.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.yaxis.set_minor_formatter(NullFormatter())
    axes.tick_params(axis="y", which="minor", length=0)


def time_axis(axes: "Axes", lasted_s: float, ticks: int) -> None:
    from matplotlib.ticker import FuncFormatter, MultipleLocator  # noqa: PLC0415 - heavy

    step = next((step for step in STEPS_S if lasted_s / step <= ticks), STEPS_S[-1])
    axes.set_xlim(0, lasted_s)
    axes.xaxis.set_major_locator(MultipleLocator(step))
    axes.xaxis.set_major_formatter(FuncFormatter(lambda at_s, _: minutes(at_s)))
    axes.set_xlabel("minutes:seconds from the start of the load")


def minutes(at_s: float) -> str:
    """Seconds from a start as ``minutes:seconds``."""
    whole = round(abs(at_s))
    return f"{'-' if at_s < 0 and whole else ''}{whole // 60}:{whole % 60:02d}"


def whole_ticks(axes: "Axes") -> None:
    """A count of things has no halves."""
    from matplotlib.ticker import MaxNLocator  # noqa: PLC0415 - heavy

    axes.yaxis.set_major_locator(MaxNLocator(nbins=5, integer=True, min_n_ticks=1))


def whole_decades(axes: "Axes") -> None:
    """A logarithmic axis of counts, each as people write it."""
    from matplotlib.ticker import FuncFormatter, NullFormatter  # noqa: PLC0415 - heavy

    axes.xaxis.set_major_formatter(FuncFormatter(lambda amount, _: f"{amount:,.0f}"))
    axes.xaxis.set_minor_formatter(NullFormatter())
