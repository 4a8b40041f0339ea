"""The shapes that arrays have, as annotations that the tests execute.

Rows are samples: `n` of them. `d` counts state features, `m` dictionary functions (or latent dimensions).
Dictionaries and moments take any array that follows the array API (NumPy, torch); everything else is NumPy.
What the annotation of distances and points cannot say, `require_distances`, `require_points` and `require_square` do.
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


def require_square(A: Any) -> None:
    """Refuses what is no square matrix of finite numbers.

    Raises:
        TypeError: If it is not an array of numbers.
        ValueError: If it is not square, or not finite.
    """
    require_matrix(A)
    if A.shape[0] != A.shape[1]:
        raise ValueError(f"expected a square matrix, got shape {A.shape}: between two spaces there are no powers of it")


def require_square_on(K: Any, width: int) -> None:
    """Refuses what is no square matrix of finite numbers on so many latents.

    Raises:
        TypeError: If it is not an array of numbers.
        ValueError: If it is not square, not finite, or of another size.
    """
    require_square(K)
    if len(K) != width:
        raise ValueError(
            f"expected a matrix with a row for each of {width} latents, got shape {K.shape}: are these the latents of "
            "its model?"
        )


def require_matrix(A: Any) -> None:
    """Refuses what is no matrix of finite numbers.

    Raises:
        TypeError: If it is not an array of numbers.
        ValueError: If it has not two axes, no entry, or one that is not finite.
    """
    if not isinstance(A, np.ndarray) or A.dtype.kind not in "biufc":
        kind = f"an array of {A.dtype}" if isinstance(A, np.ndarray) else type(A).__name__
        raise TypeError(f"expected a matrix as a NumPy array of numbers, got {kind}: use np.array(…, dtype=float)")
    if A.ndim != 2 or not A.size:
        raise ValueError(f"expected a matrix with entries, got shape {A.shape}")
    if not np.isfinite(A).all():
        raise ValueError(f"expected finite entries, got {np.count_nonzero(~np.isfinite(A))} that are not")


def require_finite(points: np.ndarray) -> None:
    """Raises a ValueError where a point of the plane is not finite."""
    if not np.isfinite(points).all():
        raise ValueError("expected finite points, got NaN or infinity: leave them out")


def require_whole(name: str, number: object) -> None:
    """Raises a TypeError where the number of something is not whole."""
    if isinstance(number, bool) or not hasattr(number, "__index__"):
        raise TypeError(f"expected a whole number of {name}, got {number!r}")


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
    "require_finite",
    "require_matrix",
    "require_points",
    "require_several",
    "require_square",
    "require_square_on",
    "require_whole",
]
