"""What the least residual at any point is read from: two triangles, of which one is shifted (equation (3))."""

import math
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
import scipy.linalg

from koopman_analysis.magnitude import enlarged_array, unit_and_exponent
from koopman_analysis.moments import FactorMoments, orthonormal_factors, triangular_factor
from koopman_analysis.pseudospectrum.lanczos import least_singular
from koopman_analysis.shapes import Complex, Float, Inexact, Operator, require_finite, require_square

FEW = 40
"""Directions up to which all points are decomposed together."""
TOGETHER = 256
"""Points of few directions that are decomposed at one time."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Pencil:
    """Equation (3).

    Attributes:
        triangle: S, complex and upper triangular, (r, r).
        rest: C, upper triangular, (r, r); None where there is none, as for a matrix.
        back: From vectors of (3) to coefficients of the functions, (m, r).
        real: Whether conjugate points have one value.
    """

    triangle: Complex[np.ndarray, "r r"]
    rest: Complex[np.ndarray, "r r"] | None
    back: Complex[np.ndarray, "m r"]
    real: bool

    @classmethod
    def of_matrix(cls, A: Operator) -> "Pencil":
        """That of equation (1).

        Raises:
            TypeError: If A is not an array of numbers.
            ValueError: If A is not a square matrix of finite numbers, or has eigenvalues beyond their range.
        """
        require_square(A)
        unit, exponent = unit_and_exponent(A)
        S, U = scipy.linalg.schur(unit, output="complex")
        return cls(triangle=enlarged_array(S, exponent), rest=None, back=U, real=not np.iscomplexobj(A))

    @classmethod
    def of_moments(cls, moments: FactorMoments) -> "Pencil":
        """That of equation (2), for moments of one dictionary at both ends.

        Raises:
            ConstantData: If the functions do not vary.
            ValueError: If the dictionaries have different sizes, or there are fewer than two pairs.
        """
        inputs, outputs, _ = moments.sizes
        if inputs != outputs:
            raise ValueError(f"expected one dictionary at both ends, got {inputs} functions before and {outputs} after")
        moments.require_varying()
        Q, _, back = orthonormal_factors(moments.inputs, moments.resolution)
        after = moments.outputs @ back
        before = np.concatenate([Q, np.zeros((len(after) - len(Q), Q.shape[1]), Q.dtype)])
        compression = before.conj().T @ after
        S, U = scipy.linalg.schur(compression, output="complex")
        rest = triangular_factor((after - before @ compression) @ U)
        real = not np.iscomplexobj(moments.factor)
        return cls(triangle=S, rest=rest.astype(np.complex128), back=back @ U, real=real)

    def residuals(self, points: Inexact[np.ndarray, " p"]) -> Float[np.ndarray, " p"]:
        """σ_min of equation (3) at each point.

        Raises:
            ValueError: If one is not finite, or beyond the range of numbers.
        """
        unit, points, exponent = self._in_one_unit(points)
        return enlarged_array(unit._residuals(points), exponent)

    def minimisers(self, points: Inexact[np.ndarray, " p"]) -> Complex[np.ndarray, "m p"]:
        """Coefficients of the function with the least residual at each point, one a column.

        Raises:
            ValueError: If a point is not finite.
        """
        unit, points, _ = self._in_one_unit(points)
        if len(self.triangle) <= FEW:
            vectors = [unit._decomposed(part, vectors=True)[1] for part in _chunks(points)]
            return self.back @ np.concatenate(vectors).T
        return self.back @ unit._iterated(points)[1].T

    def _in_one_unit(self, points: np.ndarray) -> tuple["Pencil", np.ndarray, int]:
        """The pencil and the points over 2^e, the `magnitude` of the larger of the two."""
        require_finite(points)
        given = points.astype(np.complex128)
        exponent = max(unit_and_exponent(part)[1] for part in (given, self._stacked))
        rest = None if self.rest is None else enlarged_array(self.rest, -exponent)
        return (
            replace(self, triangle=enlarged_array(self.triangle, -exponent), rest=rest),
            enlarged_array(given, -exponent),
            exponent,
        )

    def _residuals(self, points: np.ndarray) -> np.ndarray:
        chosen, place = self._different(points)
        if len(self.triangle) <= FEW:
            parts = [self._decomposed(part, vectors=False)[0] for part in _chunks(chosen)]
            return np.concatenate([np.zeros(0), *parts])[place]
        return self._iterated(chosen)[0][place]

    def _different(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Points that may have different values, in an order of neighbours, and the place of each given one."""
        if self.real:
            points = points.real + 1j * np.abs(points.imag)
        return np.unique(points, return_inverse=True)

    @cached_property
    def _stacked(self) -> np.ndarray:
        return self.triangle if self.rest is None else np.concatenate([self.triangle, self.rest])

    def _decomposed(self, points: np.ndarray, *, vectors: bool) -> tuple[np.ndarray, np.ndarray]:
        r = len(self.triangle)
        matrices = np.repeat(self._stacked[None], len(points), axis=0)
        diagonal = np.arange(r)
        matrices[:, diagonal, diagonal] -= points[:, None]
        if not vectors:
            return np.linalg.svd(matrices, compute_uv=False)[:, -1], np.zeros((len(points), 0))
        _, values, right = np.linalg.svd(matrices, full_matrices=False)
        return values[:, -1], right[:, -1].conj()

    def _iterated(self, points: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        r = len(self.triangle)
        values, vectors = np.empty(len(points)), np.empty((len(points), r), np.complex128)
        chance = np.random.default_rng(0).standard_normal((2, r)) / math.sqrt(2 * r)
        start = by_chance = chance[0] + 1j * chance[1]
        for place, point in enumerate(points):
            values[place], vectors[place] = least_singular(self._reduced(point), start)
            # The vector of the point before, and as much of every other: alone it may hold nothing of the least one.
            start = vectors[place] + by_chance
        return values, vectors

    def _reduced(self, point: complex) -> np.ndarray:
        """The triangular factor of equation (3) at a point."""
        shifted = np.array(self.triangle, order="F")
        shifted[np.diag_indices_from(shifted)] -= point
        if self.rest is None:
            return shifted
        (update,) = scipy.linalg.get_lapack_funcs(("tpqrt",), dtype=np.complex128)
        r = len(shifted)
        return update(r, min(r, 32), shifted, np.array(self.rest, order="F"), overwrite_a=1, overwrite_b=1)[0]


def _chunks(points: np.ndarray) -> list[np.ndarray]:
    return [points[start : start + TOGETHER] for start in range(0, len(points), TOGETHER)]
