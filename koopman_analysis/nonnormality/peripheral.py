"""The eigenvalues of a matrix that lie on the unit circle to rounding, and what is left without them.

Rounding moves an eigenvalue λ_j by up to δ_j, the least radius of `conditioning`. λ_j is on the circle where
| |λ_j| − 1 | ≤ δ_j, and outside where |λ_j| − 1 > δ_j. It is defective to rounding where it is ill-conditioned and its
nearest neighbour lies within δ_j: then rounding may have parted two of one block. Where none is either, those inside
stay inside, and

    sup_k ‖A^k‖ ≤ κ(V),      (|z| − 1) ‖(z − A)⁻¹‖ ≤ κ(V),  |z| > 1.                                                (1)

κ(V) is far too much where eigenvalues inside are all but defective. With the ordered Schur form
A = U [A_1 X'; 0 A_2] Uᴴ and A_1 X − X A_2 = −X' the parts come apart,

    A = S diag(A_1, A_2) S⁻¹,     S = U [I X; 0 I],     S⁻¹ = [I −X; 0 I] Uᴴ,                                      (2)

and where A_1 = P Λ P⁻¹, ‖A_1^k‖ and (|z| − 1) ‖(z − A_1)⁻¹‖ in the coordinates of A are at most ‖V‖ ‖W‖, with
V = S_1 P D and Wᴴ = D⁻¹ P⁻¹ (S⁻¹)_1, D such that the columns of V and W are as long as each other. Next to the circle
one eigenvalue alone is near: if λ_j is the nearest to z, |λ_j − λ_k| ≤ 2 |z − λ_k| for the others, and |z| − 1 ≤
|z − λ_j|, so that with those alike to it taken together, N_j = {k : |λ_j − λ_k| ≤ 10⁻⁶},

    (|z| − 1) ‖V (z − Λ)⁻¹ Wᴴ‖ ≤ max_j [ ‖V_N‖ ‖W_N‖ + 2 (|z| − 1) Σ_{k ∉ N_j} ‖v_k‖ ‖w_k‖ / |λ_j − λ_k| ],         (3)

where ‖v_k‖ ‖w_k‖ is the norm of the spectral projector of λ_k: near the circle, the largest of these. Eigenvalues alike
to rounding are one, with the projector V_N W_Nᴴ and its norm in the place of ‖V_N‖ ‖W_N‖.

Sources: Trefethen & Embree 2005, ch. 14 (1); Golub & Van Loan 2013, ch. 7.6 (2).
"""

from dataclasses import dataclass

import numpy as np
import scipy.linalg

from koopman_analysis.magnitude import in_double_precision
from koopman_analysis.nonnormality.conditioning import (
    eigenbasis,
    eigenvalues_and_radii,
    eigenvector_conditioning,
    rounding_of,
)
from koopman_analysis.shapes import Float, Inexact, Operator
from koopman_analysis.spectrum import EPSILON

ILL_CONDITIONED = 1e3
"""Share of δ by which an eigenvalue is moved, below which it is not taken for one of a block."""
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
        outside: Whether one is outside: powers grow without bound.
        defective: Whether one on the circle is defective to rounding: powers may.
        condition: κ(V) of the whole matrix where equation (1) holds, ∞ otherwise.
        norm: ‖V‖ ‖W‖; 0 where there is none.
        near: The first term of equation (3), for each eigenvalue on the circle; empty where there are many.
        far: The sum of equation (3), doubled.
        rest: A_2, with all other eigenvalues.
        rest_norm: ‖S_2‖ ‖(S⁻¹)_2‖.
    """

    count: int
    outside: bool
    defective: bool
    condition: float
    norm: float
    near: Float[np.ndarray, " count"]
    far: Float[np.ndarray, " count"]
    rest: Inexact[np.ndarray, "k k"]
    rest_norm: float

    @property
    def unbounded(self) -> bool:
        """Whether nothing bounds the powers for certain."""
        return self.outside or self.defective

    def resolvent(self, gap: float) -> float:
        """A bound of (|z| − 1) ‖V (z − Λ)⁻¹ Wᴴ‖ for 0 < |z| − 1 ≤ gap."""
        return min(self.norm, float((self.near + gap * self.far).max())) if self.near.size else self.norm


def peripheral_part(A: Operator) -> Peripheral:
    """The part of a square matrix that belongs to eigenvalues on the unit circle."""
    values, moved = eigenvalues_and_radii(A)
    moduli, apart = np.abs(values), np.abs(values[:, None] - values[None, :])
    np.fill_diagonal(apart, np.inf)
    delta = rounding_of(in_double_precision(A))
    on_circle = np.abs(moduli - 1) <= moved
    defective = on_circle & (moved > ILL_CONDITIONED * delta) & (apart.min(axis=1) <= moved)
    outside = bool((moduli - 1 > moved).any())
    if outside or defective.any():
        return _nothing(A, int(on_circle.sum()), outside=outside, defective=bool(defective.any()), condition=np.inf)
    condition = eigenvector_conditioning(A)
    if not on_circle.any():
        return _nothing(A, 0, condition=condition)
    return _split(in_double_precision(A), edge=1 - 2 * float(moved[on_circle].max()), condition=condition)


def _nothing(
    A: Operator, count: int, *, outside: bool = False, defective: bool = False, condition: float
) -> Peripheral:
    """That of a matrix which is not parted."""
    bounded = not (outside or defective)
    return Peripheral(
        count=count, outside=outside, defective=defective, condition=condition, norm=0.0 if bounded else np.inf,
        near=NONE, far=NONE, rest=A if bounded else A[:0, :0], rest_norm=float(bounded),
    )  # fmt: skip


def _split(A: Inexact[np.ndarray, "m m"], *, edge: float, condition: float) -> Peripheral:
    """The parts of equation (2), of which the first has the eigenvalues of at least this modulus."""
    T, U, count = scipy.linalg.schur(A, output="complex", sort=lambda value: abs(value) >= edge)
    first, second, coupling = T[:count, :count], T[count:, count:], T[:count, count:]
    X = scipy.linalg.solve_sylvester(first, -second, -coupling) if count < len(A) else coupling
    circle, P = eigenbasis(first)
    if not np.linalg.cond(P) < 1 / EPSILON:
        return _nothing(A, count, defective=True, condition=np.inf)
    V = U[:, :count] @ P
    W = np.linalg.solve(P, np.concatenate([np.eye(count), -X], axis=1) @ U.conj().T)
    D = np.sqrt(np.linalg.norm(W, axis=1) / np.linalg.norm(V, axis=0))
    V, W = V * D, W / D[:, None]
    near, far = _neighbours(circle, V, W, rounding=1 - edge) if count <= MANY else (NONE, NONE)
    return Peripheral(
        count=count,
        outside=False,
        defective=False,
        condition=condition,
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
