"""What distances mean: every representation's number, and the latent space beside a teacher's way."""

import textwrap
from functools import partial

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from koopman_analysis.figures.intervals import draw_differences
from koopman_analysis.figures.style import BLUE, GREY, INK, ORANGE, PALE, SKY, figure_of, quiet_rows
from koopman_analysis.resampling import Interval
from koopman_analysis.semantics import LATENT, SemanticStudy, StatesOnTheWay


def draw_semantic_values(ax: Axes, study: SemanticStudy, question: str) -> Axes:
    """The statistic of every representation with its own interval; hollow is what need not be exceeded.

    The latent space is blue, and a pale band carries its interval down to the others.
    """
    values = study.values(question)
    quiet_rows(ax, list(values))
    latent = values[LATENT]
    ax.axvspan(latent.low, latent.high, color=SKY, alpha=0.25, lw=0, zorder=0)
    for row, (name, interval) in enumerate(values.items()):
        colour = BLUE if name == LATENT else ORANGE if name in study.controls else GREY
        filled = name == LATENT or name in study.controls
        ax.plot([interval.low, interval.high], [row, row], color=colour, lw=1.8, solid_capstyle="round", zorder=2)
        ax.plot(
            interval.estimate, row, "o", color=colour, ms=5, mec=colour, mfc=colour if filled else "white", mew=1.1,
            zorder=3,
        )  # fmt: skip
    needed = 1 + len(study.controls)
    if needed < len(values):
        ax.axhline(needed - 0.5, color=PALE, lw=1.0, zorder=0)
    ax.margins(x=0.06)
    ax.set_xlabel(_wrapped(question))
    return ax


def semantic_figure(study: SemanticStudy, question: str, *, bound: float) -> Figure:
    """Every representation's number on the left, the lead of the latent space over each control on the right."""
    values = partial(draw_semantic_values, study=study, question=question)
    leads = partial(
        draw_differences, differences=study.differences(question), bound=bound, label="lead of the latent space"
    )  # fmt: skip
    return figure_of(values, leads, size=(9.8, 1.3 + 0.27 * len(study.names)))


def draw_midway(ax: Axes, study: SemanticStudy, question: str, path: StatesOnTheWay) -> Axes:
    """The statistic along the teacher's way from noise, on the left, to data; the latent space is a band across."""
    values = study.values(question)
    latent = values[LATENT]
    ax.axhspan(latent.low, latent.high, color=SKY, alpha=0.3, lw=0, zorder=0)
    ax.axhline(latent.estimate, color=BLUE, lw=1.2, zorder=1)
    ends = {name: values[name] for name in ("noise", "the data") if name in values}
    at = np.array(path.positions)
    descending = at[0] > at[-1]
    curve = [values[name] for name in path.names]
    _draw_curve(ax, at, curve)
    middle = at[path.middle]
    ax.plot(middle, curve[path.middle].estimate, "o", color=ORANGE, ms=8, mec="white", mew=1.0, zorder=4)
    if descending:
        ax.set_xscale("log")
        ax.invert_xaxis()
        ax.minorticks_off()
    for name, interval in ends.items():
        ax.axhline(interval.estimate, color=GREY, lw=0.8, ls=(0, (4, 3)), zorder=0)
        right = name == "noise"
        ax.annotate(
            name, (1.0 if right else 0.0, interval.estimate), xycoords=("axes fraction", "data"),
            xytext=(-3 if right else 3, 2), textcoords="offset points", ha="right" if right else "left", fontsize=8,
            color=INK,
        )  # fmt: skip
    ax.annotate(
        "latent", (0.0, latent.estimate), xycoords=("axes fraction", "data"), xytext=(3, -3),
        textcoords="offset points", va="top", fontsize=8, color=BLUE,
    )  # fmt: skip
    ax.set_title(_wrapped(question, 34), fontsize=8)
    ax.set_xlabel(f"{path.clock} of the teacher's state")
    return ax


def _draw_curve(ax: Axes, at: np.ndarray, curve: list[Interval]) -> None:
    ax.vlines(at, [i.low for i in curve], [i.high for i in curve], color=INK, lw=1.2, zorder=2)
    ax.plot(at, [i.estimate for i in curve], "o-", color=INK, ms=4, lw=1.0, zorder=3)


def _wrapped(text: str, width: int = 60) -> str:
    return textwrap.fill(text, width)
