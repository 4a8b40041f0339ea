"""Outliers: outlyingness at the source against outlyingness of the data."""

import numpy as np
from matplotlib.axes import Axes

from koopman_analysis.checks import OutlierCorrespondence
from koopman_analysis.figures.style import GREY, INK, ORANGE


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
