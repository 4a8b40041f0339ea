"""What models reach against what their training costs, over what others reach without one."""

from collections.abc import Mapping

import numpy as np
from matplotlib import rcParams
from matplotlib.axes import Axes
from matplotlib.ticker import LogLocator, NullFormatter

from koopman_analysis.resampling import Interval


def draw_quality_against_cost(
    ax: Axes, curves: Mapping[str, Mapping[float, Interval]], levels: Mapping[str, Interval], *, label: str
) -> Axes:
    """A quantity with its intervals against CPU seconds, and across, dashed, what no longer training would change.

    Colours follow the order of the names, curves first, so that panels of the same names share a legend.

    Args:
        ax: Where to draw.
        curves: For each way to train, what it reached by the CPU seconds that it took.
        levels: What others reached, and the data.
        label: The quantity.

    Raises:
        ValueError: If a curve has no point.
    """
    if empty := [name for name, points in curves.items() if not points]:
        raise ValueError(f"expected what each way to train reached, got nothing of {', '.join(empty)}")
    colours = iter(rcParams["axes.prop_cycle"].by_key()["color"] * (len(curves) + len(levels)))
    for name, points in curves.items():
        seconds, colour = sorted(points), next(colours)
        ends = np.array([[points[at].low, points[at].estimate, points[at].high] for at in seconds])
        ax.plot(seconds, ends[:, 1], "o-", color=colour, label=name, zorder=3)
        ax.vlines(seconds, ends[:, 0], ends[:, 2], color=colour, lw=1.0, zorder=3)
    for place, (name, interval) in enumerate(levels.items()):
        colour, dashes = next(colours), (4 * (place % 2), (4, 4))  # of two at one height both are seen
        ax.axhspan(interval.low, interval.high, color=colour, alpha=0.18, lw=0, zorder=1)
        ax.axhline(interval.estimate, color=colour, lw=1.0, ls=dashes, label=name, zorder=2)
    ax.set_xscale("log")
    ax.xaxis.set_major_locator(LogLocator(subs=(1.0, 2.0, 5.0)))
    ax.xaxis.set_major_formatter("{x:g}")
    ax.xaxis.set_minor_formatter(NullFormatter())
    ax.set(xlabel="CPU seconds of training", ylabel=label)
    ax.grid(axis="y")
    return ax
