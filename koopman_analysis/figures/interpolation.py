"""Interpolations: images from one end to the other, paths in the plane, and how far from the data they lead."""

from collections.abc import Mapping
from itertools import pairwise

import numpy as np
from matplotlib.axes import Axes
from matplotlib.ticker import FixedLocator, NullLocator

from koopman_analysis.figures.images import screened
from koopman_analysis.figures.style import BLUE, GREEN, GREY, INK, ORANGE, PINK, SKY, YELLOW, quiet_rows
from koopman_analysis.interpolation import InterpolationStudy, Paths
from koopman_analysis.resampling import Bootstrap
from koopman_analysis.shapes import Float

COLOURS = (BLUE, ORANGE, GREEN, PINK, YELLOW, SKY, INK)
LINE = 0.065
"""Least room between the names of two curves, as a share of the axis."""


def draw_interpolations(
    ax: Axes, ways: Mapping[str, np.ndarray], *, shares: Float[np.ndarray, " s"], title: str = ""
) -> Axes:
    """One pair of ends, a row of images for each way between them.

    Args:
        ax: Where to draw.
        ways: The images along each way, by name, of shape (s, height, width) or (s, 1 or 3, height, width).
        shares: The shares of the way.
        title: Above the panel.

    Raises:
        ValueError: If a way has not one image at each share.
    """
    for row, (way, images) in enumerate(ways.items()):
        if len(images) != len(shares):
            raise ValueError(f"expected an image at each of {len(shares)} shares of {way!r}, got {len(images)}")
        for place, image in enumerate(screened(images)):
            left, top = place * 1.12, row * 1.22
            ax.imshow(
                image[..., 0] if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=1,
                interpolation="nearest", extent=(left, left + 1.0, top + 1.0, top),
            )  # fmt: skip
    ax.set(xlim=(-0.06, 1.12 * len(shares) - 0.06), ylim=(1.22 * len(ways) - 0.1, -0.06))
    ax.set_aspect("equal")
    ax.set_yticks([1.22 * row + 0.5 for row in range(len(ways))], list(ways))
    ends = sorted({0, len(shares) // 2, len(shares) - 1})
    ax.set_xticks([1.12 * place + 0.5 for place in ends], [f"s = {shares[place]:g}" for place in ends])
    ax.tick_params(length=0)
    ax.spines[:].set_visible(False)
    ax.set_title(title, color=INK)
    return ax


def draw_paths(
    ax: Axes,
    paths: Paths,
    *,
    behind: Float[np.ndarray, "_ d"] | None = None,
    title: str = "",
    extent: float | None = None,
) -> Axes:
    """Paths in the plane, a dot at each share: where dots lie far apart, the way jumps.

    Args:
        ax: Where to draw.
        paths: In their first two coordinates.
        behind: Data points, drawn pale.
        title: Above the panel.
        extent: Half the width of the square that is shown; everything where None.
    """
    if behind is not None:
        ax.scatter(behind[:, 0], behind[:, 1], s=2.0, color=GREY, lw=0, alpha=0.35, rasterized=True, zorder=0)
    for index, path in enumerate(paths):
        colour = COLOURS[index % len(COLOURS)]
        ax.plot(path[:, 0], path[:, 1], color=colour, lw=0.8, alpha=0.7, zorder=1)
        ax.plot(path[1:-1, 0], path[1:-1, 1], "o", color=colour, ms=3.2, mec="white", mew=0.4, zorder=2)
        ax.plot(path[[0, -1], 0], path[[0, -1], 1], "o", color=colour, ms=6.5, mec=INK, mew=0.9, zorder=3)
    ax.set_aspect("equal")
    if extent is not None:
        ax.set(xlim=(-extent, extent), ylim=(-extent, extent))
    for side in ("top", "right"):
        ax.spines[side].set_visible(True)
    ax.tick_params(length=2.5)
    ax.set_title(title, color=INK)
    return ax


def draw_departures(ax: Axes, study: InterpolationStudy, *, ways: tuple[str, ...] | None = None) -> Axes:
    """How far from the data each way leads, share by share: mean over pairs, with its interval at each share."""
    shown = study.ways if ways is None else ways
    middle = len(study.shares) // 2
    ax.axhline(1.0, color=GREY, lw=0.8, ls=(0, (4, 3)), zorder=0)
    for way, colour in zip(shown, COLOURS, strict=False):
        along = study.along[way]
        low, high = [interval.low for interval in along], [interval.high for interval in along]
        ax.fill_between(study.shares, low, high, color=colour, alpha=0.18, lw=0)
        ax.plot(study.shares, [interval.estimate for interval in along], color=colour, label=way)
    ax.set(
        xlim=(0.0, 1.0),
        xlabel="share of the way s",
        ylabel="distance to the nearest real point\n(1: of another real point)",
    )
    ax.xaxis.set_major_locator(FixedLocator([0.0, 0.5, 1.0]))
    ax.set_ylim(bottom=0.0)
    heights = [study.along[way][middle].estimate for way in shown]
    for way, colour, height in zip(shown, COLOURS, _apart(heights, ax), strict=False):
        ax.annotate(
            way, (1.0, height), xytext=(6, 0), textcoords="offset points", va="center", color=colour,
            annotation_clip=False,
        )  # fmt: skip
    return ax


def draw_path_measures(
    ax: Axes, study: InterpolationStudy, measured: Bootstrap, *, label: str, names: bool = True
) -> Axes:
    """One quantity of each way with its interval and its number, the ways from top to bottom as in the study.

    Args:
        ax: Where to draw.
        study: The study.
        measured: Its length, jump, departure or detour.
        label: What it is.
        names: Whether the ways are named at the left.
    """
    intervals = study.by_way(measured)
    quiet_rows(ax, list(intervals) if names else [""] * len(intervals))
    for row, interval in enumerate(intervals.values()):
        colour = COLOURS[row % len(COLOURS)]
        ax.plot([interval.low, interval.high], [row, row], color=colour, lw=2.2, solid_capstyle="round", zorder=2)
        ax.plot(interval.estimate, row, "o", color=colour, ms=6, mec="white", mew=0.9, zorder=3)
        ax.annotate(
            f"{interval.estimate:.2f}", (interval.high, row), xytext=(6, 0), textcoords="offset points", va="center",
            fontsize="small", color=INK,
        )  # fmt: skip
    ax.margins(x=0.16)
    ax.yaxis.set_minor_locator(NullLocator())
    ax.set_xlabel(label)
    return ax


def _apart(heights: list[float], ax: Axes) -> list[float]:
    """The heights, moved as little as keeps them in order and a line of text apart."""
    low, high = ax.get_ylim()
    least = LINE * (high - low)
    order = np.argsort(heights)
    placed = np.array(heights, dtype=float)
    for below, above in pairwise(order):
        placed[above] = max(placed[above], placed[below] + least)
    # What was pushed up goes down again by half of the mean push, so that a crowd stays where it was.
    return list(placed - 0.5 * float(np.mean(placed - heights)))
