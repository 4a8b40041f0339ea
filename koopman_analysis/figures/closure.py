"""Closure: the canonical correlations of a pair of dictionaries, and the defect of a nested family."""

from collections.abc import Sequence

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from koopman_analysis.closure import DecoderWeightedSpectrum
from koopman_analysis.figures.style import BLUE, GREY, ORANGE, PALE
from koopman_analysis.resampling import Interval


def draw_closure_spectrum(ax: Axes, spectrum: Sequence[Interval]) -> Axes:
    """The closure spectrum in falling order: at 1 a direction is predicted fully by a linear map, at 0 not at all."""
    index = np.arange(1, len(spectrum) + 1)
    low, estimate, high = (
        np.array([getattr(sigma, end) for sigma in spectrum]) for end in ("low", "estimate", "high")
    )  # fmt: skip
    ax.axhline(1.0, color=GREY, lw=0.8, ls=(0, (4, 3)))
    ax.fill_between(index, low, high, color=BLUE, alpha=0.18, lw=0, step=None)
    ax.plot(index, estimate, "o-", color=BLUE, ms=4, lw=1.0)
    ax.set(xlabel="output direction", ylabel="canonical correlation σ", ylim=(min(-0.02, low.min()), 1.06))
    ax.set_xlim(0.5, len(spectrum) + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(axis="y")
    return ax


def draw_defect_against_dimension(
    ax: Axes, dimensions: Sequence[int], defects: Sequence[Interval], *, tolerance: float, label: str = ""
) -> Axes:
    """The defect of a nested family against its dimension, on logarithmic axes, with the tolerance.

    Several families may be drawn on the same axes, each with its label.
    """
    # An interval may reach down to zero, which a logarithmic axis does not have.
    smallest = min((defect.estimate for defect in defects if defect.estimate > 0.0), default=1e-16) / 10.0
    ends = np.array([[defect.low, defect.estimate, defect.high] for defect in defects]).clip(min=smallest)
    (line,) = ax.plot(dimensions, ends[:, 1], "o-", label=label or None, ms=4.5)
    ax.fill_between(dimensions, ends[:, 0], ends[:, 2], color=line.get_color(), alpha=0.18, lw=0)
    ax.set_xscale("log", base=2)
    ax.set_yscale("log")
    ax.xaxis.set_major_formatter("{x:g}")
    if not ax.get_legend():
        ax.axhline(tolerance, color=ORANGE, lw=1.0, ls=(0, (4, 3)))
        ax.annotate(
            f"closed below {tolerance:g}", (1.0, tolerance), xycoords=("axes fraction", "data"), xytext=(0, 3),
            textcoords="offset points", ha="right", color=ORANGE, fontsize=8,
        )  # fmt: skip
    ax.set(xlabel="dimension of the dictionary", ylabel="defect (share of variance)")
    ax.grid(axis="y", color=PALE)
    if label:
        ax.legend()
    return ax


def draw_weighted_spectrum(ax: Axes, spectrum: DecoderWeightedSpectrum, *, tolerance: float = 0.01) -> Axes:
    """The defect of a learned dictionary against output rank, beside what the decoder reads beyond that rank."""
    rank = np.arange(1, spectrum.dimension + 1)
    low, estimate, high = (
        np.array([getattr(defect, end) for defect in spectrum.defect]) for end in ("low", "estimate", "high")
    )
    ax.axhline(tolerance, color=GREY, lw=0.8, ls=(0, (4, 3)))
    ax.fill_between(rank, low, high, color=BLUE, alpha=0.18, lw=0)
    ax.plot(rank, estimate, "o-", color=BLUE, ms=4, lw=1.0, label="not predicted, of the first directions")
    ax.plot(rank, 1 - np.array(spectrum.readout_share), color=ORANGE, lw=1.0, label="read beyond them")
    ax.set(xlabel="output rank, in the order of the decoder", ylabel="share of variance", ylim=(-0.02, 1.06))
    ax.set_xlim(0.5, max(spectrum.dimension, 1) + 0.5)
    ax.xaxis.set_major_locator(MaxNLocator(integer=True))
    ax.grid(axis="y")
    ax.legend()
    return ax
