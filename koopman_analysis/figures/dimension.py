"""Quality against dimension: families in simultaneous bands, polynomials against their limit, truncated models."""

from collections.abc import Mapping, Sequence
from types import MappingProxyType

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter, NullLocator

from koopman_analysis.dimension import Curve, FittedLaw, HermiteCurve, SampledHermiteCurve
from koopman_analysis.figures.style import BLUE, GREY, INK, ORANGE, PALE

DECADES = 1e-3
"""Least height of a logarithmic axis below the smallest value, for ends of intervals that reach 0."""


RATIOS = (((1, 1.2, 1.5, 2, 3, 4, 6), 6), ((1, 1.5, 2, 3, 5), 12), ((1, 2, 5), 300), ((1,), np.inf))
"""Steps within a decade that are marked on an axis of ratios, and the share of its ends up to which they have room."""


def draw_sweep(
    ax: Axes,
    curves: Mapping[str, Curve],
    *,
    tolerance: float | None = None,
    laws: Mapping[str, FittedLaw] = MappingProxyType({}),
) -> Axes:
    """Curves of one quantity by name, on logarithmic axes, in bands that hold at all dimensions at once.

    Args:
        ax: Where to draw.
        curves: The curves, by the name that stands at the end of each.
        tolerance: A level to draw, below which a reader counts as closed.
        laws: Fitted laws by the name of their curve, dashed, over its dimensions and no further.
    """
    positive = [value for curve in curves.values() for value in curve.estimates if value > 0]
    # An interval may reach down to zero, which a logarithmic axis does not have.
    floor = min(positive, default=1.0) * DECADES
    for name, curve in curves.items():
        ends = np.array([[i.low, i.estimate, i.high] for i in curve.intervals]).clip(min=floor)
        (line,) = ax.plot(curve.dimensions, ends[:, 1], "o-", ms=4, lw=1.2, label=name)
        ax.fill_between(curve.dimensions, ends[:, 0], ends[:, 2], color=line.get_color(), alpha=0.18, lw=0)
    _dimension_axis(ax, [m for curve in curves.values() for m in curve.dimensions])
    for name, law in laws.items():
        at = np.geomspace(curves[name].dimensions[0], curves[name].dimensions[-1], 100)
        ax.plot(at, law.at(at), color=INK, lw=0.8, ls=(0, (4, 3)), zorder=1)
    if tolerance is not None:
        ax.axhline(tolerance, color=ORANGE, lw=1.0, ls=(0, (4, 3)), zorder=1)
        ax.annotate(
            f"{tolerance:g}", (1.0, tolerance), xycoords=("axes fraction", "data"), xytext=(0, 2),
            textcoords="offset points", ha="right", color=ORANGE, fontsize="small",
        )  # fmt: skip
    ax.set_yscale("log")
    ax.set_ylim(bottom=max(ax.get_ylim()[0], min(positive, default=1.0) / 3))
    ax.set_ylabel(next(iter(curves.values())).quantity)
    ax.grid(axis="y", color=PALE)
    if len(curves) > 1:
        ax.legend(fontsize="small")
    return ax


def draw_hermite_curve(ax: Axes, exact: HermiteCurve, sampled: Mapping[str, SampledHermiteCurve]) -> Axes:
    """The error of the best polynomials, and the median of what least squares on samples reaches, with quartiles."""
    ax.plot(exact.degrees, exact.errors, "o-", color=INK, ms=4, lw=1.2, label="best polynomial")
    for name, curve in sampled.items():
        (line,) = ax.plot(curve.degrees, curve.median, "s--", ms=3.5, lw=1.0, label=name)
        low, high = curve.quartiles
        ax.fill_between(curve.degrees, low, high, color=line.get_color(), alpha=0.18, lw=0)
    ax.axhline(1.0, color=GREY, lw=0.8, ls=(0, (4, 3)), zorder=1)
    ax.set_yscale("log")
    ax.set(xlabel="degree", ylabel="state error, held out")
    ax.grid(axis="y", color=PALE)
    ax.legend(fontsize="small")
    return ax


def draw_rank_sweep(ax: Axes, curves: Mapping[str, Curve], *, margin: float = 0.1) -> Axes:
    """Paired error of truncated models over that of the whole ones, against the rank; 1 is as good as the whole."""
    draw_sweep(ax, curves)
    ax.axhspan(1.0, 1.0 + margin, color=BLUE, alpha=0.08, lw=0, zorder=0)
    ax.axhline(1.0, color=GREY, lw=0.8, zorder=1)
    ax.set_ylim(bottom=0.8)
    _ratio_axis(ax)
    ax.set_xlabel("rank of the truncated operator")
    return ax


def _ratio_axis(ax: Axes) -> None:
    """Round ratios as plain numbers; powers of ten alone would leave one where ratios stay below ten."""
    low, high = ax.get_ylim()
    steps = next(steps for steps, reach in RATIOS if high <= reach * low)
    ax.yaxis.set_major_locator(LogLocator(subs=steps, numticks=20))
    ax.yaxis.set_major_formatter("{x:g}")
    ax.yaxis.set_minor_locator(NullLocator())


def _dimension_axis(ax: Axes, dimensions: Sequence[int]) -> None:
    ax.set_xscale("log", base=2)
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set_xlim(min(dimensions) / 1.1, max(dimensions) * 1.1)
    ax.set_xlabel("dimension of the dictionary")
