"""Images side by side, and rows of them by name."""

import math
from collections.abc import Mapping

import numpy as np
from matplotlib.axes import Axes

from koopman_analysis.figures.style import INK
from koopman_analysis.shapes import Float


def draw_images(
    ax: Axes, images: Float[np.ndarray, " n *shape"], *, title: str = "", columns: int | None = None
) -> Axes:
    """Images in rows of a square, or of as many columns as asked for; grey, or in colour where they have channels.

    Args:
        ax: Where to draw.
        images: Of shape (n, height, width), or (n, 1 or 3, height, width); values in [−1, 1], others are clipped.
        title: Above the panel.
        columns: Images in a row.

    Raises:
        ValueError: If the shape is not one of images.
    """
    shades = screened(images)
    n, height, width, channels = shades.shape
    across = columns or math.ceil(math.sqrt(n))
    down = math.ceil(n / across)
    sheet = np.ones((down * (height + 1) - 1, across * (width + 1) - 1, channels))
    for index, image in enumerate(shades):
        top, left = (index // across) * (height + 1), (index % across) * (width + 1)
        sheet[top : top + height, left : left + width] = image
    ax.imshow(sheet[..., 0] if channels == 1 else sheet, cmap="gray", vmin=0, vmax=1, interpolation="nearest")
    ax.set_axis_off()
    ax.set_title(title, color=INK)
    return ax


def draw_image_rows(ax: Axes, rows: Mapping[str, Float[np.ndarray, "..."]], *, title: str = "") -> Axes:
    """Rows of equally many images, each row under its name on the left: what several models make of the same noise.

    Args:
        ax: Where to draw.
        rows: The images of each row, as `draw_images` takes them.
        title: Above the panel.

    Raises:
        ValueError: If a row has more images than another, or there is none.
    """
    counts = {name: len(images) for name, images in rows.items()}
    if len(set(counts.values())) != 1:
        raise ValueError(f"expected rows of equally many images, got {counts}")
    draw_images(ax, np.concatenate([*rows.values()]), title=title, columns=next(iter(counts.values())))
    height = next(iter(rows.values())).shape[-2]
    for row, name in enumerate(rows):
        ax.annotate(
            name, (-0.5, row * (height + 1) + 0.5 * (height - 1)), xytext=(-4, 0), textcoords="offset points",
            ha="right", va="center", color=INK, fontsize="small", annotation_clip=False,
        )  # fmt: skip
    return ax


def screened(images: Float[np.ndarray, " n *shape"]) -> Float[np.ndarray, "n height width channels"]:
    """Images as they are shown: channels last, values from [−1, 1] in [0, 1].

    Raises:
        ValueError: If the shape is not one of images.
    """
    if images.ndim == 3:
        images = images[:, None]
    if images.ndim != 4 or images.shape[1] not in (1, 3):
        raise ValueError(f"expected images (n, height, width) or (n, 1 or 3, height, width), got {images.shape}")
    return np.moveaxis(np.clip(0.5 * (images + 1.0), 0.0, 1.0), 1, -1)
