"""Autonomy: the error of one semigroup at each time of the flow, beside what it must be compared with."""

from typing import Any

import numpy as np
from matplotlib.axes import Axes

from koopman_analysis.autonomy import AutonomyReport
from koopman_analysis.autonomy.report import COMPOSED, INDEPENDENT, SEMIGROUP, STRAIGHT
from koopman_analysis.figures.style import BLUE, GREEN, GREY, ORANGE, mark_bound

SMALLEST = 1e-16
"""Errors below this are drawn at it: a logarithmic axis has no zero."""
_LOOKS: dict[str, dict[str, Any]] = {
    STRAIGHT: {"color": ORANGE, "marker": "s", "ls": "--", "aside": -0.06},
    SEMIGROUP: {"color": BLUE, "marker": "o", "ls": "-", "aside": -0.02},
    COMPOSED: {"color": GREEN, "marker": "x", "ls": "none", "aside": 0.06},
    INDEPENDENT: {"color": GREY, "marker": ".", "ls": "-", "aside": 0.02},
}


def draw_autonomy(ax: Axes, report: AutonomyReport, *, bound: float | None = None) -> Axes:
    """Held-out errors with their intervals at each later time, noise to the left, on a logarithmic axis.

    Composed operators stand at the time that they pass through, and their error is that at the last time.

    Args:
        ax: Where to draw.
        report: What was measured.
        bound: Largest error of a flow called autonomous, drawn as a line.
    """
    times = np.arange(1, len(report.times))
    for name, look in _LOOKS.items():
        # Side by side: where a semigroup is as good as any matrix, they would hide each other.
        position = times + look["aside"]
        intervals = report.by_contender[name]
        low, estimate, high = (
            np.maximum([getattr(interval, end) for interval in intervals], SMALLEST)
            for end in ("low", "estimate", "high")
        )
        ax.plot(position, estimate, label=name, marker=look["marker"], ls=look["ls"], color=look["color"])
        ax.vlines(position, low, high, color=look["color"], lw=1.0, alpha=0.6)
    if bound is not None:
        mark_bound(ax, bound)
    ax.set_yscale("log")
    ax.set_xticks(times, [f"{time:.2g}" for time in report.times[1:]])
    ax.set(xlabel="time of the flow, noise to the left", ylabel="error / spread, held out")
    ax.legend()
    ax.grid(axis="y")
    return ax
