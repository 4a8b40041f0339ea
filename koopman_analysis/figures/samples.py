"""Samples in the plane: states as points, coloured by where they go, and teacher beside one step."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.colors import ListedColormap

from koopman_analysis.figures.style import BLUE, GREEN, GREY, INK, ORANGE, PINK, SKY, YELLOW
from koopman_analysis.shapes import Bool, Int, States

CLASSES = ListedColormap([BLUE, YELLOW, GREEN, ORANGE, SKY, PINK, "#5e4fa2", "#7f5539"])


def draw_samples(ax: Axes, states: States, *, title: str = "", colour: str = BLUE, extent: float | None = None) -> Axes:
    """States in their first two coordinates.

    Args:
        ax: Where to draw.
        states: At least two features.
        title: Above the panel.
        colour: Of the points.
        extent: Half the width of the square that is shown; all states where None.
    """
    ax.scatter(states[:, 0], states[:, 1], s=_size(len(states)), color=colour, lw=0, alpha=0.6, rasterized=True)
    return _square(ax, title, extent)


def draw_by_class(
    ax: Axes, states: States, classes: Int[np.ndarray, " n"], *, title: str = "", extent: float | None = None
) -> Axes:
    """States coloured by class: noise by the cell of the data that it becomes, for one."""
    colours = CLASSES(np.asarray(classes) % CLASSES.N)
    ax.scatter(states[:, 0], states[:, 1], s=_size(len(states)), c=colours, lw=0, alpha=0.8, rasterized=True)
    return _square(ax, title, extent)


def draw_marked(
    ax: Axes, states: States, marked: Bool[np.ndarray, " n"], *, title: str = "", extent: float | None = None
) -> Axes:
    """States with some of them marked: the outliers of the data and where they come from, for one."""
    rest, some = states[~marked], states[marked]
    ax.scatter(rest[:, 0], rest[:, 1], s=_size(len(states)), color=GREY, lw=0, alpha=0.35, rasterized=True)
    ax.scatter(some[:, 0], some[:, 1], s=2 * _size(len(states)), color=ORANGE, lw=0, alpha=0.9, rasterized=True)
    return _square(ax, title, extent)


def _size(count: int) -> float:
    """Points shrink as they multiply, so that the ink of a panel stays about the same."""
    return float(np.clip(12_000 / count, 0.8, 12.0))


def _square(ax: Axes, title: str, extent: float | None) -> Axes:
    ax.set_aspect("equal")
    if extent is not None:
        ax.set(xlim=(-extent, extent), ylim=(-extent, extent))
    ax.set_title(title, color=INK)
    for side in ("top", "right"):
        ax.spines[side].set_visible(True)
    ax.tick_params(length=2.5)
    return ax
