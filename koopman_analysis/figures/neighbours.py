"""Galleries of nearest neighbours: each query, and what lies nearest to it in one space after the other."""

import numpy as np
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from koopman_analysis.figures.images import screened
from koopman_analysis.figures.style import GREY, INK, ORANGE
from koopman_analysis.resampling import Interval
from koopman_analysis.retrieval import Retrieval
from koopman_analysis.shapes import Float, Int

BESIDE, BELOW, BETWEEN = 0.18, 0.62, 0.75
"""Room between two images, below one for its label, and between two spaces, in images."""


def draw_gallery(
    ax: Axes, found: Retrieval, images: Float[np.ndarray, " n *shape"], *, most: int | None = None
) -> Axes:
    """A row for each query: its image, then its neighbours in each space, the nearest first, every one with its label.

    Neighbours that bear another label than their query have an orange frame and a bold label. Above each space stands
    the share of neighbours alike over *all* objects, not only over those shown.

    Args:
        ax: Where to draw.
        found: The neighbours.
        images: The image of every object, of shape (n, height, width) or (n, 1 or 3, height, width), in [−1, 1].
        most: Neighbours shown at most; all where None.

    Raises:
        ValueError: If there is not one image for each object.
    """
    if len(images) != len(found.labels):
        raise ValueError(f"expected an image for each of {len(found.labels)} objects, got {len(images)}")
    shades = screened(images)
    shown = {space: index[:, :most] for space, index in found.nearest.items()}
    _draw_column(ax, shades, found.labels, found.queries, 0.0, alike=np.ones(len(found.queries), dtype=bool))
    ax.annotate("query", (0.5, -0.35), ha="center", va="bottom", color=INK, annotation_clip=False)
    left = 1.0 + BETWEEN
    for (space, index), agreement in zip(shown.items(), found.agreements().values(), strict=True):
        alike = found.alike(space)[:, : index.shape[1]]
        for place in range(index.shape[1]):
            _draw_column(
                ax, shades, found.labels, index[:, place], left + place * (1.0 + BESIDE), alike=alike[:, place]
            )
        _head(ax, left, space, agreement)
        left += index.shape[1] * (1.0 + BESIDE) - BESIDE + BETWEEN
    ax.set(xlim=(-0.1, left - BETWEEN + 0.1), ylim=(len(found.queries) * (1.0 + BELOW) - 0.1, -0.15))
    ax.set_aspect("equal")
    ax.set_axis_off()
    return ax


def _draw_column(
    ax: Axes, shades: np.ndarray, labels: np.ndarray, index: Int[np.ndarray, " q"], left: float, *, alike: np.ndarray
) -> None:
    """One image under the other, each with its label."""
    for row, (which, same) in enumerate(zip(index, alike, strict=True)):
        top = row * (1.0 + BELOW)
        image = shades[which]
        ax.imshow(
            image[..., 0] if image.shape[-1] == 1 else image, cmap="gray", vmin=0, vmax=1, interpolation="nearest",
            extent=(left, left + 1.0, top + 1.0, top),
        )  # fmt: skip
        ax.add_patch(Rectangle((left, top), 1.0, 1.0, fill=False, ec=GREY if same else ORANGE, lw=0.4 if same else 1.6))
        ax.text(
            left + 0.5, top + 1.06, f"{labels[which]}", ha="center", va="top", fontsize="x-small",
            color=INK if same else ORANGE, fontweight="normal" if same else "bold",
        )  # fmt: skip


def _head(ax: Axes, left: float, space: str, agreement: Interval) -> None:
    share = f"{100 * agreement.estimate:.0f} % alike [{100 * agreement.low:.0f}, {100 * agreement.high:.0f}]"
    ax.annotate(f"{space}\n", (left, -0.35), ha="left", va="bottom", color=INK, annotation_clip=False)
    ax.annotate(share, (left, -0.35), ha="left", va="bottom", color=GREY, fontsize="small", annotation_clip=False)
