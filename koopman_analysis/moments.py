"""Moments of (Ψ_in(x), Ψ_out(y), y): what every linear estimator here needs of the data, in a size independent of n.

Both summaries below are made of the same weighted rows, one for each pair,

    z = √w [1, Ψ_in(x), Ψ_out(y), y]      with w the pair's weight,                                              (1)

and both are commutative monoids: `a + b` summarises both data sets, so chunks, machines and devices merge by addition.

    GramMoments     G = Zᴴ Z,        G_{a∪b} = G_a + G_b                                                         (2)
    FactorMoments   Z = Q R,         R_{a∪b} = triangular factor of [R_a; R_b],       Rᴴ R = G                     (3)

A Gram matrix is cheap and lives on any device, but squares the condition number: singular values of Z below 1e-8 of the
largest are lost. The factor keeps them (tall-skinny QR; Demmel, Grigori, Hoemmen & Langou 2012). Since Q has
orthonormal columns, a least-squares problem among the columns of Z has the same solution with the columns of R in their
place; without R's first row the columns are centred. The operator of the row convention minimises

    ‖√w (Ψ_out − Ψ_in K)‖² + ρ tr(G_xx)/m_in ‖K‖²,        G_xx the block of Ψ_in in G,                            (4)

so that the ridge ρ has no unit.
"""

import operator
import warnings
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from functools import reduce

import array_api_compat
import numpy as np

from koopman_analysis.regression import ConstantData, Rank, least_squares, require_settings
from koopman_analysis.shapes import Array, Inexact, Operator
from koopman_analysis.snapshots import SnapshotPairs

Lift = Callable[[Array], Array]
"""A dictionary, or any function from states (n, d) to features (n, m)."""

CHUNK = 8192
"""Rows lifted at a time: memory does not grow with n."""

FACTOR_RESOLUTION = 1e-12
GRAM_RESOLUTION = 1e-7
"""Share of the largest singular value below which a singular value is rounding, with a safety factor."""


class IllConditionedGram(UserWarning):
    """A Gram matrix lost part of the features' spectrum to rounding."""


@dataclass(frozen=True, kw_only=True, eq=False)
class FactorMoments:
    """The triangular factor R of equation (3), as NumPy in double precision.

    Attributes:
        count: Number of pairs.
        sizes: Numbers of columns (m_in, m_out, d) behind the leading column of ones.
        factor: R, with 1 + m_in + m_out + d columns and at most as many rows.
        resolution: Share of the largest singular value below which singular values are rounding.
    """

    count: int
    sizes: tuple[int, int, int]
    factor: np.ndarray
    resolution: float = FACTOR_RESOLUTION

    @classmethod
    def of(
        cls, pairs: SnapshotPairs, inputs: Lift, outputs: Lift | None = None, *, chunk: int = CHUNK
    ) -> "FactorMoments":
        """The factor for these pairs in these dictionaries (Ψ_out = Ψ_in where None), `chunk` rows at a time."""
        parts = (
            cls(count=int(rows.shape[0]), sizes=sizes, factor=triangular_factor(_on_host(rows)))
            for rows, sizes in _rows(pairs, inputs, outputs or inputs, chunk)
        )
        return reduce(operator.add, parts)

    def __add__(self, other: "FactorMoments") -> "FactorMoments":
        _require_same(self.sizes, other.sizes)
        return FactorMoments(
            count=self.count + other.count,
            sizes=self.sizes,
            factor=triangular_factor(np.concatenate([self.factor, other.factor])),
            resolution=max(self.resolution, other.resolution),
        )

    @property
    def inputs(self) -> np.ndarray:
        """The columns of R that stand for Ψ_in."""
        return self.factor[:, _columns(self.sizes)[0]]

    @property
    def outputs(self) -> np.ndarray:
        """The columns of R that stand for Ψ_out."""
        return self.factor[:, _columns(self.sizes)[1]]

    @property
    def states(self) -> np.ndarray:
        """The columns of R that stand for the states after."""
        return self.factor[:, _columns(self.sizes)[2]]

    def operator(self, *, ridge: float = 0.0, rank: Rank = None) -> Operator:
        """The K that minimises equation (4), of least norm in normalised columns where it is not unique.

        Args:
            ridge: ρ ≥ 0.
            rank: Rank kept of Ψ_in; all above rounding where None.

        Raises:
            ConstantData: If the input features do not vary.
            TypeError: If the rank is not an integer.
            ValueError: If there are fewer than two pairs, the rank is not in 1 … m_in or the ridge is negative.
        """
        m_in = self.sizes[0]
        require_settings(ridge, rank, largest=m_in)
        if self.count < 2:
            raise ValueError(f"expected at least two pairs to fit an operator, got {self.count}")
        # R's first row holds the means: what is below it varies.
        if np.linalg.norm(self.inputs[1:]) <= self.resolution * np.linalg.norm(self.inputs):
            raise ConstantData(
                "expected input features that vary over the data, got constant ones: no operator is better"
            )
        penalty = ridge * float(np.linalg.norm(self.inputs)) ** 2 / m_in
        return least_squares(self.inputs, self.outputs, penalty=penalty, rank=rank, resolution=self.resolution)

    def readout(self) -> np.ndarray:
        """The least-squares B in y ≈ Ψ_out(y) B, shape (m_out, d)."""
        return least_squares(self.outputs, self.states, penalty=0.0, rank=None, resolution=self.resolution)


@dataclass(frozen=True, kw_only=True, eq=False)
class GramMoments:
    """The Gram matrix G of equation (2), in double precision, on the device of the data.

    Attributes:
        count: Number of pairs.
        sizes: Numbers of columns (m_in, m_out, d) behind the leading column of ones.
        gram: G, square, of 1 + m_in + m_out + d rows.
    """

    count: int
    sizes: tuple[int, int, int]
    gram: Array

    @classmethod
    def zero(cls, *, inputs: int, outputs: int, features: int) -> "GramMoments":
        """The moments of no pairs, in NumPy: the neutral element for these sizes m_in, m_out, d."""
        width = 1 + inputs + outputs + features
        return cls(count=0, sizes=(inputs, outputs, features), gram=np.zeros((width, width)))

    @classmethod
    def of(
        cls, pairs: SnapshotPairs, inputs: Lift, outputs: Lift | None = None, *, chunk: int = CHUNK
    ) -> "GramMoments":
        """The moments of these pairs in these dictionaries (Ψ_out = Ψ_in where None), `chunk` rows at a time."""
        parts = (
            cls(count=int(rows.shape[0]), sizes=sizes, gram=_adjoint(rows) @ rows)
            for rows, sizes in _rows(pairs, inputs, outputs or inputs, chunk)
        )
        return reduce(operator.add, parts)

    def __add__(self, other: "GramMoments") -> "GramMoments":
        _require_same(self.sizes, other.sizes)
        return GramMoments(count=self.count + other.count, sizes=self.sizes, gram=self.gram + other.gram)

    @property
    def weight(self) -> float:
        """Sum of the weights: the number of pairs, where they have none."""
        return float(self.gram[0, 0].real)

    @property
    def gram_in(self) -> Array:
        """Σ w Ψ_inᴴ Ψ_in, shape (m_in, m_in)."""
        inputs = _columns(self.sizes)[0]
        return self.gram[inputs, inputs]

    @property
    def cross(self) -> Array:
        """Σ w Ψ_inᴴ Ψ_out, shape (m_in, m_out)."""
        inputs, outputs, _ = _columns(self.sizes)
        return self.gram[inputs, outputs]

    @property
    def gram_out(self) -> Array:
        """Σ w Ψ_outᴴ Ψ_out, shape (m_out, m_out)."""
        outputs = _columns(self.sizes)[1]
        return self.gram[outputs, outputs]

    def merged(self, gather: "Callable[[GramMoments], Iterable[GramMoments]]") -> "GramMoments":
        """The moments of the pairs of all processes.

        Args:
            gather: Takes this process's moments to those of all processes, in an order that they share (an all-gather
                of objects), so that all end with the same bits.
        """
        return reduce(operator.add, gather(self))

    def factor_moments(self) -> FactorMoments:
        """A triangular factor with this Gram matrix, on the host; equation (3) without the digits that G lost."""
        gram = _on_host(self.gram)
        scale = np.sqrt(np.diag(gram).real)
        scale[scale == 0] = 1.0
        spectrum, vectors = np.linalg.eigh(gram / np.outer(scale, scale))
        root = np.sqrt(np.maximum(spectrum, 0.0))[:, None] * vectors.conj().T * scale
        return FactorMoments(
            count=self.count, sizes=self.sizes, factor=triangular_factor(root), resolution=GRAM_RESOLUTION
        )

    def operator(self, *, ridge: float = 0.0, rank: Rank = None) -> Operator:
        """The K that minimises equation (4); errors as `FactorMoments.operator`.

        Warns:
            IllConditionedGram: Where neither ridge nor rank protects from a spectrum lost to rounding.
        """
        factor = self.factor_moments()
        if ridge == 0 and rank is None:
            _warn_of_condition(factor.inputs)
        return factor.operator(ridge=ridge, rank=rank)

    def readout(self) -> np.ndarray:
        """The least-squares B in y ≈ Ψ_out(y) B, shape (m_out, d)."""
        return self.factor_moments().readout()


def triangular_factor(rows: Inexact[np.ndarray, "rows columns"]) -> np.ndarray:
    """The R of rows = Q R, with at most as many rows as columns."""
    factor: np.ndarray = np.linalg.qr(rows, mode="r")  # type: ignore[assignment]
    return factor


def _rows(
    pairs: SnapshotPairs, inputs: Lift, outputs: Lift, chunk: int
) -> Iterator[tuple[Array, tuple[int, int, int]]]:
    """The rows of equation (1), a chunk at a time, and their column counts."""
    if chunk < 1:
        raise ValueError(f"expected chunks of at least one row, got {chunk}")
    for start in range(0, pairs.n, chunk):
        rows = slice(start, start + chunk)
        before, after = _double(pairs.before[rows]), _double(pairs.after[rows])
        xp = array_api_compat.array_namespace(before, after)
        parts = [xp.ones_like(before[:, :1]), inputs(before), outputs(after), after]
        sizes = (int(parts[1].shape[1]), int(parts[2].shape[1]), int(after.shape[1]))
        z = xp.concat(parts, axis=1)
        if not bool(xp.all(xp.isfinite(z))):
            raise ValueError(
                f"expected finite features, got NaN or Inf for rows {start} to {start + len(before) - 1}: "
                "a dictionary function is undefined or overflows there"
            )
        if pairs.weights is not None:
            z = xp.sqrt(_double(pairs.weights[rows]))[:, None] * z
        yield z, sizes


def _columns(sizes: tuple[int, int, int]) -> tuple[slice, slice, slice]:
    m_in, m_out, features = sizes
    return slice(1, 1 + m_in), slice(1 + m_in, 1 + m_in + m_out), slice(1 + m_in + m_out, 1 + m_in + m_out + features)


def _adjoint(matrix: Array) -> Array:
    xp = array_api_compat.array_namespace(matrix)
    # Without a copy, NumPy sees that XᵀX is symmetric and does half of the work.
    return xp.conj(matrix).T if xp.isdtype(matrix.dtype, "complex floating") else matrix.T


def _double(array: Array) -> Array:
    xp = array_api_compat.array_namespace(array)
    return xp.astype(array, xp.complex128 if xp.isdtype(array.dtype, "complex floating") else xp.float64, copy=False)


def _on_host(array: Array) -> np.ndarray:
    return np.asarray(array_api_compat.to_device(array, "cpu"))


def _warn_of_condition(inputs: np.ndarray) -> None:
    norms = np.linalg.norm(inputs, axis=0)
    values = np.linalg.svd(inputs[:, norms > 0] / norms[norms > 0], compute_uv=False)
    if len(values) and values[-1] <= GRAM_RESOLUTION * values[0]:
        warnings.warn(
            "the input features' condition number is above 1e7, which their Gram matrix cannot resolve: what lies "
            "below is left out; fit in memory (by QR), standardise the states, or set ridge or rank",
            IllConditionedGram,
            stacklevel=4,
        )


def _require_same(sizes: tuple[int, int, int], others: tuple[int, int, int]) -> None:
    if sizes != others:
        raise ValueError(f"expected moments of the same dictionaries, got sizes (m_in, m_out, d) {sizes} and {others}")
