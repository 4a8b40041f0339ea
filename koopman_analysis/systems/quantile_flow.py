"""The probability flow in one dimension, which needs no solver: it keeps quantiles.

Data from Σ_k w_k N(μ_k, s_k²) have, at noise level σ, the distribution function

    F_σ(x) = Σ_k w_k G((x − μ_k)/√(s_k² + σ²)),        G that of N(0, 1),        p_σ = F_σ'.                     (1)

The probability-flow ODE dx/dσ = −σ ∂_x log p_σ(x) carries mass along its paths, and paths on the line do not cross:
what lies below a path stays below it. So σ_T is carried to σ_0 by

    Φ = F_{σ_0}^{−1} ∘ F_{σ_T}.                                                                               (2)

Below the median the logarithms of F are equated, above it those of 1 − F: either keeps all digits in its own tail,
where the other has none. The root lies between the quantiles that the components have on their own,

    min_k q_k ≤ Φ(x) ≤ max_k q_k,      q_k = μ_k + √(s_k² + σ_0²) G^{−1}(F_{σ_T}(x)).                           (3)

Rounding ε of F makes an error of about ε/p_{σ_0}(y) in y: none to speak of on the modes, and a large one only in gaps
that no sample falls into. With one mode Φ is affine.

Every such flow is exactly linear in functions of F_{σ_T}(x) on one side and the same functions of F_{σ_0}(y) on the
other, with K = 1: existence of two such dictionaries says nothing of the flow.

Source: Karras et al. 2022 (the ODE). Equation (2) is the increasing rearrangement, in one dimension the optimal
transport of one law to the other (Santambrogio 2015, ch. 2).
"""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import scipy.optimize.elementwise
import scipy.special

from koopman_analysis.shapes import Float, States
from koopman_analysis.systems.base import Flow


@dataclass(frozen=True, kw_only=True, eq=False)
class QuantileFlow(Flow):
    """The flow of equation (2) from σ_T to σ_0, under its own law at σ_T; one mode or many.

    Attributes:
        weights: w_k > 0, of sum one.
        means: μ_k.
        scales: s_k ≥ 0.
        noise_scale: σ_T, the default from Karras et al. 2022.
        data_scale: σ_0 > 0, the default from Karras et al. 2022.

    Raises:
        ValueError: If the modes are not as above, or the noise scales are not 0 < σ_0 < σ_T.
    """

    weights: Sequence[float] | np.ndarray = (0.3, 0.7)
    means: Sequence[float] | np.ndarray = (-1.0, 1.0)
    scales: Sequence[float] | np.ndarray = (0.3, 0.5)
    noise_scale: float = 80.0
    data_scale: float = 0.002

    def __post_init__(self) -> None:
        w, mean, scale = self._modes
        if w.ndim != 1 or w.size == 0 or not w.shape == mean.shape == scale.shape:
            raise ValueError(
                f"expected a weight, a mean and a scale for each mode, got shapes {w.shape}, {mean.shape} and "
                f"{scale.shape}"
            )
        if not ((w > 0).all() and abs(w.sum() - 1) < 1e-12 and (scale >= 0).all() and np.isfinite(mean).all()):
            raise ValueError(
                "expected positive weights of sum one, finite means and scales of at least 0, "
                f"got {self.weights}, {self.means} and {self.scales}"
            )
        if not 0 < self.data_scale < self.noise_scale:
            raise ValueError(
                f"expected 0 < data_scale < noise_scale, got data_scale {self.data_scale} and {self.noise_scale}"
            )

    @classmethod
    def of_equal_modes(
        cls,
        modes: int,
        *,
        spacing: float = 2.0,
        scale: float = 0.3,
        noise_scale: float = 80.0,
        data_scale: float = 0.002,
    ) -> "QuantileFlow":
        """Modes of equal weight and scale, evenly spaced about 0.

        Raises:
            ValueError: If there is no mode.
        """
        if modes < 1:
            raise ValueError(f"expected at least one mode, got {modes}")
        return cls(
            weights=np.full(modes, 1 / modes),
            means=spacing * (np.arange(modes) - (modes - 1) / 2),
            scales=np.full(modes, scale),
            noise_scale=noise_scale,
            data_scale=data_scale,
        )

    def cumulative(self, states: States, *, noise_scale: float) -> States:
        """F_σ of equation (1) at these states, at this noise level."""
        return np.exp(self._log_tail(states, noise_scale, 1.0))

    def flow(self, states: States) -> States:
        """Equation (2)."""
        x = states[:, 0]
        below = self.cumulative(states, noise_scale=self.noise_scale)[:, 0] <= 0.5
        side = np.where(below, 1.0, -1.0)
        level = self._log_tail(x, self.noise_scale, side)
        # A level of exactly one half is that of 0 on either side.
        own = side * scipy.special.ndtri_exp(level)
        _, mean, scale = self._modes
        candidates = mean + np.hypot(scale, self.data_scale) * own[:, None]
        # Rounding must not leave the root outside; with one mode both ends are one.
        margin = 1e-6 * (np.abs(candidates).max(axis=1) + self.data_scale)
        found = scipy.optimize.elementwise.find_root(
            lambda y, level, side: self._log_tail(y, self.data_scale, side) - level,
            (candidates.min(axis=1) - margin, candidates.max(axis=1) + margin),
            args=(level, side),
        )
        return found.x[:, None]

    def sampled(self, count: int, *, rng: np.random.Generator) -> Float[np.ndarray, "n 1"]:
        """States from the law at σ_T."""
        w, mean, scale = self._modes
        mode = rng.choice(len(w), count, p=w)
        return (mean[mode] + np.hypot(scale[mode], self.noise_scale) * rng.standard_normal(count))[:, None]

    @property
    def _modes(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        w, mean, scale = (np.asarray(each, dtype=float) for each in (self.weights, self.means, self.scales))
        return w, mean, scale

    def _log_tail(self, x: np.ndarray, noise_scale: float, side: float | np.ndarray) -> np.ndarray:
        """The logarithm of F_σ(x) where the side is 1, of 1 − F_σ(x) where it is −1."""
        w, mean, scale = self._modes
        standardised = (x[..., None] - mean) / np.hypot(scale, noise_scale)
        return scipy.special.logsumexp(
            np.log(w) + scipy.special.log_ndtr(np.expand_dims(side, -1) * standardised), axis=-1
        )
