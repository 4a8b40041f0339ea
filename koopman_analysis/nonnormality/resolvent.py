"""The norm of (z − A)⁻¹ at one z: dearly, and from below at a fraction of the cost.

One over it is σ_min(z − A), by a singular value decomposition in O(m³) operations for each z. With one complex Schur
form A = U T Uᴴ for all z, each step of the power method for (z − T)⁻¹ (z − T)⁻ᴴ takes O(m²), and whatever it has come
to, from any start,

    ‖v‖ / ‖(z − T)⁻¹ v‖ ≥ σ_min(z − A)        (likewise with (z − T)⁻ᴴ).                                          (1)

Source: Trefethen & Embree 2005, ch. 39 (pseudospectra from a triangular form).
"""

import math
from dataclasses import dataclass

import numpy as np
import scipy.linalg

from koopman_analysis.magnitude import enlarged, enlarged_array, unit_and_exponent
from koopman_analysis.shapes import Complex, Inexact, Operator

STEPS = 8
"""Of the power method; they choose where to look, so that a tenth more or less does not matter."""

SMALL = 48
"""Rows up to which a singular value decomposition takes no longer than the steps."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Resolvent:
    """A square matrix, ready for its resolvent at many points.

    Attributes:
        matrix: A.
        triangular: 2^{−e} T.
        exponent: e, of the `magnitude` of A.
        norm: ‖A‖.
    """

    matrix: Inexact[np.ndarray, "m m"]
    triangular: Complex[np.ndarray, "m m"]
    exponent: int
    norm: float

    @classmethod
    def of(cls, A: Operator) -> "Resolvent":
        """That of A.

        Raises:
            ValueError: If ‖A‖ is beyond the range of numbers.
        """
        unit, exponent = unit_and_exponent(A)
        triangular, _ = scipy.linalg.schur(unit, output="complex", check_finite=False)
        return cls(
            matrix=A,
            triangular=np.asfortranarray(triangular),
            exponent=exponent,
            norm=enlarged(float(np.linalg.norm(unit, 2)), exponent),
        )

    @property
    def eigenvalues(self) -> Complex[np.ndarray, " m"]:
        """Those of A, the largest first."""
        eigenvalues = enlarged_array(np.diag(self.triangular), self.exponent)
        return eigenvalues[np.argsort(-np.abs(eigenvalues), kind="stable")]

    def smallest(self, z: complex) -> float:
        """σ_min(z − A)."""
        shifted, exponent = self._shifted(z)
        return enlarged(float(np.linalg.svd(shifted, compute_uv=False)[-1]), exponent)

    def above(self, z: complex) -> float:
        """The upper bound of σ_min(z − A) in equation (1), or that itself where it costs no more."""
        if len(self.triangular) <= SMALL:
            return self.smallest(z)
        shifted, exponent = self._shifted(z)
        (solved,) = scipy.linalg.get_lapack_funcs(("trtrs",), (shifted,))
        v, length = np.full(len(shifted), len(shifted) ** -0.5, dtype=complex), 1.0
        for step in range(2 * STEPS):
            v, failed = solved(shifted, v / length, trans=2 * (step % 2))
            with np.errstate(over="ignore"):  # looked for in the next line
                length = float(np.linalg.norm(v))
            if failed or not np.isfinite(length):
                return 0.0  # z is an eigenvalue, or rounding cannot tell
        return enlarged(1 / length, exponent)

    def _shifted(self, z: complex) -> tuple[Complex[np.ndarray, "m m"], int]:
        """2^{−e} (z − T) in the unit of the larger of the two, and e."""
        exponent = max(self.exponent, math.frexp(max(abs(z.real), abs(z.imag)))[1])
        shifted: np.ndarray = self.triangular * -(2.0 ** (self.exponent - exponent))
        shifted[np.diag_indices(len(shifted))] += complex(math.ldexp(z.real, -exponent), math.ldexp(z.imag, -exponent))
        return shifted, exponent
