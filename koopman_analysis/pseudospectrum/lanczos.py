"""The least singular value of a triangular matrix, by Lanczos iteration with its inverse.

(Rᴴ R)⁻¹ is applied by two triangular solutions and never formed, so that σ_min has the accuracy of R itself. With Ritz
value θ and residual β|s| the error of θ is below β|s|, and of the order of its square over the gap.

Source: Trefethen & Embree 2005, ch. 39.
"""

import math

import numpy as np
import scipy.linalg

from koopman_analysis.shapes import Complex

STEPS = 60
"""Lanczos steps at most."""
SHARP = 1e-9
"""Relative change of a singular value below which Lanczos iteration stops."""


def least_singular(
    R: Complex[np.ndarray, "r r"], start: Complex[np.ndarray, " r"]
) -> tuple[float, Complex[np.ndarray, " r"]]:
    """The least singular value of an upper triangular matrix, and its right singular vector.

    Args:
        R: The matrix.
        start: Where to begin, such as the vector of a matrix nearby.
    """
    (solve,) = scipy.linalg.get_blas_funcs(("trsv",), dtype=np.complex128)
    diagonal = np.abs(np.diag(R))
    zeros = np.flatnonzero(diagonal <= np.finfo(np.float64).tiny / np.finfo(np.float64).eps)
    if len(zeros):
        return 0.0, _null(R, int(zeros[0]))
    basis = [start / np.linalg.norm(start)]
    alphas: list[float] = []
    betas: list[float] = []
    found, ritz = np.inf, np.ones(1)
    for _ in range(min(STEPS, len(R))):
        image = solve(R, solve(R, basis[-1], trans=2))
        alphas.append(float(np.vdot(basis[-1], image).real))
        every = np.array(basis)
        for _ in range(2):  # twice is enough: the basis stays orthonormal to rounding
            image = image - every.T @ (every.conj() @ image)
        values, columns = scipy.linalg.eigh_tridiagonal(np.array(alphas), np.array(betas))
        ritz, before, found = columns[:, -1], found, 1.0 / math.sqrt(values[-1])
        betas.append(float(np.linalg.norm(image)))
        # The error of a Ritz value is at most the square of its residual over the gap: its size is enough to stop by.
        if betas[-1] * abs(ritz[-1]) <= SHARP * values[-1] or abs(before - found) <= 1e-3 * SHARP * found:
            break
        basis.append(image / betas[-1])
    return found, np.array(basis[: len(ritz)]).T @ ritz


def _null(R: np.ndarray, place: int) -> np.ndarray:
    """A vector that R takes to zero, this being the first place of its diagonal that is zero."""
    vector = np.zeros(len(R), np.complex128)
    vector[place] = 1.0
    if place:
        vector[:place] = -scipy.linalg.solve_triangular(R[:place, :place], R[:place, place])
    return vector / np.linalg.norm(vector)
