"""How figures look, and how they become files: the same bytes whenever they are drawn from the same numbers.

Colours are those of Wong 2011 (Nature Methods 8, 441), told apart by the colour-blind. A verdict has a colour, and
always its word or its place beside it.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.figure import Figure as Figure

from koopman_analysis.claims import Verdict

BLUE, ORANGE, GREEN, PINK, YELLOW, SKY, INK = (
    "#0072b2",
    "#d55e00",
    "#009e73",
    "#cc79a7",
    "#e69f00",
    "#56b4e9",
    "#1f2529",
)
GREY, PALE = "#8a9199", "#e4e6e8"
VERDICT_COLOURS = {Verdict.SUPPORTED: GREEN, Verdict.REFUTED: ORANGE, Verdict.INCONCLUSIVE: GREY}

STYLE: Any = {
    "figure.dpi": 150,
    "savefig.dpi": 150,
    "pdf.fonttype": 42,
    "ps.fonttype": 42,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 9,
    "axes.titlesize": 10,
    "axes.titlelocation": "left",
    "axes.titlepad": 9,
    "axes.labelsize": 9,
    "axes.labelcolor": INK,
    "axes.edgecolor": GREY,
    "axes.linewidth": 0.7,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.axisbelow": True,
    "axes.prop_cycle": cycler(color=[BLUE, ORANGE, GREEN, PINK, YELLOW, SKY, INK]),
    "xtick.color": GREY,
    "ytick.color": GREY,
    "xtick.labelcolor": INK,
    "ytick.labelcolor": INK,
    "grid.color": PALE,
    "grid.linewidth": 0.7,
    "legend.frameon": False,
    "lines.linewidth": 1.5,
    "lines.markersize": 5,
}


@contextmanager
def styled() -> Iterator[None]:
    """Inside, figures are drawn and saved in the style of the report."""
    with mpl.rc_context(STYLE):
        yield


def figure_of(
    *draws: Callable[[Axes], Axes], size: tuple[float, float] = (6.4, 3.4), **subplots: Any
) -> Figure:  # fmt: skip
    """A figure with one panel for each drawing, side by side.

    Args:
        draws: Each draws on the axes that it is given.
        size: Width and height in inches.
        subplots: Passed on to `Figure.subplots` (`sharex=True`, …).
    """
    with styled():
        figure = Figure(figsize=size, layout="constrained")
        panels = figure.subplots(1, len(draws), squeeze=False, **subplots)[0]
        for draw, panel in zip(draws, panels, strict=True):
            draw(panel)
    return figure


def save_figure(figure: Figure, stem: Path) -> tuple[Path, Path]:
    """Writes a figure as PDF (fonts embedded) and PNG beside each other, without dates, and returns both paths."""
    pdf, png = stem.with_suffix(".pdf"), stem.with_suffix(".png")
    with styled():
        # The layout is worked out once and kept, so that both files show the same picture in half the time.
        figure.draw_without_rendering()
        figure.set_layout_engine("none")
        figure.savefig(pdf, metadata={"CreationDate": None, "ModDate": None, "Producer": None, "Creator": None})
        figure.savefig(png, metadata={"Software": None})
    return pdf, png


def quiet_rows(ax: Axes, names: list[str]) -> Axes:
    """Lays out horizontal rows by name, the first at the top, with the y-axis reduced to its labels."""
    ax.set_yticks(range(len(names)), names)
    ax.set_ylim(len(names) - 0.4, -0.6)
    ax.spines["left"].set_visible(False)
    ax.tick_params(axis="y", length=0)
    ax.grid(axis="x")
    return ax


def mark_bound(ax: Axes, bound: float) -> Axes:
    """Draws the bound of a claim across, named where it leaves the axis on the left."""
    ax.axhline(bound, color=GREY, lw=0.8, ls=(0, (4, 3)))
    ax.annotate(
        f"bound {bound:g}", (0.0, bound), xycoords=("axes fraction", "data"), xytext=(3, 3),
        textcoords="offset points", color=GREY, fontsize=8,
    )  # fmt: skip
    return ax
