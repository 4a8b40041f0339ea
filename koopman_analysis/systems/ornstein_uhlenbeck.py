"""The Ornstein–Uhlenbeck process in its stationary law: closed in the mean, although no draw can be predicted.

Each coordinate obeys dx = −½ β(t) x dt + √β(t) dW. Over one step, with b = ∫ β dt,

    y = e^{−b/2} x + √(1 − e^{−b}) ξ,     x, ξ ~ N(0, I) independent,                                            (1)

and y ~ N(0, I) again. The Koopman operator of a stochastic system is the conditional expectation
(K g)(x) = E[g(y) | x], here a contraction of L²(N(0, I)); its eigenfunctions are the Hermite polynomials h_α (Mehler):

    E[h_α(y) | x] = e^{−Σ_i α_i b_i / 2} h_α(x).                                                                 (2)

They are orthonormal in the law of x, which is that of y, so the singular values of K in them are its eigenvalues: the
non-constant ones of equation (2) are the exact canonical correlations of Ψ(x) and Ψ(y), the closure spectrum.

One draw y of each x tells noise from dynamics nowhere, and a dictionary that is closed in the mean looks open. Of two
draws y, y' that are independent given x the noise averages out:

    E⟨Ψ(y) − Ψ(x) K, Ψ(y') − Ψ(x) K⟩ = E‖E[Ψ(y) | x] − Ψ(x) K‖²,                                                  (3)

which is 0 iff Ψ is closed and K its matrix.

Sources: Uhlenbeck & Ornstein 1930; Mehler 1866 (equation (2)). In diffusion models this is the variance-preserving
forward process (Song et al. 2021), where b is the integral of its noise rate.
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from koopman_analysis.dictionaries import Hermite, Monomials
from koopman_analysis.shapes import Float
from koopman_analysis.snapshots import DoublePairs, SnapshotPairs
from koopman_analysis.systems.base import ClosedSystem, SpectralSystem


@dataclass(frozen=True, kw_only=True, eq=False)
class OrnsteinUhlenbeck(ClosedSystem, SpectralSystem):
    """One step of equation (1) in d independent coordinates.

    Attributes:
        integrated_rates: b > 0 over one step, one a coordinate.
        degree: Total degree p ≥ 1 of the closed dictionary.

    Raises:
        ValueError: If there is no coordinate, a b is not positive and finite, or the degree is below 1.
    """

    integrated_rates: Sequence[float] | np.ndarray = (0.5,)
    degree: int = 3

    def __post_init__(self) -> None:
        b = np.asarray(self.integrated_rates, dtype=float)
        if b.ndim != 1 or b.size == 0 or not (np.isfinite(b) & (b > 0)).all():
            raise ValueError(
                f"expected one positive, finite integrated rate for each coordinate, got {self.integrated_rates}"
            )
        if self.degree < 1:
            raise ValueError(f"expected a degree of at least 1, got {self.degree}")

    @property
    def dictionary(self) -> Hermite:
        """Hermite polynomials of total degree at most p, orthonormal in N(0, I)."""
        return Hermite(self.degree, dimension=len(self.integrated_rates))

    @property
    def eigenvalues(self) -> Float[np.ndarray, " m"]:
        """The multipliers of equation (2), in the order of the dictionary, whose functions are the eigenfunctions."""
        return Monomials(self.degree)(self._contraction[None, :])[0]

    @property
    def closure_spectrum(self) -> Float[np.ndarray, " r"]:
        """The exact canonical correlations of Ψ(x) and Ψ(y), decreasing: the non-constant eigenvalues."""
        return np.sort(self.eigenvalues[1:])[::-1]

    def pairs(self, count: int, *, rng: np.random.Generator) -> SnapshotPairs:
        """Stationary states, and one draw after each."""
        before = self._stationary(count, rng)
        return SnapshotPairs(before=before, after=self._stepped(before, rng))

    def double_pairs(self, count: int, *, rng: np.random.Generator) -> DoublePairs:
        """Stationary states, and two independent draws after each: equation (3)."""
        before = self._stationary(count, rng)
        first, second = (SnapshotPairs(before=before, after=self._stepped(before, rng)) for _ in range(2))
        return DoublePairs(first=first, second=second)

    def trajectories(self, count: int, times: int, *, rng: np.random.Generator) -> Float[np.ndarray, "count times d"]:
        """Independent stationary trajectories, one step between consecutive states; the states of one are dependent.

        Raises:
            ValueError: If the count or the number of times is below 1.
        """
        if count < 1 or times < 1:
            raise ValueError(f"expected at least one trajectory of one state, got count {count} and times {times}")
        states = [self._stationary(count, rng)]
        for _ in range(times - 1):
            states.append(self._stepped(states[-1], rng))
        return np.stack(states, axis=1)

    @property
    def _contraction(self) -> np.ndarray:
        return np.exp(-np.asarray(self.integrated_rates, dtype=float) / 2)

    def _stationary(self, count: int, rng: np.random.Generator) -> np.ndarray:
        return rng.standard_normal((count, len(self.integrated_rates)))

    def _stepped(self, states: np.ndarray, rng: np.random.Generator) -> np.ndarray:
        noise = rng.standard_normal(states.shape)
        # 1 − e^{−b} without cancellation where b is small.
        return self._contraction * states + np.sqrt(-np.expm1(-np.asarray(self.integrated_rates, dtype=float))) * noise
