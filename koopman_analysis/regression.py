"""Linear least squares, with its regularisation and what it refuses.

    X = argmin ‖A X − B‖² + λ ‖X‖² = V diag(s / (s² + λ)) Uᴴ B,        A = U diag(s) Vᴴ,                            (1)

with singular values left out where s² + λ is rounding, or all but the largest r: then A is replaced by its best
approximation of rank r, as in dynamic mode decomposition. The r is a number, or follows from a rule on singular values:

    energy       the least r with  Σ_{i ≤ r} s_i² ≥ share · Σ s_i²,                                            (2)
    threshold    the number of i with  s_i > relative · s_1.                                                  (3)
"""

from dataclasses import dataclass
from typing import Any, Protocol, TypeAlias, runtime_checkable

import numpy as np

from koopman_analysis.shapes import Float, Inexact, Operator

Rank: TypeAlias = Any
"""A whole number of directions to keep, a `RankRule`, or None for all; `require_settings` says what it may be."""


@runtime_checkable
class RankRule(Protocol):
    """How many directions to keep, from their singular values."""

    def kept(self, values: Float[np.ndarray, " r"]) -> int:
        """The number of these singular values, in decreasing order, to keep."""
        ...


@dataclass(frozen=True)
class EnergyRank:
    """Equation (2).

    Attributes:
        share: Of the sum of squares, in (0, 1].
    """

    share: float

    def __post_init__(self) -> None:
        if not 0 < self.share <= 1:
            raise ValueError(f"expected a share of the energy in (0, 1], got {self.share}")

    def kept(self, values: Float[np.ndarray, " r"]) -> int:
        """The least number of singular values that have the share."""
        energy = np.cumsum(np.square(values))
        return int(np.searchsorted(energy, self.share * energy[-1] * (1 - 1e-15))) + 1 if len(energy) else 0


@dataclass(frozen=True)
class ThresholdRank:
    """Equation (3).

    Attributes:
        relative: Share of the largest singular value, in (0, 1).
    """

    relative: float

    def __post_init__(self) -> None:
        if not 0 < self.relative < 1:
            raise ValueError(f"expected a threshold in (0, 1), relative to the largest, got {self.relative}")

    def kept(self, values: Float[np.ndarray, " r"]) -> int:
        """The number of singular values above the threshold."""
        return int(np.count_nonzero(values > self.relative * values.max(initial=0.0)))


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
        rank: Number of singular values of A to keep, or the rule for it; all above rounding where None.
        resolution: Share of the largest singular value below which singular values are rounding.
    """
    scale = np.ones(features.shape[1])
    if rank is None and penalty == 0:
        # What counts as rounding must not depend on the units of the columns.
        scale = column_norms(features)
        scale[scale == 0] = 1.0
    left, values, right = np.linalg.svd(features / scale, full_matrices=False)
    # A penalty above what rounding can do to s² protects by itself.
    above = int(np.count_nonzero(np.hypot(values, np.sqrt(penalty)) > resolution * values.max(initial=0.0)))
    kept = min(above, kept_rank(rank, values))
    left, values, right = left[:, :kept], values[:kept], right[:kept]
    gain = values / (values**2 + penalty)
    return (right.conj().T * gain) @ (left.conj().T @ targets) / scale[:, None]


def kept_rank(rank: Rank, values: Float[np.ndarray, " r"]) -> int:
    """The number of singular values that a rank keeps: itself, or what its rule says; all where None.

    Raises:
        ValueError: If that is no number of them.
    """
    if rank is None:
        return len(values)
    if not isinstance(rank, RankRule):
        return int(rank)
    kept = rank.kept(values)
    if not hasattr(kept, "__index__") or not min(1, len(values)) <= kept <= len(values):
        raise ValueError(f"expected a rank from 1 to {len(values)} of {rank!r}, got {kept!r}")
    return int(kept)


def column_norms(features: Inexact[np.ndarray, "rows columns"]) -> Float[np.ndarray, " columns"]:
    """The norm of each column, at any scale at which the column itself can be written."""
    largest = np.abs(features).max(axis=0, initial=0.0)
    return largest * np.linalg.norm(features / np.where(largest > 0, largest, 1.0), axis=0)


def require_settings(ridge: float, rank: Rank, *, largest: int | None = None) -> None:
    """Refuses a negative ridge, and a rank that is neither a rule nor a whole number from 1 to the largest there is.

    Raises:
        TypeError: If the rank is neither a rule nor a whole number.
        ValueError: If either is out of range.
    """
    if not ridge >= 0:
        raise ValueError(f"expected a ridge of at least 0, got {ridge}")
    if rank is None or (isinstance(rank, RankRule) and not isinstance(rank, type)):
        return
    if isinstance(rank, bool) or not hasattr(rank, "__index__"):
        raise TypeError(
            f"expected a whole number as rank, a rule such as EnergyRank(0.999), or None for full rank, got {rank!r}"
        )
    if rank < 1 or (largest is not None and rank > largest):
        bound = "of at least 1" if largest is None else f"from 1 to the number of input features, {largest},"
        raise ValueError(f"expected a rank {bound} or None for full rank, got {rank}")
