"""Finite-time Lyapunov exponents: how fast a map carries near states apart, at each state.

With the singular values s_1 ≥ s_2 ≥ … of the Jacobian DΦ(x) (rows, δy = δx DΦ(x)),

    λ_i(x) = log s_i,         λ_1(x) = log ‖DΦ(x)‖₂,         Σ_i λ_i = log |det DΦ(x)|.                            (1)

They are those of the whole map: not divided by the time that it takes, which has no unit that all flows share. A flow
from noise at σ = 80 to data of spread 1 contracts by about 1/80 everywhere, so what is read is λ_1 less its median over
the states: 0 is the ordinary contraction, and log 10 is ten times the stretching of an ordinary state.         (2)

What is a theorem. By the mean value theorem on the segment between two states,

    ‖Φ(x) − Φ(x')‖ ≤ ‖x − x'‖ · max over the segment of e^{λ_1},                                                    (3)

so where near states land g apart, some state between them has λ_1 ≥ log (g / ‖x − x'‖). That it is one of the two, or
close to them, is not: it is what `checks.boundaries` measures.

Where d columns are too many, block power iteration on DΦ DΦᵀ needs products alone. With k orthonormal rows Q, the
singular value decomposition QDΦ = U S Wᵀ gives the Ritz pair (q, w) = (first row of UᵀQ, first row of Wᵀ) with value
s, and

    r = ‖ w DΦᵀ − s q ‖ / s                                                                                        (4)

bounds the relative distance of s to a singular value of DΦ; s ≤ s_1 always. It converges as (s_{k+1} / s_1)² a round.

Sources: Shadden, Lekien & Marsden 2005 (ridges of exponents as boundaries); Saad 2011, ch. 5 (block iteration and its
residual).
"""

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np

from koopman_analysis.shapes import Float, Int

Products = Callable[[Float[np.ndarray, "n k _"]], Float[np.ndarray, "n k _"]]
"""k rows at each of n states, multiplied by the Jacobian there, or by its transpose."""


@dataclass(frozen=True, kw_only=True, eq=False)
class LyapunovExponents:
    """Equation (1) at n states, of which the k largest are known.

    Attributes:
        spectrum: λ_i, falling along each row.
        features: d, of which k may be fewer.
        residual: Equation (4) of each λ_1; rounding in their own precision where the
            Jacobians were decomposed whole.
    """

    spectrum: Float[np.ndarray, "n k"]
    features: int
    residual: Float[np.ndarray, " n"]

    @property
    def leading(self) -> Float[np.ndarray, " n"]:
        """λ_1."""
        return self.spectrum[:, 0]

    @property
    def median(self) -> float:
        """The median of λ_1: the ordinary contraction."""
        return float(np.median(self.leading))

    @property
    def centred(self) -> Float[np.ndarray, " n"]:
        """λ_1 less its median, equation (2)."""
        return self.leading - self.median

    def subset(self, index: Int[np.ndarray, " m"]) -> "LyapunovExponents":
        """Those of some of the states."""
        return replace(self, spectrum=self.spectrum[index], residual=self.residual[index])

    @property
    def log_volume(self) -> Float[np.ndarray, " n"]:
        """The logarithm of |det DΦ|, the sum of the exponents.

        Raises:
            ValueError: If some are not known.
        """
        if self.spectrum.shape[1] < self.features:
            raise ValueError(
                f"expected all {self.features} exponents for a volume, got {self.spectrum.shape[1]}: "
                "pass whole Jacobians to lyapunov_exponents"
            )
        return self.spectrum.sum(axis=1)


def lyapunov_exponents(jacobians: Float[np.ndarray, "n d e"]) -> LyapunovExponents:
    """The whole spectrum of equation (1), from whole Jacobians.

    Raises:
        ValueError: If a Jacobian is zero, whose exponents are −∞, or not finite, or there is none.
    """
    if not jacobians.size:
        raise ValueError(f"expected at least one Jacobian of shape (d, e), got shape {jacobians.shape}")
    if not np.isfinite(jacobians).all():
        raise ValueError("expected finite Jacobians, got NaN or ∞: is the map smooth there?")
    values = np.linalg.svd(jacobians.astype(np.float64), compute_uv=False)
    if not (values[:, 0] > 0).all():
        raise ValueError(f"expected Jacobians other than 0, got {int((values[:, 0] == 0).sum())} of {len(values)}: "
                         "a map that is constant has no exponents")  # fmt: skip
    with np.errstate(divide="ignore"):
        spectrum = np.log(values)
    rounding = np.full(len(values), max(jacobians.shape[1:]) * float(np.finfo(jacobians.dtype).eps))
    return LyapunovExponents(spectrum=spectrum, features=jacobians.shape[1], residual=rounding)


def leading_lyapunov_exponents(
    forward: Products,
    adjoint: Products,
    *,
    states: int,
    features: int,
    block: int = 4,
    rounds: int = 30,
    tolerance: float = 1e-3,
    rng: np.random.Generator,
) -> LyapunovExponents:
    """The largest exponent of each state by block power iteration, with the residual of equation (4).

    Args:
        forward: (n, k, d) rows δx to (n, k, e) rows δx DΦ.
        adjoint: (n, k, e) rows δy to (n, k, d) rows δy DΦᵀ.
        states: n.
        features: d.
        block: k, at most d.
        rounds: Rounds at most, each of k products of either kind.
        tolerance: Residual at which no more rounds are made; those of some states may remain above it, and say so.
        rng: Draws the first rows.

    Raises:
        ValueError: If there are no rounds or rows, products are not finite, or a map is constant.
    """
    if rounds < 1:
        raise ValueError(f"expected at least one round, got {rounds}")
    if block < 1:
        raise ValueError(f"expected a block of at least one row, got {block}")
    rows = rng.standard_normal((states, min(block, features), features))
    for _ in range(rounds):
        rows = _orthonormal(rows)
        carried = forward(rows)
        if not np.isfinite(carried).all():
            raise ValueError("expected finite products, got NaN or ∞: is the map smooth there?")
        left, values, right = np.linalg.svd(carried, full_matrices=False)
        if not (values[:, 0] > 0).all():
            raise ValueError("expected a map with a derivative other than 0, got products that vanish")
        ritz, rows = _transposed(left) @ rows, adjoint(right)
        residual = np.linalg.norm(rows[:, 0] - values[:, :1] * ritz[:, 0], axis=1) / values[:, 0]
        if (residual <= tolerance).all():
            break
    return LyapunovExponents(spectrum=np.log(values[:, :1]), features=features, residual=residual)


def _orthonormal(rows: np.ndarray) -> np.ndarray:
    return _transposed(np.linalg.qr(_transposed(rows))[0])


def _transposed(matrices: np.ndarray) -> np.ndarray:
    return np.swapaxes(matrices, -1, -2)
