"""Fitted predictors by what they reach: error against dimension, error against cost; a family is a line."""

from collections.abc import Callable, Collection, Sequence
from typing import Any

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter

from koopman_analysis.figures.style import GREY, INK
from koopman_analysis.studies import MeasuredPredictor


def draw_error_against_dimension(
    ax: Axes, measured: Sequence[MeasuredPredictor], *, marked: Collection[str] = ()
) -> Axes:
    """Relative errors with their intervals against the number of functions, on logarithmic axes.

    Args:
        ax: Where to draw.
        measured: The predictors; those of one family are joined in the order of their dimension.
        marked: Families drawn as named stars: the models that the others are compared with.
    """
    _draw_families(ax, measured, lambda predictor: predictor.dimension, marked)
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.set_xlabel("number of functions")
    return ax


def draw_error_against_cost(ax: Axes, measured: Sequence[MeasuredPredictor], *, marked: Collection[str] = ()) -> Axes:
    """The same against the CPU seconds of the fit."""
    # The clock of the processor has a resolution; what is faster has taken as long.
    _draw_families(ax, measured, lambda predictor: max(predictor.fit_seconds, 1e-3), marked)
    ax.set_xscale("log")
    ax.set_xlabel("CPU seconds of the fit")
    return ax


def _draw_families(
    ax: Axes,
    measured: Sequence[MeasuredPredictor],
    position: Callable[[MeasuredPredictor], float],
    marked: Collection[str],
) -> None:
    families = list(dict.fromkeys(predictor.family for predictor in measured))
    colours = iter(rcParams["axes.prop_cycle"].by_key()["color"] * len(families))
    for family in families:
        members = sorted((p for p in measured if p.family == family), key=lambda p: p.dimension)
        at = [position(member) for member in members]
        ends = np.array([[m.error.low, m.error.estimate, m.error.high] for m in members])
        if family in marked:
            style: dict[str, Any] = {
                "marker": "*",
                "ms": 2.2 * rcParams["lines.markersize"],
                "ls": "none",
                "color": INK,
                "zorder": 4,
            }
            ax.annotate(
                family, (at[-1], ends[-1, 2]), xytext=(0, 9), textcoords="offset points", ha="center", fontsize="small"
            )
        else:
            # A family of few members would hide under the lines of larger ones.
            few = len(members) < 3
            size = (1.1 if few else 0.8) * rcParams["lines.markersize"]
            style = {"marker": "s" if few else "o", "ms": size, "color": next(colours), "lw": 1.0}
            style |= {"mfc": "none", "mew": 1.2, "ls": "none", "zorder": 3} if few else {}
        ax.plot(at, ends[:, 1], label=None if family in marked else family, **style)
        ax.vlines(at, ends[:, 0], ends[:, 2], color=style["color"], lw=1.0, alpha=0.6)
    ax.axhline(1.0, color=GREY, lw=0.8, ls=(0, (4, 3)))
    ax.set_yscale("log")
    ax.yaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{100 * value:g} %"))
    ax.set_ylabel("paired error, held out")
    ax.legend(fontsize="small")
    ax.grid(axis="y")
