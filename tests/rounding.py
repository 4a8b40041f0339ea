"""How far rounding may carry what two computations of one thing yield: tolerances from dtype and conditioning.

Let Ψ_x and Ψ_y be the weighted features of the pairs, κ the condition number of Ψ_x with normalised columns, Q an
orthonormal basis of its span and T = Qᴴ Ψ_x. With c a constant for what a few hundred operations add up to,

    projections onto the span             ‖δ(Ψ_x K)‖ ≤ c ε κ ‖Ψ_y‖,                                            (1)
    the operator in its white coordinates ‖δ(T K T⁻¹)‖ ≤ c ε κ ‖Ψ_y T⁻¹‖ = E,                                    (2)
    its eigenvalues                       min_j |λ_i − λ'_j| ≤ κ(W) E,      W its eigenvectors.                     (3)

These numbers come of the code under test: an error of it must not pass for bad conditioning, so each is asserted to be
small.

Sources: Higham 2002, ch. 20 (least squares); Bauer & Fike 1960 (equation (3)).
"""

import numpy as np
import scipy.optimize

from koopman_analysis.estimators.base import MomentEstimator
from koopman_analysis.moments import FactorMoments, orthonormal_factors

EPSILON = float(np.finfo(np.float64).eps)

OPERATIONS = 1e3
"""c: what is tested are errors of order one, so it need not be sharp."""

LARGEST = 1e-3
"""What is larger would hide an error of order one; the features drawn here are far better conditioned."""


def of_projections(moments: FactorMoments) -> float:
    """Equation (1), relative to ‖Ψ_y‖."""
    return small(OPERATIONS * EPSILON * moments.condition())


def of_both_ends(moments: FactorMoments) -> float:
    """c ε times the condition numbers of both ends: an operator in coordinates that are white at each."""
    normalised = moments.outputs / np.linalg.norm(moments.outputs, axis=0)
    return small(of_projections(moments) * float(np.linalg.cond(normalised)))


def of_operator(moments: FactorMoments) -> float:
    """Equation (2)."""
    _, _, back = orthonormal_factors(moments.inputs, moments.resolution)
    return small(of_projections(moments) * max(1.0, float(np.linalg.norm(moments.outputs @ back, 2))))


def of_eigenvalues(fitted: MomentEstimator) -> float:
    """Equation (3) for an estimator fitted to `FactorMoments`, whose eigenvalues are distinct."""
    found = fitted.eigenpairs()
    W = fitted.moments_.inputs @ found.coefficients
    return small(of_operator(fitted.moments_) * float(np.linalg.cond(W / np.linalg.norm(W, axis=0))))


def small(tolerance: float) -> float:
    """The tolerance, if it is one."""
    assert tolerance < LARGEST, f"expected features that determine what is compared, got a tolerance of {tolerance:.1e}"
    return tolerance


def spectral_distance(one: np.ndarray, other: np.ndarray) -> float:
    """The largest distance of two eigenvalues in the matching of two spectra with the least total distance."""
    assert len(one) == len(other)
    rows, columns = matching(one, other)
    return float(np.abs(one[rows] - other[columns]).max(initial=0.0))


def matching(one: np.ndarray, other: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Positions in two spectra that belong together, by least total distance."""
    return scipy.optimize.linear_sum_assignment(np.abs(one[:, None] - other[None, :]))


def distance(one: np.ndarray, other: np.ndarray) -> float:
    """‖one − other‖ relative to the norm of `other`, column by column; the largest."""
    assert one.shape == other.shape
    norms = np.linalg.norm(other, axis=0)
    return float((np.linalg.norm(one - other, axis=0) / np.where(norms > 0, norms, 1.0)).max())
