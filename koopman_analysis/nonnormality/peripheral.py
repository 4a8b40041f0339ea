"""The eigenvalues of a matrix that lie on the unit circle to rounding, and what is left without them.

An eigenvalue λ_j with right and left eigenvectors v_j, u_j of length one moves with the rounding of A by

    |δλ_j| ≲ δ_j = 10 ε ‖A‖ / |u_jᴴ v_j|.                                                                       (1)

λ_j is on the circle where | |λ_j| − 1 | ≤ δ_j, and outside where |λ_j| − 1 > δ_j. It is defective to rounding where it
is ill-conditioned and its nearest neighbour lies within δ_j: then rounding may have parted two of one block. With the
ordered Schur form A = U [A_1 X'; 0 A_2] Uᴴ and A_1 X − X A_2 = −X' the parts come apart,

    A = S diag(A_1, A_2) S⁻¹,     S = U [I X; 0 I],     S⁻¹ = [I −X; 0 I] Uᴴ,                                      (2)

and where A_1 = P Λ P⁻¹, ‖A_1^k‖ and (|z| − 1) ‖(z − A_1)⁻¹‖ in the coordinates of A are at most ‖V‖ ‖W‖, with
V = S_1 P D and Wᴴ = D⁻¹ P⁻¹ (S⁻¹)_1, D such that the columns of V and W are as long as each other. Next to the circle
one eigenvalue alone is near: if λ_j is the nearest to z, |λ_j − λ_k| ≤ 2 |z − λ_k| for the others, and |z| − 1 ≤
|z − λ_j|, so that with those alike to it taken together, N_j = {k : |λ_j − λ_k| ≤ 10⁻⁶},

    (|z| − 1) ‖V (z − Λ)⁻¹ Wᴴ‖ ≤ max_j [ ‖V_N‖ ‖W_N‖ + 2 (|z| − 1) Σ_{k ∉ N_j} ‖v_k‖ ‖w_k‖ / |λ_j − λ_k| ],         (3)

where ‖v_k‖ ‖w_k‖ is the norm of the spectral projector of λ_k: near the circle, the largest of these. Eigenvalues alike
to (1) are one, with the projector V_N W_Nᴴ and its norm in the place of ‖V_N‖ ‖W_N‖.

Sources: Wilkinson 1965, ch. 2 (1); Golub & Van Loan 2013, ch. 7.6 (2).
"""

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from koopman_analysis.magnitude import enlarged_array, unit_and_exponent
from koopman_analysis.shapes import Float, Inexact, Operator

EPSILON = float(np.finfo(np.float64).eps)
ILL_CONDITIONED = 1e3
"""1/|uᴴ v| below which an eigenvalue is not taken for one of a block."""
FARTHEST = 1e-2
"""Largest distance that equation (1) is believed to; it is of first order, and infinite for a block."""
ALIKE = 1e-6
"""Distance up to which eigenvalues on the circle are taken together in equation (3)."""

MANY = 64
"""Eigenvalues on the circle of which equation (3) is not asked: circles that near to so many take minutes."""
NONE = np.zeros(0)


@dataclass(frozen=True, kw_only=True, eq=False)
class Peripheral:
    """The part of a matrix on the unit circle.

    Attributes:
        count: Number of eigenvalues on the circle.
        unbounded: Whether one is outside, or defective on it: powers grow without bound.
        norm: ‖V‖ ‖W‖; 0 where there is none.
        near: The first term of equation (3), for each eigenvalue on the circle; empty where there are many.
        far: The sum of equation (3), doubled.
        rest: A_2, with all other eigenvalues.
        rest_norm: ‖S_2‖ ‖(S⁻¹)_2‖.
    """

    count: int
    unbounded: bool
    norm: float
    near: Float[np.ndarray, " count"]
    far: Float[np.ndarray, " count"]
    rest: Inexact[np.ndarray, "k k"]
    rest_norm: float

    def resolvent(self, gap: float) -> float:
        """A bound of (|z| − 1) ‖V (z − Λ)⁻¹ Wᴴ‖ for 0 < |z| − 1 ≤ gap."""
        return min(self.norm, float((self.near + gap * self.far).max())) if self.near.size else self.norm


def peripheral_part(A: Operator) -> Peripheral:
    """The part of a square matrix that belongs to eigenvalues on the unit circle."""
    unit, exponent = unit_and_exponent(A)
    values, left, right = scipy.linalg.eig(unit, left=True, right=True)
    values = enlarged_array(values, exponent)
    overlap = np.abs(np.einsum("ij,ij->j", left.conj(), right))
    with np.errstate(over="ignore"):  # infinite is farther than the farthest
        moved = np.ldexp(10 * EPSILON * np.linalg.norm(unit, 2) / np.maximum(overlap, EPSILON), exponent)
    moved = np.minimum(moved, FARTHEST)
    apart = np.abs(values[:, None] - values[None, :]) + np.diag(np.full(len(values), np.inf))
    on_circle = np.abs(np.abs(values) - 1) <= moved
    defective = on_circle & (overlap * ILL_CONDITIONED < 1) & (apart.min(axis=1) <= moved)
    if defective.any() or (np.abs(values) - 1 > moved).any():
        return Peripheral(
            count=int(on_circle.sum()), unbounded=True, norm=np.inf, near=NONE, far=NONE, rest=A[:0, :0], rest_norm=0.0
        )
    if not on_circle.any():
        return Peripheral(count=0, unbounded=False, norm=0.0, near=NONE, far=NONE, rest=A, rest_norm=1.0)
    edge = 1 - float(moved[on_circle].max())
    T, U, count = scipy.linalg.schur(A, output="complex", sort=lambda value: abs(value) >= edge)
    first, second, coupling = T[:count, :count], T[count:, count:], T[:count, count:]
    X = scipy.linalg.solve_sylvester(first, -second, -coupling) if count < len(A) else coupling
    circle, P = np.linalg.eig(first)
    V = U[:, :count] @ P
    W = np.linalg.solve(P, np.concatenate([np.eye(count), -X], axis=1) @ U.conj().T)
    D = np.sqrt(np.linalg.norm(W, axis=1) / np.linalg.norm(V, axis=0))
    V, W = V * D, W / D[:, None]
    near, far = _neighbours(circle, V, W, rounding=float(moved[on_circle].max())) if count <= MANY else (NONE, NONE)
    return Peripheral(
        count=count,
        unbounded=False,
        norm=float(np.linalg.norm(V, 2) * np.linalg.norm(W, 2)),
        near=near,
        far=far,
        rest=second,
        rest_norm=float(np.sqrt(1 + np.linalg.norm(X, 2) ** 2)) if count < len(A) else 0.0,
    )


def _neighbours(circle: np.ndarray, V: np.ndarray, W: np.ndarray, *, rounding: float) -> tuple[np.ndarray, np.ndarray]:
    """The two parts of equation (3), for each eigenvalue."""
    sizes = np.linalg.norm(V, axis=0) * np.linalg.norm(W, axis=1)
    apart = np.abs(circle[:, None] - circle[None, :])
    alike = apart <= ALIKE
    near = sizes.copy()
    for j in np.flatnonzero(alike.sum(axis=1) > 1):
        one = alike[j]
        near[j] = np.linalg.norm(V[:, one], 2) * np.linalg.norm(W[one], 2)
        if apart[np.ix_(one, one)].max() <= rounding:
            near[j] = np.linalg.norm(V[:, one] @ W[one], 2)
    far = 2 * (np.where(alike, 0.0, sizes) / np.where(alike, 1.0, apart)).sum(axis=1)
    return near, far
