"""How well eigenvalues and eigenvectors are determined, in double precision.

A matrix of m rows is known to about

    δ = 10 ε ‖A‖.                                                                                                (1)

A change of A by δ moves no eigenvalue farther than the lesser of two radii,

    κ(V) δ   (Bauer & Fike)      and      r with δ Σ_{k < m} ν^k r^{−k−1} = 1   (Henrici),                        (2)

A = V Λ V⁻¹ with columns of length one and ν = ‖N‖_F the departure from normality: the first is about δ where A is well
diagonalisable; where A is defective it is infinite, and the second about (δ ν^{m−1})^{1/m}. To first order it moves an
eigenvalue with right and left eigenvectors v, u of length one by

    δ / |uᴴ v|,                                                                                                  (3)

too much next to a defective matrix, where (2) is less; but an eigenvalue of its own (3) spares what others suffer.

κ(V) is that of the best basis of its kind, not of the one that rounding left: of a matrix that is normal to rounding,
‖N‖_F ≤ m δ, the Schur vectors, κ = 1; and of eigenvalues that (2) and (3) cannot tell apart an orthonormal basis of
the directions that A − λ̄ takes to less than m δ, λ̄ their mean, if there are as many. Beyond 1/ε it is infinite.

Sources: Bauer & Fike 1960; Henrici 1962, theorem 4; Wilkinson 1965, ch. 2 (first order).
"""

import math

import numpy as np
import scipy.linalg
import scipy.optimize
from scipy.sparse.csgraph import connected_components

from koopman_analysis.magnitude import enlarged, enlarged_array, unit_and_exponent
from koopman_analysis.nonnormality.departure import henrici_departure
from koopman_analysis.shapes import Complex, Float, Inexact, Operator, require_square
from koopman_analysis.spectrum import EPSILON, rounded_eigenpairs


def eigenvector_conditioning(A: Operator) -> float:
    """κ(V) of the module, at least 1; ∞ where there is no basis.

    Raises:
        ValueError: If A is not a square matrix of finite numbers.
    """
    require_square(A)
    unit, _ = unit_and_exponent(A)
    return _condition(eigenbasis(unit)[1])


def eigenbasis(A: Inexact[np.ndarray, "m m"]) -> tuple[Complex[np.ndarray, " m"], Complex[np.ndarray, "m m"]]:
    """Eigenvalues and eigenvectors V of the module, of entries of order one."""
    delta = len(A) * rounding_of(A)
    triangular, U = scipy.linalg.schur(A, output="complex")
    if np.linalg.norm(np.triu(triangular, 1)) <= delta:
        return np.diag(triangular), U
    values, V, alone = rounded_eigenpairs(A)
    V = V.astype(np.complex128)
    radii = np.minimum(alone, _henrici_radius(A))
    alike = np.abs(values[:, None] - values[None, :]) <= np.maximum(radii[:, None], radii[None, :])
    count, group = connected_components(alike, directed=False)
    for members in (np.flatnonzero(group == number) for number in range(count)):
        if len(members) > 1:
            _, sizes, right = np.linalg.svd(A - values[members].mean() * np.eye(len(A)))
            kernel = right[sizes <= delta].conj().T
            if kernel.shape[1] == len(members):
                V[:, members] = kernel
    return values, V


def rounding_of(A: Inexact[np.ndarray, "m m"]) -> float:
    """δ of equation (1), of entries of order one."""
    return 10 * EPSILON * float(np.linalg.norm(A, 2))


def reach_of_rounding(A: Operator) -> float:
    """The lesser radius of equation (2).

    Raises:
        ValueError: If A is not a square matrix of finite numbers.
    """
    require_square(A)
    unit, exponent = unit_and_exponent(A)
    return enlarged(_reach(unit), exponent)


def eigenvalues_and_radii(A: Operator) -> tuple[Complex[np.ndarray, " m"], Float[np.ndarray, " m"]]:
    """The eigenvalues, and how far rounding moves each: the least of equations (2) and (3).

    Raises:
        ValueError: If A is not a square matrix of finite numbers, or has eigenvalues beyond their range.
    """
    require_square(A)
    unit, exponent = unit_and_exponent(A)
    values, V = eigenbasis(unit)
    if math.isfinite(_condition(V)):
        alone = np.linalg.norm(V, axis=0) * np.linalg.norm(np.linalg.inv(V), axis=1) * rounding_of(unit)
    else:
        values, _, alone = rounded_eigenpairs(unit)
    radii = np.minimum(alone, _henrici_radius(unit))  # κ(V) δ is more than that of one eigenvalue
    return enlarged_array(values, exponent), np.ldexp(radii, exponent)


def _reach(unit: np.ndarray) -> float:
    delta = rounding_of(unit)
    return min(_henrici_radius(unit), _condition(eigenbasis(unit)[1]) * delta) if delta else 0.0


def _condition(V: np.ndarray) -> float:
    values = np.linalg.svd(V, compute_uv=False)
    return max(1.0, float(values[0] / values[-1])) if values[-1] > EPSILON * values[0] else math.inf


def _henrici_radius(A: np.ndarray) -> float:
    """The second radius of equation (2)."""
    delta, nu = rounding_of(A), henrici_departure(A)
    if nu == 0 or delta == 0:
        return delta
    powers = np.arange(len(A))

    def excess(log_radius: float) -> float:
        return float(np.log(delta) + np.logaddexp.reduce(powers * np.log(nu) - (powers + 1) * log_radius))

    # At δ the sum is at least its first term, 1/δ; at δ + ν it is at most that of all k, 1/δ again.
    low, high = np.log(delta) - EPSILON, np.log(delta + nu) + 1e-9
    return float(np.exp(scipy.optimize.brentq(excess, low, high)))
