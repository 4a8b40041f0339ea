"""Products of centred matrices: what HSIC and distance covariance share.

For matrices a, b of n objects, zero on the diagonal, and 𝒬 the ordered quadruples of different objects,

    U(a, b) = mean over (i, j, k, l) ∈ 𝒬 of  a_ij (b_ij + b_kl − 2 b_ik)                                    (1)
            = Σ ã_ij b̃_ij / (n(n−3)),                                                                      (2)
    ã_ij = a_ij − a_i. /(n−2) − a_.j /(n−2) + a.. /((n−1)(n−2))  (i ≠ j),     ã_ii = 0,                      (3)

unbiased for the covariance of the doubly centred kernels. It is the unbiased HSIC of Song et al. 2012 on Gram matrices,
and the squared distance covariance of Székely & Rizzo 2014 on distances. Adding rᵢ + rⱼ off the diagonal changes
nothing: the Gram matrix ⟨xᵢ, xⱼ⟩ and −½ ‖xᵢ − xⱼ‖² have the same products.

**Resamples.** With multiplicities nᵢ a quadruple weighs nᵢ nⱼ n_k n_l, and quadruples with two copies of one object are
none: (1) over the quadruples of different *originals*, which is what is left of 𝒬 when copies are never paired. Its
sums need products of a, b and c = a∘b with n, n², n³ only: with p_r = Σ nᵢʳ, A = a n, B = b n, A₂ = a n², B₂ = b n²,

    Σ a_ij b_ij:  (p₁² − p₂) n·cn − 4 p₁ n²·cn + 4 n³·cn + 2 n²·cn²,                                        (4)
    Σ a_ij b_kl:  (n·A)(n·B) − 4 Σ n² A B + 2 n²·cn²,                                                       (5)
    Σ a_ij b_ik:  Σ n [ (p₁ − n)(A B − cn²) − A₂ B − A B₂ + 2 cn³ ].                                        (6)

The mean over resamples of (1) is (1) itself, so that a bootstrap of it is not shifted.

**Plain.** (1/n²) Σ ȧ_ij ḃ_ij with ȧ_ij = a_ij − ā_i. − ā_.j + ā.. , diagonals included: biased upwards.      (7)

Sources: Song, Smola, Gretton, Bedo & Borgwardt 2012; Székely & Rizzo 2014, eqs. 2.1–2.4.
"""

import math
from collections.abc import Callable

import numpy as np

from koopman_analysis.shapes import Distances, Float, Inexact

Matrix = Float[np.ndarray, "n n"]


CONSTANT = 1e-12
"""A standard deviation, as a share of the root mean square, that is there by rounding alone."""


def centred_rows(points: Inexact[np.ndarray, "n p"]) -> Float[np.ndarray, "n p"]:
    """Points less their mean; zero where what is left is rounding."""
    mean = points.mean(axis=0, dtype=np.float64)
    centred = points - mean
    return centred if varies(float(np.square(centred).sum()), mean, len(points)) else np.zeros_like(centred)


def varies(squares: float, mean: Float[np.ndarray, " p"], n: int) -> bool:
    """Whether the squared distances of n points from their mean sum to more than rounding leaves."""
    return squares > CONSTANT**2 * n * float(mean @ mean)


def u_centred(matrix: Matrix) -> Matrix:
    """Equation (3).

    Raises:
        ValueError: If there are fewer than four objects.
    """
    n = len(matrix)
    if n < 4:
        raise ValueError(f"expected at least four objects for an unbiased product of Gram matrices, got {n}")
    centred = matrix.astype(np.float64)
    np.fill_diagonal(centred, 0.0)
    rows = centred.sum(axis=1)
    centred -= (rows / (n - 2))[:, None] + rows / (n - 2) - rows.sum() / ((n - 1) * (n - 2))
    np.fill_diagonal(centred, 0.0)
    # Of a matrix that is constant off its diagonal rounding leaves what is small beside the entries.
    return centred if np.abs(centred).max() > 1e-13 * np.abs(rows).max() else np.zeros_like(centred)


def doubly_centred(matrix: Matrix) -> Matrix:
    """ȧ of equation (7)."""
    rows = matrix.mean(axis=1)
    return matrix - rows[:, None] - rows + rows.mean()


def cosine_of(first: Matrix, second: Matrix) -> float:
    """Σ a b / √(Σ a² Σ b²); NaN where one of them is zero."""
    scale = math.sqrt(float(np.vdot(first, first)) * float(np.vdot(second, second)))
    return float(np.vdot(first, second)) / scale if scale > 0.0 else math.nan


def unbiased_correlation(first: Matrix, second: Matrix) -> float:
    """U(a, b) / √(U(a, a) U(b, b)); NaN where a matrix is constant off its diagonal.

    Raises:
        ValueError: If there are fewer than four objects.
    """
    return cosine_of(u_centred(first), u_centred(second))


def weighted_correlation(first: Distances, second: Distances) -> Callable[[np.ndarray], float]:
    """The unbiased correlation as a function of the objects' multiplicities: equations (4) to (6).

    It is NaN where a resample has fewer than four different objects, or a matrix does not vary on them.

    Raises:
        ValueError: If there are fewer than four objects.
    """
    # What adding rᵢ + rⱼ leaves alone may as well be centred: less cancels in the sums.
    a, b = u_centred(first), u_centred(second)
    squares, mixed, others = a * a, a * b, b * b

    def correlation(multiplicities: np.ndarray) -> float:
        if np.count_nonzero(multiplicities) < 4:
            return math.nan
        n = multiplicities.astype(np.float64)
        powers = np.stack([n, n**2, n**3], axis=1)
        of_a, of_b = a @ powers[:, :2], b @ powers[:, :2]
        both = _quadruples(powers, of_a, of_b, mixed @ powers)
        scale = _quadruples(powers, of_a, of_a, squares @ powers) * _quadruples(powers, of_b, of_b, others @ powers)
        return both / math.sqrt(scale) if scale > 0.0 else math.nan

    return correlation


def _quadruples(powers: np.ndarray, of_a: np.ndarray, of_b: np.ndarray, of_c: np.ndarray) -> float:
    """(4) + (5) − 2 (6), from the products with n, n² and n³."""
    n, n2, n3 = powers.T
    (A, A2), (B, B2), (c1, c2, c3) = of_a.T, of_b.T, of_c.T
    p1, p2 = n.sum(), n2.sum()
    same = (p1**2 - p2) * (n @ c1) - 4 * p1 * (n2 @ c1) + 4 * (n3 @ c1) + 2 * (n2 @ c2)
    apart = (n @ A) * (n @ B) - 4 * (n2 @ (A * B)) + 2 * (n2 @ c2)
    touching = n @ ((p1 - n) * (A * B - c2) - A2 * B - A * B2 + 2 * c3)
    return float(same + apart - 2 * touching)
