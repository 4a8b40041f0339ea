"""The double well ẋ = x − x³: three fixed points, and a dictionary that is closed between two of them only.

The flow over a time t, from −∞ < x < ∞ towards the wells ±1 and away from the barrier 0, is

    Φ_t(x) = x e^t / √(1 + x² (e^{2t} − 1)).                                                                  (1)

Between the wells the function

    ψ(x) = x / √(1 − x²),      ψ(Φ_t(x)) = e^t ψ(x),      x = ψ / √(1 + ψ²),                                     (2)

is closed, and so are its powers. It is unbounded at the wells, which is how a finite linear system may hold a flow with
three limit points: functions that are continuous on an interval which holds them, and closed for all t, take one value
at all three (Liu, Ozay & Sontag 2023 state the conditions). Uniform on (−1, 1) it has no variance, so that the states
here keep away from the wells. The state is read from ψ exactly, though not by a linear map.

Across the wells, with x uniform on [−r, r], polynomials are not closed. Their closure spectrum has no closed form: it
is the canonical correlations of Ψ(x) and Ψ(Φ_t(x)) in the uniform measure, by Gauss–Legendre quadrature,

    σ = singular values of Q_inᵀ Q_out,      √w (Ψ − ∫Ψ) = Q R at either end.                                    (3)

Sources: Liu, Ozay & Sontag 2023; Arathoon & Kvalheim 2023 (embeddings of flows with several limit points); Björck &
Golub 1973 (equation (3)).
"""

from dataclasses import dataclass

import numpy as np

from koopman_analysis.dictionaries import FunctionDictionary, Legendre
from koopman_analysis.shapes import Array, Float, States
from koopman_analysis.systems.base import ClosedFlow, Flow, SpectralSystem

NODES = 1000
"""Of the quadrature of equation (3). The nearest singularity of Φ_t is at ±i/√(e^{2t} − 1): enough up to t = 4."""


class _DoubleWellFlow(Flow):
    """Equation (1), under the uniform law on an interval about the barrier."""

    lag: float
    reach: float

    def _require_time_and_reach(self, *, largest: float) -> None:
        if not 0 < self.lag < 300:
            raise ValueError(f"expected a lag in (0, 300), got {self.lag}: beyond, e^(2t) is not a number")
        if not 0 < self.reach < largest:
            raise ValueError(f"expected a reach in (0, {largest}), got {self.reach}")

    @property
    def duration(self) -> float:
        """The time t."""
        return self.lag

    def flow(self, states: States) -> States:
        """Equation (1)."""
        return states * np.exp(self.lag) / np.sqrt(1 + states**2 * np.expm1(2 * self.lag))

    def sampled(self, count: int, *, rng: np.random.Generator) -> Float[np.ndarray, "n 1"]:
        """States uniform on [−reach, reach]."""
        return rng.uniform(-self.reach, self.reach, (count, 1))


@dataclass(frozen=True, kw_only=True)
class DoubleWell(_DoubleWellFlow, SpectralSystem):
    """The flow across both wells, where polynomials are not closed.

    Attributes:
        lag: t in (0, 300).
        reach: r > 0: states are uniform on [−r, r]; all limit points lie inside for r > 1.
        degree: Degree of the polynomials.

    Raises:
        ValueError: If the lag or the reach is not as above, or the degree is below 1.
    """

    lag: float = 1.0
    reach: float = 2.0
    degree: int = 5

    def __post_init__(self) -> None:
        self._require_time_and_reach(largest=np.inf)
        if self.degree < 1:
            raise ValueError(f"expected a degree of at least 1, got {self.degree}: the constant tells no states apart")

    @property
    def dictionary(self) -> Legendre:
        """Polynomials up to the degree, orthonormal in the uniform law."""
        return Legendre(self.degree, low=-self.reach, high=self.reach, dimension=1)

    @property
    def closure_spectrum(self) -> Float[np.ndarray, " r"]:
        """Equation (3)."""
        nodes, weights = np.polynomial.legendre.leggauss(NODES)
        states, mass = self.reach * nodes[:, None], weights / 2
        before, after = (_white(self.dictionary(end)[:, 1:], mass) for end in (states, self.flow(states)))
        return np.linalg.svd(before.T @ after, compute_uv=False)


@dataclass(frozen=True, kw_only=True)
class DoubleWellInterior(_DoubleWellFlow, ClosedFlow):
    """The flow between the wells, where ψ of equation (2) is closed.

    Attributes:
        lag: t in (0, 300).
        reach: r in (0, 1): states are uniform on [−r, r].

    Raises:
        ValueError: If the lag or the reach is not as above.
    """

    lag: float = 1.0
    reach: float = 0.95

    def __post_init__(self) -> None:
        self._require_time_and_reach(largest=1.0)

    @property
    def dictionary(self) -> FunctionDictionary:
        """{ψ}."""
        return FunctionDictionary([_eigenfunction], names=["x / sqrt(1 - x^2)"], dimension=1)

    @property
    def eigenvalues(self) -> Float[np.ndarray, " 1"]:
        """e^t."""
        return np.exp([self.lag])

    @staticmethod
    def read(features: Float[np.ndarray, "n 1"]) -> Float[np.ndarray, "n 1"]:
        """The states of these values of ψ: equation (2)."""
        return features / np.hypot(1.0, features)


def _eigenfunction(states: Array) -> Array:
    x = states[:, 0]
    # (1 − x)(1 + x), not 1 − x²: nothing cancels near the wells.
    return x / ((1 - x) * (1 + x)) ** 0.5


def _white(features: np.ndarray, mass: np.ndarray) -> np.ndarray:
    """An orthonormal basis, in this measure, of what varies of the features."""
    return np.linalg.qr(np.sqrt(mass)[:, None] * (features - mass @ features))[0]
