"""The eigenvalues of a matrix that lie on the unit circle to rounding, and what is left without them.

An eigenvalue λ_j with right and left eigenvectors v_j, u_j of length one moves with the rounding of A by

    |δλ_j| ≲ δ_j = 10 ε ‖A‖ / |u_jᴴ v_j|.                                                                       (1)

λ_j is on the circle where | |λ_j| − 1 | ≤ δ_j, and outside where |λ_j| − 1 > δ_j. It is defective to rounding where it
is ill-conditioned and its nearest neighbour lies within δ_j: then rounding may have parted two of one block. With the
ordered Schur form A = U [A_1 X'; 0 A_2] Uᴴ and A_1 X − X A_2 = −X' the parts come apart,

    A = S diag(A_1, A_2) S⁻¹,     S = U [I X; 0 I],     S⁻¹ = [I −X; 0 I] Uᴴ,                                      (2)

and where A_1 = P Λ P⁻¹, ‖A_1^k‖ and (|z| − 1) ‖(z − A_1)⁻¹‖ in the coordinates of A are at most ‖V‖ ‖W‖, with
V = S_1 P D and Wᴴ = D⁻¹ P⁻¹ (S⁻¹)_1, D such that the columns of V and W are as long as each other.

Sources: Wilkinson 1965, ch. 2 (1); Golub & Van Loan 2013, ch. 7.6 (2).
"""

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from koopman_analysis.shapes import Inexact, Operator

EPSILON = float(np.finfo(np.float64).eps)
ILL_CONDITIONED = 1e3
"""1/|uᴴ v| below which an eigenvalue is not taken for one of a block."""
FARTHEST = 1e-2
"""Largest distance that equation (1) is believed to; it is of first order, and infinite for a block."""


@dataclass(frozen=True, kw_only=True, eq=False)
class Peripheral:
    """The part of a matrix on the unit circle.

    Attributes:
        count: Number of eigenvalues on the circle.
        unbounded: Whether one is outside, or defective on it: powers grow without bound.
        norm: ‖V‖ ‖W‖; 0 where there is none.
        rest: A_2, with all other eigenvalues.
        rest_norm: ‖S_2‖ ‖(S⁻¹)_2‖.
    """

    count: int
    unbounded: bool
    norm: float
    rest: Inexact[np.ndarray, "k k"]
    rest_norm: float


def peripheral_part(A: Operator) -> Peripheral:
    """The part of a square matrix that belongs to eigenvalues on the unit circle."""
    values, left, right = scipy.linalg.eig(A, left=True, right=True)
    overlap = np.abs(np.einsum("ij,ij->j", left.conj(), right))
    moved = np.minimum(10 * EPSILON * np.linalg.norm(A, 2) / np.maximum(overlap, EPSILON), FARTHEST)
    apart = np.abs(values[:, None] - values[None, :]) + np.diag(np.full(len(values), np.inf))
    on_circle = np.abs(np.abs(values) - 1) <= moved
    defective = on_circle & (overlap * ILL_CONDITIONED < 1) & (apart.min(axis=1) <= moved)
    if defective.any() or (np.abs(values) - 1 > moved).any():
        return Peripheral(count=int(on_circle.sum()), unbounded=True, norm=np.inf, rest=A[:0, :0], rest_norm=0.0)
    if not on_circle.any():
        return Peripheral(count=0, unbounded=False, norm=0.0, rest=A, rest_norm=1.0)
    edge = 1 - float(moved[on_circle].max())
    T, U, count = scipy.linalg.schur(A, output="complex", sort=lambda value: abs(value) >= edge)
    first, second, coupling = T[:count, :count], T[count:, count:], T[:count, count:]
    X = scipy.linalg.solve_sylvester(first, -second, -coupling) if count < len(A) else coupling
    _, P = np.linalg.eig(first)
    V = U[:, :count] @ P
    W = np.linalg.solve(P, np.concatenate([np.eye(count), -X], axis=1) @ U.conj().T)
    D = np.sqrt(np.linalg.norm(W, axis=1) / np.linalg.norm(V, axis=0))
    return Peripheral(
        count=count,
        unbounded=False,
        norm=float(np.linalg.norm(V * D, 2) * np.linalg.norm(W / D[:, None], 2)),
        rest=second,
        rest_norm=float(np.sqrt(1 + np.linalg.norm(X, 2) ** 2)) if count < len(A) else 0.0,
    )
