"""Linear least squares, with its regularisation and what it refuses.

    X = argmin ‖A X − B‖² + λ ‖X‖² = V diag(s / (s² + λ)) Uᴴ B,        A = U diag(s) Vᴴ,                            (1)

with singular values that are rounding left out, or all but the largest r: then A is replaced by its best approximation
of rank r, as in dynamic mode decomposition.
"""

from typing import Any, TypeAlias

import numpy as np

from koopman_analysis.shapes import Inexact, Operator

Rank: TypeAlias = Any
"""A whole number of directions to keep, or None for all; `require_settings` says what it may be."""


class ConstantData(ValueError):
    """Features that do not vary over the data determine no operator."""


def least_squares(
    features: Inexact[np.ndarray, "rows m_in"],
    targets: Inexact[np.ndarray, "rows m_out"],
    *,
    penalty: float,
    rank: Rank,
    resolution: float,
) -> Operator:
    """The minimiser of equation (1), of least norm where there are several.

    Args:
        features: A.
        targets: B.
        penalty: λ ≥ 0, in squared units of A.
        rank: Number of singular values of A to keep; all above rounding where None.
        resolution: Share of the largest singular value below which singular values are rounding.
    """
    scale = np.ones(features.shape[1])
    if rank is None and penalty == 0:
        # What counts as rounding must not depend on the units of the columns.
        scale = np.linalg.norm(features, axis=0)
        scale[scale == 0] = 1.0
    left, values, right = np.linalg.svd(features / scale, full_matrices=False)
    above = int(np.count_nonzero(values > resolution * values.max(initial=0.0)))
    kept = above if rank is None else min(above, rank)
    left, values, right = left[:, :kept], values[:kept], right[:kept]
    gain = values / (values**2 + penalty)
    return (right.conj().T * gain) @ (left.conj().T @ targets) / scale[:, None]


def require_settings(ridge: float, rank: Rank, *, largest: int | None = None) -> None:
    """Refuses a negative ridge, and a rank that is not a whole number from 1 to the largest there is.

    Raises:
        TypeError: If the rank is not a whole number.
        ValueError: If either is out of range.
    """
    if not ridge >= 0:
        raise ValueError(f"expected a ridge of at least 0, got {ridge}")
    if rank is None:
        return
    if isinstance(rank, bool) or not hasattr(rank, "__index__"):
        raise TypeError(f"expected a whole number as rank, or None for full rank, got {rank!r}")
    if rank < 1 or (largest is not None and rank > largest):
        bound = "of at least 1" if largest is None else f"from 1 to the number of input features, {largest},"
        raise ValueError(f"expected a rank {bound} or None for full rank, got {rank}")
