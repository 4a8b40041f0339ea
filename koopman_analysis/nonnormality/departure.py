"""How far a matrix is from a normal one, in single numbers.

With the complex Schur form A = U (Λ + N) Uᴴ, N strictly upper triangular, and singular values σ_1 ≥ σ_2 ≥ …,

    spectral radius             ρ(A) = max |λ|                                                                  (1)
    Henrici's departure         ‖N‖_F = √( ‖A‖_F² − Σ |λ|² ), 0 iff A is normal                                  (2)
    numerical abscissa          max Re W(A) = λ_max((A + Aᴴ)/2) = d/dt ‖e^{tA}‖ at t = 0                          (3)
    numerical radius            w(A) = max |W(A)| = max_θ λ_max(Re e^{iθ} A),  ‖A‖/2 ≤ w(A) ≤ ‖A‖                (4)
    effective rank              exp( −Σ p_i log p_i ),  p_i = σ_i / Σ σ_j                                       (5)
    stable rank                 ‖A‖_F² / ‖A‖²,                                                                  (6)

W(A) = {xᴴAx : ‖x‖ = 1}. In (2) N is taken from the Schur form itself: the difference of squares loses half of the
digits, and returned 0 for a departure of 3.6·10⁻⁹. In (4) λ_max(Re e^{iθ}A) takes
a level α only where det(z² A − 2α z + Aᴴ) = 0 at z = e^{iθ}; `circle` does the rest. All are homogeneous, and taken
from A apart from its `magnitude`.

Sources: Henrici 1962 (2); Trefethen & Embree 2005, ch. 14, 17, 48; Mengi & Overton 2005 (4); Roy & Vetterli 2007 (5);
Rudelson & Vershynin 2007 (6).
"""

import numpy as np
import scipy.linalg

from koopman_analysis.magnitude import enlarged, unit_and_exponent
from koopman_analysis.nonnormality.circle import angles_on_circle, circle_minimum
from koopman_analysis.shapes import Operator, require_matrix, require_square

SHARP = 1e-10
"""Relative accuracy of the numerical radius."""


def spectral_radius(A: Operator) -> float:
    """ρ(A) of equation (1).

    Raises:
        ValueError: If A is not a square matrix of finite numbers, or the result beyond the range of numbers.
    """
    unit, exponent = _square_unit(A)
    return enlarged(float(np.abs(np.linalg.eigvals(unit)).max()), exponent)


def henrici_departure(A: Operator) -> float:
    """‖N‖_F of equation (2), in the units of A.

    Raises:
        ValueError: If A is not a square matrix of finite numbers, or the result beyond the range of numbers.
    """
    unit, exponent = _square_unit(A)
    triangular, _ = scipy.linalg.schur(unit, output="complex")
    return enlarged(float(np.linalg.norm(np.triu(triangular, 1))), exponent)


def numerical_abscissa(A: Operator) -> float:
    """The largest real part in the numerical range: equation (3).

    Raises:
        ValueError: If A is not a square matrix of finite numbers, or the result beyond the range of numbers.
    """
    unit, exponent = _square_unit(A)
    return enlarged(_abscissa(unit), exponent)


def numerical_radius(A: Operator) -> float:
    """w(A) of equation (4), to ten digits.

    Raises:
        ValueError: If A is not a square matrix of finite numbers, or the result beyond the range of numbers.
    """
    unit, exponent = _square_unit(A)
    if not (size := float(np.linalg.norm(unit))):
        return 0.0
    scaled, identity = unit / size, np.eye(len(A))

    def negative(angle: float) -> float:
        return -_abscissa(np.exp(1j * angle) * scaled)

    def crossings(level: float) -> np.ndarray:
        left = np.block([[0 * identity, identity], [-scaled.conj().T, -2 * level * identity]])
        right = np.block([[identity, 0 * identity], [0 * identity, scaled]])
        return angles_on_circle(left, right)

    start = np.linspace(0, 2 * np.pi, 16, endpoint=False)
    return enlarged(-size * circle_minimum(negative, crossings, start=start, tolerance=SHARP).value, exponent)


def effective_rank(A: Operator) -> float:
    """The exponential of the entropy of the singular values' shares: equation (5), from 1 to the rank.

    Raises:
        ValueError: If A is not a matrix of finite numbers, or zero.
    """
    values = _singular_values(A)
    shares = values / values.sum()
    shares = shares[shares > 0]
    return float(np.exp(-(shares * np.log(shares)).sum()))


def stable_rank(A: Operator) -> float:
    """‖A‖_F² / ‖A‖² of equation (6), from 1 to the rank.

    Raises:
        ValueError: If A is not a matrix of finite numbers, or zero.
    """
    values = _singular_values(A)
    return float(np.square(values / values[0]).sum())


def _square_unit(A: Operator) -> tuple[np.ndarray, int]:
    require_square(A)
    return unit_and_exponent(A)


def _abscissa(A: np.ndarray) -> float:
    return float(np.linalg.eigvalsh((A + A.conj().T) / 2)[-1])


def _singular_values(A: Operator) -> np.ndarray:
    """Those of A apart from its magnitude."""
    require_matrix(A)
    values = np.linalg.svd(unit_and_exponent(A)[0], compute_uv=False)
    if not values.any():
        raise ValueError("expected a matrix that is not zero, got zero: its singular values have no shares")
    return values
