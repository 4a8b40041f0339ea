"""The least singular value of a triangular matrix, by Lanczos iteration with its inverse.

(Rᴴ R)⁻¹ is applied by two triangular solutions and never formed, so that σ_min has the accuracy of R itself. With Ritz
value θ and residual β|s| the error of θ is below β|s|, and of the order of its square over the gap.

Source: Trefethen & Embree 2005, ch. 39.
"""

import math

import numpy as np
import scipy.linalg

from koopman_analysis.magnitude import enlarged, unit_and_exponent
from koopman_analysis.shapes import Complex

STEPS, FEWEST = 80, 6
"""Lanczos steps at most and at least: fewer may settle on a singular value that is not the least."""
SHARP = 1e-9
"""Residual of a Ritz pair, as a share of its value, at which the iteration stops."""


def least_singular(
    R: Complex[np.ndarray, "r r"], start: Complex[np.ndarray, " r"]
) -> tuple[float, Complex[np.ndarray, " r"]]:
    """The least singular value of an upper triangular matrix, and its right singular vector.

    Args:
        R: The matrix.
        start: Where to begin: a vector with a part along every other, such as one by chance.
    """
    unit, exponent = unit_and_exponent(R)
    if not unit.any():
        return 0.0, start / np.linalg.norm(start)
    scaled = np.asfortranarray(unit)
    zeros = np.flatnonzero(np.diag(scaled) == 0)
    if len(zeros):
        return 0.0, _null(scaled, int(zeros[0]))
    with np.errstate(all="ignore"):  # where solving leaves the range of numbers, the whole matrix is decomposed
        found, vector = _iterated(scaled, start)
    if not (np.isfinite(vector).all() and 0.0 < found < np.inf):
        _, values, right = np.linalg.svd(scaled)
        found, vector = float(values[-1]), right[-1].conj()
    return enlarged(found, exponent), vector


def _iterated(R: np.ndarray, start: np.ndarray) -> tuple[float, np.ndarray]:
    """Lanczos iteration with (Rᴴ R)⁻¹; not finite where that is not."""
    (solve,) = scipy.linalg.get_blas_funcs(("trsv",), dtype=np.complex128)
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
        betas.append(float(np.linalg.norm(image)))
        if not np.isfinite([alphas[-1], betas[-1]]).all():
            return np.nan, basis[0]
        values, columns = scipy.linalg.eigh_tridiagonal(np.array(alphas), np.array(betas[:-1]))
        ritz, found = columns[:, -1], 1.0 / math.sqrt(values[-1]) if values[-1] > 0 else np.nan
        settled = len(alphas) >= FEWEST and betas[-1] * abs(ritz[-1]) <= SHARP * values[-1]
        if settled or betas[-1] <= 1e-13 * values[-1]:  # or the start has no part outside
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
