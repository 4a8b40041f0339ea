"""The Gram matrix G = Zᴴ Z, accumulated over chunks: the fast summary, on NumPy arrays and on tensors of any device.

What it loses is known: G determines the singular values of Z as square roots of its own eigenvalues, which are exact to
ε ‖G‖ only, so that what lies below √ε ≈ 1e-8 of the largest singular value is noise. Features whose condition number
reaches into it are found out when an operator is asked for, and a warning says to pass `FactorMoments`.
"""

import operator
import warnings
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from functools import cached_property, reduce

import array_api_compat
import numpy as np
import scipy.linalg

from koopman_analysis.moments.factor import FactorMoments, triangular_factor
from koopman_analysis.moments.rows import CHUNK, Lift, Sizes, columns_of, lifted_rows, require_same
from koopman_analysis.regression import Rank
from koopman_analysis.shapes import Array, Operator
from koopman_analysis.snapshots import SnapshotPairs
from koopman_analysis.snapshots.requirements import on_host

GRAM_RESOLUTION = 1e-7
"""Share of the largest singular value below which a singular value is rounding, with a safety factor."""

SMALLEST_SQUARE = 1e-290
"""Sum of squares below which products of a column's numbers begin to lose digits, and then vanish."""


class IllConditionedGram(UserWarning):
    """A Gram matrix lost part of the features' spectrum to rounding."""


@dataclass(frozen=True, kw_only=True, eq=False)
class GramMoments:
    """The Gram matrix G of equation (2), in double precision, on the device of the data.

    Attributes:
        count: Number of pairs.
        sizes: Numbers of columns (m_in, m_out, d) behind the leading column of ones.
        gram: G, square, of 1 + m_in + m_out + d rows.
    """

    count: int
    sizes: Sizes
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
        total: Array = 0.0
        for rows in lifted_rows(pairs, inputs, outputs or inputs, chunk):
            gram = _adjoint(rows.values) @ rows.values
            rows.require_finite(_diagonal(gram))
            _require_squares(rows.values, _diagonal(gram))
            total = total + gram
        return cls(count=pairs.n, sizes=rows.sizes, gram=total)

    def __add__(self, other: "GramMoments") -> "GramMoments":
        if not isinstance(other, GramMoments):
            return NotImplemented
        require_same(self.sizes, other.sizes)
        if not self.count or not other.count:  # those of no pairs have no library and no device
            return other if not self.count else self
        return GramMoments(count=self.count + other.count, sizes=self.sizes, gram=self.gram + other.gram)

    @property
    def weight(self) -> float:
        """Sum of the weights: the number of pairs, where they have none."""
        return float(self.gram[0, 0].real)

    @property
    def gram_in(self) -> Array:
        """Σ w Ψ_inᴴ Ψ_in, shape (m_in, m_in)."""
        inputs = columns_of(self.sizes)[0]
        return self.gram[inputs, inputs]

    @property
    def cross(self) -> Array:
        """Σ w Ψ_inᴴ Ψ_out, shape (m_in, m_out)."""
        inputs, outputs, _ = columns_of(self.sizes)
        return self.gram[inputs, outputs]

    @property
    def gram_out(self) -> Array:
        """Σ w Ψ_outᴴ Ψ_out, shape (m_out, m_out)."""
        outputs = columns_of(self.sizes)[1]
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
        return self._factor

    @cached_property
    def _factor(self) -> FactorMoments:
        gram = on_host(self.gram)
        scale = np.sqrt(np.diag(gram).real)
        scale[scale == 0] = 1.0
        factor = _root(gram / np.outer(scale, scale)) * scale
        return FactorMoments(count=self.count, sizes=self.sizes, factor=factor, resolution=GRAM_RESOLUTION)

    def operator(self, *, ridge: float = 0.0, rank: Rank = None) -> Operator:
        """The K that minimises equation (4); errors as `FactorMoments.operator`.

        Warns:
            IllConditionedGram: Where neither ridge nor rank protects from a spectrum lost to rounding.
        """
        factor = self.factor_moments()
        factor.require_varying()
        if ridge == 0 and rank is None:
            _warn_of_condition(factor)
        return factor.operator(ridge=ridge, rank=rank)

    def isometric_operator(self) -> Operator:
        """The K of `FactorMoments.isometric_operator`; warns as `operator`."""
        factor = self.factor_moments()
        factor.require_varying()
        _warn_of_condition(factor)
        return factor.isometric_operator()

    def readout(self) -> np.ndarray:
        """The least-squares B in y ≈ Ψ_out(y) B, shape (m_out, d)."""
        return self.factor_moments().readout()


def _root(gram: np.ndarray) -> np.ndarray:
    """A triangular R with RᴴR = G to rounding, also where rounding left G indefinite."""
    try:
        return scipy.linalg.cholesky(gram)
    except np.linalg.LinAlgError:
        spectrum, vectors = np.linalg.eigh(gram)
        return triangular_factor(np.sqrt(np.maximum(spectrum, 0.0))[:, None] * vectors.conj().T)


def _require_squares(values: Array, diagonal: Array) -> None:
    """Refuses features whose squares are too small to be written: they would count as absent.

    Raises:
        ValueError: If there are such.
    """
    tiny = abs(diagonal) < SMALLEST_SQUARE
    if bool(tiny.any()) and bool((values[:, tiny] != 0).any()):
        raise ValueError(
            f"expected features whose squares can be written (above {SMALLEST_SQUARE}), got smaller ones: a Gram "
            "matrix loses them. Take another unit for the states, or pass FactorMoments in place of GramMoments"
        )


def _diagonal(gram: Array) -> Array:
    return gram.diagonal()


def _adjoint(matrix: Array) -> Array:
    if isinstance(matrix, np.ndarray) and not np.iscomplexobj(matrix):
        return matrix.T
    xp = array_api_compat.array_namespace(matrix)
    # Without a copy, NumPy sees that XᵀX is symmetric and does half of the work.
    return xp.conj(matrix).T if xp.isdtype(matrix.dtype, "complex floating") else matrix.T


def _warn_of_condition(factor: FactorMoments) -> None:
    condition = factor.condition()
    if condition * GRAM_RESOLUTION >= 1:
        warnings.warn(
            f"expected input features that a Gram matrix can resolve, got a condition number of {condition:.1e} (above "
            "1e7): what lies below is left out. Pass FactorMoments in place of GramMoments, standardise the states, or "
            "set ridge or rank",
            IllConditionedGram,
            stacklevel=4,
        )
