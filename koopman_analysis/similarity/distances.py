"""Distances between all objects: whole, or in strips of rows where n × n numbers are too many.

Euclidean  ‖zᵢ − zⱼ‖,        cosine  1 − ⟨zᵢ, zⱼ⟩ / (‖zᵢ‖ ‖zⱼ‖).                                        (1)
"""

from collections.abc import Iterator

import numpy as np
from scipy.spatial.distance import cdist, pdist, squareform

from koopman_analysis.shapes import Distances, Float, Latents, require_points

CHUNK = 256
"""Rows of a strip: with 20,000 objects a strip of distances takes 41 MB."""
ROWS = 4096
"""Rows of features at a time."""


def euclidean_distances(points: Latents) -> Distances:
    """The distance of every object to every other.

    Raises:
        ValueError: If points are not finite, or have no coordinates of their own.
    """
    require_points(points)
    return squareform(pdist(points))


def cosine_distances(points: Latents) -> Distances:
    """One minus the cosine of the angle between every two objects.

    Raises:
        ValueError: If an object is at the origin or so near it, or so far, that its squared length is no ordinary
            number, or points are not finite.
    """
    require_points(points)
    with np.errstate(over="ignore", under="ignore"):
        squares = np.square(points.astype(np.float64)).sum(axis=1)
    zeros = np.flatnonzero(squares < np.finfo(np.float64).tiny)
    if np.isinf(squares).any():
        raise ValueError("expected objects with a squared length, got one too far from the origin: scale the points")
    if len(zeros):
        raise ValueError(
            f"expected objects away from the origin, got {len(zeros)} at it or too near it for an angle "
            f"(the first is row {zeros[0]}): scale the points, or leave these out"
        )
    distances = squareform(pdist(points, "cosine"))
    return np.maximum(distances, 0.0)  # rounding leaves copies at −1e−16


def distance_strips(points: Latents, *, chunk: int = CHUNK) -> Iterator[tuple[slice, Float[np.ndarray, "rows n"]]]:
    """The Euclidean distances of a few objects at a time to all, with the rows that they are.

    Raises:
        ValueError: If points are not finite, have no coordinates of their own, or a strip would have no rows.
    """
    require_points(points)
    require_rows(chunk)
    return _strips(points, chunk)


def _strips(points: Latents, chunk: int) -> Iterator[tuple[slice, np.ndarray]]:
    for start in range(0, len(points), chunk):
        rows = slice(start, min(start + chunk, len(points)))
        yield rows, cdist(points[rows], points)


def require_rows(chunk: int) -> None:
    """Raises a ValueError unless rows come at least one at a time."""
    if chunk < 1:
        raise ValueError(f"expected one row or more at a time, got {chunk}: choose a larger chunk")
