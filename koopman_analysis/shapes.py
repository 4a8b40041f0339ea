"""The shapes that arrays have, as annotations that the tests execute.

Rows are samples: `n` of them. `d` counts state features, `m` dictionary functions (or latent dimensions).
Dictionaries and moments take any array that follows the array API (NumPy, torch); everything else is NumPy.
What the annotation of distances and points cannot say, `require_distances` and `require_points` do.
"""

from functools import lru_cache
from typing import Any, TypeAlias

import numpy as np
from jaxtyping import Bool, Complex, Float, Inexact, Int, Real

Array: TypeAlias = Any
"""An array of the array API: a NumPy array or a torch tensor, on any device."""

States: TypeAlias = Inexact[np.ndarray, "n d"]
"""n states of d features, one a row."""

Latents: TypeAlias = Inexact[np.ndarray, "n m"]
"""n latent vectors (or lifted states) of m coordinates, one a row."""

Labels: TypeAlias = Int[np.ndarray, " n"]
"""One class label a sample."""

Weights: TypeAlias = Float[np.ndarray, " n"]
"""One non-negative weight a sample."""

Distances: TypeAlias = Float[np.ndarray, "n n"]
"""A symmetric matrix of distances between n objects, zero on its diagonal."""

Operator: TypeAlias = Inexact[np.ndarray, "m_in m_out"]
"""K of the row convention Ψ_out(after) ≈ Ψ_in(before) K."""

FEW = 1000
"""Objects whose pairs are numbered once: 8 MB."""
ROWS, POINTS = 64, 4096
"""Rows of a matrix, and of points, that are checked together, so that no second array is needed."""


def pair_indices(objects: int) -> tuple[Int[np.ndarray, " pairs"], Int[np.ndarray, " pairs"]]:
    """The first and the second object of every pair; of few objects one copy, read-only, serves all who ask."""
    return _shared_pairs(objects) if objects <= FEW else np.triu_indices(objects, 1)


@lru_cache(maxsize=1)
def _shared_pairs(objects: int) -> tuple[np.ndarray, np.ndarray]:
    first, second = np.triu_indices(objects, 1)
    first.flags.writeable = second.flags.writeable = False
    return first, second


def require_distances(first: np.ndarray, second: np.ndarray) -> None:
    """Raises a ValueError unless both are symmetric matrices of the same three or more objects."""
    if first.shape != second.shape or len(first) < 3:
        raise ValueError(
            "expected two distance matrices of the same three or more objects, "
            f"got shapes {first.shape} and {second.shape}"
        )
    for matrix in (first, second):
        for start in range(0, len(matrix), ROWS):
            rows, columns = matrix[start : start + ROWS], matrix[:, start : start + ROWS].T
            if not np.isfinite(rows).all():
                raise ValueError("expected finite distances, got NaN or infinity: leave out the objects without one")
            # Most are symmetric to the bit, which is seen in a fraction of the time.
            if not (np.array_equal(rows, columns) or np.allclose(rows, columns)):
                raise ValueError("expected symmetric distance matrices, got one whose transpose differs")


def require_points(points: np.ndarray) -> None:
    """Raises a ValueError unless these are finite points, one a row."""
    if points.ndim != 2:
        raise ValueError(f"expected points, one a row, got shape {points.shape}: reshape to (objects, coordinates)")
    for start in range(0, len(points), POINTS):
        if not np.isfinite(points[start : start + POINTS]).all():
            raise ValueError("expected finite points, got NaN or infinity: leave out the objects without a place")


def require_several(representations: object) -> None:
    """Raises a ValueError where one array stands for a list of representations."""
    if isinstance(representations, np.ndarray):
        raise ValueError("expected a list of representations, got one array: write [points]")


__all__ = [
    "Array",
    "Bool",
    "Complex",
    "Distances",
    "Float",
    "Inexact",
    "Int",
    "Labels",
    "Latents",
    "Operator",
    "Real",
    "States",
    "Weights",
    "require_distances",
    "require_points",
    "require_several",
]
