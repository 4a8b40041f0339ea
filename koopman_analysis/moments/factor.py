"""The triangular factor R of Z = Q R, accumulated over chunks (tall-skinny QR), and least squares from it.

A chunk B is folded into R by the QR factorisation of [R; B] that uses R's triangle (LAPACK's `tpqrt`), so that an
update costs 2 n c² operations for n rows of c columns, and loses no digit to a Gram matrix. Since Q has orthonormal
columns, a least-squares problem among the columns of Z has the same solution with the columns of R in their place;
without R's first row the columns are centred. The operator of the row convention minimises

    ‖√w (Ψ_out − Ψ_in K)‖² + ρ tr(G_xx)/m_in ‖K‖²,        G_xx the block of Ψ_in in G = Rᴴ R,                     (1)

so that the ridge ρ has no unit. The isometric operator among the K that map into the span of Ψ_in preserves the norms
of the output dictionary, in its own measure, as those of the input dictionary, in its own. With Ψ_in = Q₁ T₁ and
Ψ_out = Q₂ T₂,

    K = argmin ‖Q₂ − Q₁ M‖ over Mᴴ M = I,  back in the dictionaries:   K = T₁⁻¹ U Vᴴ T₂,     Q₁ᴴ Q₂ = U Σ Vᴴ.        (2)

Sources: Demmel, Grigori, Hoemmen & Langou 2012 (tall-skinny QR); Colbrook 2023 (measure-preserving EDMD, equation (2)
for one measure); Schönemann 1966 (its Procrustes problem).
"""

import operator
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import reduce

import numpy as np
import scipy.linalg

from koopman_analysis.moments.rows import CHUNK, Lift, Sizes, columns_of, lifted_rows, require_same
from koopman_analysis.regression import ConstantData, Rank, column_norms, least_squares, require_settings
from koopman_analysis.shapes import Inexact, Operator
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.snapshots.requirements import on_host

FACTOR_RESOLUTION = 1e-12
"""Share of the largest singular value below which a singular value is rounding, with a safety factor."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FactorMoments:
    """The triangular factor R, as NumPy in double precision.

    Attributes:
        count: Number of pairs.
        sizes: Numbers of columns (m_in, m_out, d) behind the leading column of ones.
        factor: R, square, of 1 + m_in + m_out + d rows.
        resolution: Share of the largest singular value below which singular values are rounding.
    """

    count: int
    sizes: Sizes
    factor: np.ndarray
    resolution: float = FACTOR_RESOLUTION

    @classmethod
    def zero(cls, *, inputs: int, outputs: int, features: int) -> "FactorMoments":
        """The moments of no pairs: the neutral element for these sizes m_in, m_out, d."""
        width = 1 + inputs + outputs + features
        return cls(count=0, sizes=(inputs, outputs, features), factor=np.zeros((width, width)))

    @classmethod
    def of(
        cls, pairs: SnapshotPairs, inputs: Lift, outputs: Lift | None = None, *, chunk: int = CHUNK
    ) -> "FactorMoments":
        """The factor for these pairs in these dictionaries (Ψ_out = Ψ_in where None), `chunk` rows at a time."""
        factor: np.ndarray | None = None
        for rows in lifted_rows(pairs, inputs, outputs or inputs, chunk):
            values = on_host(rows.values)
            if factor is None:
                factor = np.zeros((values.shape[1], values.shape[1]), values.dtype)
            factor = updated_factor(factor, values, overwrite=True)
            rows.require_finite(factor)
        assert factor is not None  # pairs are never empty
        return cls(count=pairs.n, sizes=rows.sizes, factor=factor)

    def __add__(self, other: "FactorMoments") -> "FactorMoments":
        if not isinstance(other, FactorMoments):
            return NotImplemented
        require_same(self.sizes, other.sizes)
        return FactorMoments(
            count=self.count + other.count,
            sizes=self.sizes,
            factor=updated_factor(self.factor, other.factor),
            resolution=max(self.resolution, other.resolution),
        )

    def merged(self, gather: "Callable[[FactorMoments], Iterable[FactorMoments]]") -> "FactorMoments":
        """The moments of the pairs of all processes; `gather` as in `GramMoments.merged`."""
        return reduce(operator.add, gather(self))

    @property
    def inputs(self) -> np.ndarray:
        """The columns of R that stand for Ψ_in, without the rows in which they are zero."""
        columns = columns_of(self.sizes)[0]
        return self.factor[: columns.stop, columns]

    @property
    def outputs(self) -> np.ndarray:
        """The columns of R that stand for Ψ_out, likewise."""
        columns = columns_of(self.sizes)[1]
        return self.factor[: columns.stop, columns]

    @property
    def states(self) -> np.ndarray:
        """The columns of R that stand for the states after."""
        return self.factor[:, columns_of(self.sizes)[2]]

    def operator(self, *, ridge: float = 0.0, rank: Rank = None) -> Operator:
        """The K that minimises equation (1), of least norm in normalised columns where it is not unique.

        Args:
            ridge: ρ ≥ 0.
            rank: Rank kept of Ψ_in; all above rounding where None.

        Raises:
            ConstantData: If the input features do not vary.
            TypeError: If the rank is neither an integer nor a rule for one.
            ValueError: If there are fewer than two pairs, the rank is not in 1 … m_in or the ridge is negative.
        """
        require_settings(ridge, rank, largest=self.sizes[0])
        self.require_varying()
        penalty = ridge * float(np.linalg.norm(self.inputs)) ** 2 / self.sizes[0] if ridge else 0.0
        targets = self.outputs[: len(self.inputs)]
        return least_squares(self.inputs, targets, penalty=penalty, rank=rank, resolution=self.resolution)

    def isometric_operator(self) -> Operator:
        """The K of equation (2), on the directions of both dictionaries that are above rounding.

        Where the output dictionary has more of them than the input dictionary, no K preserves all norms: the outputs
        that correlate least are then mapped to zero.

        Raises:
            ConstantData: If the input features do not vary.
            ValueError: If there are fewer than two pairs.
        """
        self.require_varying()
        left, _, back = orthonormal_factors(self.inputs, self.resolution)
        right, forth, _ = orthonormal_factors(self.outputs, self.resolution)
        turn, _, partner = np.linalg.svd(left.conj().T @ right[: len(left)], full_matrices=False)
        return back @ (turn @ partner) @ forth

    def readout(self) -> np.ndarray:
        """The least-squares B in y ≈ Ψ_out(y) B, shape (m_out, d)."""
        outputs = self.outputs
        return least_squares(outputs, self.states[: len(outputs)], penalty=0.0, rank=None, resolution=self.resolution)

    def condition(self) -> float:
        """Condition number of the column-normalised input features; infinite where they are linearly dependent."""
        norms = column_norms(self.inputs)
        if not norms.all():
            return np.inf
        values = np.linalg.svd(self.inputs / norms, compute_uv=False)
        return float(values[0] / values[-1]) if values[-1] > 0 else np.inf

    def require_varying(self) -> None:
        """Refuses moments that determine no operator.

        Raises:
            ConstantData: If the input features do not vary.
            ValueError: If there are fewer than two pairs.
        """
        if self.count < 2:
            raise ValueError(f"expected at least two pairs to fit an operator, got {self.count}")
        # R's first row holds the means: what is below it varies.
        largest = np.abs(self.inputs).max(initial=0.0) or 1.0
        scaled = self.inputs / largest  # squares of very large or small units would leave the range of numbers
        if np.linalg.norm(scaled[1:]) <= self.resolution * np.linalg.norm(scaled):
            raise ConstantData(
                "expected input features that vary over the data, got constant ones: no operator is better"
            )


def triangular_factor(rows: Inexact[np.ndarray, "rows columns"]) -> np.ndarray:
    """The R of rows = Q R, square."""
    width = rows.shape[1]
    return updated_factor(np.zeros((width, width), rows.dtype), rows)


def updated_factor(
    factor: Inexact[np.ndarray, "columns columns"],
    rows: Inexact[np.ndarray, "rows columns"],
    *,
    overwrite: bool = False,
) -> np.ndarray:
    """The triangular factor of these rows under those that a factor R stands for.

    Args:
        factor: R; it stays as it is.
        rows: The rows; they stay as they are unless they may be overwritten.
        overwrite: Whether the rows may be used as work space, which saves a copy where columns are contiguous.
    """
    dtype = np.result_type(factor, rows, np.float64)
    (update,) = scipy.linalg.get_lapack_funcs(("tpqrt",), dtype=dtype)
    width = factor.shape[1]
    if not len(rows):
        return np.array(factor, dtype)
    # Measured: narrow panels pay for few columns, wide ones for many.
    panel = min(width, 16 if width <= 128 else 32)
    triangle = np.array(factor, dtype, order="F")
    block = np.asarray(rows, dtype, order="F") if overwrite else np.array(rows, dtype, order="F")
    return np.triu(update(0, panel, triangle, block, overwrite_a=1, overwrite_b=1)[0])


def orthonormal_factors(
    features: Inexact[np.ndarray, "rows m"], resolution: float
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Q, T and T⁺ of features = Q T, with orthonormal Q, on the r directions above rounding.

    Args:
        features: Columns, such as those of a factor.
        resolution: Share of the largest singular value of the normalised columns below which one is rounding.

    Returns:
        Q, shape (rows, r); T, shape (r, m); T⁺, shape (m, r).
    """
    scale = column_norms(features)
    scale[scale == 0] = 1.0
    left, values, right = np.linalg.svd(features / scale, full_matrices=False)
    kept = int(np.count_nonzero(values > resolution * values.max(initial=0.0)))
    left, values, right = left[:, :kept], values[:kept], right[:kept]
    return left, values[:, None] * right * scale, (right.conj().T / values) / scale[:, None]
