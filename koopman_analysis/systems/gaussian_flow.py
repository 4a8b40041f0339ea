"""The probability flow of Gaussian data, which is affine.

Data N(μ, Σ) diffused with variance-exploding noise has law N(μ, Σ + σ²I) at noise level σ, and its probability-flow ODE
carries σ_T to σ_0 by

    y = μ + (Σ + σ_0² I)^{1/2} (Σ + σ_T² I)^{−1/2} (x − μ).                                                      (1)

With Σ = U diag(s) Uᵀ the multipliers are λ_i = √((s_i + σ_0²)/(s_i + σ_T²)). Polynomials of degree at most p are
closed, with eigenvalues

    Π_i λ_i^{α_i},     |α| ≤ p.                                                                                 (2)

Equation (1) holds between any two noise levels. On all of them together the flow is one semigroup on a clock of its
own,

    (Σ + σ²I)^{1/2} (Σ + σ_T² I)^{−1/2} = exp(s(σ) A),                                                          (3)

iff log((s_i + σ²)/(s_i + σ_T²)) at all σ is one function of σ times a number for each i: iff all variances are equal.

Source: Karras et al. 2022 (the flow); equation (1) is its solution for a Gaussian.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from koopman_analysis.dictionaries import Monomials
from koopman_analysis.shapes import Float, States
from koopman_analysis.snapshots import SnapshotTrajectories
from koopman_analysis.systems.base import ClosedFlow


@dataclass(frozen=True, kw_only=True, eq=False)
class GaussianFlow(ClosedFlow):
    """The flow of equation (1) from the noise level σ_T to σ_0, under its own law N(μ, Σ + σ_T² I).

    Attributes:
        mean: μ, shape (d,).
        covariance: Σ, symmetric positive semi-definite, shape (d, d).
        noise_scale: σ_T, the default from Karras et al. 2022.
        data_scale: σ_0 > 0, the default from Karras et al. 2022.
        degree: Degree p of the closed dictionary.

    Raises:
        ValueError: If the covariance is not one, or the scales are not 0 < σ_0 < σ_T.
    """

    mean: Sequence[float] | np.ndarray = (0.5, -1.0)
    covariance: Sequence[Sequence[float]] | np.ndarray = ((1.0, 0.6), (0.6, 0.5))
    noise_scale: float = 80.0
    data_scale: float = 0.002
    degree: int = 1

    def __post_init__(self) -> None:
        covariance = np.asarray(self.covariance, dtype=float)
        d = len(self.mean)
        if covariance.shape != (d, d) or not np.allclose(covariance, covariance.T):
            raise ValueError(f"expected a symmetric covariance of shape ({d}, {d}), got {self.covariance}")
        if np.linalg.eigvalsh(covariance)[0] < -1e-12 * np.abs(covariance).max():
            raise ValueError(f"expected a positive semi-definite covariance, got {self.covariance}")
        if not 0 < self.data_scale < self.noise_scale:
            raise ValueError(
                f"expected 0 < data_scale < noise_scale, got data_scale {self.data_scale} and {self.noise_scale}"
            )

    @property
    def dictionary(self) -> Monomials:
        """Polynomials of degree at most p."""
        return Monomials(self.degree, dimension=len(self.mean))

    @property
    def eigenvalues(self) -> Float[np.ndarray, " m"]:
        """All products of equation (2)."""
        return self.dictionary(self._multipliers[None, :])[0]

    @property
    def matrix(self) -> Float[np.ndarray, "d d"]:
        """The symmetric matrix of equation (1)."""
        return self._axes * self._multipliers @ self._axes.T

    def flow(self, states: States) -> States:
        """Equation (1)."""
        return np.asarray(self.mean) + (states - np.asarray(self.mean)) @ self.matrix

    def sampled(self, count: int, *, rng: np.random.Generator) -> Float[np.ndarray, "n d"]:
        """States from N(μ, Σ + σ_T² I)."""
        scales = np.sqrt(self._variances + self.noise_scale**2)
        return np.asarray(self.mean) + rng.standard_normal((count, len(self.mean))) * scales @ self._axes.T

    def trajectories(
        self, count: int, *, scales: Float[np.ndarray, " times"], rng: np.random.Generator
    ) -> SnapshotTrajectories:
        """States from N(μ, Σ + σ_T² I), carried to each of these falling noise levels, of which the first is σ_T.

        Raises:
            ValueError: If the first level is not σ_T.
        """
        if scales[0] != self.noise_scale:
            raise ValueError(f"expected levels that begin at the noise scale {self.noise_scale}, got {scales[0]}")
        mean = np.asarray(self.mean)
        along = (self.sampled(count, rng=rng) - mean) @ self._axes
        variances = self._variances + np.square(scales)[:, None]
        return SnapshotTrajectories(
            states=mean + (along[:, None] * np.sqrt(variances / variances[0])) @ self._axes.T, times=np.asarray(scales)
        )

    @cached_property
    def _spectrum(self) -> tuple[np.ndarray, np.ndarray]:
        variances, axes = np.linalg.eigh(np.asarray(self.covariance, dtype=float))
        return np.maximum(variances, 0.0), axes

    @property
    def _variances(self) -> np.ndarray:
        return self._spectrum[0]

    @property
    def _axes(self) -> np.ndarray:
        return self._spectrum[1]

    @property
    def _multipliers(self) -> np.ndarray:
        return np.sqrt((self._variances + self.data_scale**2) / (self._variances + self.noise_scale**2))
