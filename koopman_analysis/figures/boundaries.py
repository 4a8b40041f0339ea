"""Where a flow tears apart what is near: the field of its exponents, and what becomes of neighbours along it."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from koopman_analysis.checks import Neighbourhoods
from koopman_analysis.figures.style import BLUE, GREEN, INK, ORANGE, PINK, mark_bound
from koopman_analysis.sensitivity import ExponentField
from koopman_analysis.shapes import States

FIELD = "viridis"


def draw_exponents(
    ax: Axes,
    field: ExponentField,
    *,
    violating: States | None = None,
    limits: tuple[float, float] | None = None,
    title: str = "",
) -> Axes:
    """The field of exponents over the plane of the noise, with the edges of the basins and the violating objects.

    Args:
        ax: Where to draw.
        field: The exponents, less their median, and the class of every point.
        violating: Noise of objects in pairs that violate the bound by latent distance.
        limits: Where the colours end; those of the field where None.
        title: Above the panel.
    """
    low, high = limits or field.limits
    u = field.coordinates
    picture = ax.imshow(
        field.exponents, origin="lower", extent=(u[0], u[-1], u[0], u[-1]), cmap=FIELD, vmin=low, vmax=high,
        interpolation="bilinear", rasterized=True,
    )  # fmt: skip
    entries = []
    if field.classes is not None:
        # An edge runs between two points of different class, wherever the numbers of the classes lie.
        for label in np.unique(field.classes):
            inside = (field.classes == label).astype(float)
            if 0 < inside.mean() < 1:
                ax.contour(u, u, inside, levels=[0.5], colors=INK, linewidths=0.9)
        entries.append(Line2D([], [], color=INK, lw=1.2, label="edges of the basins"))
    if violating is not None:
        style: dict[str, Any] = {"marker": "o", "ms": 4.2, "mfc": ORANGE, "mec": "white", "mew": 0.6, "ls": "none"}
        ax.plot(violating[:, 0], violating[:, 1], **style)
        entries.append(Line2D([], [], **style, label="in a pair that violates the bound"))
    ax.set(xlim=(u[0], u[-1]), ylim=(u[0], u[-1]), aspect="equal", title=title)
    ax.set(xlabel="noise, first coordinate", ylabel="noise, second coordinate")
    bar = ax.figure.colorbar(picture, ax=ax, extend="both", shrink=0.9, pad=0.02)
    bar.outline.set_visible(False)
    bar.set_label("stretching: log ‖DΦ(x)‖ less its median")
    if entries:
        ax.legend(handles=entries, loc="upper center", bbox_to_anchor=(0.5, -0.16), ncols=2, fontsize=8)
    return ax


def draw_neighbourhoods(ax: Axes, found: Mapping[str, Neighbourhoods], *, bound: float) -> Axes:
    """The share of near neighbours that land in one class, by rising exponent, with its intervals.

    Args:
        ax: Where to draw.
        found: By the name of the space where neighbours are near.
        bound: That of the claim.
    """
    for index, (name, some) in enumerate(found.items()):
        colour = (BLUE, GREEN, PINK, INK)[index % 4]
        count = len(some.groups)
        middle = (np.arange(count) + 0.5) * 100 / count + (index - (len(found) - 1) / 2) * 1.2
        means = np.array([interval.estimate for interval in some.groups])
        ends = np.array([(interval.low, interval.high) for interval in some.groups])
        ax.plot(middle, means, "-o", color=colour, ms=4.5, mec="white", mew=0.6, label=f"near in {name}")
        ax.vlines(middle, ends[:, 0], ends[:, 1], color=colour, lw=1.6, alpha=0.55)
    mark_bound(ax, bound)
    ax.set(xlim=(0, 100), ylim=(0, 1.03))
    ax.grid(axis="y")
    ax.set(xlabel="states by rising exponent, %", ylabel="neighbours of the same class")
    ax.legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=2, fontsize=8)
    return ax
