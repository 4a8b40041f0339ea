"""Outliers: outlyingness at the source against that of the data; clusters of the data carried back to their source."""

import numpy as np
from matplotlib.axes import Axes

from koopman_analysis.checks import OutlierCorrespondence
from koopman_analysis.figures.samples import draw_by_class
from koopman_analysis.figures.style import GREY, INK, ORANGE
from koopman_analysis.shapes import Bool, Labels, States

POINTS = 2000
"""Points of a region that are drawn, beside all outliers: more would only fill."""


def draw_outliers(ax: Axes, correspondence: OutlierCorrespondence, *, source: str = "noise") -> Axes:
    """How far out each object lies at the source and in the data; the outliers of the data are marked."""
    outlier = correspondence.outlier
    for mask, colour, alpha in ((~outlier, GREY, 0.35), (outlier, ORANGE, 0.9)):
        x, y = correspondence.source[mask], correspondence.data[mask]
        ax.scatter(x, y, s=7, color=colour, lw=0, alpha=alpha, rasterized=True)
    threshold = float(correspondence.data[outlier].min())
    ax.axhline(threshold, color=INK, lw=0.8, ls=(0, (4, 3)))
    ax.annotate(
        f"outermost {100 * np.mean(outlier):.0f} %\nof the data", (0.0, threshold),
        xycoords=("axes fraction", "data"), xytext=(4, 4), textcoords="offset points", va="bottom", fontsize=8,
    )  # fmt: skip
    auroc = correspondence.auroc
    ax.set_title(f"AUROC {auroc.estimate:.3f}  [{auroc.low:.3f}, {auroc.high:.3f}]")
    ax.set(xlabel=f"outlyingness of the {source}", ylabel="outlyingness of the data")
    return ax


def draw_regions(
    ax: Axes, states: States, clusters: Labels, outlier: Bool[np.ndarray, " n"], *, title: str = ""
) -> Axes:  # fmt: skip
    """Objects in their first two coordinates, coloured by the cluster of their data, with its outliers as crosses.

    One coordinate is drawn against nothing. Beyond 2,000 objects, those that are no outliers are thinned out evenly.
    """
    plane = states[:, :2] if states.shape[1] > 1 else np.column_stack([states[:, 0], np.zeros(len(states))])
    rest = np.flatnonzero(~outlier)
    shown = rest[:: max(1, -(-len(rest) // POINTS))]
    draw_by_class(ax, plane[shown], clusters[shown], title=title)
    across, up = plane[outlier].T
    ax.scatter(across, up, s=7, color=INK, marker="x", lw=0.6, alpha=0.9, rasterized=True)
    ax.set(xticks=[], yticks=[])
    ax.set_aspect("equal", adjustable="datalim")
    return ax
