"""Distances between all objects: whole, or in strips of rows where n × n numbers are too many.

Euclidean  ‖zᵢ − zⱼ‖,        cosine  1 − ⟨zᵢ, zⱼ⟩ / (‖zᵢ‖ ‖zⱼ‖).                                        (1)
"""

from collections.abc import Iterator

import numpy as np
from scipy.spatial.distance import cdist, pdist, squareform

from koopman_analysis.shapes import Distances, Float, Latents

CHUNK = 256
"""Rows of a strip: with 20,000 objects a strip of distances takes 41 MB."""


def euclidean_distances(points: Latents) -> Distances:
    """The distance of every object to every other."""
    return squareform(pdist(points))


def cosine_distances(points: Latents) -> Distances:
    """One minus the cosine of the angle between every two objects.

    Raises:
        ValueError: If an object is at the origin, where there is no angle.
    """
    zeros = np.flatnonzero(~points.any(axis=1))
    if len(zeros):
        raise ValueError(f"expected objects away from the origin, got {len(zeros)} at it (the first is row {zeros[0]})")
    distances = squareform(pdist(points, "cosine"))
    return np.maximum(distances, 0.0)  # rounding leaves copies at −1e−16


def distance_strips(points: Latents, *, chunk: int = CHUNK) -> Iterator[tuple[slice, Float[np.ndarray, "rows n"]]]:
    """The Euclidean distances of a few objects at a time to all, with the rows that they are."""
    for start in range(0, len(points), chunk):
        rows = slice(start, min(start + chunk, len(points)))
        yield rows, cdist(points[rows], points)
